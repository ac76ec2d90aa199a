//! Bytes received and not yet processed, for one direction of one connection.

use std::ops::Range;
use std::sync::Arc;

use crate::endpoint::{Check, Conn, Found, Output, Reject, Side};
use crate::layout::{Frame, FrameSpec, Layout, Measure, Role, first_match};

/// A queue of bytes. It never allocates ahead of what has really arrived, whatever length a
/// frame declares.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl From<Vec<u8>> for Inbox {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }
}

/// What stands at the front of an [`Inbox`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cut {
    /// No complete frame yet.
    Short,
    /// A frame, removed from the inbox.
    Whole(Arc<FrameSpec>, Vec<u8>),
    /// Something that is none of the allowed frames, or lies about its length.
    Bad(Reject),
}

impl Inbox {
    /// An inbox in which these bytes wait.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec() }
    }

    /// Append what one read returned.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Everything waiting, oldest first.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes
    }

    /// Remove the frame at the front: the first of `specs` whose tags fit.
    pub fn cut<'a>(&mut self, specs: impl Iterator<Item = &'a Arc<FrameSpec>>) -> Cut {
        if self.bytes.is_empty() {
            return Cut::Short;
        }
        match first_match(specs, &self.bytes) {
            Some((_, Measure::Short | Measure::Begun(_))) => Cut::Short,
            Some((spec, Measure::Whole(len))) => Cut::Whole(spec, self.take(len)),
            Some((_, Measure::Bad(reject))) => Cut::Bad(reject),
            Some((_, Measure::Other)) | None => Cut::Bad(Reject::new(Check::Opcode, "header")),
        }
    }

    /// Remove the frame at the front, one of those that are due; nothing while it is incomplete.
    ///
    /// # Errors
    /// `length` for a length that cannot be, `phase` for another frame of this sender, `opcode` for anything else.
    pub fn next_due(
        &mut self,
        layout: &Layout,
        sender: Side,
        due: &[&str],
    ) -> Result<Option<Received>, Reject> {
        match self.cut(due.iter().filter_map(|name| layout.frame(name))) {
            Cut::Short => return Ok(None),
            Cut::Whole(spec, bytes) => return Ok(Some(Received { spec, bytes })),
            Cut::Bad(reject) if reject.check != Check::Opcode => return Err(reject),
            Cut::Bad(_) => {}
        }
        let tagged = layout.from_side(sender).filter(|spec| spec.is_tagged());
        match first_match(tagged, &self.bytes) {
            None => Err(Reject::new(Check::Opcode, "header")),
            // Half of a tag may still become another one.
            Some((spec, _)) if self.bytes.len() < leading_tag(&spec) => Ok(None),
            Some(_) => Err(Reject::new(Check::Phase, "header")),
        }
    }

    /// Let `next` remove what stands at the front, and tell whoever drives the endpoint how far `conn` has been read.
    ///
    /// # Errors
    /// Those of `next`.
    pub fn read<T>(
        &mut self,
        conn: Conn,
        out: &mut Output,
        next: impl FnOnce(&mut Self) -> Result<Option<T>, Reject>,
    ) -> Result<Option<T>, Reject> {
        let before = self.bytes.len();
        let result = next(self);
        if before > 0 {
            let found = match &result {
                Ok(None) if self.bytes.len() == before => Found::Incomplete,
                Err(_) if self.bytes.len() == before => Found::Refused,
                _ => Found::Frame,
            };
            out.read(conn, self.bytes.len(), found);
        }
        result
    }

    /// As [`Inbox::cut`], and tell whoever drives the endpoint how far `conn` has been read.
    ///
    /// # Errors
    /// What stands at the front is none of these frames, or lies about its length.
    pub fn cut_on<'a>(
        &mut self,
        conn: Conn,
        out: &mut Output,
        specs: impl Iterator<Item = &'a Arc<FrameSpec>>,
    ) -> Result<Option<Received>, Reject> {
        self.read(conn, out, |inbox| inbox.next(specs))
    }

    /// As [`Inbox::cut`]; nothing while the frame is incomplete.
    ///
    /// # Errors
    /// What stands at the front is none of these frames, or lies about its length.
    pub fn next<'a>(
        &mut self,
        specs: impl Iterator<Item = &'a Arc<FrameSpec>>,
    ) -> Result<Option<Received>, Reject> {
        match self.cut(specs) {
            Cut::Short => Ok(None),
            Cut::Whole(spec, bytes) => Ok(Some(Received { spec, bytes })),
            Cut::Bad(reject) => Err(reject),
        }
    }

    /// Tell whoever drives the endpoint that what stands at the front is refused, whatever it is.
    pub fn refuse_on(&self, conn: Conn, out: &mut Output) {
        if !self.bytes.is_empty() {
            out.read(conn, self.bytes.len(), Found::Refused);
        }
    }

    /// Remove and return the oldest `count` bytes, or all there are. The usual case, one whole
    /// frame waiting, moves the buffer instead of copying it.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        if count >= self.bytes.len() {
            return std::mem::take(&mut self.bytes);
        }
        let rest = self.bytes.split_off(count);
        std::mem::replace(&mut self.bytes, rest)
    }
}

