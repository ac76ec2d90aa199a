//! The connections of a capture: which one a segment belongs to, who is the client, when it is over.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use protocol::endpoint::Side;

use super::Ending;
use super::link::Arrived;
use super::sink::Sink;
use super::way::{Brought, Way};

/// How far from the next byte a RST is believed, in bytes: a stray one ends nothing.
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
    number: u32,
    client: SocketAddr,
    to_server: Way,
    to_client: Way,
    reset: bool,
    /// It was said that data follows the reset.
    told: bool,
    /// The packet that was its last so far.
    latest: u64,
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
                let begins = segment.syn || !segment.payload.is_empty();
                if !begins || segment.rst {
                    sink.summary.stray += 1;
                    return;
                }
                if let Some(old) = known {
                    old.finish(sink);
                    self.table.remove(&pair);
                }
                self.make_room(sink);
                let mut session = Session::new(segment, sink);
                session.arrive(segment, sink);
                self.table.insert(pair, session);
            }
        }
    }

    /// The capture is over: tell what was waited for.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        let mut sessions: Vec<Session> = std::mem::take(&mut self.table).into_values().collect();
        sessions.sort_by_key(|session| session.number);
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
            if !session.is_over() {
                session.finish(sink);
                let number = session.number;
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
    /// A session that this segment shows first.
    fn new(segment: &Arrived<'_>, sink: &mut Sink<'_>) -> Self {
        let sender = match (segment.syn, segment.acknowledged) {
            (true, answered) => answered.is_none(),
            (false, _) => segment.from.port() >= segment.to.port(),
        };
        let (client, server) =
            if sender { (segment.from, segment.to) } else { (segment.to, segment.from) };
        sink.summary.sessions = sink.summary.sessions.saturating_add(1);
        let number = sink.summary.sessions;
        if !segment.syn {
            sink.problem(&format!(
                "session {number} begins without a SYN: {client}, with the higher port, is taken for the client"
            ));
        }
        sink.visitor.opened(number, client, server, sink.at);
        let (to_server, to_client) = (Way::default(), Way::default());
        Self { number, client, to_server, to_client, reset: false, told: false, latest: 0 }
    }

    fn is_over(&self) -> bool {
        self.reset || (self.to_server.closed && self.to_client.closed)
    }

    fn side(&self, address: SocketAddr) -> Side {
        if address == self.client { Side::Client } else { Side::Server }
    }

    /// What this side sends, and what the other does.
    fn ways(&mut self, from: Side) -> (&mut Way, &mut Way) {
        match from {
            Side::Client => (&mut self.to_server, &mut self.to_client),
            Side::Server => (&mut self.to_client, &mut self.to_server),
        }
    }

    fn role(&self, segment: &Arrived<'_>) -> Role {
        if !segment.syn {
            return Role::Member;
        }
        let from = self.side(segment.from);
        let way = match from {
            Side::Client => &self.to_server,
            Side::Server => &self.to_client,
        };
        let again = way.initial == Some(segment.sequence);
        let answers = from == Side::Server && !way.has_begun() && !self.is_over();
        // An answer to a session that goes on belongs to it, right or wrong; a SYN by itself begins another.
        if again || answers || (segment.acknowledged.is_some() && !self.is_over()) {
            Role::Member
        } else {
            Role::Foreign
        }
    }

    fn arrive(&mut self, segment: &Arrived<'_>, sink: &mut Sink<'_>) {
        let from = self.side(segment.from);
        self.latest = sink.packet;
        if self.reset {
            if !segment.payload.is_empty()
                && !self.told
                && self.ways(from).0.distance(segment.sequence) >= 0
            {
                self.told = true;
                sink.problem(&format!("data after the reset of session {}", self.number));
            }
            return;
        }
        let number = self.number;
        let (way, back) = self.ways(from);
        let mut sequence = segment.sequence;
        if segment.syn {
            sequence = sequence.wrapping_add(1);
            if !way.has_begun() {
                way.initial = Some(segment.sequence);
                way.begin(sequence);
            } else if way.initial != Some(segment.sequence) {
                sink.problem(&format!("a second, different SYN of the {from} in session {number}"));
                return;
            }
        }
        if let Some(acknowledged) = segment.acknowledged {
            back.acknowledge(acknowledged, sink.about(number, from.other()));
        }
        sink.about(number, from);
        if segment.cut > 0 {
            sink.problem(&format!("{} bytes of it were not captured", segment.cut));
        }
        if segment.rst {
            self.reset(segment, from, sink);
        } else if segment.fin || !segment.payload.is_empty() || segment.cut > 0 {
            let Arrived { payload, cut, fin, psh, .. } = *segment;
            way.arrive(Brought { sequence, payload, cut, fin, psh }, sink);
        }
    }

    /// A RST arrives. What it carries is no data.
    fn reset(&mut self, segment: &Arrived<'_>, from: Side, sink: &mut Sink<'_>) {
        if self.is_over() {
            return;
        }
        if self.ways(from).0.distance(segment.sequence).unsigned_abs() > NEAR {
            sink.problem("a RST outside the window, ignored");
            return;
        }
        self.finish(sink);
        self.reset = true;
        sink.about(self.number, from);
        sink.visitor.closed(self.number, from, sink.at, Ending::Reset);
    }

    fn finish(&mut self, sink: &mut Sink<'_>) {
        if !self.reset {
            self.to_server.finish(sink.about(self.number, Side::Client));
            self.to_client.finish(sink.about(self.number, Side::Server));
        }
    }
}

fn pair(segment: &Arrived<'_>) -> Pair {
    (segment.from.min(segment.to), segment.from.max(segment.to))
}
