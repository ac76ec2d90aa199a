//! **post-compromise-security**: who has copied an endpoint's memory once reads nothing any more, once the endpoint has
//! said something since and been answered. Healed is a session, for this property, when that endpoint has written a frame, the
//! peer has read it and written one, and the endpoint has read that, both as they were made; what is sent in it from there on must stay unread.
//! Where nothing is sent from there on, nothing can be said.
//!
//! It is asked of memory, not of key files: whoever holds those for good is no longer somebody who once had a look. Source: Cohn-Gordon, Cremers
//! and Garratt 2016.

use std::collections::BTreeMap;

use mitm_proxy::trace::{ClaimRecord, Compromise, Fate, FrameRecord, Loot, Trace};
use protocol::endpoint::{Fact, Message, Side};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::count;
use crate::property::Property;
use crate::sent::Sent;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::PostCompromiseSecurity,
    definition: "who copied a memory once reads nothing sent after the next exchange",
    source: "Cohn-Gordon, Cremers and Garratt 2016",
    monitor: MakeMonitor::Function(|| Box::new(PostCompromiseSecurity::default())),
};

#[derive(Clone, Debug, Default)]
struct PostCompromiseSecurity {
    sent: Sent,
    /// Every time something was sent: what, on which link, at which place among all records.
    sendings: Vec<(Message, u32, u64)>,
}

impl Monitor for PostCompromiseSecurity {
    fn observe(&mut self, record: &ClaimRecord) {
        self.sent.observe(record);
        if let Fact::Sent(message) = &record.claim.fact {
            self.sendings.push((message.clone(), record.claim.conn.0, record.moment));
        }
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let trace = run.trace;
        let of_memory = |leak: &&Compromise| matches!(leak.loot, Loot::Memory(_));
        if !trace.compromises.iter().any(|leak| of_memory(&leak)) {
            return Ruling::held("no memory was compromised");
        }
        let needles = run.searches.needles(self.sent.bodies());
        let sessions = trace.sessions();
        let (mut after, mut ever) = (0, false);
        for (at, leak) in trace.compromises.iter().enumerate() {
            let Loot::Memory(actor) = leak.loot else { continue };
            let healed = healed(trace, &sessions, actor, leak.moment);
            ever |= !healed.is_empty();
            let safe = |(_, link, moment): &&(Message, u32, u64)| {
                let session = sessions.get(link);
                session.and_then(|session| healed.get(session)).is_some_and(|from| moment > from)
            };
            let safe: Vec<&(Message, u32, u64)> = self.sendings.iter().filter(safe).collect();
            after += safe.len();
            for known in trace.knowledge.iter().filter(|known| known.from == Some(at)) {
                let on = known.frame.and_then(|number| trace.frame(number)).map(|frame| frame.link);
                let is_safe = |message: &Message| {
                    let mut safe = safe.iter();
                    safe.any(|(sent, link, _)| sent == message && on.is_none_or(|on| on == *link))
                };
                let mut read = self.sent.shown_by(&known.what, &needles);
                if let Some((message, _)) = read.find(|(message, _)| is_safe(message)) {
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

/// A session: the client's number, and how many that client had before.
type Session = (usize, usize);

/// From which moment on each session of this actor counts as healed: it has written a frame since the theft, the peer has read
/// it and then written one, and that was read in turn. Of each frame counts when its sender wrote it and when its receiver
/// read it, and not when the attacker had it.
fn healed(
    trace: &Trace,
    sessions: &BTreeMap<u32, Session>,
    actor: usize,
    leaked: u64,
) -> BTreeMap<Session, u64> {
    let own = |link: u32| {
        sessions.get(&link).copied().filter(|(client, _)| actor == 0 || *client == actor)
    };
    let side = if actor == 0 { Side::Server } else { Side::Client };
    let honest = trace.honest().map(|(_, frame)| frame);
    let frames: Vec<(&FrameRecord, Session, u64)> = honest
        .filter(|frame| frame.original.is_none() && matches!(frame.fate, Fate::Delivered(_)))
        .filter_map(|frame| Some((frame, own(frame.link)?, frame.read?)))
        .collect();
    let earliest = |of: &mut BTreeMap<Session, u64>, session: Session, read: u64| {
        let first = of.entry(session).or_insert(read);
        *first = read.min(*first);
    };
    // The first moment at which the peer had read what was written since.
    let mut heard: BTreeMap<Session, u64> = BTreeMap::new();
    for (frame, session, read) in frames.iter().filter(|(frame, ..)| frame.to != side) {
        if frame.written() >= leaked {
            earliest(&mut heard, *session, *read);
        }
    }
    let mut healed = BTreeMap::new();
    for (frame, session, read) in frames.iter().filter(|(frame, ..)| frame.to == side) {
        if heard.get(session).is_some_and(|heard| frame.written() >= *heard) {
            earliest(&mut healed, *session, *read);
        }
    }
    healed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// When the only session of client 1 is healed, whose memory was stolen before these frames: each is read before the next is
    /// written.
    fn healed_at(frames: &[FrameRecord]) -> Option<u64> {
        let frames = (1..).zip(frames).map(|(nth, frame)| FrameRecord {
            sent: Some(10 * nth),
            read: Some(10 * nth + 5),
            ..frame.clone()
        });
        let trace = testing::trace(frames, []);
        let sessions = BTreeMap::from([(1, (1, 0))]);
        healed(&trace, &sessions, 1, 0).get(&(1, 0)).copied()
    }

    #[test]
    fn an_exchange_of_untouched_frames_heals_a_session() {
        let (said, answered) = (testing::frame(1, Side::Server), testing::frame(1, Side::Client));
        assert_eq!(healed_at(&[said.clone(), answered.clone()]), Some(25));
        assert_eq!(healed_at(&[answered.clone(), said.clone()]), None, "the other way round");
        assert_eq!(healed_at(std::slice::from_ref(&said)), None);
        assert_eq!(healed_at(&[said.clone(), testing::frame(2, Side::Client)]), None, "elsewhere");
        let touched = |frame: &FrameRecord| {
            let changed = FrameRecord { original: Some(frame.frame.clone()), ..frame.clone() };
            [changed, FrameRecord { fate: Fate::Lost, ..frame.clone() }]
        };
        for said in touched(&said) {
            assert_eq!(healed_at(&[said, answered.clone()]), None);
        }
        for answered in touched(&answered) {
            assert_eq!(healed_at(&[said.clone(), answered]), None);
        }
    }
}
