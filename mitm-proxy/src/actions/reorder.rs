//! `reorder`: the frame and the next one of its kind change places.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionPlan, ActionSpec};
use crate::misfire::MisfireCause;

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "reorder",
    about: "send the frame after the next one of the same link, direction and type",
    params: &[],
    build: |_| Ok(Arc::new(Reorder)),
};

/// Send the frame after the next one of the same link, direction and type.
pub fn reorder() -> impl Action {
    Reorder
}

#[derive(Debug)]
struct Reorder;

impl Action for Reorder {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.current()?.done.push("swapped with the next".to_owned());
        ctx.plans.push(ActionPlan::SwapWithNext);
        Ok(())
    }
}
