//! Runs that unit tests write by hand.

use mitm_proxy::trace::Trace;

use crate::{Output, Run, Unmatched};

/// A run of programs that left this trace, and nothing else.
pub(crate) fn run(trace: Trace) -> Run {
    Run {
        trace,
        open_ends: Vec::new(),
        findings: Vec::new(),
        output: Output::default(),
        remarks: Vec::new(),
        interrupted: false,
        unmatched: Unmatched::default(),
        ended: [None, None],
        prompt: [true; 2],
    }
}
