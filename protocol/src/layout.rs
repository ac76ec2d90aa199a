//! The frames of a system, declared once as data: their fields, how a stream is cut into them, and
//! where each field lies. Endpoints, the attacker, reports and dissectors all read this one table.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::endpoint::{Service, Side};
use crate::weakness::{Profile, Weakness};

mod assemble;
mod deframer;
mod measure;
#[cfg(test)]
mod tests;

pub use assemble::AssembleError;
pub use deframer::Deframer;
pub use measure::{Measure, first_match};

/// What a field is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Always these bytes: they tell the frame's type.
    Tag(&'static [u8]),
    /// The number of bytes that follow this field to the end of the frame, big-endian.
    Length,
    /// The same in ASCII decimal digits, padded with zeros.
    Digits,
    /// An unsigned number, big-endian, at most 8 bytes.
    Number,
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
    /// Whether it says how many bytes follow.
    pub fn is_length(self) -> bool {
        matches!(self, Self::Length | Self::Digits)
    }

    /// The number of bytes a length field declares. Digits that are none declare the largest number.
    pub fn read_length(self, field: &[u8]) -> u64 {
        if self == Self::Digits {
            let digits = std::str::from_utf8(field).ok().filter(|text| !text.starts_with('+'));
            digits.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
        } else {
            number(field)
        }
    }

    /// A length field of `size` bytes. A length that does not fit loses its highest digits.
    pub fn write_length(self, following: usize, size: usize) -> Vec<u8> {
        let mut field = if self == Self::Digits {
            format!("{following:0size$}").into_bytes()
        } else {
            let mut field = vec![0; size.saturating_sub(8)];
            field.extend((following as u64).to_be_bytes());
            field
        };
        field.split_off(field.len().saturating_sub(size))
    }
}

/// How many bytes a field has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    /// Always this many.
    Fixed(usize),
    /// What the other fields leave of the frame. At most one field of a frame has this size. Where no
    /// length stands before it, one read is one frame: it takes all that has arrived.
    Rest,
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

/// A frame type under one profile.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct FrameSpec {
    /// The name rules and reports use.
    pub name: &'static str,
    /// Who sends it; `None` where both do.
    pub from: Option<Side>,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// The largest frame accepted, in bytes, header included.
    pub max: usize,
    /// The bytes of all fields but the [`Size::Rest`] one.
    fixed: usize,
    has_rest: bool,
}

impl FrameSpec {
    /// The frame type as it is under `profile`.
    pub fn new(decl: &FrameDecl, profile: Profile) -> Self {
        let exists = |field: &&Field| field.unless.is_none_or(|weakness| !profile.has(weakness));
        let mut fields: Vec<Field> = Vec::with_capacity(decl.fields.len());
        fields.extend(decl.fields.iter().filter(exists));
        Self::of(decl.name, decl.from, fields, decl.max)
    }

    /// A frame type of exactly these fields, for systems whose profiles differ in more than what is left out.
    pub fn of(name: &'static str, from: Option<Side>, fields: Vec<Field>, max: usize) -> Self {
        let fixed = fields.iter().map(|field| field.size.fixed()).sum();
        let has_rest = fields.iter().any(|field| field.size == Size::Rest);
        Self { name, from, fields, max, fixed, has_rest }
    }

    /// A frame nobody could cut: all of it is one field, `bytes`.
    pub fn raw() -> Self {
        let fields = vec![Field::rest("bytes", Role::Bytes)];
        Self { name: RAW, from: None, fields, max: usize::MAX, fixed: 0, has_rest: true }
    }

    /// Whether a tag tells this type from others. One behind a field of unknown size does not.
    pub fn is_tagged(&self) -> bool {
        let front = self.fields.iter().take_while(|field| field.size != Size::Rest);
        front.into_iter().any(|field| matches!(field.role, Role::Tag(_)))
    }

    /// The declared field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Where the field of that name lies in a frame of `len` bytes. `None` if there is no such
    /// field, or the frame is too short to have it.
    pub fn range(&self, name: &str, len: usize) -> Option<Range<usize>> {
        self.ranges(len).find(|(field, _)| field.name == name).map(|(_, range)| range)
    }

    /// Every field that fits into a frame of `len` bytes, with its place.
    pub fn ranges(&self, len: usize) -> impl Iterator<Item = (&Field, Range<usize>)> {
        let rest = len.saturating_sub(self.fixed);
        let mut at = 0;
        self.fields.iter().map_while(move |field| {
            let size = match field.size {
                Size::Fixed(size) => size,
                Size::Rest => rest,
            };
            let range = at..at + size;
            at = range.end;
            (range.end <= len).then_some((field, range))
        })
    }

    /// Whether a read tells where the frame ends, because nothing in it does.
    pub fn is_one_read(&self) -> bool {
        self.has_rest && !self.fields.iter().any(|field| field.role.is_length())
    }
}

impl Size {
    fn fixed(self) -> usize {
        match self {
            Self::Fixed(size) => size,
            Self::Rest => 0,
        }
    }
}

/// The name of frames nobody could cut.
pub const RAW: &str = "RAW";

/// One for all deframers.
static RAW_SPEC: LazyLock<Arc<FrameSpec>> = LazyLock::new(|| Arc::new(FrameSpec::raw()));

/// A big-endian number of at most 8 bytes; longer ones keep their last 8.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Which frames can come next in one direction of an honest conversation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Turn {
    /// Exactly one frame of this type.
    One(&'static str),
    /// Any number of frames of these types, to the end.
    Any(&'static [&'static str]),
}

/// All frames of one system under one profile, and their order in each direction.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Layout {
    /// The system's name.
    pub system: &'static str,
    /// Every frame type.
    pub frames: Vec<Arc<FrameSpec>>,
    /// The order of frames on a connection to each of the system's ports.
    pub turns: &'static [Turns],
}

/// The order of frames on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Turns {
    /// What the client sends, in order.
    pub client: &'static [Turn],
    /// What the server sends, in order.
    pub server: &'static [Turn],
}

impl Layout {
    /// The frame type of that name.
    pub fn frame(&self, name: &str) -> Option<&Arc<FrameSpec>> {
        self.frames.iter().find(|spec| spec.name == name)
    }

    /// The frame types `side` can send.
    pub fn from_side(&self, side: Side) -> impl Iterator<Item = &Arc<FrameSpec>> {
        self.frames.iter().filter(move |spec| spec.from.is_none_or(|from| from == side))
    }

    /// What `side` sends on a connection to this port, in order.
    pub fn turns(&self, service: Service, side: Side) -> &'static [Turn] {
        match (self.turns.get(usize::from(service.0)), side) {
            (Some(turns), Side::Client) => turns.client,
            (Some(turns), Side::Server) => turns.server,
            (None, _) => &[],
        }
    }
}

/// One frame: any bytes, with the type they were cut as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The type.
    pub spec: Arc<FrameSpec>,
    /// The bytes, shared with whoever else keeps them.
    pub bytes: Bytes,
}

impl Hash for Frame {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.spec.name, &self.bytes).hash(state);
    }
}

impl Frame {
    /// The bytes of a field, if the frame has it.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.bytes.get(self.spec.range(name, self.bytes.len())?)
    }

    /// The value of a number field.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.field(name).map(number)
    }
}
