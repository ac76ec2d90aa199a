//! Frame types under one profile, where each field of a frame lies, and the frames of a system.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::endpoint::{PortIndex, Side};
use crate::layout::field::{Field, FrameDecl, Role, Size};
use crate::layout::json;
use crate::layout::length::Encoding;
use crate::weakness::Profile;

/// A frame type under one profile.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FrameSpec {
    /// The name rules and reports use.
    pub name: &'static str,
    /// Who sends it; `None` where both do.
    pub from: Option<Side>,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// The largest frame accepted, in bytes, header included.
    pub max: usize,
    /// Sent only on connections to this port; `None` where it is on those to all.
    pub port: Option<PortIndex>,
    /// The bytes of the fields behind the [`Size::Rest`] one.
    pub(super) tail: usize,
    /// Whether the place of a tag is only known of a whole frame.
    pub(super) tagged_late: bool,
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
        let behind = fields.iter().rev().take_while(|field| field.size != Size::Rest);
        let tail = behind.map(|field| field.size.least()).fold(0, usize::saturating_add);
        let tagged_late = is_tagged_late(&fields);
        Self { name, from, fields, max, port: None, tail, tagged_late }
    }

    /// The same frame type, sent only on connections to this port.
    #[must_use]
    pub fn on(mut self, port: PortIndex) -> Self {
        self.port = Some(port);
        self
    }

    /// Whether `side` sends it on connections to `port`.
    pub fn can_come(&self, port: PortIndex, side: Side) -> bool {
        self.from.is_none_or(|from| from == side) && self.port.is_none_or(|own| own == port)
    }

    /// A frame nobody could cut: all of it is one field, `bytes`.
    pub fn raw() -> Self {
        Self::of(RAW, None, vec![Field::rest("bytes", Role::Bytes)], usize::MAX)
    }

    /// Whether the place of a tag is only known of a whole frame: in a JSON object, or behind a field whose end a length tells.
    pub fn is_tagged_late(&self) -> bool {
        self.tagged_late
    }

    /// Whether a tag tells this type from others. One behind a field that takes the rest of a read does not: a read may have more.
    pub fn is_tagged(&self) -> bool {
        let front = self.fields.iter().take_while(|field| field.size != Size::Rest);
        let tells =
            |field: &Field| matches!(field.role, Role::Tag(_)) || field.size == Size::Object;
        self.tagged_late || front.into_iter().any(tells)
    }

    /// Whether a read tells where the frame ends, because nothing in it does.
    pub fn is_one_read(&self) -> bool {
        let front = self.fields.iter().take_while(|field| !field.role.is_length());
        front.into_iter().any(|field| field.size == Size::Rest)
    }

    /// The declared field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Where the field of that name lies in a frame of this type. `None` if there is no such field, or the
    /// frame does not have it, because it is too short or lacks a delimiter or a member.
    pub fn range(&self, name: &str, frame: &[u8]) -> Option<Range<usize>> {
        let [place] = self.places([name], frame);
        place
    }

    /// The same of several fields at once.
    pub fn places<const N: usize>(
        &self,
        names: [&str; N],
        frame: &[u8],
    ) -> [Option<Range<usize>>; N] {
        let mut places = [const { None }; N];
        let (mut left, mut at): (usize, usize) = (N, 0);
        for field in &self.fields {
            let size = match field.size {
                Size::Fixed(size) => size,
                Size::Rest => frame.len().saturating_sub(at).saturating_sub(self.tail),
                // Where this one and those behind it lie, only the frame tells.
                Size::Until(_) | Size::Object | Size::Member(_) => {
                    let walked = |name| {
                        let mut ranges = self.ranges(frame);
                        ranges.find(|(field, _)| field.name == name).map(|(_, range)| range)
                    };
                    return names.map(walked);
                }
            };
            let end = at.saturating_add(size);
            if end > frame.len() {
                break;
            }
            // Where a name is declared twice, the first field of it counts.
            let mut wanted = names.iter().zip(&mut places);
            let is_it =
                |(name, place): &(&&str, &mut Option<_>)| **name == field.name && place.is_none();
            if let Some((_, place)) = wanted.find(is_it) {
                *place = Some(at..end);
                left -= 1;
                if left == 0 {
                    break;
                }
            }
            at = end;
        }
        places
    }

    /// The value of a number field in the bytes of a frame; of any other field, its bytes as a big-endian number.
    pub fn number(&self, name: &str, frame: &[u8]) -> Option<u64> {
        let (field, range) = self.ranges(frame).find(|(field, _)| field.name == name)?;
        field.role.encoding().unwrap_or(Encoding::Big).read(frame.get(range)?)
    }

    /// Every field that a frame has, with its place.
    pub fn ranges(&self, frame: &[u8]) -> impl Iterator<Item = (&Field, Range<usize>)> {
        let len = frame.len();
        let mut at = 0;
        let mut object = 0..0;
        let place = move |field: &Field| {
            let bytes = frame.get(at..).unwrap_or_default();
            let (size, skipped) = match field.size {
                Size::Fixed(size) => (size, 0),
                Size::Rest => (len.saturating_sub(at).saturating_sub(self.tail), 0),
                Size::Until(delimiter) => {
                    (memchr::memmem::find(bytes, delimiter)?, delimiter.len())
                }
                Size::Object => (json::Scan::default().end(bytes)?, 0),
                Size::Member(key) => {
                    let inside = json::member(frame.get(object.clone())?, key);
                    let shift =
                        |range: Range<usize>| object.start + range.start..object.start + range.end;
                    return Some(inside.map(shift));
                }
            };
            let range = at..at.saturating_add(size);
            at = range.end.saturating_add(skipped);
            if !matches!(field.size, Size::Fixed(_)) {
                object = range.clone();
            }
            (range.end <= len).then_some(Some(range))
        };
        let mut place = place;
        let placed = self.fields.iter().map_while(move |field| Some((field, place(field)?)));
        placed.filter_map(|(field, range)| Some((field, range?)))
    }
}

