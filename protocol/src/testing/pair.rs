//! Two endpoints in memory and a wire that can be meddled with.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::endpoint::{
    Claim, Command, Conn, End, Endpoint, Fact, Fingerprint, Found, Input, Message, Output,
    PortIndex, Side, Tick,
};
use crate::layout::{Deframer, Frame};
use crate::session_secret::SessionSecret;
use crate::system::{Setup, System};
use crate::weakness::Profile;

/// As every system calls its server in claims.
const SERVER: &str = "server";
/// Waits of up to this long pass while frames are delivered; longer ones are for tests to let pass.
const SOON: Duration = Duration::from_millis(50);

/// The lab, with the seed of the tests.
pub fn setup(profile: Profile, number: u32) -> Setup {
    Setup::lab(profile, 7, number)
}

/// The connection of a pair.
pub const LINK: Conn = Conn(1);

/// What an attacker does with one frame: `None` lets it pass, anything else takes its place.
pub type Meddle<'a> = &'a mut dyn FnMut(Side, &Frame) -> Option<Vec<Vec<u8>>>;

/// The same, seeing both ends as they are before the frame arrives.
pub type Seeing<'a> = &'a mut dyn FnMut(&Pair, Side, &Frame) -> Option<Vec<Vec<u8>>>;

/// Every share of small order on Curve25519 and its twist, as they are written: 0, 1, two of order 8, p - 1, p and p + 1.
pub const LOW_ORDER: [[u8; 32]; 7] = {
    const fn with(first: u8, rest: u8, last: u8) -> [u8; 32] {
        let mut point = [rest; 32];
        point[0] = first;
        point[31] = last;
        point
    }
    [
        with(0, 0, 0),
        with(1, 0, 0),
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
        with(0xec, 0xff, 0x7f),
        with(0xed, 0xff, 0x7f),
        with(0xee, 0xff, 0x7f),
    ]
};

/// A client and the server, and the wire between them. Frames are cut as the attacker cuts them.
#[derive(Debug)]
pub struct Pair {
    /// The client.
    pub client: Box<dyn Endpoint>,
    /// The server.
    pub server: Box<dyn Endpoint>,
    /// Their connection.
    pub conn: Conn,
    /// What waits to be delivered, of the client and of the server.
    pub wires: [VecDeque<Vec<u8>>; 2],
    /// Which of them has closed.
    pub closed: [bool; 2],
    /// What cuts their streams.
    pub cutters: [Deframer; 2],
    /// Every frame, as it was sent.
    pub frames: Vec<(Side, Frame)>,
    /// What both claimed.
    pub claims: Vec<Claim>,
    /// Those of the client, and of the server.
    pub secrets: [Vec<SessionSecret>; 2],
    /// What the client found in what had arrived, and how many bytes it left; and the server.
    pub found: [Vec<(Found, usize)>; 2],
    /// The time.
    pub now: Tick,
    /// When each wants to be woken.
    pub wakes: Vec<(Tick, Side)>,
    /// The largest segment delivered, in bytes.
    pub segment: usize,
}

impl Pair {
    /// A client and the server with the keys of the lab.
    pub fn new(system: &System, profile: Profile) -> Self {
        let client = (system.client)(setup(profile, 1));
        Self::of(system, profile, client, (system.server)(setup(profile, 0)))
    }

    /// These two.
    pub fn of(
        system: &System,
        profile: Profile,
        client: Box<dyn Endpoint>,
        server: Box<dyn Endpoint>,
    ) -> Self {
        let layout = Arc::new((system.layout)(profile));
        let cutters = [Side::Client, Side::Server]
            .map(|side| Deframer::new(layout.clone(), PortIndex(0), side));
        Self {
            client,
            server,
            conn: LINK,
            wires: Default::default(),
            closed: [false; 2],
            cutters,
            frames: Vec::new(),
            claims: Vec::new(),
            secrets: Default::default(),
            found: Default::default(),
            now: Tick(0),
            wakes: Vec::new(),
            segment: usize::MAX,
        }
    }

