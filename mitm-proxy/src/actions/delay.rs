//! `delay`: the frame arrives later; others may overtake it.

use std::sync::Arc;
use std::time::Duration;

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, MAX_DELAY_MS, Param, ParamKind, number};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "delay",
    about: "send the frame later; others may overtake it",
    params: &[Param::new("ms", ParamKind::Number(1, MAX_DELAY_MS), "milliseconds of virtual time")],
    build: |args| {
        let ms = number(args, "ms").ok_or(BuildError("`delay` needs `ms`"))?;
        Ok(Arc::new(Delay(ms)))
    },
};

/// Send the frame this much later, in virtual time; whole milliseconds count.
pub fn delay(by: Duration) -> impl Action {
    Delay(u64::try_from(by.as_millis()).unwrap_or(u64::MAX).min(MAX_DELAY_MS))
}

#[derive(Debug)]
struct Delay(u64);

impl Action for Delay {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        current.after += Duration::from_millis(self.0);
        current.done.push(format!("delayed {} ms", self.0));
        Ok(())
    }
}
