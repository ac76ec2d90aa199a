//! `coalesce`: the frame arrives in one segment with the frames after it.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, number};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "coalesce",
    about: "send the frame in one segment with the frames that follow it to the same end",
    params: &[Param::new("next", ParamKind::Number(1, 1000), "how many of those; 1 if not given")],
    build: |args| {
        let next = u32::try_from(number(args, "next").unwrap_or(1)).unwrap_or(u32::MAX);
        Ok(Arc::new(Coalesce(next)))
    },
};

/// Send the frame in one segment with this many frames that follow it to the same end.
pub fn coalesce(next: u32) -> impl Action {
    Coalesce(next.max(1))
}

#[derive(Debug)]
struct Coalesce(u32);

impl Action for Coalesce {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        current.join = self.0;
        current.done.push(format!("coalesced with the next {}", self.0));
        Ok(())
    }
}
