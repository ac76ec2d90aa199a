//! Traces that tests write by hand, record by record.
#![allow(clippy::indexing_slicing, reason = "a test says what it expects by panicking")]

use bytes::Bytes;
use mitm_proxy::trace::{ClaimRecord, Departing, Fate, FrameRecord, Origin, Trace};
use protocol::endpoint::{Claim, Conn, Fact, Name, Side, Tick};
use protocol::layout::{Field, Frame, FrameSpec, Role};

use crate::case::actor_name;
use crate::properties::Finished;
use crate::search::Searches;

/// What the server (0) or client `actor` states of link `link`, to the other of the two.
pub fn claim(actor: usize, link: u32, fact: Fact) -> ClaimRecord {
    let peer = usize::from(actor == 0);
    let [local, peer] = [actor, peer].map(|actor| Name::from(actor_name(actor).as_str()));
    let claim = Claim { conn: Conn(link), local, peer, fact };
    ClaimRecord { at: Tick(0), moment: 0, actor, cause: None, claim }
}

/// A frame that an endpoint sent and the other end took.
pub fn frame(link: u32, to: Side) -> FrameRecord {
    let spec = FrameSpec::of("FRAME", None, vec![Field::rest("body", Role::Bytes)], 1000);
    let frame = Frame { spec: spec.into(), bytes: Bytes::from_static(b"frame") };
    FrameRecord {
        number: 0,
        at: Tick(0),
        moment: 0,
        link,
        to,
        frame,
        original: None,
        origin: Origin::Endpoint,
        attacker_actions: Vec::new(),
        moved: false,
        fate: Fate::Delivered(Tick(0)),
        sent: None,
        answers: None,
        read: None,
    }
}

/// A trace of these frames and claims, which get numbers and moments in this order, frames first.
pub fn trace(
    frames: impl IntoIterator<Item = FrameRecord>,
    claims: impl IntoIterator<Item = ClaimRecord>,
) -> Trace {
    let mut trace = Trace::default();
    for frame in frames {
        let moment = trace.next_moment();
        trace.add(FrameRecord { moment, ..frame });
    }
    for claim in claims {
        let moment = trace.next_moment();
        trace.claims.push(ClaimRecord { moment, ..claim });
    }
    trace
}

/// A run that left this trace and no end open, and whose honest run left none.
pub fn finished<R>(trace: &Trace, see: impl FnOnce(&Finished<'_>) -> R) -> R {
    let (honest_run, searches) = (&Trace::default(), &Searches::default());
    see(&Finished { trace, open_ends: &[], honest_run, largest_frame: 1000, searches })
}

/// The attacker gave this end something.
pub fn give(trace: &mut Trace, to: Side) {
    let what = Departing::Segment { bytes: Bytes::from_static(b"frame"), numbers: vec![1] };
    trace.depart(Tick(0), 1, to, what);
}
