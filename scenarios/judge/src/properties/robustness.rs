//! **robustness**: no endpoint panics, none holds more unprocessed bytes of a connection than its largest frame and one
//! segment, and the run comes to rest.
//!
//! Source: CWE-248 (uncaught exception), CWE-400 (uncontrolled resource consumption).

use mitm_proxy::trace::ClaimRecord;

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::property::Property;

/// The room a segment may take beyond the largest frame, in bytes.
const SEGMENT: usize = 64 * 1024;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Robustness,
    definition: "no endpoint panics, none holds more of a connection than its largest frame, and the run comes to rest",
    source: "CWE-248, CWE-400",
    monitor: MakeMonitor::Function(|| Box::new(Robustness)),
};

#[derive(Clone, Debug)]
struct Robustness;

impl Monitor for Robustness {
    fn observe(&mut self, _: &ClaimRecord) {}

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let trace = run.trace;
        if let Some(panic) = trace.panics.first() {
            let who = if panic.actor == 0 {
                "server".to_owned()
            } else {
                format!("client {}", panic.actor)
            };
            let cause = panic.cause.into_iter().collect();
            return Ruling::violated(format!("the {who} panicked: {}", panic.message), cause);
        }
        if trace.exhausted {
            return Ruling::violated("the run did not come to rest", Vec::new());
        }
        if trace.peak_buffered > run.largest_frame.saturating_add(SEGMENT) {
            let peak = trace.peak_buffered;
            return Ruling::violated(
                format!("an endpoint held {peak} unprocessed bytes"),
                Vec::new(),
            );
        }
        Ruling::held(format!("no panic, at most {} bytes held, at rest", trace.peak_buffered))
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use mitm_proxy::trace::{Panic, Trace};

    use super::*;
    use crate::property::Outcome;
    use crate::testing;

    fn ruling(trace: &Trace) -> Ruling {
        testing::finished(trace, |run| Robustness.conclude(run))
    }

    #[test]
    fn the_largest_frame_and_one_read_may_be_held_and_no_byte_more() {
        let held = |bytes| {
            let mut trace = Trace::default();
            trace.peak_buffered = bytes;
            ruling(&trace).outcome
        };
        let most = 1000 + SEGMENT;
        assert_eq!(
            [held(0), held(most), held(most + 1)],
            [Outcome::Held, Outcome::Held, Outcome::Violated]
        );
        // What one read of a socket returns at most.
        assert_eq!(SEGMENT, 64 * 1024);
    }

    #[test]
    fn whoever_panics_is_named() {
        for (actor, who) in [(0, "the server"), (1, "the client 1"), (2, "the client 2")] {
            let panic = Panic { actor, cause: Some(3), message: "at the disco".to_owned() };
            let mut trace = Trace::default();
            trace.panics.push(panic);
            let ruling = ruling(&trace);
            assert_eq!(ruling.evidence, format!("{who} panicked: at the disco"));
            assert_eq!((ruling.outcome, ruling.frames), (Outcome::Violated, vec![3]));
        }
    }
}