    /// Give one of them an input.
    pub fn step(&mut self, side: Side, input: Input<'_>) {
        let mut out = Output::default();
        match side {
            Side::Client => self.client.step(self.now, input, &mut out),
            Side::Server => self.server.step(self.now, input, &mut out),
        }
        for (conn, bytes) in out.writes {
            assert_eq!(conn, self.conn);
            self.wires[side as usize].push_back(bytes);
        }
        for conn in out.closes {
            assert_eq!(conn, self.conn);
            self.closed[side as usize] = true;
        }
        self.found[side as usize].extend(out.readings.iter().map(|it| (it.found, it.left)));
        self.wakes.extend(out.wake.map(|at| (at, side)));
        self.claims.extend(out.claims);
        self.secrets[side as usize].extend(out.secrets.into_iter().map(|(_, secret)| secret));
    }

    /// Open the connection, at the server first.
    pub fn open(&mut self) {
        let conn = self.conn;
        self.step(Side::Server, Input::Opened(conn, PortIndex(0)));
        self.step(Side::Client, Input::Opened(conn, PortIndex(0)));
    }

    /// Deliver until nothing moves; pauses pass, longer waits do not.
    pub fn pump(&mut self, meddle: Meddle<'_>) {
        self.pump_seeing(&mut |_, side, frame| meddle(side, frame));
    }

    /// The same, with an attacker who sees both ends as they are before a frame arrives.
    pub fn pump_seeing(&mut self, meddle: Seeing<'_>) {
        let mut told = [false; 2];
        loop {
            let Some(from) = [Side::Client, Side::Server]
                .into_iter()
                .find(|side| !self.wires[*side as usize].is_empty())
            else {
                let gone = |side: &Side| self.closed[*side as usize] && !told[*side as usize];
                if let Some(side) = [Side::Client, Side::Server].into_iter().find(gone) {
                    told[side as usize] = true;
                    self.step(side.other(), Input::Closed(self.conn));
                    continue;
                }
                let soon = self.now.after(SOON);
                let Some(at) = self.wakes.iter().position(|(at, _)| *at <= soon) else { return };
                let (at, side) = self.wakes.remove(at);
                self.now = self.now.max(at);
                self.step(side, Input::Timeout);
                continue;
            };
            let bytes = Bytes::from(self.wires[from as usize].pop_front().unwrap());
            let mut cut = Vec::new();
            self.cutters[from as usize].push(&bytes, &mut cut);
            assert_eq!(cut.len(), 1, "a write is a frame");
            let frame = cut.remove(0);
            assert_eq!(frame.bytes, bytes);
            let instead = meddle(self, from, &frame);
            self.frames.push((from, frame));
            for segment in instead.unwrap_or_else(|| vec![bytes.to_vec()]) {
                for part in segment.chunks(self.segment.min(segment.len().max(1))) {
                    self.step(from.other(), Input::Received(self.conn, part));
                }
            }
        }
    }

    /// Give the client commands.
    pub fn commands(&mut self, commands: &[Command]) {
        for command in commands {
            self.step(Side::Client, Input::Command(command));
        }
    }

    /// The types of all frames.
    pub fn types(&self) -> Vec<&'static str> {
        self.frames.iter().map(|(_, frame)| frame.spec.name).collect()
    }

    /// The bytes of the first frame of this type and sender.
    pub fn frame(&self, from: Side, name: &str) -> Bytes {
        let mut frames = self.frames.iter().filter(|(side, _)| *side == from);
        frames.find(|(_, frame)| frame.spec.name == name).unwrap().1.bytes.clone()
    }

    /// What the end of this name claimed.
    pub fn facts(&self, local: &str) -> Vec<Fact> {
        let own = self.claims.iter().filter(|claim| claim.local.as_str() == local);
        own.map(|claim| claim.fact.clone()).collect()
    }

    /// What it refused, as text.
    pub fn rejects(&self, local: &str) -> Vec<String> {
        let facts = self.facts(local).into_iter();
        let reject = |fact| if let Fact::Rejected(it) = fact { Some(it.to_string()) } else { None };
        facts.filter_map(reject).collect()
    }

    /// How its sessions ended.
    pub fn ends(&self, local: &str) -> Vec<End> {
        let facts = self.facts(local).into_iter();
        facts
            .filter_map(|fact| if let Fact::Ended(end) = fact { Some(end) } else { None })
            .collect()
    }

    /// What the server delivered, as text.
    pub fn delivered(&self) -> Vec<String> {
        let facts = self.facts(SERVER).into_iter();
        facts.filter_map(delivered).map(|message| message.to_string()).collect()
    }

    /// Check that each end takes part before the other believes so, that all of it is about the same keys, and that each believes
    /// to be talking to the other. Whether the client believes anything.
    pub fn agree(&self, client: &str) -> bool {
        let facts = |local: &str, wanted: fn(&Fact) -> Option<Fingerprint>| {
            let mut claims = self.claims.iter().enumerate();
            claims.find_map(|(at, claim)| {
                let data = wanted(&claim.fact).filter(|_| claim.local.as_str() == local)?;
                Some((at, data, claim.peer.to_string()))
            })
        };
        let running = |fact: &Fact| if let Fact::Running(it) = fact { Some(*it) } else { None };
        let committed = |fact: &Fact| match fact {
            Fact::Established(data) => Some(*data),
            _ => None,
        };
        let check = |runs: &str, commits: &str| {
            let (believed, data, peer) = facts(commits, committed)?;
            let (taken_part, same, _) = facts(runs, running).unwrap();
            assert!(taken_part < believed && data == same && peer == runs, "{commits} believes it");
            Some(data)
        };
        let data = check(client, SERVER);
        assert!(data.is_some(), "the server believes nothing");
        let believed = check(SERVER, client);
        assert!(believed.is_none() || believed == data, "the two have other keys");
        believed.is_some()
    }

    /// How many messages count as acknowledged.
    pub fn acknowledged(&self) -> usize {
        let facts = self.claims.iter();
        facts.filter(|claim| matches!(claim.fact, Fact::Acknowledged(_))).count()
    }
}

