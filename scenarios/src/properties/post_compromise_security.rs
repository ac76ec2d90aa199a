//! **post-compromise-security**: who has copied an endpoint's memory once reads nothing any more, once the endpoint has
//! said something since and been answered. Healed is a session, for this property, when that endpoint has sent a frame and
//! then received one that was sent after, both as they were made; what is sent on from there must stay unread.
//!
//! It is asked of memory, not of key files: whoever holds those for good is no longer somebody who once had a look. Source: Cohn-Gordon, Cremers
//! and Garratt 2016.

use std::collections::BTreeMap;

use mitm_proxy::trace::{ClaimRecord, Compromise, Fate, Loot, Trace};
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
        let mut after = 0;
        for (at, leak) in trace.compromises.iter().enumerate() {
            let Loot::Memory(actor) = leak.loot else { continue };
            let Some(healed) = healed(trace, actor, leak.moment) else { continue };
            after += self.sent.after(healed);
            for known in trace.knowledge.iter().filter(|known| known.from == Some(at)) {
                let read = self.sent.shown_by(&known.what).find(|(_, sent)| *sent > healed);
                if let Some((message, _)) = read {
                    let frames = known.frame.into_iter().collect();
                    return Ruling::violated(
                        format!("{message} was read with the stolen memory, an exchange later"),
                        frames,
                    );
                }
            }
        }
        if after == 0 {
            return Ruling::held("nothing was sent after the next exchange");
        }
        Ruling::held(format!(
            "none of {} sent after the next exchange was read",
            count(after, "message")
        ))
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// The moment from which on a session of this actor counts as healed.
fn healed(trace: &Trace, actor: usize, leaked: u64) -> Option<u64> {
    let is_own = |link: u32| actor == 0 || trace.owners.get(&link) == Some(&actor);
    let side = if actor == 0 { Side::Server } else { Side::Client };
    // By link: the moment something was sent since.
    let mut spoke: BTreeMap<u32, u64> = BTreeMap::new();
    for (_, frame) in
        trace.honest().filter(|(_, frame)| frame.moment > leaked && is_own(frame.link))
    {
        let arrived = matches!(frame.fate, Fate::Delivered(_)) && frame.original.is_none();
        if frame.to != side && arrived {
            spoke.entry(frame.link).or_insert(frame.moment);
        } else if frame.to == side && arrived && spoke.contains_key(&frame.link) {
            return Some(frame.moment);
        }
    }
    None
}
