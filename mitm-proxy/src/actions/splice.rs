//! `splice`: put a field of a recorded frame into this one.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec, Needs};
use crate::condition::FrameRef;
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, flag, frame, text};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "splice",
    about: "replace a field by that of a recorded frame",
    params: &[
        Param::new("field", ParamKind::Field, "the field"),
        Param::new("frame", ParamKind::Frame, "the recorded frame"),
        Param::new("fix_length", ParamKind::Flag, "make the length field true again"),
    ],
    build: |args| {
        let field = text(args, "field").ok_or(BuildError("`splice` needs `field`"))?.to_owned();
        let frame = frame(args, "frame").ok_or(BuildError("`splice` needs `frame`"))?;
        Ok(Arc::new(Splice { field, frame, fix_length: flag(args, "fix_length") }))
    },
};

/// Replace a field by that of a recorded frame. The length field stays as it is.
pub fn splice(field: impl Into<String>, frame: FrameRef) -> impl Action {
    Splice { field: field.into(), frame, fix_length: false }
}

/// Replace a field by that of a recorded frame, and make the length field true again.
pub fn splice_and_fix_length(field: impl Into<String>, frame: FrameRef) -> impl Action {
    Splice { field: field.into(), frame, fix_length: true }
}

#[derive(Debug)]
struct Splice {
    field: String,
    frame: FrameRef,
    fix_length: bool,
}

impl Splice {
    fn missing_in(&self, frame: &'static str) -> MisfireCause {
        MisfireCause::NoFieldToSplice { frame, field: self.field.clone() }
    }
}

impl Action for Splice {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let (number, source) = ctx.recorded(&self.frame)?;
        let value = source.field(&self.field).map(<[u8]>::to_vec);
        let value = value.ok_or_else(|| self.missing_in(source.spec.name))?;
        let current = ctx.current()?;
        let range = current.frame.spec.range(&self.field, &current.frame.bytes);
        let range = range.ok_or_else(|| self.missing_in(current.frame.spec.name))?;
        current.edit(format!("splice {} of {number}", self.field), |bytes| {
            bytes.splice(range, value);
        });
        if self.fix_length {
            current.fix_length();
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Recordings
    }
}
