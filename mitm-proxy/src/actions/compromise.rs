//! `compromise`: a secret of an endpoint becomes the attacker's, at this moment. What it opens is then found out: a stolen
//! memory goes on beside the real one and reads what that one is sent; stolen files are tried on all that was recorded.

use std::sync::Arc;

use protocol::endpoint::Side;

use crate::action::{Action, ActionContext, ActionPlan, ActionSpec, Needs};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, text, texts};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "compromise",
    about: "get hold of an endpoint's memory, or of key files, at this moment",
    params: &[
        Param::new(
            "memory",
            ParamKind::Word(&["client", "server"]),
            "all that the endpoint at this end of the link knows now, but for what it will draw at random",
        ),
        Param::new(
            "files",
            ParamKind::Texts,
            "or key files, by the names they have in a folder of keys",
        ),
    ],
    build: |args| match (text(args, "memory"), texts(args, "files")) {
        (Some("client"), files) if files.is_empty() => Ok(Arc::new(Memory(Side::Client))),
        (Some(_), files) if files.is_empty() => Ok(Arc::new(Memory(Side::Server))),
        (None, files) if !files.is_empty() => Ok(Arc::new(Files(files))),
        _ => Err(BuildError("give either `memory` or `files`")),
    },
};

/// Get hold of the memory of the endpoint at this end of the link.
pub fn compromise_memory(of: Side) -> impl Action {
    Memory(of)
}

/// Get hold of these key files, by the names that they have in a folder of keys.
pub fn compromise_files<T: Into<String>>(files: impl IntoIterator<Item = T>) -> impl Action {
    Files(files.into_iter().map(Into::into).collect())
}

#[derive(Debug)]
struct Memory(Side);

impl Action for Memory {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.plans.push(ActionPlan::CopyMemory(self.0));
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Lab
    }
}

#[derive(Debug)]
struct Files(Vec<String>);

impl Action for Files {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        ctx.plans.push(ActionPlan::TakeFiles(self.0.clone()));
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Lab
    }
}
