//! Where the results of a packet go: to the visitor, and into the counts.

use protocol::endpoint::{Side, Tick};

use super::format::Ending;
use super::visit::{Limits, Summary, Visitor};

/// What one packet may do for one direction of one session.
pub(super) struct Sink<'a> {
    pub(super) visitor: &'a mut dyn Visitor,
    pub(super) summary: &'a mut Summary,
    pub(super) limits: Limits,
    /// The cost of all pieces held.
    pub(super) held: &'a mut usize,
    /// Bytes that were told and are kept all the same.
    pub(super) recent: &'a mut usize,
    pub(super) session: u32,
    pub(super) from: Side,
    pub(super) at: Tick,
    pub(super) packet: u64,
}

impl Sink<'_> {
    /// The same, about this side.
    pub(super) fn about(&mut self, session: u32, from: Side) -> &mut Self {
        self.session = session;
        self.from = from;
        self
    }

    /// The same, about this time.
    pub(super) fn at(&mut self, at: Tick) -> &mut Self {
        self.at = at;
        self
    }

    /// The same, about this packet.
    pub(super) fn at_packet(&mut self, packet: u64) -> &mut Self {
        self.packet = packet;
        self
    }

    pub(super) fn data(&mut self, packet: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.summary.bytes += bytes.len() as u64;
            self.visitor.data(self.session, self.from, self.at, packet, bytes);
        }
    }

    pub(super) fn pushed(&mut self) {
        self.visitor.pushed(self.session, self.from);
    }

    pub(super) fn missing(&mut self, bytes: u64) {
        if bytes > 0 {
            self.summary.missing += bytes;
            self.visitor.missing(self.session, self.from, self.at, bytes);
            let (session, from) = (self.session, self.from);
            self.problem(&format!("{bytes} bytes of the {from} are missing in session {session}"));
        }
    }

    pub(super) fn closed(&mut self) {
        self.visitor.closed(self.session, self.from, self.at, Ending::Finished);
    }

    pub(super) fn problem(&mut self, what: &str) {
        self.summary.problems += 1;
        self.visitor.problem(self.packet, what);
    }
}
