//! `hold`: keep the frame until a `release`.

use std::sync::Arc;

use crate::action::{Action, ActionSpec, Hand, Plan};
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
    fn apply(&self, hand: &mut Hand<'_>) -> Result<(), MisfireCause> {
        hand.current()?.deeds.push(format!("held as {:?}", self.0));
        hand.plans.push(Plan::Hold(self.0.clone()));
        Ok(())
    }
}
