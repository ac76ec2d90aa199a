//! `release`: send what was held.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionPlan, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, text};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "release",
    about: "send what was held, after the frame in hand",
    params: &[Param::new("name", ParamKind::Text, "what it was held by; `held` if not given")],
    build: |args| Ok(Arc::new(Release(text(args, "name").unwrap_or("held").to_owned()))),
};

/// Send what [`hold`](super::hold()) keeps under this name, after the frame in hand.
pub fn release(name: impl Into<String>) -> impl Action {
    Release(name.into())
}

#[derive(Debug)]
struct Release(String);

impl Action for Release {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.plans.push(ActionPlan::Release(self.0.clone()));
        Ok(())
    }
}
