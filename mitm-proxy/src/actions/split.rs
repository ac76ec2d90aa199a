//! `split`: the frame arrives in several segments. The bytes stay the same.

use std::sync::Arc;

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{Arg, BuildError, Param, ParamKind, number};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "split",
    about: "send the frame in several segments",
    params: &[
        Param::new("at", ParamKind::Numbers, "cut before these byte offsets"),
        Param::new("every", ParamKind::Number(1, u32::MAX as u64), "or after every so many bytes"),
    ],
    build: |args| match (args.get("at"), number(args, "every")) {
        (Some(Arg::Numbers(at)), None) if !at.is_empty() => {
            let mut at: Vec<usize> =
                at.iter().map(|at| usize::try_from(*at).unwrap_or(usize::MAX)).collect();
            at.sort_unstable();
            at.dedup();
            Ok(Arc::new(Split::At(at)))
        }
        (None, Some(every)) => {
            Ok(Arc::new(Split::Every(usize::try_from(every).unwrap_or(usize::MAX))))
        }
        _ => Err(BuildError("give either `at`, at least one offset, or `every`")),
    },
};

/// Send the frame in segments, cut before these byte offsets.
pub fn split_at(offsets: impl IntoIterator<Item = usize>) -> impl Action {
    let mut at: Vec<usize> = offsets.into_iter().collect();
    at.sort_unstable();
    at.dedup();
    Split::At(at)
}

/// Send the frame in segments of this many bytes; of one byte for 0.
pub fn split_every(bytes: usize) -> impl Action {
    Split::Every(bytes.max(1))
}

/// The most segments one frame is cut into.
const MAX_SEGMENTS: usize = 65_536;

#[derive(Debug)]
enum Split {
    At(Vec<usize>),
    Every(usize),
}

impl Action for Split {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        let len = current.frame.bytes.len();
        let cuts: Vec<usize> = match self {
            Self::At(at) => at.iter().copied().filter(|at| *at > 0 && *at < len).collect(),
            Self::Every(every) => (*every..len).step_by(*every).collect(),
        };
        if cuts.is_empty() {
            return Err(MisfireCause::NoCutWithin(len));
        }
        if cuts.len() >= MAX_SEGMENTS {
            return Err(MisfireCause::TooManySegments(MAX_SEGMENTS));
        }
        current.done.push(format!("split into {} segments", cuts.len() + 1));
        current.cuts = cuts;
        Ok(())
    }
}
