//! `forward`: send the frame as it came. It says aloud what happens without a rule.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "forward",
    about: "send the frame as it came",
    params: &[],
    build: |_| Ok(Arc::new(Forward)),
};

/// Send the frame as it came.
pub fn forward() -> impl Action {
    Forward
}

#[derive(Debug)]
struct Forward;

impl Action for Forward {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.current()?.done.push("forwarded".to_owned());
        Ok(())
    }
}
