//! `impostor`: somebody of the attacker's takes the place of an honest endpoint. It does all that an honest one does,
//! with no other keys than the scenario gives it.

use std::sync::Arc;

use protocol::endpoint::Side;

use crate::action::{Action, ActionContext, ActionPlan, ActionSpec, ImpostorSpec, Needs};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, flag, number, text, texts};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "impostor",
    about: "play a client to the server, or the server to a client that connects, with keys of `[keys]`",
    params: &[
        Param::new(
            "plays",
            ParamKind::Word(&["client", "server"]),
            "a client, on a connection of its own; or the server, at the other end of the link that opens",
        ),
        Param::new("number", ParamKind::Number(1, 1000), "which client; 1 if not given"),
        Param::new("keys", ParamKind::Keys, "the set of key files it has"),
        Param::new("says", ParamKind::Texts, "what it sends"),
        Param::new(
            "insider",
            ParamKind::Flag,
            "it is who it seems, with keys of its own, and means no good",
        ),
    ],
    build: |args| {
        let side = match text(args, "plays") {
            Some("client") => Side::Client,
            Some(_) => Side::Server,
            None => return Err(BuildError("`impostor` needs `plays`")),
        };
        let keys = text(args, "keys").ok_or(BuildError("`impostor` needs `keys`"))?.to_owned();
        let number = u32::try_from(number(args, "number").unwrap_or(1)).unwrap_or(1);
        let (says, insider) = (texts(args, "says"), flag(args, "insider"));
        Ok(Arc::new(Impostor(ImpostorSpec { side, number, keys, says, insider })))
    },
};

/// Put an endpoint of the attacker's in the place of an honest one.
pub fn impostor(part: ImpostorSpec) -> impl Action {
    Impostor(part)
}

#[derive(Debug)]
struct Impostor(ImpostorSpec);

impl Action for Impostor {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        if self.0.side == Side::Server && ctx.trigger.is_some() {
            return Err(MisfireCause::ServerNeedsOpening);
        }
        ctx.plans.push(ActionPlan::PlaceImpostor(self.0.clone()));
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Lab
    }
}
