//! `flip`: invert one bit, or run once for every bit in turn.

use std::sync::Arc;

use protocol::layout::{Frame, FrameSpec};

use crate::action::{Action, ActionContext, ActionSpec, Needs};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, number, text};
use crate::place::Place;

/// The most worlds one `every` makes.
const MOST_VARIANTS: usize = 65_536;

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "flip",
    about: "invert one bit, or every bit in turn, each in a world of its own",
    params: &[
        Param::new("field", ParamKind::Field, "the field; `*` is the whole frame"),
        Param::new("offset", ParamKind::Number(0, u32::MAX as u64), "or the byte, from 0"),
        Param::new(
            "bit",
            ParamKind::Number(0, u32::MAX as u64),
            "which bit, 0 the most significant",
        ),
        Param::new("every", ParamKind::Word(&["bit", "byte"]), "instead of `bit`: all, in turn"),
    ],
    build: |args| {
        let place = Place::from_args(args)?;
        let bit = number(args, "bit").map(|bit| usize::try_from(bit).unwrap_or(usize::MAX));
        Ok(match (bit, text(args, "every")) {
            (Some(bit), None) => Arc::new(Flip { place, bit }),
            (None, Some(step)) => {
                Arc::new(FlipEvery { place, step: if step == "bit" { 1 } else { 8 } })
            }
            _ => return Err(BuildError("give either `bit` or `every`")),
        })
    },
};

/// Invert one bit of a place: a field, an offset, or `"*"` for the whole frame. Bit 0 is the most significant of the first byte.
///
/// ```
/// use mitm_proxy::prelude::*;
///
/// let rule = Rule::new(when("CLIENT_DATA").from(Side::Client), flip("mac", 0));
/// let at_offset = Rule::new(when_any_frame(), flip(4, 7));
/// # let _ = (rule, at_offset);
/// ```
pub fn flip(place: impl Into<Place>, bit: usize) -> impl Action {
    Flip { place: place.into(), bit }
}

/// Stand for as many actions as the place has bits: each inverts one, in a copy of the run ([`Action::variants`]).
pub fn flip_every_bit(place: impl Into<Place>) -> impl Action {
    FlipEvery { place: place.into(), step: 1 }
}

/// Stand for as many actions as the place has bytes: each inverts one bit of one byte, in a copy of the run.
pub fn flip_every_byte(place: impl Into<Place>) -> impl Action {
    FlipEvery { place: place.into(), step: 8 }
}

#[derive(Debug)]
struct Flip {
    place: Place,
    bit: usize,
}

impl Action for Flip {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        let at = self.byte(&current.frame.spec, &current.frame.bytes)?;
        current.edit(self.describe(), |bytes| self.invert(at, bytes));
        Ok(())
    }

    fn edit(&self, spec: &FrameSpec, frame: &mut [u8]) -> bool {
        let at = self.byte(spec, frame);
        at.map(|at| self.invert(at, frame)).is_ok()
    }

    fn describe(&self) -> String {
        format!("flip {} bit {}", self.place, self.bit)
    }
}

impl Flip {
    /// The byte that has the bit.
    fn byte(&self, spec: &FrameSpec, frame: &[u8]) -> Result<usize, MisfireCause> {
        let range = whole_or_place(&self.place, spec, frame)?;
        let at = range.start + self.bit / 8;
        if at >= range.end {
            let (place, bits) = (self.place.to_string(), range.len() * 8);
            return Err(MisfireCause::BitBeyondEnd { place, bits });
        }
        Ok(at)
    }

    fn invert(&self, at: usize, frame: &mut [u8]) {
        if let Some(byte) = frame.get_mut(at) {
            *byte ^= 0x80 >> (self.bit % 8);
        }
    }
}

#[derive(Debug)]
struct FlipEvery {
    place: Place,
    step: usize,
}

impl Action for FlipEvery {
    /// Reached only where no world was made for each flip: why not.
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        if !current.done.is_empty() {
            return Err(MisfireCause::EveryNotFirst);
        }
        let runs = self.runs(&current.frame)?;
        Err(if runs > MOST_VARIANTS {
            MisfireCause::EveryTooMany { runs, most: MOST_VARIANTS }
        } else {
            MisfireCause::EveryTwice
        })
    }

    /// One flip for each bit, or for one bit of each byte: a different one each time.
    fn variants(&self, frame: &Frame) -> Option<Vec<Arc<dyn Action>>> {
        let flip = |bit: usize| -> Arc<dyn Action> {
            let bit = if self.step == 8 { bit + bit / 8 % 8 } else { bit };
            Arc::new(Flip { place: self.place.clone(), bit })
        };
        let runs = self.runs(frame).ok()?;
        let fits = (1..=MOST_VARIANTS).contains(&runs);
        fits.then(|| (0..runs).map(|run| flip(run * self.step)).collect())
    }

    fn needs(&self) -> Needs {
        Needs::Forks
    }
}

impl FlipEvery {
    /// How many runs it stands for.
    fn runs(&self, frame: &Frame) -> Result<usize, MisfireCause> {
        let range = whole_or_place(&self.place, &frame.spec, &frame.bytes)?;
        match range.len() * 8 / self.step {
            0 => Err(MisfireCause::EveryEmpty(self.place.to_string())),
            runs => Ok(runs),
        }
    }
}

fn whole_or_place(
    place: &Place,
    spec: &FrameSpec,
    frame: &[u8],
) -> Result<std::ops::Range<usize>, MisfireCause> {
    match place {
        Place::Field(name) if name == "*" => Ok(0..frame.len()),
        _ => place.range(spec, frame),
    }
}
