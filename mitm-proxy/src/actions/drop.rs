//! `drop`: the frame never arrives.

use std::sync::Arc;

use crate::action::{Action, ActionSpec, Hand};
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
    fn apply(&self, hand: &mut Hand<'_>) -> Result<(), MisfireCause> {
        hand.take_current().map(|_| ())
    }
}
