//! Building a frame from the values of its fields, and making its length true again.

use super::{Field, FrameSpec, Length, Role, Size, json};

impl FrameSpec {
    /// Build a frame from field values. Tags and lengths fill themselves in unless given. Values of JSON members
    /// are put into the object that is given, or into a new one.
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
        let mut parts: Vec<Part> = Vec::with_capacity(self.fields.len());
        for (index, field) in self.fields.iter().enumerate() {
            let bytes = match (value(field), field.role, field.size) {
                (_, _, Size::Member(_)) => continue,
                (Some(value), _, Size::Fixed(size)) if value.len() != size => {
                    let expected = size;
                    return Err(AssembleError::WrongSize { field: field.name, expected });
                }
                (given, _, Size::Object | Size::Rest | Size::Until(_))
                    if self.members(index).next().is_some() =>
                {
                    self.object(index, given, &value)?
                }
                (Some(value), ..) => value.to_vec(),
                (None, Role::Tag(tag), _) => tag.to_vec(),
                (None, Role::Length(length), size) => {
                    parts.push(Part::length(length, size));
                    continue;
                }
                (None, ..) => return Err(AssembleError::Missing(field.name)),
            };
            parts.push(Part { bytes, delimiter: delimiter(field.size), length: None });
        }
        // A length in digits of no fixed size that counts itself may grow by being written, and again by that.
        for _ in 0..3 {
            fill_in_lengths(&mut parts);
        }
        let mut frame = Vec::with_capacity(parts.iter().map(Part::len).sum());
        for part in &parts {
            frame.extend_from_slice(&part.bytes);
            frame.extend_from_slice(part.delimiter);
        }
        Ok(frame)
    }

    /// Make the length field of `frame` true again after a change of size.
    pub fn fix_length(&self, frame: &mut Vec<u8>) {
        for _ in 0..3 {
            let found = self.ranges(frame).find(|(field, _)| field.role.is_length());
            let Some((Field { role: Role::Length(length), size, .. }, range)) = found else {
                return;
            };
            let end = range.end + delimiter(*size).len();
            let value = length.encoding.write(length.declares(end, frame.len()), wide(*size));
            frame.splice(range, value);
        }
    }

    /// The members of the JSON object in this field: those behind it, up to the next field of no fixed size.
    fn members(&self, index: usize) -> impl Iterator<Item = (&Field, &'static str)> {
        let behind = self.fields.iter().skip(index + 1);
        let near =
            behind.take_while(|field| matches!(field.size, Size::Fixed(_) | Size::Member(_)));
        near.filter_map(|field| match field.size {
            Size::Member(key) => Some((field, key)),
            _ => None,
        })
    }

    /// An object with these members.
    fn object<'v>(
        &self,
        index: usize,
        given: Option<&[u8]>,
        value: &dyn Fn(&Field) -> Option<&'v [u8]>,
    ) -> Result<Vec<u8>, AssembleError> {
        let given = given.filter(|object| !object.is_empty());
        let mut object = given.unwrap_or(b"{}").to_vec();
        for (field, key) in self.members(index) {
            match (value(field), field.role) {
                (Some(value), _) => json::set(&mut object, key, value),
                (None, _) if given.is_some() => {}
                (None, Role::Tag(tag)) => json::set(&mut object, key, tag),
                (None, _) => return Err(AssembleError::Missing(field.name)),
            }
        }
        Ok(object)
    }
}

/// A field in the making.
struct Part {
    bytes: Vec<u8>,
    delimiter: &'static [u8],
    /// A length that fills itself in, and how wide it is at least.
    length: Option<(Length, usize)>,
}

impl Part {
    fn length(length: Length, size: Size) -> Self {
        let wide = wide(size);
        Self { bytes: vec![0; wide], delimiter: delimiter(size), length: Some((length, wide)) }
    }

    fn len(&self) -> usize {
        self.bytes.len() + self.delimiter.len()
    }
}

fn fill_in_lengths(parts: &mut [Part]) {
    let total: usize = parts.iter().map(Part::len).sum();
    let mut at = 0;
    for part in parts {
        at += part.len();
        if let Some((length, wide)) = part.length {
            part.bytes = length.encoding.write(length.declares(at, total), wide);
        }
    }
}

fn delimiter(size: Size) -> &'static [u8] {
    match size {
        Size::Until(delimiter) => delimiter,
        _ => &[],
    }
}

/// How wide a number is written; 0 where it is as wide as it needs to be.
fn wide(size: Size) -> usize {
    match size {
        Size::Fixed(size) => size,
        _ => 0,
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
