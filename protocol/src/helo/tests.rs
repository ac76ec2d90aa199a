//! Conversations of `helo` in memory: a device, a server, and a wire that can be meddled with.

mod honest;
mod meddled;
mod robust;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::session::{IDLE_PATIENCE, PATIENCE};
use super::*;
use crate::endpoint::{
    Check, Claim, Command, Conn, End, Endpoint, Fact, Input, Message, Output, Reject, Service,
    Side, Tick,
};
use crate::entropy::Entropy;
use crate::layout::{Deframer, Frame};
use crate::systems::Setup;
use crate::weakness::Profile;

/// As-built, hardened and every weakness alone.
pub(super) fn profiles() -> Vec<Profile> {
    let mut all = vec![Profile::as_built(&SYSTEM), Profile::HARDENED];
    all.extend(SYSTEM.planted.iter().map(|planted| Profile::only(planted.weakness)));
    all
}

fn as_built() -> Profile {
    Profile::as_built(&SYSTEM)
}

fn setup(profile: Profile, number: u32) -> Setup {
    Setup::lab(profile, 7, number)
}

const LINK: Conn = Conn(1);

/// What an attacker does with one frame: `None` lets it pass, anything else takes its place.
type Meddle<'a> = &'a mut dyn FnMut(Side, &Frame) -> Option<Vec<Vec<u8>>>;

/// A device and a server, and the wire between them. Frames are cut as the attacker cuts them.
struct Pair {
    client: Box<dyn Endpoint>,
    server: Box<dyn Endpoint>,
    conn: Conn,
    wires: [VecDeque<Vec<u8>>; 2],
    closed: [bool; 2],
    cutters: [Deframer; 2],
    frames: Vec<(Side, Frame)>,
    claims: Vec<Claim>,
    now: Tick,
    wakes: Vec<(Tick, Side)>,
    /// The largest segment delivered, in bytes.
    segment: usize,
}

impl Pair {
    fn new(profile: Profile) -> Self {
        let client = (SYSTEM.client)(setup(profile, 1));
        Self::of(client, (SYSTEM.server)(setup(profile, 0)), profile)
    }

    fn of(client: Box<dyn Endpoint>, server: Box<dyn Endpoint>, profile: Profile) -> Self {
        let layout = Arc::new((SYSTEM.layout)(profile));
        let cutters = [Side::Client, Side::Server]
            .map(|side| Deframer::new(layout.clone(), Service(0), side));
        Self {
            client,
            server,
            conn: LINK,
            wires: Default::default(),
            closed: [false; 2],
            cutters,
            frames: Vec::new(),
            claims: Vec::new(),
            now: Tick(0),
            wakes: Vec::new(),
            segment: usize::MAX,
        }
    }

    fn step(&mut self, side: Side, input: Input<'_>) {
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
        self.wakes.extend(out.wake.map(|at| (at, side)));
        self.claims.extend(out.claims);
    }

    fn open(&mut self) {
        let conn = self.conn;
        self.step(Side::Server, Input::Opened(conn, Service(0)));
        self.step(Side::Client, Input::Opened(conn, Service(0)));
    }

    /// Deliver until nothing moves.
    fn pump(&mut self, meddle: Meddle<'_>) {
        let mut told = [false; 2];
        loop {
            let Some(from) = [Side::Client, Side::Server]
                .into_iter()
                .find(|side| !self.wires[*side as usize].is_empty())
            else {
                let gone = |side: &Side| self.closed[*side as usize] && !told[*side as usize];
                match [Side::Client, Side::Server].into_iter().find(gone) {
                    Some(side) => {
                        told[side as usize] = true;
                        self.step(side.other(), Input::Closed(self.conn));
                        continue;
                    }
                    None => return,
                }
            };
            let bytes = Bytes::from(self.wires[from as usize].pop_front().unwrap());
            let mut cut = Vec::new();
            self.cutters[from as usize].push(&bytes, &mut cut);
            assert_eq!(cut.len(), 1, "a write is a frame");
            let frame = cut.remove(0);
            assert_eq!(frame.bytes, bytes);
            let instead = meddle(from, &frame);
            self.frames.push((from, frame));
            for segment in instead.unwrap_or_else(|| vec![bytes.to_vec()]) {
                for part in segment.chunks(self.segment.min(segment.len().max(1))) {
                    self.step(from.other(), Input::Received(self.conn, part));
                }
            }
        }
    }

