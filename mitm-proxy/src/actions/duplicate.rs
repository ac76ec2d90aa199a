//! `duplicate`: the frame arrives more than once, as a faulty network would do it.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec, Outgoing};
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, number};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "duplicate",
    about: "send the frame, as changed so far, and then copies of it",
    params: &[Param::new("times", ParamKind::Number(1, 1000), "how many copies; 1 if not given")],
    build: |args| Ok(Arc::new(Duplicate(number(args, "times").unwrap_or(1)))),
};

/// Send the frame, as changed so far, and then this many copies of it.
pub fn duplicate(times: u64) -> impl Action {
    Duplicate(times)
}

#[derive(Debug)]
struct Duplicate(u64);

impl Action for Duplicate {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        let (frame, to, on, after) = (current.frame.clone(), current.to, current.on, current.after);
        for _ in 0..self.0 {
            let what = "duplicate".to_owned();
            let mut copy = Outgoing::made(frame.clone(), to, on, ctx.trigger, what);
            copy.after = after;
            ctx.out.push(copy);
        }
        Ok(())
    }
}
