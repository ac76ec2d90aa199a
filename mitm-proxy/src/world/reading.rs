//! What has arrived for an endpoint, and how far it has read: byte by byte, so that what it claims, answers and closes
//! belongs to the frame it had read then, and a frame that nobody read counts as lost.

use protocol::endpoint::{Conn, Found, Input, Output, Reading, Side};

use super::state::World;
use super::unread::{Span, Unread};
use crate::trace::{Fate, Trace};

impl World {
    /// A segment with bytes of these frames is there for an endpoint.
    pub(super) fn arrives(&mut self, link: u32, to: Side, bytes: usize, numbers: &[u32]) {
        let unread = self.unread.entry((link, to)).or_default();
        let mut rest = bytes;
        for (at, number) in numbers.iter().enumerate() {
            // A segment with several frames holds whole frames only, so their sizes say which bytes are whose.
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
