//! The connections of a capture: which connection a segment belongs to, who is its client, in which order the visitor gets its two
//! directions, and when it is over.
//!
//! Packets may be in any order. So the visitor gets nothing of a connection while something earlier may still come: until the beginnings of both
//! directions are known, and while bytes are missing that the other side has acknowledged. Both directions wait then, and the visitor gets them
//! in the order of their packets. What waits is bounded ([`Limits`](super::Limits)).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use protocol::endpoint::{Side, Tick};

use super::format::Ending;
use super::link::Arrived;
use super::sink::Sink;
use super::stream_reassembler::{ArrivedSegment, Delivery, StreamReassembler};

/// A RST or a late SYN counts only if its sequence number is at most this many bytes from what is known. Others are stray packets.
const NEAR: u64 = 1 << 20;

/// Both addresses of a connection, the smaller first.
type Pair = (SocketAddr, SocketAddr);

/// All connections that are followed, and some that are over: late packets belong to them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    table: BTreeMap<Pair, Session>,
}

#[derive(Debug)]
struct Session {
    /// From 1, once it is told.
    number: Option<u32>,
    /// Who sent the SYN, once that is known.
    client: Option<SocketAddr>,
    pair: Pair,
    /// What the smaller address sends, and what the other does.
    streams: [StreamReassembler; 2],
    /// A RST: from which of the two, in which packet, and when.
    reset: Option<(usize, u64, Tick)>,
    /// It was told.
    over: bool,
    /// It was said that data follows the reset.
    told: bool,
    /// The packet that was its first, when that was, and the one that was its last so far.
    first: (u64, Tick),
    latest: u64,
    packets: u64,
}

/// How much longer something is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Patience {
    /// As long as there is room.
    Room,
    /// No longer: nothing more will come.
    None,
}

impl Sessions {
    /// A segment arrives. Whatever follows from it goes to the sink.
    pub(super) fn arrive(&mut self, segment: &Arrived<'_>, sink: &mut Sink<'_>) {
        let pair = pair(segment);
        let known = self.table.get_mut(&pair);
        let role = known.as_ref().map_or(Role::Foreign, |session| session.role(segment));
        match (role, known) {
            (Role::Member, Some(session)) => session.arrive(segment, sink),
            (_, known) => {
                if segment.rst {
                    sink.summary.stray += 1;
                    return;
                }
                if let Some(old) = known {
                    old.finish(sink);
                    self.table.remove(&pair);
                }
                self.make_room(sink);
                let mut session = Session::new(pair, sink);
                session.arrive(segment, sink);
                self.table.insert(pair, session);
            }
        }
    }

    /// The capture is over: tell what was waited for, in the order of the packets.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        let mut sessions: Vec<Session> = std::mem::take(&mut self.table).into_values().collect();
        sessions.sort_by_key(|session| session.first.0);
        let turns = sessions.iter().enumerate().map(|(at, session)| Reverse((session.turn(), at)));
        let mut turns: BinaryHeap<_> = turns.collect();
        while let Some(Reverse((_, at))) = turns.pop() {
            let Some(session) = sessions.get_mut(at) else { continue };
            if session.step(Patience::None, sink) {
                turns.push(Reverse((session.turn(), at)));
            }
        }
        for session in &mut sessions {
            session.finish(sink);
        }
    }

    /// When there are too many, forget a quarter: those that are over, then those that were silent longest.
    fn make_room(&mut self, sink: &mut Sink<'_>) {
        let most = sink.limits.sessions.max(1);
        if self.table.len() < most {
            return;
        }
        let order =
            |(pair, session): (&Pair, &Session)| (!session.is_over(), session.latest, *pair);
        let mut all: Vec<_> = self.table.iter().map(order).collect();
        all.sort_unstable();
        for (_, _, pair) in all.iter().take(most.div_ceil(4)) {
            let Some(mut session) = self.table.remove(pair) else { continue };
            let followed = !session.is_over();
            session.finish(sink);
            if let Some(number) = session.number.filter(|_| followed) {
                let most = sink.limits.sessions;
                sink.problem(&format!(
                    "more than {most} connections at once: session {number} is not followed further"
                ));
            }
        }
    }
}

/// What a segment is to a session between the same addresses.
enum Role {
    /// A part of it.
    Member,
    /// The beginning of another.
    Foreign,
}

