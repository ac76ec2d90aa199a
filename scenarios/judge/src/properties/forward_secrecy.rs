//! **forward-secrecy**: a key or a memory that becomes known to the attacker does not open what was sent before. Of all the
//! attacker recovered with the help of something compromised, nothing is part of a message that was last sent earlier
//! than that and was not still under way.
//!
//! Key files are tried on everything that was recorded. A memory may hold secrets from which earlier keys follow, and that is not
//! tried: where something was sent before a memory was stolen, and nothing else is broken, nothing can be said.
//!
//! What the attacker reads without such help is the business of secrecy. Source: Günther 1989; Diffie, van Oorschot and Wiener 1992.

use mitm_proxy::trace::{ClaimRecord, Loot, Trace};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::count;
use crate::property::Property;
use crate::sent::Sent;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::ForwardSecrecy,
    definition: "a key that leaks later opens nothing that was sent before",
    source: "Günther 1989; Diffie, van Oorschot and Wiener 1992",
    monitor: MakeMonitor::Function(|| Box::new(ForwardSecrecy::default())),
};

#[derive(Clone, Debug, Default)]
struct ForwardSecrecy {
    sent: Sent,
}

impl Monitor for ForwardSecrecy {
    fn observe(&mut self, record: &ClaimRecord) {
        self.sent.observe(record);
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let compromises = &run.trace.compromises;
        if compromises.is_empty() {
            return Ruling::held("nothing was compromised");
        }
        let needles = run.searches.needles(self.sent.bodies());
        let mut opened = Vec::new();
        let mut frames = Vec::new();
        for known in &run.trace.knowledge {
            let Some(leak) = known.from.and_then(|from| compromises.get(from)) else { continue };
            for (message, sent) in self.sent.shown_by(&known.what, &needles) {
                // What was sent again since may have been read then.
                let before = sent.last < leak.moment;
                if before && !under_way(run.trace, known.frame, leak.moment) {
                    opened.push(format!("{message}, sent before, was read with what was stolen"));
                    frames.extend(known.frame);
                }
            }
        }
        if let Some(first) = opened.first() {
            frames.sort_unstable();
            frames.dedup();
            let more = match opened.len() {
                1 => String::new(),
                many => format!(", and {} more", many - 1),
            };
            return Ruling::violated(format!("{first}{more}"), frames);
        }
        let last = compromises.iter().map(|leak| leak.moment).max();
        let before = self.sent.before(last.unwrap_or_default());
        // A copy of a memory listens from then on; nobody tries what it opens of the past.
        if before > 0 && compromises.iter().any(|leak| matches!(leak.loot, Loot::Memory(_))) {
            return Ruling::inconclusive("what a stolen memory opens of the past was not tried");
        }
        Ruling::held_over(
            before,
            format!("none of {} sent before was opened", count(before, "message")),
            "nothing was sent before the compromise",
        )
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// Whether its receiver had not read a frame yet at that moment.
fn under_way(trace: &Trace, frame: Option<u32>, moment: u64) -> bool {
    let record = frame.and_then(|number| trace.frame(number));
    record.is_some_and(|record| record.read.is_some_and(|read| read > moment))
}
