//! What several targets share: honest conversations whose endpoints are prepared once, and inputs made of two parts.

pub mod sequence;

use std::collections::{BTreeMap, VecDeque};
use std::str;

use bytes::Bytes;
use protocol::endpoint::{
    Claim, Command, Conn, Endpoint, Fact, Input, Kind, Message, Output, PortIndex, Side, Tick,
};
use protocol::system::{Setup, System};
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

/// The most events of a conversation: some would go on for ever with timeouts.
const MOST_EVENTS: usize = 80;

/// Whose frames are encrypted with RSA also within a session: answers to the client of `helo`, and messages of `suite` one way.
const RSA_IN_SESSIONS: [(&str, &str, Side); 3] = [
    ("helo", "as-built", Side::Client),
    ("helo", "hardened", Side::Client),
    ("suite", "as-built", Side::Server),
];

/// Every system, as built and hardened.
pub fn victims() -> Vec<(&'static System, Profile)> {
    let both = |system| [(system, Profile::as_built(system)), (system, Profile::HARDENED)];
    SYSTEMS.iter().flat_map(both).collect()
}

/// An input of two parts: text up to the first zero byte, and the bytes behind that.
pub fn text_and_bytes(input: &[u8]) -> Option<(&str, &[u8])> {
    let (text, bytes) = match input.iter().position(|byte| *byte == 0) {
        Some(at) => (input.get(..at)?, input.get(at + 1..)?),
        None => (input, &[][..]),
    };
    Some((str::from_utf8(text).ok()?, bytes))
}

/// A message that an application of this system can send.
pub fn message(kind: Kind, body: &[u8]) -> Message {
    match kind {
        Kind::Text => Message::text(String::from_utf8_lossy(body)),
        Kind::Numbers => Message::numbers(String::from_utf8_lossy(body)),
        Kind::Aggregate => Message::aggregate(String::from_utf8_lossy(body)),
        Kind::Image => Message::file("a.png", Bytes::copy_from_slice(body)),
        Kind::Video => Message::file("a.mp4", Bytes::copy_from_slice(body)),
    }
}

/// An endpoint at one moment of an honest conversation.
#[derive(Debug)]
pub struct Moment {
    /// The system.
    pub system: &'static System,
    /// Its profile.
    pub profile: Profile,
    /// The endpoint as it is then.
    pub endpoint: Box<dyn Endpoint>,
    /// When it is.
    pub now: Tick,
    /// Whether it has RSA ahead of it, where everything else takes a hundredth of the time: before a session is established, and
    /// where frames of a session are encrypted with it.
    pub rsa: bool,
    /// How many connections are open.
    pub conns: u32,
    /// What the peer sends from then on, one segment after the other.
    pub ahead: Vec<(Conn, Vec<u8>)>,
}

/// What happens to one end, with bytes of its own.
enum Event {
    Opened(Conn, PortIndex),
    Received(Conn, Vec<u8>),
    Closed(Conn),
    Timeout,
}

/// Every moment of the honest conversations of all systems: both ends before each event, and at the end.
pub fn moments() -> Vec<Moment> {
    victims().into_iter().flat_map(|(system, profile)| conversation(system, profile)).collect()
}

fn conversation(system: &'static System, profile: Profile) -> Vec<Moment> {
    let setup = Setup::lab(profile, 7, 1);
    let mut ends = [(system.client)(setup), (system.server)(setup)];
    let (mut now, mut conns) = (Tick(0), 1);
    let mut established = [false; 2];
    let mut out = Output::default();
    for kind in system.carries.iter().filter(|kind| **kind != Kind::Aggregate) {
        let command = Command::Send(message(*kind, b"1,2,3"));
        Side::Client.of(&mut ends).step(now, Input::Command(&command), &mut out);
    }
    Side::Client.of(&mut ends).step(now, Input::Command(&Command::End), &mut out);
    let first = [Side::Server, Side::Client];
    let mut events: VecDeque<(Side, Event)> =
        first.map(|side| (side, Event::Opened(Conn(1), PortIndex(0)))).into();
    let mut wakes: BTreeMap<(Tick, usize), Side> = BTreeMap::new();
    let mut sent: [Vec<(Conn, Vec<u8>)>; 2] = Default::default();
    // Each moment, whose it is, and how much had arrived before.
    let mut found: Vec<(Side, usize, Moment)> = Vec::new();
    for number in 0..MOST_EVENTS {
        let next = events.pop_front().or_else(|| {
            let ((at, _), side) = wakes.pop_first()?;
            now = now.max(at);
            Some((side, Event::Timeout))
        });
        let side = next.as_ref().map_or(Side::Server, |(side, _)| *side);
        let endpoint = side.of(&mut ends).fork();
        let before = side.other().of(&mut sent).len()
            - events
                .iter()
                .chain(&next)
                .filter(|(to, event)| *to == side && matches!(event, Event::Received(..)))
                .count();
        let rsa = !*side.of(&mut established)
            || RSA_IN_SESSIONS.contains(&(system.name, profile.name(), side));
        let ahead = Vec::new();
        let moment = Moment { system, profile, endpoint, now, rsa, conns, ahead };
        found.push((side, before, moment));
        let Some((side, event)) = next else { break };
        let mut out = Output::default();
        let input = match &event {
            Event::Opened(conn, service) => Input::Opened(*conn, *service),
            Event::Received(conn, bytes) => Input::Received(*conn, bytes),
            Event::Closed(conn) => Input::Closed(*conn),
            Event::Timeout => Input::Timeout,
        };
        side.of(&mut ends).step(now, input, &mut out);
        let establishes = |claim: &Claim| matches!(claim.fact, Fact::Established(_));
        *side.of(&mut established) |= out.claims.iter().any(establishes);
        for (conn, bytes) in out.writes {
            side.of(&mut sent).push((conn, bytes.clone()));
            events.push_back((side.other(), Event::Received(conn, bytes)));
        }
        for service in out.opens {
            conns += 1;
            events.extend(first.map(|side| (side, Event::Opened(Conn(conns), service))));
        }
        events.extend(out.closes.into_iter().map(|conn| (side.other(), Event::Closed(conn))));
        if let Some(at) = out.wake {
            wakes.insert((at, number), side);
        }
    }
    let with_ahead = |(side, before, moment): (Side, usize, Moment)| {
        let ahead = side.other().of(&mut sent).get(before..).unwrap_or_default().to_vec();
        Moment { ahead, ..moment }
    };
    found.into_iter().map(with_ahead).collect()
}
