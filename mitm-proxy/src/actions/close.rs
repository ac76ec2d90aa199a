//! `close`: close the connection to one end or both.

use std::sync::Arc;

use protocol::endpoint::Side;

use crate::action::{Action, ActionContext, ActionPlan, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, text};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "close",
    about: "close the connection, after what is in hand is sent",
    params: &[Param::new(
        "to",
        ParamKind::Word(&["both", "client", "server"]),
        "towards which end; both if not given",
    )],
    build: |args| {
        Ok(Arc::new(Close(match text(args, "to") {
            Some("client") => vec![Side::Client],
            Some("server") => vec![Side::Server],
            _ => vec![Side::Client, Side::Server],
        })))
    },
};

/// Close the connection to both ends.
pub fn close() -> impl Action {
    Close(vec![Side::Client, Side::Server])
}

/// Close the connection to this end.
pub fn close_to(end: Side) -> impl Action {
    Close(vec![end])
}

#[derive(Debug)]
struct Close(Vec<Side>);

impl Action for Close {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.plans.push(ActionPlan::Close(self.0.clone()));
        Ok(())
    }
}
