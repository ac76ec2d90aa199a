//! Measuring the bytes that wait in a stream against a frame type.

use std::sync::Arc;

use memchr::memmem;

use super::{Field, FrameSpec, Role, Size, json};
use crate::endpoint::{Check, Reject};

/// What the bytes waiting in a stream are, measured against one frame type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Another type: a tag differs.
    Other,
    /// Too few bytes to tell.
    Short,
    /// The beginning of a frame of this many bytes.
    Begun(usize),
    /// A whole frame of this many bytes stands at the front.
    Whole(usize),
    /// This type, but its length cannot be.
    Bad(Reject),
}

const BAD: Measure = Measure::Bad(Reject::new(Check::Length, "length"));

/// How far into a frame of one type a measurement came, so that the next one, with more bytes, goes on from there. No
/// byte is searched twice for the end of a field, but for those that may begin a delimiter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Search {
    /// The fields that are behind.
    field: usize,
    /// Where the next one begins.
    at: usize,
    /// How many of its bytes have been searched for its end.
    searched: usize,
    /// The same for an object.
    scan: json::Scan,
    /// The bytes up to the last tag or length that is behind.
    head: usize,
    /// The bytes of the frame, if a length that is behind tells.
    total: Option<usize>,
}

/// What the search for the end of a field came to.
enum End {
    /// The field and what ends it, to here.
    At(usize),
    /// Not among what has arrived.
    Unknown,
    /// It is no such field.
    Other,
}

impl Search {
    /// Go on from a field whose end is searched for, because all before it is settled.
    fn reach(&mut self, field: usize, at: usize, head: usize) {
        (self.field, self.at, self.head) = (field, at, head);
    }

    fn delimiter(&mut self, field: &Field, delimiter: &[u8], waiting: &[u8]) -> End {
        let bytes = waiting.get(self.at..).unwrap_or_default();
        let unseen = bytes.get(self.searched..).unwrap_or_default();
        note_work(unseen.len());
        if let Some(found) = memmem::find(unseen, delimiter) {
            let size = self.searched + found;
            return match field.role {
                Role::Tag(tag) if bytes.get(..size) != Some(tag) => End::Other,
                _ => End::At(self.at + size + delimiter.len()),
            };
        }
        self.searched = (bytes.len() + 1).saturating_sub(delimiter.len()).max(self.searched);
        match field.role {
            Role::Tag(tag) => {
                let fits = tag.starts_with(bytes) || bytes.starts_with(tag);
                let room = bytes.len() < tag.len() + delimiter.len();
                if fits && room { End::Unknown } else { End::Other }
            }
            _ => End::Unknown,
        }
    }

    fn object(&mut self, waiting: &[u8]) -> End {
        let bytes = waiting.get(self.at..).unwrap_or_default();
        if bytes.first().is_some_and(|first| *first != b'{') {
            return End::Other;
        }
        let unseen = bytes.get(self.searched..).unwrap_or_default();
        note_work(unseen.len());
        if let Some(end) = self.scan.end(unseen) {
            return End::At(self.at + self.searched + end);
        }
        self.searched = bytes.len();
        End::Unknown
    }
}

impl FrameSpec {
    /// Measure the front of `waiting` against this type.
    pub fn measure(&self, waiting: &[u8]) -> Measure {
        self.measure_on(&mut Search::default(), waiting)
    }

