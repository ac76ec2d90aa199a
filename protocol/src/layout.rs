//! The frames of a system, declared once as data: their fields, how a stream is cut into them, and
//! where each field lies. Endpoints, the attacker, reports and dissectors all read this one table.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};

use crate::endpoint::{Check, Reject, Service, Side};
use crate::weakness::{Profile, Weakness};

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

/// What the bytes waiting in a stream are, measured against one frame type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Another type: a tag differs.
    Other,
    /// Too few bytes to tell, or the frame is not complete.
    Short,
    /// A whole frame of this many bytes stands at the front.
    Whole(usize),
    /// This type, but its length cannot be.
    Bad(Reject),
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

    /// Measure the front of `waiting` against this type.
    pub fn measure(&self, waiting: &[u8]) -> Measure {
        let mut at = 0;
        let mut total = if self.has_rest { None } else { Some(self.fixed) };
        for field in &self.fields {
            let Size::Fixed(size) = field.size else { break };
            let seen = waiting.get(at..waiting.len().min(at + size)).unwrap_or(&[]);
            match field.role {
                Role::Tag(tag) if !tag.starts_with(seen) => return Measure::Other,
                role if role.is_length() && seen.len() == size => {
                    let declared = usize::try_from(role.read_length(seen)).unwrap_or(usize::MAX);
                    total = Some(declared.saturating_add(at + size));
                }
                _ => {}
            }
            at += size;
        }
        if self.is_one_read() && waiting.len() >= self.fixed {
            total = Some(waiting.len());
        }
        match total {
            Some(total) if waiting.len() >= at.min(self.head()) && !self.allows(total) => {
                Measure::Bad(Reject::new(Check::Length, "length"))
            }
            Some(total) if waiting.len() >= total => Measure::Whole(total),
            _ => Measure::Short,
        }
    }

    /// The bytes of the fields up to the length field and the last tag: what decides type and size.
    fn head(&self) -> usize {
        let mut at = 0;
        let mut head = 0;
        for field in &self.fields {
            let Size::Fixed(size) = field.size else { break };
            at += size;
            if matches!(field.role, Role::Tag(_)) || field.role.is_length() {
                head = at;
            }
        }
        head
    }

    /// Whether a read tells where the frame ends, because nothing in it does.
    pub fn is_one_read(&self) -> bool {
        self.has_rest && !self.fields.iter().any(|field| field.role.is_length())
    }

    fn allows(&self, total: usize) -> bool {
        let fits = if self.has_rest { total >= self.fixed } else { total == self.fixed };
        fits && total <= self.max
    }

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

impl Size {
    fn fixed(self) -> usize {
        match self {
            Self::Fixed(size) => size,
            Self::Rest => 0,
        }
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

/// Cuts one direction of a stream into frames, whatever its segmentation. Nothing is lost: bytes
/// that fit no declared frame come out as [`RAW`].
#[derive(Clone, Debug)]
pub struct Deframer {
    layout: Arc<Layout>,
    service: Service,
    side: Side,
    turn: usize,
    waiting: BytesMut,
}

impl Hash for Deframer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.service, self.side, self.turn, &self.waiting[..]).hash(state);
    }
}

impl Deframer {
    /// A deframer for what `side` sends on a connection to this port.
    pub fn new(layout: Arc<Layout>, service: Service, side: Side) -> Self {
        Self { layout, service, side, turn: 0, waiting: BytesMut::new() }
    }

    /// Append a segment and append the frames it completes to `frames`. A segment of whole frames is passed on
    /// without a copy; a frame in many segments is gathered in one buffer, each byte copied once.
    pub fn push(&mut self, segment: &Bytes, frames: &mut Vec<Frame>) {
        let mut waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            let mut segment = segment.clone();
            while let Some((spec, len)) = self.cut(&segment) {
                frames.push(Frame { spec, bytes: segment.split_to(len) });
            }
            waiting.extend_from_slice(&segment);
        } else {
            waiting.extend_from_slice(segment);
            while let Some((spec, len)) = self.cut(&waiting) {
                frames.push(Frame { spec, bytes: waiting.split_to(len).freeze() });
            }
        }
        self.waiting = waiting;
    }

    /// The type and size of the frame at the front of `waiting`, if it is whole.
    fn cut(&mut self, waiting: &[u8]) -> Option<(Arc<FrameSpec>, usize)> {
        if waiting.is_empty() {
            return None;
        }
        match self.recognise(waiting) {
            Some((_, Measure::Short)) => None,
            Some((spec, Measure::Whole(len))) => Some((spec, len)),
            Some((_, Measure::Bad(_) | Measure::Other)) | None => {
                Some((RAW_SPEC.clone(), waiting.len()))
            }
        }
    }

    /// What is left when the stream ends: a frame that was never completed.
    pub fn finish(&mut self) -> Option<Frame> {
        let bytes = self.waiting.split().freeze();
        (!bytes.is_empty()).then(|| Frame { spec: RAW_SPEC.clone(), bytes })
    }

    /// The bytes waiting for the rest of their frame.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The type at the front of `waiting` and its measure: first among the types whose turn it is,
    /// then among all tagged types of this side. Moves the turn on when a frame is whole.
    fn recognise(&mut self, waiting: &[u8]) -> Option<(Arc<FrameSpec>, Measure)> {
        let turns = self.layout.turns(self.service, self.side);
        let due: &[&str] = match turns.get(self.turn) {
            Some(Turn::One(name)) => std::slice::from_ref(name),
            Some(Turn::Any(names)) => names,
            None => &[],
        };
        let specs = due.iter().filter_map(|name| self.layout.frame(name));
        if let Some(found) = first_match(specs, waiting) {
            if matches!((&found.1, turns.get(self.turn)), (Measure::Whole(_), Some(Turn::One(_)))) {
                self.turn += 1;
            }
            return Some(found);
        }
        let tagged = self.layout.from_side(self.side).filter(|spec| spec.is_tagged());
        first_match(tagged, waiting)
    }
}

