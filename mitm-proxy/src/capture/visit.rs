//! What a capture tells whoever reads it, and within which bounds.

use std::net::SocketAddr;

use protocol::endpoint::{Side, Tick};

use super::Ending;

/// Is told what a capture holds, in order. Times count from the first packet; packets and sessions count from 1.
pub trait Visitor {
    /// A connection begins.
    fn opened(&mut self, session: u32, client: SocketAddr, server: SocketAddr, at: Tick);

    /// Bytes of one side, in order, each once. The time is when the last byte before them was there too; the packet is
    /// the one they were in.
    fn data(&mut self, session: u32, from: Side, at: Tick, packet: u64, bytes: &[u8]);

    /// The bytes told last were the end of what this side had written so far (PSH; RFC 9293, section 3.9.1.2).
    fn pushed(&mut self, session: u32, from: Side) {
        let _ = (session, from);
    }

    /// So many bytes of this side are not in the capture; what follows comes after them. There is a problem for it too.
    fn missing(&mut self, session: u32, from: Side, at: Tick, bytes: u64) {
        let _ = (session, from, at, bytes);
    }

    /// One side closes. After [`Ending::Reset`] nothing follows from either.
    fn closed(&mut self, session: u32, from: Side, at: Tick, how: Ending);

    /// Something is amiss with a packet, or became apparent with it.
    fn problem(&mut self, packet: u64, what: &str);
}

/// What a capture held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// The time of the first packet, in nanoseconds since 1970.
    pub began: Option<u64>,
    /// Packets of all kinds.
    pub packets: u64,
    /// TCP packets.
    pub tcp: u64,
    /// Packets of other protocols, and those that could not be made out.
    pub other: u64,
    /// TCP packets that belong to no connection followed: neither a SYN nor data before them.
    pub stray: u64,
    /// Connections.
    pub sessions: u32,
    /// Bytes told.
    pub bytes: u64,
    /// Bytes that connections had and the capture has not.
    pub missing: u64,
    /// Problems told.
    pub problems: u64,
}

/// How much memory reading takes at most, besides one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes held of one direction because others before them are missing.
    pub direction: usize,
    /// Bytes held of all directions.
    pub total: usize,
    /// Connections followed at once, and remembered after their end.
    pub sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { direction: 1 << 20, total: 64 << 20, sessions: 1 << 16 }
    }
}
