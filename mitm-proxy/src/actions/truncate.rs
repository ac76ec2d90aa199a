//! `truncate`: cut bytes off the end of a frame.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, flag, number};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "truncate",
    about: "cut bytes off the end",
    params: &[
        Param::new("by", ParamKind::Number(1, u32::MAX as u64), "how many bytes to cut off"),
        Param::new("to", ParamKind::Number(0, u32::MAX as u64), "or how many to leave"),
        Param::new("fix_length", ParamKind::Flag, "make the length field true again"),
    ],
    build: |args| {
        let size = match (number(args, "by"), number(args, "to")) {
            (Some(by), None) => Size::By(usize::try_from(by).unwrap_or(usize::MAX)),
            (None, Some(to)) => Size::To(usize::try_from(to).unwrap_or(usize::MAX)),
            _ => return Err(BuildError("give either `by` or `to`")),
        };
        Ok(Arc::new(Truncate { size, fix_length: flag(args, "fix_length") }))
    },
};

/// Cut this many bytes off the end. The length field stays as it is.
pub fn truncate_by(bytes: usize) -> impl Action {
    Truncate { size: Size::By(bytes), fix_length: false }
}

/// Cut bytes off the end until this many are left. The length field stays as it is.
pub fn truncate_to(bytes: usize) -> impl Action {
    Truncate { size: Size::To(bytes), fix_length: false }
}

#[derive(Debug)]
struct Truncate {
    size: Size,
    fix_length: bool,
}

#[derive(Debug)]
enum Size {
    By(usize),
    To(usize),
}

impl Action for Truncate {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        let len = current.frame.bytes.len();
        let left = match self.size {
            Size::By(by) => len.checked_sub(by),
            Size::To(to) => (to < len).then_some(to),
        };
        let left = left.ok_or(MisfireCause::FrameTooShort(len))?;
        current.edit(format!("truncate {len} to {left} bytes"), |bytes| bytes.truncate(left));
        if self.fix_length {
            current.fix_length();
        }
        Ok(())
    }
}
