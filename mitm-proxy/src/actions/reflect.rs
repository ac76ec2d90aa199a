//! `reflect`: send the frame back to its sender. The original goes on.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec, Outgoing, Target};
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, link};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "reflect",
    about: "send the frame back to its sender; the original goes on",
    params: &[Param::new(
        "link",
        ParamKind::Number(1, 1000),
        "on this link of the sender's; on that of the frame if not given",
    )],
    build: |args| Ok(Arc::new(Reflect { link: link(args) })),
};

/// Send the frame back to its sender, on its own link; the original goes on.
pub fn reflect() -> impl Action {
    Reflect { link: None }
}

/// Send the frame back to its sender on another link of the sender's; the original goes on.
pub fn reflect_on(link: u32) -> impl Action {
    Reflect { link: Some(link) }
}

#[derive(Debug)]
struct Reflect {
    link: Option<u32>,
}

impl Action for Reflect {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let number = ctx.trigger.ok_or_else(|| ctx.absent.clone())?;
        let frame = ctx.current()?.frame.clone();
        let what = format!("reflection of {number}");
        let on = Target::Link(self.link.unwrap_or(ctx.link));
        ctx.out.push(Outgoing::made(frame, ctx.from, on, Some(number), what));
        Ok(())
    }
}
