//! `hold`: keep the frame until a `release`.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionPlan, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, text};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "hold",
    about: "keep the frame until a `release` of the same name",
    params: &[Param::new("name", ParamKind::Text, "what to release it by; `held` if not given")],
    build: |args| Ok(Arc::new(Hold(text(args, "name").unwrap_or("held").to_owned()))),
};

/// Keep the frame until [`release`](super::release()) names it.
pub fn hold(name: impl Into<String>) -> impl Action {
    Hold(name.into())
}

#[derive(Debug)]
struct Hold(String);

impl Action for Hold {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.current()?.done.push(format!("held as {:?}", self.0));
        ctx.plans.push(ActionPlan::Hold(self.0.clone()));
        Ok(())
    }
}