/// The bytes of the tag that a frame begins with; 0 if it begins with something else.
fn leading_tag(spec: &FrameSpec) -> usize {
    match spec.fields.first().map(|field| field.role) {
        Some(Role::Tag(tag)) => tag.len(),
        _ => 0,
    }
}

/// One whole frame, owned by whoever works on it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its type.
    pub spec: Arc<FrameSpec>,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Received {
    /// A frame somebody recorded.
    pub fn of(frame: &Frame) -> Self {
        Self { spec: frame.spec.clone(), bytes: frame.bytes.to_vec() }
    }

    /// The bytes of a field; nothing where the profile has no such field.
    pub fn field(&self, name: &str) -> &[u8] {
        let range = self.spec.range(name, &self.bytes);
        range.and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// Where several fields lie; nowhere what the profile does not have.
    pub fn places<const N: usize>(&self, names: [&str; N]) -> [Range<usize>; N] {
        self.spec.places(names, &self.bytes).map(Option::unwrap_or_default)
    }

    /// What lies there.
    pub fn at(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// A field of exactly `N` bytes.
    ///
    /// # Errors
    /// [`Check::Layout`] where it has another length.
    pub fn array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], Reject> {
        array(self.field(name), name)
    }

    /// Everything that stands before a field.
    pub fn before(&self, name: &str) -> &[u8] {
        let range = self.spec.range(name, &self.bytes);
        range.and_then(|range| self.bytes.get(..range.start)).unwrap_or_default()
    }
}

/// The bytes of the field `name`, which has to have exactly `N`.
///
/// # Errors
/// [`Check::Layout`] where it has another length.
pub fn array<const N: usize>(field: &[u8], name: &'static str) -> Result<[u8; N], Reject> {
    field.try_into().map_err(|_| Reject::new(Check::Layout, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Field;

    #[test]
    fn takes_in_order_and_keeps_the_rest() {
        let mut inbox = Inbox::default();
        inbox.push(b"abc");
        inbox.push(b"def");
        assert_eq!(inbox.take(4), b"abcd");
        assert_eq!(inbox.waiting(), b"ef");
        assert_eq!(inbox.take(9), b"ef");
        assert!(inbox.waiting().is_empty());
    }
    #[test]
    fn what_is_due_is_taken_and_everything_else_is_told_apart() {
        let frame = |name, tag: &'static [u8]| {
            let tag = Field::new("tag", Role::Tag(tag), tag.len());
            let fields = vec![tag, Field::new("body", Role::Bytes, 1)];
            Arc::new(FrameSpec::of(name, Some(Side::Client), fields, 10))
        };
        let frames = vec![frame("HELLO", b"hi"), frame("BYE", b"ha")];
        let layout = Layout { system: "own", frames, turns: &[] };
        let next = |bytes: &[u8], due: &[&str]| {
            let next = Inbox::of(bytes).next_due(&layout, Side::Client, due);
            next.map(|found| found.map(|frame| (frame.spec.name, frame.bytes)))
        };
        let whole = Ok(Some(("HELLO", b"hi1".to_vec())));
        assert_eq!(next(b"hi1ha2", &["HELLO"]), whole);
        for short in [&b""[..], b"h", b"hi"] {
            assert_eq!(next(short, &["HELLO", "BYE"]), Ok(None));
            let expected = if short.len() < 2 { Ok(None) } else { PHASE };
            assert_eq!(next(short, &["BYE"]), expected, "{short:?}");
        }
        assert_eq!(next(b"ha2", &["HELLO"]), PHASE);
        assert_eq!(next(b"ha2", &[]), PHASE);
        assert_eq!(next(b"ho", &["HELLO"]), Err(Reject::new(Check::Opcode, "header")));
    }

    const PHASE: Result<Option<(&str, Vec<u8>)>, Reject> = Err(Reject::new(Check::Phase, "header"));
}
