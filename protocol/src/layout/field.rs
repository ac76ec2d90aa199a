//! What a system declares of its frames: the fields, what each is for and how long it is.

use crate::endpoint::Side;
use crate::layout::length::{Encoding, Length};
use crate::weakness::Weakness;

/// What a field is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Always these bytes: they tell the frame's type.
    Tag(&'static [u8]),
    /// How long the frame is.
    Length(Length),
    /// An unsigned number, at most 8 bytes where it is binary.
    Number(Encoding),
    /// A value used once.
    Nonce,
    /// An initialization vector.
    Iv,
    /// Encrypted content.
    Ciphertext,
    /// A message authentication code.
    Mac,
    /// A signature.
    Signature,
    /// A certificate.
    Certificate,
    /// A public key.
    PublicKey,
    /// Anything else.
    Bytes,
}

impl Role {
    /// The number of bytes that follow this field to the end of the frame, big-endian.
    pub const LENGTH: Self = Self::Length(Length::following(Encoding::Big));
    /// The same in ASCII decimal digits, padded with zeros where the field has a fixed size.
    pub const DIGITS: Self = Self::Length(Length::following(Encoding::Digits));
    /// An unsigned number, big-endian.
    pub const NUMBER: Self = Self::Number(Encoding::Big);

    /// Whether it says how long the frame is.
    pub fn is_length(self) -> bool {
        matches!(self, Self::Length(_))
    }

    /// How the number in it is written, if it is one.
    pub fn encoding(self) -> Option<Encoding> {
        match self {
            Self::Length(length) => Some(length.encoding),
            Self::Number(encoding) => Some(encoding),
            _ => None,
        }
    }
}

/// How many bytes a field has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    /// Always this many.
    Fixed(usize),
    /// What the other fields leave of the frame. At most one field of a frame has this size, and those behind it
    /// are of fixed size. Where no length stands before it, one read is one frame: it takes all that has arrived, or all before
    /// the tag behind it, if there is one and a whole frame ends in the read.
    Rest,
    /// Up to the first of these bytes, at least one, which are part of the frame and of no field.
    Until(&'static [u8]),
    /// One JSON object, to the brace that closes it.
    Object,
    /// The value of this member of the JSON object in the nearest field before it that has no fixed size: what
    /// stands between the quotes of a string, all of anything else. It adds no bytes to the frame.
    Member(&'static str),
}

/// One field of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// The name rules and reports use.
    pub name: &'static str,
    /// What it is for.
    pub role: Role,
    /// How long it is.
    pub size: Size,
    /// The field exists only where this weakness is absent.
    pub unless: Option<Weakness>,
}

impl Field {
    /// A field of fixed size, in bytes.
    pub const fn new(name: &'static str, role: Role, bytes: usize) -> Self {
        Self { name, role, size: Size::Fixed(bytes), unless: None }
    }

    /// A field that takes the rest of the frame.
    pub const fn rest(name: &'static str, role: Role) -> Self {
        Self { name, role, size: Size::Rest, unless: None }
    }

    /// A field of any size.
    pub const fn sized(name: &'static str, role: Role, size: Size) -> Self {
        Self { name, role, size, unless: None }
    }

    /// The same field, existing only where `weakness` is absent.
    #[must_use]
    pub const fn unless(mut self, weakness: Weakness) -> Self {
        self.unless = Some(weakness);
        self
    }
}

/// A frame type as a system declares it.
#[derive(Debug)]
pub struct FrameDecl {
    /// The name rules and reports use.
    pub name: &'static str,
    /// Who sends it; `None` where both do.
    pub from: Option<Side>,
    /// Its fields, in order.
    pub fields: &'static [Field],
    /// The largest frame accepted, in bytes, header included.
    pub max: usize,
}

impl Size {
    /// The fewest bytes it adds to a frame.
    pub fn least(self) -> usize {
        match self {
            Self::Fixed(size) => size,
            Self::Until(delimiter) => delimiter.len(),
            Self::Object => 2,
            Self::Rest | Self::Member(_) => 0,
        }
    }
}