/// Lets every frame pass.
pub fn untouched(_: Side, _: &Frame) -> Option<Vec<Vec<u8>>> {
    None
}

/// Run `commands` with `meddle` on the wire.
pub fn run(system: &System, profile: Profile, commands: &[Command], meddle: Meddle<'_>) -> Pair {
    let mut pair = Pair::new(system, profile);
    pair.commands(commands);
    pair.open();
    pair.pump(meddle);
    pair
}

/// So many clients and one server. Each client opens before any talks, and they take turns with their commands.
pub fn interleaved(
    system: &System,
    profile: Profile,
    clients: u32,
    commands: &[Command],
) -> Vec<Pair> {
    let mut server = (system.server)(setup(profile, 0));
    let mut pairs = Vec::new();
    for number in 1..=clients {
        let client = (system.client)(setup(profile, number));
        let mut pair = Pair::of(system, profile, client, server);
        pair.conn = Conn(number);
        pair.open();
        server = pair.server.fork();
        pairs.push(pair);
    }
    for command in commands.chunks(1) {
        for pair in &mut pairs {
            pair.server = server;
            pair.commands(command);
            pair.pump(&mut untouched);
            server = pair.server.fork();
        }
    }
    pairs
}

/// Do `change` to the `nth` frame of this type and sender, counted from 1.
pub fn once<'a>(
    from: Side,
    name: &'a str,
    nth: usize,
    change: impl Fn(&Frame) -> Vec<Vec<u8>> + 'a,
) -> impl FnMut(Side, &Frame) -> Option<Vec<Vec<u8>>> + 'a {
    let mut seen = 0;
    move |side, frame| {
        let hit = side == from && frame.spec.name == name;
        seen += usize::from(hit);
        (hit && seen == nth).then(|| change(frame))
    }
}

/// The frame with one bit of a field changed.
pub fn flipped(frame: &Frame, field: &str) -> Vec<Vec<u8>> {
    let mut bytes = frame.bytes.to_vec();
    let at = frame.spec.range(field, &bytes).unwrap().start;
    // Base64 stays base64 under this bit, but for the zero of a padding.
    bytes[at] ^= 1;
    vec![bytes]
}

/// The frame twice.
pub fn replayed(frame: &Frame) -> Vec<Vec<u8>> {
    vec![frame.bytes.to_vec(), frame.bytes.to_vec()]
}

/// What the server delivered and refused, and how its session ended.
pub fn check(pair: &Pair, delivered: &[&str], rejects: &[&str], end: Option<End>) {
    assert_eq!(pair.delivered(), delivered);
    assert_eq!(pair.rejects(SERVER), rejects);
    assert_eq!(pair.ends(SERVER), Vec::from_iter(end));
}

/// The message, if it was sent.
pub fn sent(fact: Fact) -> Option<Message> {
    if let Fact::Sent(message) = fact { Some(message) } else { None }
}

/// The message, if it was delivered.
pub fn delivered(fact: Fact) -> Option<Message> {
    if let Fact::Delivered(message) = fact { Some(message) } else { None }
}
