//! What a visitor gets of a capture, and within which bounds.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use protocol::endpoint::{Side, Tick};

use super::format::Ending;
use super::unused::Unused;

/// How many reasons are told one by one.
const MOST_REASONS: usize = 8;

/// Gets what a capture holds, in order. Times count from the first packet; packets and sessions count from 1.
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
    /// The same, by the reason.
    pub unused: BTreeMap<Unused, u64>,
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

impl Summary {
    /// Why there is no connection, where there is none: how many packets there are, and what they are instead.
    pub fn reasons(&self) -> String {
        let s = if self.packets == 1 { "" } else { "s" };
        let mut text = format!("no TCP connection in its {} packet{s}", self.packets);
        let mut reasons: Vec<_> = self.unused.iter().collect();
        reasons.sort_by_key(|(_, count)| Reverse(**count));
        let shown = reasons.iter().take(MOST_REASONS);
        let mut parts: Vec<_> = shown.map(|(why, count)| why.counted(**count)).collect();
        let others: u64 = reasons.iter().skip(MOST_REASONS).map(|(_, count)| **count).sum();
        if others > 0 {
            parts.push(format!("{others} packets are of other kinds"));
        }
        if self.stray > 0 {
            parts.push(format!("TCP without a SYN or data: {}", self.stray));
        }
        if !parts.is_empty() {
            text = format!("{text}: {}", parts.join("; "));
        }
        text
    }
}

/// How much memory reading takes at most, besides one packet. Of bytes that were told the last 64 KiB of a direction, and as many
/// as `total` of all, are kept as well: what is sent again is compared with them.
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
