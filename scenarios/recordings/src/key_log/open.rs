//! What a key log opens of a capture.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use capture::{Ending, Visitor};
use files::diagnostic::escape;
use protocol::compromise::RecordedFrame;
use protocol::endpoint::{Message, Side, Tick};
use protocol::layout::{Deframer, Frame};
use protocol::session_secret::SessionSecret;

use super::{Connection, Line};
use crate::import::writes::Writes;

/// The most bytes of connections that are kept at once: their secrets open them when they are over.
pub const MOST_KEPT: usize = 128 << 20;
/// The most messages that are told.
const MOST_OPENED: usize = 1_000_000;

/// A message of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The packet in which its frame was complete.
    pub packet: u64,
    /// Who sent it.
    pub from: Side,
    /// The type of its frame.
    pub kind: &'static str,
    /// What its receiver is told.
    pub message: Message,
}

/// Is told of a capture, and opens what it can.
#[derive(Debug)]
pub struct Listener {
    /// The ends of connections between these addresses, in the order of the key log, each with its secrets.
    waiting: BTreeMap<(SocketAddr, SocketAddr), VecDeque<Ends>>,
    streams: BTreeMap<u32, Stream>,
    kept: usize,
    /// What was opened, in the order of packets when all is over.
    opened: Vec<Opened>,
    /// Connections that the key log is about.
    pub connections: usize,
    /// What the reader could not make sense of, and what was too large to be kept.
    pub problems: Vec<(u64, String)>,
}

/// What both ends of one connection told, or one of them.
type Ends = Vec<(Connection, Vec<SessionSecret>)>;

#[derive(Debug)]
struct Stream {
    ends: Ends,
    deframers: [Deframer; 2],
    writes: Writes,
    /// The last packet of each side.
    latest: [u64; 2],
    frames: Vec<(u64, Side, Frame)>,
    closed: [bool; 2],
    /// How many bytes of it are kept; nothing where it is given up.
    kept: Option<usize>,
}

impl Listener {
    /// With these secrets.
    pub fn new(lines: &[Line]) -> Self {
        let mut waiting: BTreeMap<_, VecDeque<Ends>> = BTreeMap::new();
        // Where each connection is among those between its addresses: both ends of one may tell of it, each in its own order.
        let mut places = BTreeMap::new();
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for Line { connection, secret } in lines {
            let between = waiting.entry((connection.client, connection.server)).or_default();
            let place = *places.entry(connection.key()).or_insert_with(|| {
                let count = counts.entry((connection.client, connection.server, connection.end));
                let count = count.or_default();
                *count += 1;
                *count - 1
            });
            if between.len() <= place {
                between.resize_with(place + 1, Ends::new);
            }
            let Some(ends) = between.get_mut(place) else { continue };
            match ends.iter_mut().find(|(known, _)| known == connection) {
                Some((_, secrets)) => secrets.push(secret.clone()),
                None => ends.push((*connection, vec![secret.clone()])),
            }
        }
        Self {
            waiting,
            streams: BTreeMap::new(),
            kept: 0,
            opened: Vec::new(),
            connections: 0,
            problems: Vec::new(),
        }
    }

    /// All that was opened, in the order of packets.
    pub fn finish(&mut self) -> Vec<Opened> {
        let open: Vec<u32> = self.streams.keys().copied().collect();
        for number in open {
            self.open(number);
        }
        self.opened.sort_by_key(|opened| opened.packet);
        std::mem::take(&mut self.opened)
    }

    /// Bytes of one side, a whole write where frames are told by reads.
    fn keep(&mut self, number: u32, from: Side, bytes: &Bytes) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        let Some(kept) = &mut stream.kept else { return };
        *kept += bytes.len();
        self.kept += bytes.len();
        let mut frames = Vec::new();
        from.of(&mut stream.deframers).push(bytes, &mut frames);
        let packet = *from.of(&mut stream.latest);
        stream.frames.extend(frames.into_iter().map(|frame| (packet, from, frame)));
        if self.kept > MOST_KEPT {
            self.kept -= *kept;
            (stream.kept, stream.frames) = (None, Vec::new());
            let what = format!(
                "session {number} is not opened: more than {} MiB of connections at once",
                MOST_KEPT >> 20
            );
            self.problems.push((packet, what));
        }
    }

    /// Open what a connection carried.
    fn open(&mut self, number: u32) {
        for from in [Side::Client, Side::Server] {
            self.pushed(number, from);
        }
        let Some(stream) = self.streams.remove(&number) else { return };
        self.kept -= stream.kept.unwrap_or(0);
        let mut seen: BTreeMap<usize, Message> = BTreeMap::new();
        for (Connection { system, profile, port, .. }, secrets) in &stream.ends {
            let recording: Vec<_> = stream
                .frames
                .iter()
                .map(|(_, from, frame)| RecordedFrame { service: *port, from: *from, frame })
                .collect();
            seen.extend((system.secrets.open)(*profile, secrets, &recording));
        }
        for (at, message) in seen {
            if let Some((packet, from, frame)) = stream.frames.get(at)
                && self.opened.len() < MOST_OPENED
            {
                let (packet, from, kind) = (*packet, *from, frame.spec.name);
                self.opened.push(Opened { packet, from, kind, message });
            }
        }
    }
}

impl Visitor for Listener {
    fn opened(&mut self, number: u32, client: SocketAddr, server: SocketAddr, _: Tick) {
        let waiting = self.waiting.get_mut(&(client, server)).and_then(VecDeque::pop_front);
        let Some(ends) = waiting else { return };
        let Some((Connection { system, profile, port, .. }, _)) = ends.first() else { return };
        let layout = Arc::new((system.layout)(*profile));
        let deframers =
            [Side::Client, Side::Server].map(|side| Deframer::new(layout.clone(), *port, side));
        self.connections += 1;
        let writes = Writes::new(&layout);
        let (frames, latest, closed, kept) = (Vec::new(), [0; 2], [false; 2], Some(0));
        let stream = Stream { ends, deframers, writes, latest, frames, closed, kept };
        self.streams.insert(number, stream);
    }

    fn data(&mut self, number: u32, from: Side, _: Tick, packet: u64, bytes: &[u8]) {
        // Whoever answers has read what was written.
        self.pushed(number, from.other());
        let Some(stream) = self.streams.get_mut(&number) else { return };
        *from.of(&mut stream.latest) = packet;
        if let Some(bytes) = stream.writes.data(from, bytes) {
            self.keep(number, from, &bytes);
        }
    }

    fn pushed(&mut self, number: u32, from: Side) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        if let Some(bytes) = stream.writes.ended(from) {
            self.keep(number, from, &bytes);
        }
    }

    fn missing(&mut self, number: u32, from: Side, _: Tick, _: u64) {
        self.pushed(number, from);
        if let Some(stream) = self.streams.get_mut(&number) {
            // What is there of a frame with a hole is no frame.
            drop(from.of(&mut stream.deframers).finish());
        }
    }

    fn closed(&mut self, number: u32, from: Side, _: Tick, how: Ending) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        *from.of(&mut stream.closed) = true;
        if stream.closed == [true; 2] || how == Ending::Reset {
            self.open(number);
        }
    }

    fn problem(&mut self, packet: u64, what: &str) {
        if self.problems.len() < 1000 {
            self.problems.push((packet, escape(what)));
        }
    }
}