/// The first of `specs` whose tags do not rule it out, with the measure of `waiting`.
pub fn first_match<'a>(
    specs: impl Iterator<Item = &'a Arc<FrameSpec>>,
    waiting: &[u8],
) -> Option<(Arc<FrameSpec>, Measure)> {
    specs
        .map(|spec| (spec, spec.measure(waiting)))
        .find(|(_, measure)| *measure != Measure::Other)
        .map(|(spec, measure)| (spec.clone(), measure))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECL: FrameDecl = FrameDecl {
        name: "DATA",
        from: Some(Side::Client),
        fields: &[
            Field::new("length", Role::Length, 4),
            Field::new("opcode", Role::Tag(&[30]), 1),
            Field::rest("ct", Role::Ciphertext),
            Field::new("mac", Role::Mac, 2),
        ],
        max: 20,
    };

    fn spec() -> FrameSpec {
        FrameSpec::new(&DECL, Profile::HARDENED)
    }

    #[test]
    fn fields_lie_where_they_are_declared() {
        let frame = spec().assemble(&[("ct", b"xyz"), ("mac", b"mm")]).unwrap();
        assert_eq!(frame, b"\0\0\0\x06\x1exyzmm");
        assert_eq!(spec().range("ct", frame.len()), Some(5..8));
        assert_eq!(spec().range("mac", frame.len()), Some(8..10));
        assert_eq!(spec().range("iv", frame.len()), None);
        assert_eq!(spec().range("mac", 3), None);
    }

    #[test]
    fn lying_lengths_are_refused_as_soon_as_they_are_seen() {
        let bad = Measure::Bad(Reject::new(Check::Length, "length"));
        assert_eq!(spec().measure(&[0xff, 0xff, 0xff, 0xff, 30]), bad);
        assert_eq!(spec().measure(&[0, 0, 0, 0, 30]), bad);
        assert_eq!(spec().measure(&[0, 0, 0, 17, 30]), bad);
        assert_eq!(spec().measure(&[0, 0, 0, 3, 31]), Measure::Other);
        assert_eq!(spec().measure(&[0, 0, 0, 3]), Measure::Short);
        assert_eq!(spec().measure(&[0, 0, 0, 3, 30, 1, 2]), Measure::Whole(7));
    }

    #[test]
    fn digits_declare_a_length_and_without_any_length_a_read_is_a_frame() {
        const MEDIA: FrameDecl = FrameDecl {
            name: "MEDIA",
            from: None,
            fields: &[Field::new("length", Role::Digits, 10), Field::rest("ct", Role::Ciphertext)],
            max: 100,
        };
        const READ: FrameDecl = FrameDecl {
            name: "READ",
            from: None,
            fields: &[
                Field::new("head", Role::Tag(b"{\""), 2),
                Field::rest("body", Role::Bytes),
                Field::new("tail", Role::Tag(b"}"), 1),
            ],
            max: 8,
        };
        let media = FrameSpec::new(&MEDIA, Profile::HARDENED);
        assert_eq!(media.assemble(&[("ct", b"xyz")]).unwrap(), b"0000000003xyz");
        assert_eq!(media.measure(b"0000000003xyzmore"), Measure::Whole(13));
        assert_eq!(media.measure(b"0000000003xy"), Measure::Short);
        let bad = Measure::Bad(Reject::new(Check::Length, "length"));
        for lie in [&b"00000000x3xyz"[..], b"+000000003xyz", b"9999999999", b"-000000003xyz"] {
            assert_eq!(media.measure(lie), bad, "{lie:?}");
        }
        let read = FrameSpec::new(&READ, Profile::HARDENED);
        assert!(read.is_one_read() && !media.is_one_read());
        assert_eq!(read.measure(b"{\"abc}"), Measure::Whole(6));
        assert_eq!(read.measure(b"{\""), Measure::Short);
        assert_eq!(read.measure(b"x"), Measure::Other);
        assert_eq!(read.measure(b"{\"abcdef}"), bad);
    }

    #[test]
    fn assembling_names_what_is_wrong() {
        let wrong = AssembleError::WrongSize { field: "mac", expected: 2 };
        assert_eq!(spec().assemble(&[("ct", b""), ("mac", b"m")]), Err(wrong));
        assert_eq!(spec().assemble(&[("mac", b"mm")]), Err(AssembleError::Missing("ct")));
        let none = AssembleError::NoSuchField("iv".into());
        assert_eq!(spec().assemble(&[("iv", b"")]), Err(none));
    }
}
