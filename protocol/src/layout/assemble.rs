//! Building a frame from the values of its fields.

use super::{Field, FrameSpec, Role, Size};

impl FrameSpec {
    /// Build a frame from field values. Tags and lengths fill themselves in unless given.
    ///
    /// # Errors
    /// A value for a field that is not there, of the wrong size, or missing.
    pub fn assemble(&self, values: &[(&str, &[u8])]) -> Result<Vec<u8>, AssembleError> {
        if let Some((name, _)) = values.iter().find(|(name, _)| self.field(name).is_none()) {
            return Err(AssembleError::NoSuchField((*name).to_owned()));
        }
        let value = |field: &Field| {
            values.iter().find(|(name, _)| *name == field.name).map(|(_, value)| *value)
        };
        let rest = self.fields.iter().find(|field| field.size == Size::Rest);
        let total = self.fixed + rest.and_then(value).map_or(0, <[u8]>::len);
        let mut frame = Vec::with_capacity(total);
        for field in &self.fields {
            match (value(field), field.role, field.size) {
                (Some(value), _, Size::Fixed(size)) if value.len() != size => {
                    let expected = size;
                    return Err(AssembleError::WrongSize { field: field.name, expected });
                }
                (Some(value), ..) => frame.extend_from_slice(value),
                (None, Role::Tag(tag), _) => frame.extend_from_slice(tag),
                (None, role, Size::Fixed(size)) if role.is_length() => {
                    frame.extend(role.write_length(total - frame.len() - size, size));
                }
                (None, ..) => return Err(AssembleError::Missing(field.name)),
            }
        }
        Ok(frame)
    }
}

/// Why a frame could not be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AssembleError {
    /// The frame type has no field of that name.
    NoSuchField(String),
    /// The value of this field must have `expected` bytes.
    WrongSize {
        /// The field.
        field: &'static str,
        /// Its size in bytes.
        expected: usize,
    },
    /// This field needs a value.
    Missing(&'static str),
}

impl std::fmt::Display for AssembleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchField(name) => write!(f, "the frame has no field `{name}`"),
            Self::WrongSize { field, expected } => write!(f, "`{field}` has {expected} bytes"),
            Self::Missing(field) => write!(f, "`{field}` needs a value"),
        }
    }
}

impl std::error::Error for AssembleError {}
