//! Rules: a condition and the actions that follow. Plain data, shared by every fork of a world.

use std::sync::Arc;

use crate::action::Action;
use crate::condition::When;

/// One rule of a scenario. The first rule that matches a frame acts on it; later ones do not see it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it waits for.
    pub when: When,
    /// What it does then, in order.
    pub actions: Vec<Arc<dyn Action>>,
}
