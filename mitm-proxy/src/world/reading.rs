//! What has arrived for an endpoint, and how far it has read: byte by byte, so that what it claims, answers and closes
//! belongs to the frame it had read then, and a frame that nobody read counts as lost.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use protocol::endpoint::{Conn, Found, Input, Output, Reading, Side};

use super::World;
use crate::trace::{Fate, Trace};

/// The bytes of one connection that its receiver has not read yet, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread {
    spans: VecDeque<Span>,
    /// How many of these bytes the endpoint was given.
    given: usize,
    /// The number of the frame that had the last byte read.
    last: Option<u32>,
}

/// The unread bytes of one frame.
#[derive(Clone, Debug)]
struct Span {
    /// The number of the frame; none for what a strategy asked.
    number: Option<u32>,
    bytes: usize,
    /// The endpoint has looked at it.
    seen: bool,
}

impl Unread {
    /// Take a reading: the frame it was about, and the frames that were seen by it for the first time.
    fn read(&mut self, reading: &Reading) -> (Option<u32>, Vec<u32>) {
        let mut seen = Vec::new();
        let mut taken = self.given.saturating_sub(reading.left);
        self.given -= taken;
        while taken > 0
            && let Some(span) = self.spans.front_mut()
        {
            self.last = span.number;
            seen.extend(span.number.filter(|_| !std::mem::replace(&mut span.seen, true)));
            let here = span.bytes.min(taken);
            (taken, span.bytes) = (taken - here, span.bytes - here);
            if span.bytes == 0 {
                self.spans.pop_front();
            }
        }
        let looked_at = match reading.found {
            Found::Frame => 0,
            Found::Refused => 1,
            // Whether a frame is whole, the last byte of it tells.
            Found::Incomplete => self.spans.len(),
        };
        let mut given = self.given;
        for span in self.spans.iter_mut().take(looked_at).filter(|span| span.bytes > 0) {
            if given == 0 {
                break;
            }
            given = given.saturating_sub(span.bytes);
            seen.extend(span.number.filter(|_| !std::mem::replace(&mut span.seen, true)));
        }
        let about = match reading.found {
            Found::Refused => self.spans.front().and_then(|span| span.number),
            Found::Frame | Found::Incomplete => self.last,
        };
        (about, seen)
    }

    /// Everything the endpoint was given it has read: it does not say how far.
    fn read_all(&mut self) -> Vec<u32> {
        self.given = 0;
        self.spans.drain(..).filter(|span| !span.seen).filter_map(|span| span.number).collect()
    }

    /// Frames of which the endpoint has not looked at a single byte.
    fn unseen(&self) -> impl Iterator<Item = u32> {
        self.spans.iter().filter(|span| !span.seen).filter_map(|span| span.number)
    }
}

/// Why an endpoint wrote or closed something, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Because {
    /// The frame it had read.
    pub(super) frame: Option<u32>,
    /// The last of all records there was then.
    pub(super) moment: u64,
}