/// Whether the place of a tag depends on more than the bytes in front of it.
fn is_tagged_late(fields: &[Field]) -> bool {
    let (mut is_measured, mut is_behind) = (false, false);
    fields.iter().any(|field| {
        is_measured |= field.role.is_length();
        is_behind |=
            is_measured && matches!(field.size, Size::Rest | Size::Until(_) | Size::Object);
        let is_late = is_behind || matches!(field.size, Size::Member(_));
        is_late && matches!(field.role, Role::Tag(_))
    })
}

/// The name of frames nobody could cut.
pub const RAW: &str = "RAW";

/// One for all deframers.
pub(super) static RAW_SPEC: LazyLock<Arc<FrameSpec>> = LazyLock::new(|| Arc::new(FrameSpec::raw()));

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
    /// The order of frames on a connection to each of the system's ports. Empty where none is known: every frame can
    /// come at any time, and the first type that fits is taken.
    pub turns: &'static [FrameOrder],
}

/// The order of frames on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FrameOrder {
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

    /// The same, with no frame larger than `max` bytes.
    #[must_use]
    pub fn limited(mut self, max: usize) -> Self {
        for spec in &mut self.frames {
            if spec.max > max {
                Arc::make_mut(spec).max = max;
            }
        }
        self
    }

    /// The same, with every frame type on connections to every port: for whoever does not know which port is which.
    #[must_use]
    pub fn on_any_port(mut self) -> Self {
        for spec in self.frames.iter_mut().filter(|spec| spec.port.is_some()) {
            Arc::make_mut(spec).port = None;
        }
        self
    }

    /// What `side` sends on a connection to this port, in order.
    pub fn turns(&self, service: PortIndex, side: Side) -> &'static [Turn] {
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
        self.bytes.get(self.spec.range(name, &self.bytes)?)
    }

    /// The value of a number field; of any other, its bytes as a big-endian number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.spec.number(name, &self.bytes)
    }
}
