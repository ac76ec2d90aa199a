//! `drop`: the frame never arrives.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "drop",
    about: "suppress the frame",
    params: &[],
    build: |_| Ok(Arc::new(Drop)),
};

/// Suppress the frame.
pub fn drop_frame() -> impl Action {
    Drop
}

#[derive(Debug)]
struct Drop;

impl Action for Drop {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.take_current().map(|_| ())
    }
}