impl Hash for Because {
    /// It is about the past, and decides nothing of the future.
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl World {
    /// A segment with bytes of these frames is there for an endpoint.
    pub(super) fn arrives(&mut self, link: u32, to: Side, bytes: usize, numbers: &[u32]) {
        let unread = self.unread.entry((link, to)).or_default();
        let mut rest = bytes;
        for (at, number) in numbers.iter().enumerate() {
            // Only whole frames share a segment.
            let last = at + 1 == numbers.len();
            let own = self.trace.frame(*number).map_or(0, |record| record.frame.bytes.len());
            let own = if last { rest } else { own.min(rest) };
            rest -= own;
            unread.spans.push_back(Span { number: Some(*number), bytes: own, seen: false });
        }
    }

    /// A strategy asks an endpoint.
    pub(super) fn asks(&mut self, link: u32, to: Side, bytes: usize) {
        let unread = self.unread.entry((link, to)).or_default();
        unread.spans.push_back(Span { number: None, bytes, seen: false });
    }

    /// An actor was given this input and answered with `out`: bytes it was given count.
    pub(super) fn given(&mut self, actor: usize, input: Input<'_>, out: &Output) {
        let Some(state) = self.actors.get_mut(actor) else { return };
        state.says_what_it_reads |= !out.readings.is_empty();
        let says = state.says_what_it_reads;
        let Input::Received(Conn(link), bytes) = input else { return };
        let side = self.side(actor);
        let Some(unread) = self.unread.get_mut(&(link, side)) else { return };
        unread.given += bytes.len();
        if !says {
            let seen = unread.read_all();
            note(&mut self.trace, &seen);
        }
    }

    /// An actor has read so far: the frame that what follows is about, if that changed.
    pub(super) fn takes(&mut self, actor: usize, reading: &Reading) -> Option<u32> {
        let side = self.side(actor);
        let unread = self.unread.get_mut(&(reading.conn.0, side))?;
        let (about, seen) = unread.read(reading);
        note(&mut self.trace, &seen);
        about.filter(|_| reading.found != Found::Incomplete)
    }

    /// An endpoint reads no more of a link: what it has not looked at never reached it.
    pub(super) fn leaves_unread(&mut self, link: u32, side: Side) {
        let Some(unread) = self.unread.remove(&(link, side)) else { return };
        lose(&mut self.trace, &unread);
    }

    /// The run is at rest.
    pub(super) fn settle(&mut self) {
        for unread in self.unread.values() {
            lose(&mut self.trace, unread);
        }
        self.trace.settle();
    }
}

/// These frames have been read now.
fn note(trace: &mut Trace, seen: &[u32]) {
    for number in seen {
        let moment = trace.next_moment();
        if let Some(record) = trace.frame_mut(*number) {
            record.read.get_or_insert(moment);
        }
    }
}

fn lose(trace: &mut Trace, unread: &Unread) {
    for number in unread.unseen() {
        if let Some(record) = trace.frame_mut(number).filter(|record| record.read.is_none()) {
            record.fate = Fate::Lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames 1, 2 and 3 of ten bytes each, all given to the endpoint.
    fn three() -> Unread {
        let span = |number| Span { number: Some(number), bytes: 10, seen: false };
        Unread { spans: [1, 2, 3].map(span).into(), given: 30, last: None }
    }

    fn reading(left: usize, found: Found) -> Reading {
        Reading { conn: Conn(1), left, found, claims: 0, writes: 0, closes: 0 }
    }

    #[test]
    fn what_is_taken_belongs_to_the_frame_with_its_last_byte() {
        let mut unread = three();
        assert_eq!(unread.read(&reading(20, Found::Frame)), (Some(1), vec![1]));
        // An end that takes more for a frame than the sender sent as one.
        assert_eq!(unread.read(&reading(5, Found::Frame)), (Some(3), vec![2, 3]));
        assert_eq!(unread.read(&reading(0, Found::Frame)), (Some(3), vec![]));
        assert_eq!(unread.unseen().count(), 0);
    }

    #[test]
    fn what_is_refused_is_the_frame_at_the_front() {
        let mut unread = three();
        unread.read(&reading(20, Found::Frame));
        assert_eq!(unread.read(&reading(20, Found::Refused)), (Some(2), vec![2]));
        assert_eq!(unread.unseen().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn who_waits_for_the_rest_has_looked_at_all_it_was_given_and_at_nothing_else() {
        let mut unread = three();
        unread.given = 15;
        assert_eq!(unread.read(&reading(15, Found::Incomplete)), (None, vec![1, 2]));
        assert_eq!(unread.unseen().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn behind_a_goodbye_nothing_is_seen() {
        let mut unread = three();
        unread.read(&reading(20, Found::Frame));
        assert_eq!(unread.unseen().collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn who_never_says_how_far_it_reads_has_read_all() {
        let mut unread = three();
        assert_eq!(unread.read_all(), [1, 2, 3]);
        assert_eq!(unread.unseen().count(), 0);
    }

    #[test]
    fn a_question_of_a_strategy_is_no_frame() {
        let mut unread = three();
        unread.spans.push_front(Span { number: None, bytes: 4, seen: false });
        unread.given = 34;
        assert_eq!(unread.read(&reading(30, Found::Frame)), (None, vec![]));
        assert_eq!(unread.read(&reading(20, Found::Frame)), (Some(1), vec![1]));
    }
}