    /// The same, going on from where `search` came to with fewer bytes of the same frame.
    pub(super) fn measure_on(&self, search: &mut Search, waiting: &[u8]) -> Measure {
        // Fields of fixed size are looked at again, which costs less than remembering them.
        let Search { mut at, mut head, mut total, field: first, .. } = *search;
        // The first field whose place depends on how long the frame is.
        let mut open = None;
        for (index, field) in self.fields.iter().enumerate().skip(first) {
            let end = match field.size {
                Size::Member(_) => continue,
                Size::Fixed(size) => {
                    let end = at.saturating_add(size);
                    let seen = waiting.get(at..waiting.len().min(end)).unwrap_or_default();
                    match field.role {
                        Role::Tag(tag) if !tag.starts_with(seen) => return Measure::Other,
                        Role::Tag(_) => head = end,
                        Role::Length(length) => {
                            head = end;
                            if seen.len() == size {
                                total = Some(length.total(seen, end));
                            }
                        }
                        _ => {}
                    }
                    at = end;
                    continue;
                }
                // Nothing is behind that has not been seen.
                Size::Until(_) | Size::Object if total.is_none() && waiting.len() < at => {
                    return Measure::Short;
                }
                Size::Until(delimiter) if total.is_none() => {
                    search.reach(index, at, head);
                    search.delimiter(field, delimiter, waiting)
                }
                Size::Object if total.is_none() => {
                    search.reach(index, at, head);
                    search.object(waiting)
                }
                Size::Rest | Size::Until(_) | Size::Object => {
                    open = Some(index);
                    break;
                }
            };
            match end {
                End::Other => return Measure::Other,
                End::Unknown if waiting.len() >= self.max => return self.too_long(index),
                End::Unknown => return Measure::Short,
                End::At(end) => {
                    if let (Role::Length(length), Size::Until(delimiter)) = (field.role, field.size)
                    {
                        let value = waiting.get(at..end - delimiter.len()).unwrap_or_default();
                        total = Some(length.total(value, end));
                    }
                    if matches!(field.role, Role::Tag(_) | Role::Length(_)) {
                        head = end;
                    }
                    at = end;
                    *search = Search { field: index + 1, at, head, total, ..Search::default() };
                }
            }
        }
        self.conclude(waiting, at, head, total, open)
    }

    /// What it comes to: `at` bytes up to the field `open`, or to the end.
    fn conclude(
        &self,
        waiting: &[u8],
        at: usize,
        head: usize,
        total: Option<usize>,
        open: Option<usize>,
    ) -> Measure {
        let behind = self.fields.iter().skip(open.unwrap_or(self.fields.len()));
        let least = behind.map(|field| field.size.least()).fold(at, usize::saturating_add);
        let total = match (total, open) {
            _ if waiting.len() < head => return Measure::Short,
            (Some(total), _) => total,
            (None, None) => at,
            // One read is one frame, unless it shows where the next begins.
            (None, Some(open)) if waiting.len() >= least => {
                self.within_read(waiting, at, open).unwrap_or(waiting.len())
            }
            (None, Some(_)) => return Measure::Short,
        };
        let fits = if open.is_some() { total >= least } else { total == least };
        if !fits || total > self.max {
            // Another type may have that length, and tell itself by a tag that has not come yet.
            return if self.tagged_late { Measure::Other } else { BAD };
        }
        let Some(frame) = waiting.get(..total) else {
            return if self.tagged_late { Measure::Short } else { Measure::Begun(total) };
        };
        if self.tagged_late && !self.has_all_tags(frame) {
            return Measure::Other;
        }
        Measure::Whole(total)
    }

    /// The size of a frame in a read that has more, where a tag behind the field that takes the rest tells: that field begins at
    /// `at`, and ends before the first such tag.
    #[cold]
    fn within_read(&self, waiting: &[u8], at: usize, open: usize) -> Option<usize> {
        let Role::Tag(tag) = self.fields.get(open + 1)?.role else { return None };
        let found = memmem::find(waiting.get(at..)?, tag)?;
        let total = at + found + self.tail;
        let frame = waiting.get(..total).filter(|frame| frame.len() < waiting.len())?;
        self.has_all_tags(frame).then_some(total)
    }

    /// What bytes are in which the field `index` has no end and the largest frame has: another type, if a tag behind it could
    /// have told.
    #[cold]
    fn too_long(&self, index: usize) -> Measure {
        let mut behind = self.fields.iter().skip(index + 1);
        let is_told = behind.any(|field| matches!(field.role, Role::Tag(_)));
        if is_told { Measure::Other } else { BAD }
    }

    /// Whether every tag is there and in its place. Kept out of the way of frames whose tags stand in front: those are measured with
    /// fewer instructions then.
    #[cold]
    fn has_all_tags(&self, frame: &[u8]) -> bool {
        let tag = |field: &Field| match field.role {
            Role::Tag(tag) => Some(tag),
            _ => None,
        };
        let tags = self.fields.iter().filter(|field| tag(field).is_some()).count();
        let found = self.ranges(frame).filter(|(field, range)| {
            let wanted = tag(field);
            wanted.is_some() && frame.get(range.clone()) == wanted
        });
        found.count() == tags
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
thread_local! {
    /// How many bytes have been searched for the end of a field.
    pub(super) static WORK: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn note_work(bytes: usize) {
    WORK.set(WORK.get() + bytes);
}

#[cfg(not(test))]
const fn note_work(_: usize) {}
