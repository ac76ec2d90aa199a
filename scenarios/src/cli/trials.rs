//! Scenarios against somebody's own programs, one after the other: they share the machine.

use anyhow::Result;
use files::scenario::{Scenario, TargetSet};
use files::target_file::Target;
use recordings::run_capture::Subject;
use reports::view::Case;
use targets::Interrupt;
use targets::trial::{honest, trial};

use super::capture::Recorder;
use super::interrupt;
use super::output::Output;
use super::progress::timed;
use crate::dissection::{self, Depth};
use crate::view;

/// A scenario and one of its targets.
pub(super) type Chosen<'a> = (&'a Scenario, &'a TargetSet, &'a Target);

/// Run them, and add what is to be shown of each. Whether somebody wanted an end before.
pub(super) fn run(
    trials: &[Chosen<'_>],
    judged: &mut Vec<Case>,
    recorder: &Recorder,
    depth: Depth,
    output: Output,
) -> Result<bool> {
    let stop = Interrupt::default();
    interrupt::reported_to(&stop, || {
        for (at, (scenario, own, target)) in trials.iter().enumerate() {
            if trials.len() > 1 {
                let (name, of) = (&scenario.name, trials.len());
                output.remark(&format!("{} of {of}: {name} on {}", at + 1, target.name));
            }
            let mut interrupted = false;
            judged.push(timed(|| {
                let honest = honest(own, target, &stop)?;
                let done = trial(scenario, own, target, &honest, &stop)?;
                recorder.record_own(&Subject::own(scenario, own, target), &done.judgement);
                let mut shown = view::trial(scenario, own, target, &done);
                dissection::add(&mut shown, &done.judgement.trace, depth);
                interrupted = done.interrupted;
                anyhow::Ok(shown)
            })?);
            if interrupted || stop.is_triggered() {
                return Ok(true);
            }
        }
        Ok(false)
    })
}
