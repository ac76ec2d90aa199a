//! What has arrived at an end of a link and was not read yet, byte by byte, with the frames the bytes belong to.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use protocol::endpoint::{Found, Reading};

/// The bytes of one connection that its receiver has not read yet, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread {
    pub(super) spans: VecDeque<Span>,
    /// How many of these bytes the endpoint was given.
    pub(super) given: usize,
    /// The number of the frame that had the last byte read.
    last: Option<u32>,
}

/// The unread bytes of one frame.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The number of the frame; none for what a strategy asked.
    pub(super) number: Option<u32>,
    pub(super) bytes: usize,
    /// The endpoint has looked at it.
    pub(super) seen: bool,
}

impl Unread {
    /// Take a reading: the frame it was about, and the frames that were seen by it for the first time.
    pub(super) fn read(&mut self, reading: &Reading) -> (Option<u32>, Vec<u32>) {
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
            // The endpoint needs the last byte of a frame to know that the frame is whole, so it has looked at all it was given.
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

    /// The endpoint does not say how far it reads, so it counts as having read everything that it was given.
    pub(super) fn read_all(&mut self) -> Vec<u32> {
        self.given = 0;
        self.spans.drain(..).filter(|span| !span.seen).filter_map(|span| span.number).collect()
    }

    /// Frames of which the endpoint has not looked at a single byte.
    pub(super) fn unseen(&self) -> impl Iterator<Item = u32> {
        self.spans.iter().filter(|span| !span.seen).filter_map(|span| span.number)
    }
}

/// Why an endpoint wrote or closed something, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Cause {
    /// The frame it had read.
    pub(super) frame: Option<u32>,
    /// The last of all records there was then.
    pub(super) moment: u64,
}

impl Hash for Cause {
    /// A cause is about the past. It must not make two worlds with the same future differ.
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use protocol::endpoint::Conn;

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
