//! `retype`: give a frame the tag of another type.

use std::sync::Arc;

use protocol::layout::{Role, Size};

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, text};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "retype",
    about: "give the frame the tag of another type",
    params: &[Param::new("to", ParamKind::FrameType, "the other type")],
    build: |args| {
        let to = text(args, "to").ok_or(BuildError("`retype` needs `to`"))?;
        Ok(Arc::new(Retype(to.to_owned())))
    },
};

/// Give the frame the tag of another type.
pub fn retype(to: impl Into<String>) -> impl Action {
    Retype(to.into())
}

#[derive(Debug)]
struct Retype(String);

impl Action for Retype {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let spec = ctx.layout.frame(&self.0).cloned();
        let spec = spec.ok_or_else(|| MisfireCause::NoFrameType(self.0.clone()))?;
        let current = ctx.current()?;
        let from = current.frame.spec.clone();
        let tag = spec.fields.iter().find_map(|field| match field.role {
            Role::Tag(tag) => Some((field, tag)),
            _ => None,
        });
        let (field, tag) = tag.ok_or_else(|| MisfireCause::NoTag(self.0.clone()))?;
        let (name, is_fixed) = (field.name, matches!(field.size, Size::Fixed(_)));
        let range =
            from.range(name, &current.frame.bytes).filter(|r| !is_fixed || r.len() == tag.len());
        let range = range.ok_or(MisfireCause::NoTagNamed { frame: from.name, tag: name })?;
        current.edit(format!("retype {} as {}", from.name, spec.name), |bytes| {
            bytes.splice(range, tag.iter().copied());
        });
        current.frame.spec = spec;
        Ok(())
    }
}
