//! One endpoint and its connections as data: what waits to be sent, and when the endpoint wants to be woken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;

use protocol::endpoint::{Claim, Conn, Endpoint, Fact, Output, Side, Tick};
use tokio::sync::Notify;

use super::event::{Event, Observer, Trouble};
use super::host::HostPort;

/// A server closes a connection with more bytes than this to send: its client does not read. A client has no such limit, because its user
/// decides what it sends.
const MOST_QUEUED: usize = 16 * 1024 * 1024;

pub(super) struct State {
    pub(super) endpoint: Box<dyn Endpoint>,
    pub(super) side: Side,
    /// Where further connections go, by service.
    pub(super) addresses: Vec<HostPort>,
    pub(super) connections: BTreeMap<Conn, Connection>,
    pub(super) last: u32,
    /// Connections being made.
    pub(super) pending: usize,
    pub(super) out: Output,
    pub(super) buffer: Vec<u8>,
    pub(super) observer: Box<dyn Observer>,
    /// How many commands were given, and how many of those were sent or refused.
    pub(super) given: u64,
    pub(super) done: u64,
    /// When the endpoint wants to be woken, and whether the timer task runs.
    pub(super) wakes: BTreeSet<Tick>,
    pub(super) has_timer: bool,
}

/// One connection, as the driver sees it.
pub(super) struct Connection {
    pub(super) queue: VecDeque<Vec<u8>>,
    /// How much of the first in the queue is sent.
    pub(super) sent: usize,
    pub(super) queued: usize,
    pub(super) closing: bool,
    /// Where the peer is, and whether it has shown who it is.
    pub(super) from: IpAddr,
    pub(super) known: bool,
    pub(super) wake: Rc<Notify>,
}

/// Whether a fact settles a command: the message is sent, or refused before it was.
pub(super) fn settles(fact: &Fact) -> bool {
    match fact {
        Fact::Sent(_) => true,
        Fact::Rejected(reject) => reject.field == "message",
        _ => false,
    }
}

impl State {
    /// A peer counts as authenticated once the endpoint has established a session with it, or exchanged a message.
    pub(super) fn learn(&mut self, claim: &Claim) {
        if let Fact::Established(_) | Fact::Delivered(_) | Fact::Acknowledged(_) = claim.fact
            && let Some(connection) = self.connections.get_mut(&claim.conn)
        {
            connection.known = true;
        }
    }

    pub(super) fn send(&mut self, now: Tick, conn: Conn, mut bytes: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.closing || bytes.is_empty() {
            return;
        }
        if self.side == Side::Server && connection.queued > MOST_QUEUED {
            let what = Trouble::NotReading(connection.queued);
            connection.queue.clear();
            connection.queued = 0;
            self.observer.on_event(now, Event::Trouble { conn: Some(conn), what });
            return self.close(conn);
        }
        // The limit counts lengths, so a buffer must not hold much more memory than its length. The first in the queue is sent soon, so
        // it is not worth a copy.
        if !connection.queue.is_empty() && bytes.capacity() > 2 * bytes.len() {
            bytes.shrink_to_fit();
        }
        connection.queued += bytes.len();
        connection.queue.push_back(bytes);
        connection.wake.notify_one();
    }

    pub(super) fn close(&mut self, conn: Conn) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.closing = true;
            connection.wake.notify_one();
        }
    }
}