    fn command(&mut self, command: &Command) {
        self.step(Side::Client, Input::Command(command));
    }

    fn commands(&mut self, commands: &[Command]) {
        for command in commands {
            self.command(command);
        }
    }

    fn types(&self) -> Vec<&'static str> {
        self.frames.iter().map(|(_, frame)| frame.spec.name).collect()
    }

    fn facts(&self, local: &str) -> Vec<Fact> {
        let own = self.claims.iter().filter(|claim| claim.local.as_str() == local);
        own.map(|claim| claim.fact.clone()).collect()
    }

    fn rejects(&self, local: &str) -> Vec<String> {
        let facts = self.facts(local).into_iter();
        facts
            .filter_map(|fact| match fact {
                Fact::Rejected(reject) => Some(reject.to_string()),
                _ => None,
            })
            .collect()
    }

    fn ends(&self, local: &str) -> Vec<End> {
        let facts = self.facts(local).into_iter();
        facts
            .filter_map(|fact| match fact {
                Fact::Ended(end) => Some(end),
                _ => None,
            })
            .collect()
    }

    fn delivered(&self) -> Vec<String> {
        let facts = self.facts(SERVER).into_iter();
        facts
            .filter_map(|fact| match fact {
                Fact::Delivered(message) => Some(message.to_string()),
                _ => None,
            })
            .collect()
    }

    fn acknowledged(&self) -> usize {
        let facts = self.claims.iter();
        facts.filter(|claim| matches!(claim.fact, Fact::Acknowledged(_))).count()
    }
}

fn untouched(_: Side, _: &Frame) -> Option<Vec<Vec<u8>>> {
    None
}

fn script() -> Vec<Command> {
    let video = Bytes::from((0..5000u32).map(|i| i.to_be_bytes()[3]).collect::<Vec<u8>>());
    vec![
        Command::Send(Message::text("pay bob 100")),
        Command::Send(Message::text("")),
        Command::Send(Message::file("cat é.png", Bytes::from_static(b"\x89PNG"))),
        Command::Send(Message::file("clip.mp4", video)),
        Command::End,
    ]
}

fn texts() -> Vec<Command> {
    let text = |text: &str| Command::Send(Message::text(text));
    vec![text("first"), text("second"), Command::End]
}

/// Run `commands` with `meddle` on the wire.
fn run(profile: Profile, commands: &[Command], meddle: Meddle<'_>) -> Pair {
    let mut pair = Pair::new(profile);
    pair.commands(commands);
    pair.open();
    pair.pump(meddle);
    pair
}

/// Do `change` to the `nth` frame of this type and sender, counted from 1.
fn once<'a>(
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

fn flipped(frame: &Frame, field: &str) -> Vec<Vec<u8>> {
    let mut bytes = frame.bytes.to_vec();
    let at = frame.spec.range(field, bytes.len()).unwrap().start;
    bytes[at] ^= 1;
    vec![bytes]
}

fn replayed(frame: &Frame) -> Vec<Vec<u8>> {
    vec![frame.bytes.to_vec(), frame.bytes.to_vec()]
}

fn retyped(frame: &Frame, header: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = frame.bytes.to_vec();
    bytes[..6].copy_from_slice(header);
    vec![bytes]
}

/// What the server delivered and refused, and how its session ended.
fn check(pair: &Pair, delivered: &[&str], rejects: &[&str], end: Option<End>) {
    assert_eq!(pair.delivered(), delivered);
    assert_eq!(pair.rejects(SERVER), rejects);
    assert_eq!(pair.ends(SERVER), Vec::from_iter(end));
}

fn sent(fact: Fact) -> Option<Message> {
    if let Fact::Sent(message) = fact { Some(message) } else { None }
}

fn delivered(fact: Fact) -> Option<Message> {
    if let Fact::Delivered(message) = fact { Some(message) } else { None }
}
