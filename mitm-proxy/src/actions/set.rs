//! `set`: overwrite a field, or bytes at an offset.

use std::ops::Range;
use std::sync::Arc;

use protocol::layout::{Encoding, FrameSpec, Role, Size};

use crate::action::{Action, ActionContext, ActionSpec};
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, bytes, number, text};
use crate::place::Place;

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "set",
    about: "overwrite a field, or bytes at an offset",
    params: &[
        Param::new("field", ParamKind::Field, "the field"),
        Param::new("offset", ParamKind::Number(0, u32::MAX as u64), "or the byte, from 0"),
        Param::new(
            "number",
            ParamKind::Number(0, u64::MAX),
            "the value, as wide as the field: big-endian, or as the field is declared",
        ),
        Param::new("hex", ParamKind::Hex, "or the bytes"),
        Param::new("text", ParamKind::Text, "or the text"),
    ],
    build: |args| {
        let place = Place::from_args(args)?;
        let value = match (number(args, "number"), bytes(args, "hex"), text(args, "text")) {
            (Some(number), None, None) => Value::Number(number),
            (None, Some(bytes), None) => Value::Bytes(bytes),
            (None, None, Some(text)) => Value::Bytes(text.as_bytes().to_vec()),
            _ => return Err(BuildError("give one of `number`, `hex` and `text`")),
        };
        if matches!((&place, &value), (Place::Offset(_), Value::Number(_))) {
            return Err(BuildError("`number` needs a `field` to know how wide it is"));
        }
        Ok(Arc::new(Set { place, value }))
    },
};

/// Overwrite a field, or bytes at an offset. A number is written as the field is declared.
///
/// ```
/// use mitm_proxy::prelude::*;
///
/// let number = set("sequence", 7);
/// let text = set("user", "mallory");
/// let bytes = set(4, [0xff, 0xff]);
/// # let _ = (number, text, bytes);
/// ```
pub fn set(place: impl Into<Place>, value: impl Into<Value>) -> impl Action {
    Set { place: place.into(), value: value.into() }
}

#[derive(Debug)]
struct Set {
    place: Place,
    value: Value,
}

/// What a place is overwritten with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A number, as wide as its field.
    Number(u64),
    /// These bytes.
    Bytes(Vec<u8>),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl Action for Set {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let current = ctx.current()?;
        let (range, value) = self.replacement(&current.frame.spec, &current.frame.bytes)?;
        current.edit(self.describe(), |bytes| {
            bytes.splice(range, value);
        });
        Ok(())
    }

    fn edit(&self, spec: &FrameSpec, frame: &mut [u8]) -> bool {
        let Ok((range, value)) = self.replacement(spec, frame) else { return false };
        let Some(place) = frame.get_mut(range).filter(|place| place.len() == value.len()) else {
            return false;
        };
        place.copy_from_slice(&value);
        true
    }

    fn describe(&self) -> String {
        match &self.value {
            Value::Number(number) => format!("set {} to {number}", self.place),
            Value::Bytes(bytes) => format!("set {} to {} bytes", self.place, bytes.len()),
        }
    }
}

impl Set {
    /// What is replaced, and by what.
    fn replacement(
        &self,
        spec: &FrameSpec,
        frame: &[u8],
    ) -> Result<(Range<usize>, Vec<u8>), MisfireCause> {
        let range = self.place.range(spec, frame)?;
        let field = match &self.place {
            Place::Field(name) => spec.field(name),
            Place::Offset(_) => None,
        };
        // What ends at a delimiter or a quote can have any size.
        let is_fixed = field.is_none_or(|field| matches!(field.size, Size::Fixed(_) | Size::Rest));
        let value = match &self.value {
            Value::Number(number) => {
                let role = field.map(|field| field.role);
                let encoding = role.and_then(Role::encoding).unwrap_or(Encoding::Big);
                match encoding {
                    Encoding::Digits => format!("{number:0wide$}", wide = range.len()).into_bytes(),
                    _ if *number > encoding.largest(range.len()) => {
                        return Err(MisfireCause::NumberTooLarge {
                            number: *number,
                            size: range.len(),
                        });
                    }
                    _ => encoding.write(*number, range.len().min(8)),
                }
            }
            Value::Bytes(bytes) => bytes.clone(),
        };
        let range = match self.place {
            Place::Field(_) if is_fixed && value.len() != range.len() => {
                let (place, size, given) = (self.place.to_string(), range.len(), value.len());
                return Err(MisfireCause::WrongSize { place, size, given });
            }
            Place::Field(_) => range,
            Place::Offset(_) if value.len() > range.len() => {
                let (place, left) = (self.place.to_string(), range.len());
                return Err(MisfireCause::TooFewBytes { place, left });
            }
            Place::Offset(at) => at..at + value.len(),
        };
        Ok((range, value))
    }
}
