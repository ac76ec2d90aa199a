//! **availability**: the honest run goes on, or ends at once and everybody knows. That is broken when
//!
//! - an endpoint is left waiting for ever: at rest it still holds a connection of a client open; or
//! - a session to which the attacker did nothing that could cut it delivers, acknowledges or cleanly ends less than it does
//!   without the attack. A mean that is no number counts as not delivered.
//!
//! An attacker on the path can always cut the line; a session it cut that ends as aborted or truncated is no
//! violation. Source: fail-stop behaviour, Schlichting and Schneider 1983.

use std::collections::{BTreeMap, BTreeSet};

use mitm_proxy::trace::{ClaimRecord, Fate, FrameRecord, LinkEvent, Origin, Trace};
use protocol::endpoint::{Check, End, Fact, Kind, Message, Reject};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::frames;
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Availability,
    definition: "the honest run goes on, or ends at once and everybody knows",
    source: "fail-stop processors, Schlichting and Schneider 1983",
    monitor: MakeMonitor::Function(|| Box::new(Availability)),
};

#[derive(Clone, Debug)]
struct Availability;

impl Monitor for Availability {
    fn observe(&mut self, _: &ClaimRecord) {}

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let mut broken: Vec<String> = Vec::new();
        for (link, side) in run.open_ends {
            broken.push(format!("the {side} end of link {link} waits for ever"));
        }
        let cut = cut(run.trace);
        let honest_run = sessions(run.honest_run);
        let mut suspects = BTreeSet::new();
        for (client, session) in sessions(run.trace) {
            let Some(expected) = honest_run.get(&client) else { continue };
            if cut.is_disjoint(&session.links) && !session.did.covers(&expected.did) {
                let (actor, nth) = client;
                let link = session.links.first().copied().unwrap_or_default();
                let which = if nth == 0 { "" } else { " later" };
                let (did, expected) = (&session.did, &expected.did);
                let of_session = |frame: &FrameRecord| session.links.contains(&frame.link);
                let altered = |frame: &FrameRecord| frame.is_altered() && of_session(frame);
                let why = if run.trace.frames.iter().any(altered) {
                    "to which nothing was done that could cut it"
                } else {
                    "which was not attacked"
                };
                broken.push(format!(
                    "client {actor}'s{which} session on link {link}, {why}, got {did} instead of {expected}"
                ));
                suspects.extend(made_by_attacker(run.trace));
            }
        }
        if broken.is_empty() {
            return Ruling::held("every session went on, or ended and both ends know");
        }
        let suspects: Vec<u32> = suspects.into_iter().collect();
        Ruling::violated(format!("{}{}", broken.join("; "), frames(&suspects)), suspects)
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// What became of one session, over all its links, as both ends see it.
#[derive(Debug, Default)]
struct Session {
    links: BTreeSet<u32>,
    did: Did,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Did {
    delivered: usize,
    acknowledged: usize,
    clean: usize,
}

impl Did {
    fn covers(&self, other: &Self) -> bool {
        self.delivered >= other.delivered
            && self.acknowledged >= other.acknowledged
            && self.clean >= other.clean
    }
}

impl std::fmt::Display for Did {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { delivered, acknowledged, clean } = self;
        write!(f, "{delivered} delivered, {acknowledged} acknowledged, {clean} clean ends")
    }
}

/// The sessions of a run, by client and how many that client had before: link numbers differ between a
/// run and its honest run when the attacker opens links of its own.
fn sessions(trace: &Trace) -> BTreeMap<(usize, usize), Session> {
    let of_link = trace.sessions();
    let mut sessions: BTreeMap<(usize, usize), Session> = BTreeMap::new();
    for (link, session) in &of_link {
        sessions.entry(*session).or_default().links.insert(*link);
    }
    for record in &trace.claims {
        let session = of_link.get(&record.claim.conn.0);
        let Some(session) = session.and_then(|session| sessions.get_mut(session)) else { continue };
        match record.claim.fact {
            Fact::Delivered(ref message) if is_useless(message) => {}
            Fact::Delivered(_) => session.did.delivered += 1,
            Fact::Acknowledged(_) => session.did.acknowledged += 1,
            Fact::Ended(End::Clean) => session.did.clean += 1,
            _ => {}
        }
    }
    sessions
}

/// A mean that is no number is as good as none.
fn is_useless(message: &Message) -> bool {
    let text = std::str::from_utf8(&message.body).unwrap_or_default();
    let value = text.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    message.kind == Kind::Aggregate && value.is_some_and(|value| !value.is_finite())
}

/// The links to which the attacker did something that could cut a session: it changed, withheld or added something, or closed.
fn cut(trace: &Trace) -> BTreeSet<u32> {
    let frames = trace.frames.iter().filter(|frame| could_cut(trace, frame));
    let links = trace.links.iter().filter(|link| match link.event {
        LinkEvent::Intercepted => true,
        LinkEvent::ClosedTo(_) => link.reached != Some(false),
        _ => false,
    });
    let links = frames.map(|frame| frame.link).chain(links.map(|link| link.link));
    links.chain(trace.asked.iter().copied()).collect()
}

/// Whether what the attacker did to a frame can have cut its session. A frame that only came later or in other segments cannot, if
/// its receiver read it whole and in its order, refused nothing of it, and nobody lost patience over it.
fn could_cut(trace: &Trace, frame: &FrameRecord) -> bool {
    if frame.origin != Origin::Endpoint {
        return frame.has_landed();
    }
    if !frame.is_altered() || frame.original.is_some() {
        return frame.is_altered();
    }
    let Some(read) = frame.read.filter(|_| matches!(frame.fate, Fate::Delivered(_))) else {
        return true;
    };
    let refused = |record: &ClaimRecord| {
        let is_refusal = matches!(record.claim.fact, Fact::Rejected(_));
        is_refusal && record.cause == Some(frame.number)
    };
    let out_of_patience = |record: &ClaimRecord| {
        let timeout = |reject: &Reject| reject.check == Check::Timeout;
        let late = matches!(&record.claim.fact, Fact::Rejected(reject) if timeout(reject));
        late && record.claim.conn.0 == frame.link
    };
    let same_way = |other: &&FrameRecord| (other.link, other.to) == (frame.link, frame.to);
    let overtook = |other: &FrameRecord| {
        other.moment > frame.moment && other.read.is_some_and(|other| other < read)
    };
    let mut answers = trace.frames.iter().filter(|other| other.answers == Some(frame.number));
    let answered = answers.clone().next().is_some();
    trace.claims.iter().any(refused)
        || trace.frames.iter().filter(same_way).any(overtook)
        || answers.any(|answer| !matches!(answer.fate, Fate::Delivered(_)))
        || (!answered && trace.claims.iter().any(out_of_patience))
}

fn made_by_attacker(trace: &Trace) -> impl Iterator<Item = u32> {
    let frames = trace.numbered();
    frames.filter(|(_, frame)| frame.origin != Origin::Endpoint).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use protocol::endpoint::{Side, Tick};

    use super::*;
    use crate::testing;

    /// A frame that only came later, and was read at moment 10.
    fn delayed() -> FrameRecord {
        FrameRecord { moved: true, read: Some(10), ..testing::frame(1, Side::Server) }
    }

    /// Whether the first of these frames can have cut its session, with these claims.
    fn cuts(frames: &[FrameRecord], claims: &[ClaimRecord]) -> bool {
        let trace = testing::trace(frames.iter().cloned(), claims.iter().cloned());
        could_cut(&trace, &trace.frames[0])
    }

    fn refusal(check: Check, link: u32, cause: Option<u32>) -> ClaimRecord {
        let fact = Fact::Rejected(Reject::new(check, "field"));
        ClaimRecord { cause, ..testing::claim(0, link, fact) }
    }

    #[test]
    fn what_was_changed_withheld_or_added_can_cut_a_session() {
        let untouched = testing::frame(1, Side::Server);
        assert!(!cuts(std::slice::from_ref(&untouched), &[]));
        let changed = FrameRecord { original: Some(untouched.frame.clone()), ..untouched.clone() };
        assert!(cuts(&[changed], &[]));
        assert!(cuts(&[FrameRecord { fate: Fate::Dropped, ..untouched.clone() }], &[]));
        let origin = Origin::Attacker { copy_of: None };
        let forged = FrameRecord { origin, ..untouched };
        assert!(cuts(std::slice::from_ref(&forged), &[]));
        assert!(!cuts(&[FrameRecord { fate: Fate::Lost, ..forged }], &[]), "it reached nobody");
    }

    #[test]
    fn what_only_came_later_can_cut_if_it_was_not_read_whole() {
        assert!(!cuts(&[delayed()], &[]));
        assert!(cuts(&[FrameRecord { read: None, ..delayed() }], &[]));
        assert!(cuts(&[FrameRecord { fate: Fate::Lost, ..delayed() }], &[]));
    }

    #[test]
    fn what_only_came_later_can_cut_if_it_was_refused() {
        assert!(cuts(&[delayed()], &[refusal(Check::Sequence, 1, Some(1))]));
        assert!(!cuts(&[delayed()], &[refusal(Check::Sequence, 1, Some(2))]), "another frame");
        let ended = testing::claim(0, 1, Fact::Ended(End::Clean));
        assert!(!cuts(&[delayed()], &[ClaimRecord { cause: Some(1), ..ended }]));
    }

    #[test]
    fn what_only_came_later_can_cut_if_another_frame_overtook_it() {
        let with = |link, to, read| {
            cuts(&[delayed(), FrameRecord { read, ..testing::frame(link, to) }], &[])
        };
        assert!(with(1, Side::Server, Some(9)));
        assert!(!with(1, Side::Server, Some(10)));
        assert!(!with(1, Side::Server, Some(11)), "it was read behind it");
        assert!(!with(1, Side::Server, None));
        assert!(!with(2, Side::Server, Some(9)), "on another link");
        assert!(!with(1, Side::Client, Some(9)), "the other way");
        // What came before it is no overtaker.
        let before = FrameRecord { read: Some(9), ..testing::frame(1, Side::Server) };
        let trace = testing::trace([before, delayed()], []);
        assert!(!could_cut(&trace, &trace.frames[1]));
        // Nor is it its own.
        assert!(!cuts(&[delayed()], &[]));
    }

    #[test]
    fn what_only_came_later_can_cut_if_somebody_lost_patience_before_there_was_an_answer() {
        let late = refusal(Check::Timeout, 1, None);
        assert!(cuts(&[delayed()], std::slice::from_ref(&late)));
        assert!(!cuts(&[delayed()], &[refusal(Check::Timeout, 2, None)]), "on another link");
        assert!(!cuts(&[delayed()], &[refusal(Check::Mac, 1, None)]), "for another reason");
        let answer = FrameRecord { answers: Some(1), ..testing::frame(1, Side::Client) };
        assert!(!cuts(&[delayed(), answer.clone()], &[late]), "it was answered");
        let lost = FrameRecord { fate: Fate::Lost, ..answer };
        assert!(cuts(&[delayed(), lost.clone()], &[]), "the answer did not arrive");
        let other = FrameRecord { answers: Some(2), ..lost };
        assert!(!cuts(&[delayed(), other], &[]), "that was the answer to another frame");
    }

    #[test]
    fn a_mean_that_is_no_number_is_useless_and_a_text_is_not() {
        for (text, useless) in
            [("Aggregated: nan", true), ("Aggregated: inf", true), ("Aggregated: 1.50", false)]
        {
            assert_eq!(is_useless(&Message::aggregate(text)), useless, "{text}");
            assert!(!is_useless(&Message::text(text)));
        }
        assert!(!is_useless(&Message::aggregate("no mean")));
    }

    #[test]
    fn a_session_covers_another_if_it_did_as_much_of_each() {
        let did = |delivered, acknowledged, clean| Did { delivered, acknowledged, clean };
        assert!(did(2, 2, 2).covers(&did(2, 2, 2)));
        assert!(did(3, 3, 3).covers(&did(2, 2, 2)));
        for less in [did(1, 3, 3), did(3, 1, 3), did(3, 3, 1)] {
            assert!(!less.covers(&did(2, 2, 2)), "{less}");
        }
    }

    #[test]
    fn a_link_is_cut_by_an_impostor_and_by_a_close_that_its_end_noticed() {
        let with = |event, reached| {
            let mut trace = Trace::default();
            trace.link(Tick(0), 1, protocol::endpoint::PortIndex(0), event, None);
            trace.links[0].reached = reached;
            cut(&trace).contains(&1)
        };
        assert!(with(LinkEvent::Intercepted, None));
        assert!(with(LinkEvent::ClosedTo(Side::Client), Some(true)));
        assert!(with(LinkEvent::ClosedTo(Side::Client), None));
        assert!(!with(LinkEvent::ClosedTo(Side::Client), Some(false)), "it was closed already");
        assert!(!with(LinkEvent::Opened, None));
        assert!(!with(LinkEvent::ClosedBy(Side::Client), None));
    }
}
