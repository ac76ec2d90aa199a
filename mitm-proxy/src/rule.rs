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

impl Rule {
    /// A rule with one action.
    ///
    /// ```
    /// use mitm_proxy::prelude::*;
    ///
    /// let rule = Rule::new(when("CLIENT_DATA").nth(2), drop_frame());
    /// assert_eq!(rule.when.nth, Some(2));
    /// ```
    pub fn new(when: When, action: impl Action + 'static) -> Self {
        Self { when, actions: vec![Arc::new(action)] }
    }

    /// The same, with one more action after those it has.
    ///
    /// ```
    /// use mitm_proxy::prelude::*;
    ///
    /// let rule = Rule::new(when("CLIENT_DATA"), flip("mac", 0)).then(duplicate(1));
    /// assert_eq!(rule.actions.len(), 2);
    /// ```
    #[must_use]
    pub fn then(mut self, action: impl Action + 'static) -> Self {
        self.actions.push(Arc::new(action));
        self
    }
}
