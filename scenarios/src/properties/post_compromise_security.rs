//! **post-compromise-security**: who has copied an endpoint's memory once reads nothing any more, once the endpoint has
//! said something since and been answered. Healed is a session, for this property, when that endpoint has written a frame, the
//! peer has read it and written one, and the endpoint has read that, both as they were made; what is sent on from there must stay unread.
//! Where nothing is sent from there on, nothing can be said.
//!
//! It is asked of memory, not of key files: whoever holds those for good is no longer somebody who once had a look. Source: Cohn-Gordon, Cremers
//! and Garratt 2016.

use std::collections::BTreeMap;

use mitm_proxy::trace::{ClaimRecord, Compromise, Fate, FrameRecord, Loot, Trace};
use protocol::endpoint::Side;

use super::{Finished, Monitor, PropertySpec, Ruling, Sent, count};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::PostCompromiseSecurity,
    definition: "who copied a memory once reads nothing sent after the next exchange",
    source: "Cohn-Gordon, Cremers and Garratt 2016",
    monitor: || Box::new(PostCompromiseSecurity::default()),
};

#[derive(Clone, Debug, Default)]
struct PostCompromiseSecurity {
    sent: Sent,
}

impl Monitor for PostCompromiseSecurity {
    fn observe(&mut self, record: &ClaimRecord) {
        self.sent.observe(record);
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let trace = run.trace;
        let of_memory = |leak: &&Compromise| matches!(leak.loot, Loot::Memory(_));
        if !trace.compromises.iter().any(|leak| of_memory(&leak)) {
            return Ruling::held("no memory was compromised");
        }
        let needles = run.searches.needles(self.sent.bodies());
        let (mut after, mut ever) = (0, false);
        for (at, leak) in trace.compromises.iter().enumerate() {
            let Loot::Memory(actor) = leak.loot else { continue };
            let Some(healed) = healed(trace, actor, leak.moment) else { continue };
            ever = true;
            after += self.sent.after(healed);
            for known in trace.knowledge.iter().filter(|known| known.from == Some(at)) {
                let read =
                    self.sent.shown_by(&known.what, &needles).find(|(_, sent)| sent.first > healed);
                if let Some((message, _)) = read {
                    let frames = known.frame.into_iter().collect();
                    return Ruling::violated(
                        format!("{message} was read with the stolen memory, an exchange later"),
                        frames,
                    );
                }
            }
        }
        Ruling::held_over(
            after,
            format!("none of {} sent after the next exchange was read", count(after, "message")),
            if ever {
                "nothing was sent after the next exchange"
            } else {
                "there was no exchange after the theft"
            },
        )
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// The moment from which on a session of this actor counts as healed: it has written a frame since the theft, the peer has read
/// it and then written one, and that was read in turn. Of each frame counts when its sender wrote it and when its receiver
/// read it, and not when the attacker had it.
fn healed(trace: &Trace, actor: usize, leaked: u64) -> Option<u64> {
    let is_own = |link: u32| actor == 0 || trace.owners.get(&link) == Some(&actor);
    let side = if actor == 0 { Side::Server } else { Side::Client };
    let honest = trace.honest().map(|(_, frame)| frame);
    let frames: Vec<(&FrameRecord, u64)> = honest
        .filter(|frame| is_own(frame.link) && frame.original.is_none())
        .filter(|frame| matches!(frame.fate, Fate::Delivered(_)))
        .filter_map(|frame| Some((frame, frame.read?)))
        .collect();
    // By link: the first moment at which the peer had read what was written since.
    let mut heard: BTreeMap<u32, u64> = BTreeMap::new();
    for (frame, read) in frames.iter().filter(|(frame, _)| frame.to != side) {
        if frame.written() >= leaked {
            let first = heard.entry(frame.link).or_insert(*read);
            *first = (*first).min(*read);
        }
    }
    let answers = frames.iter().filter(|(frame, _)| {
        frame.to == side && heard.get(&frame.link).is_some_and(|heard| frame.written() >= *heard)
    });
    answers.map(|(_, read)| *read).min()
}
