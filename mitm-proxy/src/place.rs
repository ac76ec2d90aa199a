//! A byte range in a frame, as rules name it: by a field, or by an offset.

use protocol::layout::FrameSpec;

use crate::misfire::MisfireCause;
use crate::params::{Args, BuildError, number, text};

/// A byte range in a frame, given as a field name or an offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// The field of this name.
    Field(String),
    /// What begins at this byte, from 0.
    Offset(usize),
}

impl From<&str> for Place {
    fn from(field: &str) -> Self {
        Self::Field(field.to_owned())
    }
}

impl From<usize> for Place {
    fn from(offset: usize) -> Self {
        Self::Offset(offset)
    }
}

impl Place {
    /// From the parameters `field` and `offset`, of which exactly one must be there.
    pub(crate) fn from_args(args: &Args) -> Result<Self, BuildError> {
        match (text(args, "field"), number(args, "offset")) {
            (Some(field), None) => Ok(Self::Field(field.to_owned())),
            (None, Some(offset)) => Ok(Self::Offset(usize::try_from(offset).unwrap_or(usize::MAX))),
            _ => Err(BuildError("give either `field` or `offset`")),
        }
    }

    /// The bytes of a frame of this type that are meant.
    pub(crate) fn range(
        &self,
        spec: &FrameSpec,
        frame: &[u8],
    ) -> Result<std::ops::Range<usize>, MisfireCause> {
        let len = frame.len();
        match self {
            Self::Field(name) => spec
                .range(name, frame)
                .ok_or_else(|| MisfireCause::NoField { frame: spec.name, field: name.clone() }),
            Self::Offset(offset) if *offset < len => Ok(*offset..len),
            Self::Offset(offset) => {
                Err(MisfireCause::OffsetBeyondEnd { offset: *offset, size: len, frame: spec.name })
            }
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Offset(offset) => write!(f, "offset {offset}"),
        }
    }
}
