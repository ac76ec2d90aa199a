//! `extend`: append bytes to a frame.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, bytes, flag, number};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "extend",
    about: "append bytes",
    params: &[
        Param::new("hex", ParamKind::Hex, "the bytes"),
        Param::new("zeros", ParamKind::Number(1, 1 << 20), "or how many zero bytes"),
        Param::new("fix_length", ParamKind::Flag, "make the length field true again"),
    ],
    build: |args| {
        let tail = match (bytes(args, "hex"), number(args, "zeros")) {
            (Some(bytes), None) if !bytes.is_empty() => bytes,
            (None, Some(zeros)) => vec![0; usize::try_from(zeros).unwrap_or(0)],
            _ => return Err(BuildError("give either `hex`, at least one byte, or `zeros`")),
        };
        Ok(Arc::new(Extend { tail, fix_length: flag(args, "fix_length") }))
    },
};

/// Append these bytes to the frame. Its length field stays as it is.
pub fn extend(tail: impl Into<Vec<u8>>) -> impl Action {
    Extend { tail: tail.into(), fix_length: false }
}

/// Append these bytes to the frame, and make its length field true again.
pub fn extend_and_fix_length(tail: impl Into<Vec<u8>>) -> impl Action {
    Extend { tail: tail.into(), fix_length: true }
}

#[derive(Debug)]
struct Extend {
    tail: Vec<u8>,
    fix_length: bool,
}

impl Action for Extend {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        current.edit(format!("extend by {} bytes", self.tail.len()), |bytes| {
            bytes.extend_from_slice(&self.tail);
        });
        if self.fix_length {
            current.fix_length();
        }
        Ok(())
    }
}