impl Session {
    /// A session that a packet shows first.
    fn new(pair: Pair, sink: &Sink<'_>) -> Self {
        Self {
            number: None,
            client: None,
            pair,
            streams: Default::default(),
            reset: None,
            over: false,
            told: false,
            first: (sink.packet, sink.at),
            latest: 0,
            packets: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.over || self.streams.iter().all(|way| way.closed)
    }

    /// Which of the streams this address sends.
    fn index(&self, from: SocketAddr) -> usize {
        usize::from(from != self.pair.0)
    }

    /// What an address sends, and what the other does.
    fn streams(&mut self, from: usize) -> (&mut StreamReassembler, &mut StreamReassembler) {
        let [one, other] = &mut self.streams;
        if from == 0 { (one, other) } else { (other, one) }
    }

    /// Which side sends a way.
    fn side(&self, way: usize) -> Side {
        let address = if way == 0 { self.pair.0 } else { self.pair.1 };
        if self.client == Some(address) { Side::Client } else { Side::Server }
    }

    fn role(&self, segment: &Arrived<'_>) -> Role {
        if !segment.syn {
            return Role::Member;
        }
        let [one, other] = &self.streams;
        let way = if segment.from == self.pair.0 { one } else { other };
        let first = segment.sequence.wrapping_add(1);
        let again = way.initial == Some(segment.sequence);
        // A capture may have the SYN after what it begins.
        let late = match way.initial {
            None if way.has_begun() => way.begins_at(first),
            None => u64::try_from(way.lowest_from(first)).is_ok_and(|before| before <= NEAR),
            Some(_) => false,
        };
        // An answer to a session that goes on belongs to it, right or wrong; a SYN by itself begins another.
        if again || late || (segment.acknowledged.is_some() && !self.is_over()) {
            Role::Member
        } else {
            Role::Foreign
        }
    }

    fn arrive(&mut self, segment: &Arrived<'_>, sink: &mut Sink<'_>) {
        let from = self.index(segment.from);
        self.latest = sink.packet;
        self.packets += 1;
        if segment.syn && !self.begin(segment, from, sink) {
            return;
        }
        let (side, number) = (self.side(from), self.number.unwrap_or_default());
        sink.about(number, side);
        if self.over {
            if !segment.payload.is_empty()
                && !self.told
                && self.streams(from).0.is_ahead(segment.sequence)
            {
                self.told = true;
                sink.problem(&format!("data after the reset of session {number}"));
            }
            return;
        }
        if let Some(acknowledged) = segment.acknowledged {
            self.streams(from).1.acknowledge(acknowledged);
        }
        if segment.cut > 0 {
            sink.problem(&format!("{} bytes of it were not captured", segment.cut));
        }
        let sequence = segment.sequence.wrapping_add(u32::from(segment.syn));
        if segment.rst {
            self.reset(sequence, from, sink);
        } else if segment.fin || !segment.payload.is_empty() || segment.cut > 0 {
            let Arrived { payload, cut, fin, psh, .. } = *segment;
            let waits = self.streams.iter().any(StreamReassembler::is_waiting);
            let turn = if waits || self.number.is_none() { Delivery::Later } else { Delivery::Now };
            self.streams(from).0.arrive(
                ArrivedSegment { sequence, payload, cut, fin, psh },
                turn,
                sink,
            );
        }
        self.tell(sink);
    }

    /// A SYN arrives: it says who is the client, and where a direction begins; an answered one says it of both. Nothing
    /// more is to be taken of a wrong one.
    fn begin(&mut self, segment: &Arrived<'_>, from: usize, sink: &mut Sink<'_>) -> bool {
        let client = if segment.acknowledged.is_some() { segment.to } else { segment.from };
        let client = *self.client.get_or_insert(client);
        self.open(client, sink);
        let (side, number) = (self.side(from), self.number.unwrap_or_default());
        sink.about(number, side);
        let (way, back) = self.streams(from);
        let first = segment.sequence.wrapping_add(1);
        if !way.has_begun() {
            way.initial = Some(segment.sequence);
            way.begin(first, sink);
        } else if way.initial.is_none() && way.begins_at(first) {
            way.initial = Some(segment.sequence);
        } else if way.initial != Some(segment.sequence) {
            sink.problem(&format!("a second, different SYN of the {side} in session {number}"));
            return false;
        }
        if let Some(acknowledged) = segment.acknowledged
            && !back.has_begun()
            && u64::try_from(back.lowest_from(acknowledged)).is_ok_and(|before| before <= NEAR)
        {
            back.begin(acknowledged, sink.about(number, side.other()));
        }
        true
    }

    /// Tell that there is a session.
    fn open(&mut self, client: SocketAddr, sink: &mut Sink<'_>) {
        if self.number.is_some() {
            return;
        }
        let server = if client == self.pair.0 { self.pair.1 } else { self.pair.0 };
        sink.summary.sessions = sink.summary.sessions.saturating_add(1);
        let number = sink.summary.sessions;
        (self.number, self.client) = (Some(number), Some(client));
        sink.visitor.opened(number, client, server, self.first.1);
    }

    /// A RST arrives. What it carries is no data.
    fn reset(&mut self, sequence: u32, from: usize, sink: &mut Sink<'_>) {
        if self.is_over() || self.reset.is_some() {
            return;
        }
        if self.streams(from).0.distance(sequence) > NEAR {
            sink.problem("a RST outside the window, ignored");
            return;
        }
        self.reset = Some((from, sink.packet, sink.at));
    }

    /// Tell whatever need not wait.
    fn tell(&mut self, sink: &mut Sink<'_>) {
        while self.step(Patience::Room, sink) {}
    }

    /// Nothing more will come: tell everything.
    fn finish(&mut self, sink: &mut Sink<'_>) {
        while self.step(Patience::None, sink) {}
        if self.number.is_none() {
            sink.summary.stray += self.packets;
        }
        for way in &mut self.streams {
            way.release(sink);
        }
    }

    /// The packet of what comes next, for the order among sessions.
    fn turn(&self) -> u64 {
        if self.number.is_none() {
            return self.first.0;
        }
        self.streams.iter().filter_map(StreamReassembler::following).min().unwrap_or(u64::MAX)
    }

    /// Take one step; nothing is left to do if there was none.
    fn step(&mut self, patience: Patience, sink: &mut Sink<'_>) -> bool {
        let (packet, at) = (sink.packet, sink.at);
        let stepped = self.step_at(patience, sink);
        (sink.packet, sink.at) = (packet, at);
        stepped
    }

    fn step_at(&mut self, patience: Patience, sink: &mut Sink<'_>) -> bool {
        if self.over {
            return false;
        }
        let full = patience == Patience::None || self.is_too_much(sink);
        // A gap in one direction blocks both.
        if self.streams.iter().any(|way| !way.has_begun() && way.is_waiting()) {
            if !full {
                return false;
            }
            self.guess(sink);
            self.streams.iter_mut().for_each(StreamReassembler::decide);
            return true;
        }
        if let Some(at) = self.streams.iter().position(StreamReassembler::lacks) {
            return full && self.skip(at, sink);
        }
        // Whose turn it is.
        let turns = self.streams.iter().enumerate();
        let next = turns.filter_map(|(at, way)| Some((way.next()?, at))).min();
        if let Some((packet, at)) = next {
            let (side, number) = (self.side(at), self.number.unwrap_or_default());
            sink.about(number, side).at_packet(packet);
            self.streams(at).0.tell(sink);
            return true;
        }
        let waiting = self.streams.iter().any(StreamReassembler::is_waiting);
        if waiting && !full {
            return false;
        }
        // The gaps are all that is left: the one that was found first.
        let gaps = self.streams.iter().enumerate();
        let gap = gaps.filter_map(|(at, way)| Some((way.following()?, at))).min();
        if let Some((_, at)) = gap {
            return self.skip(at, sink);
        }
        self.end(patience, sink)
    }

    /// Everything was told: what else was said to be there, and the reset.
    fn end(&mut self, patience: Patience, sink: &mut Sink<'_>) -> bool {
        let number = self.number.unwrap_or_default();
        if patience == Patience::None || self.reset.is_some() {
            for at in [0, 1] {
                let side = self.side(at);
                self.streams(at).0.finish(sink.about(number, side));
            }
        }
        if let Some((from, packet, at)) = self.reset
            && self.number.is_some()
        {
            self.over = true;
            let side = self.side(from);
            sink.about(number, side).at_packet(packet).at(at);
            sink.visitor.closed(number, side, at, Ending::Reset);
        }
        false
    }

    fn skip(&mut self, at: usize, sink: &mut Sink<'_>) -> bool {
        let (side, number) = (self.side(at), self.number.unwrap_or_default());
        self.streams(at).0.skip(sink.about(number, side))
    }

    /// Without a SYN, the higher port is taken for the client's.
    fn guess(&mut self, sink: &mut Sink<'_>) {
        if self.client.is_some() {
            return;
        }
        let (one, other) = self.pair;
        let client = if one.port() >= other.port() { one } else { other };
        self.open(client, sink);
        let number = self.number.unwrap_or_default();
        sink.at_packet(self.first.0).problem(&format!(
            "session {number} begins without a SYN: {client}, with the higher port, is taken for the client"
        ));
    }

    /// Whether it holds more than it may.
    fn is_too_much(&self, sink: &Sink<'_>) -> bool {
        let cost = |way: &StreamReassembler| way.cost() > sink.limits.direction;
        let holds = self.streams.iter().any(|way| way.cost() > 0);
        self.streams.iter().any(cost) || (holds && *sink.held > sink.limits.total)
    }
}

fn pair(segment: &Arrived<'_>) -> Pair {
    (segment.from.min(segment.to), segment.from.max(segment.to))
}
