//! Conversations of `ccm` in memory: a client, a server, and the connections between them, which can be meddled with.

mod compromise;
mod honest;
mod meddled;
mod robust;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::session::{IDLE_PATIENCE, PATIENCE, PAUSE};
use super::wire::{EXCHANGE, TO_CLIENT, TO_SERVER};
use super::*;
use crate::endpoint::{
    Claim, Command, Conn, End, Endpoint, Fact, Found, Input, Message, Output, PortIndex, Side, Tick,
};
use crate::layout::{Deframer, Frame};
use crate::session_secret::SessionSecret;
use crate::system::Setup;
use crate::weakness::Profile;

/// As-built, hardened and every weakness alone.
fn profiles() -> Vec<Profile> {
    let mut all = vec![as_built(), Profile::HARDENED];
    all.extend(SYSTEM.planted.iter().map(|planted| Profile::only(planted.weakness)));
    all
}

fn as_built() -> Profile {
    Profile::as_built(&SYSTEM)
}

/// A seed under which no honest message of these tests is lost to a delimiter.
const SEED: u64 = 5;

fn setup(profile: Profile, number: u32) -> Setup {
    Setup::lab(profile, SEED, number)
}

/// The connections of a first session, in the order they are opened.
const FIRST: [Conn; 3] = [Conn(1), Conn(2), Conn(3)];

/// What an attacker does with one frame: `None` lets it pass, anything else takes its place.
type Meddle<'a> = &'a mut dyn FnMut(Conn, Side, &Frame) -> Option<Vec<Vec<u8>>>;
/// The same, seeing both ends as they are before the frame arrives.
type Seeing<'a> = &'a mut dyn FnMut(&Lab, Conn, Side, &Frame) -> Option<Vec<Vec<u8>>>;

fn untouched(_: Conn, _: Side, _: &Frame) -> Option<Vec<Vec<u8>>> {
    None
}

/// Something under way.
enum Event {
    Open(Conn, PortIndex),
    Write(Conn, Side, Vec<u8>),
    Close(Conn, Side),
}

impl Event {
    fn conn(&self) -> Conn {
        match self {
            Self::Open(conn, _) | Self::Write(conn, ..) | Self::Close(conn, _) => *conn,
        }
    }
}

/// A client and a server, and the wires between them. Frames are cut as the attacker cuts them.
struct Lab {
    client: Box<dyn Endpoint>,
    server: Box<dyn Endpoint>,
    layout: Arc<crate::layout::Layout>,
    under_way: VecDeque<Event>,
    /// Which ends of each connection are open.
    open: BTreeMap<Conn, [bool; 2]>,
    cutters: BTreeMap<(Conn, Side), Deframer>,
    last: u32,
    frames: Vec<(Conn, Side, Frame)>,
    claims: Vec<Claim>,
    secrets: Vec<(Conn, Side, SessionSecret)>,
    /// What the server found on each connection, and how many bytes it left there.
    found: Vec<(Conn, Found, usize)>,
    now: Tick,
    wakes: Vec<(Tick, Side)>,
    /// The largest segment delivered, in bytes.
    segment: usize,
    /// A connection that is slower than the others.
    slow: Option<Conn>,
}

impl Lab {
    fn new(profile: Profile) -> Self {
        let client = (SYSTEM.client)(setup(profile, 1));
        Self {
            client,
            server: (SYSTEM.server)(setup(profile, 0)),
            layout: Arc::new((SYSTEM.layout)(profile)),
            under_way: VecDeque::new(),
            open: BTreeMap::new(),
            cutters: BTreeMap::new(),
            last: 0,
            frames: Vec::new(),
            claims: Vec::new(),
            secrets: Vec::new(),
            found: Vec::new(),
            now: Tick(0),
            wakes: Vec::new(),
            segment: usize::MAX,
            slow: None,
        }
    }

    fn step(&mut self, side: Side, input: Input<'_>) {
        let mut out = Output::default();
        match side {
            Side::Client => self.client.step(self.now, input, &mut out),
            Side::Server => self.server.step(self.now, input, &mut out),
        }
        for (conn, bytes) in out.writes {
            self.under_way.push_back(Event::Write(conn, side, bytes));
        }
        for service in out.opens {
            self.connect(service);
        }
        for conn in out.closes {
            if let Some(open) = self.open.get_mut(&conn)
                && std::mem::replace(&mut open[side as usize], false)
            {
                self.under_way.push_back(Event::Close(conn, side));
            }
        }
        if side == Side::Server {
            self.found.extend(out.readings.iter().map(|it| (it.conn, it.found, it.left)));
        }
        self.wakes.extend(out.wake.map(|at| (at, side)));
        self.claims.extend(out.claims);
        self.secrets.extend(out.secrets.into_iter().map(|(conn, secret)| (conn, side, secret)));
    }

    /// The client opens a connection.
    fn connect(&mut self, service: PortIndex) -> Conn {
        self.last += 1;
        let conn = Conn(self.last);
        self.open.insert(conn, [true, true]);
        for side in [Side::Client, Side::Server] {
            let cutter = Deframer::new(self.layout.clone(), service, side);
            self.cutters.insert((conn, side), cutter);
        }
        self.under_way.push_back(Event::Open(conn, service));
        conn
    }

    /// Deliver until nothing moves; pauses pass, longer waits do not.
    fn pump(&mut self, meddle: Meddle<'_>) {
        self.pump_seeing(&mut |_, conn, side, frame| meddle(conn, side, frame));
    }

    fn pump_seeing(&mut self, meddle: Seeing<'_>) {
        loop {
            let first = self.under_way.iter().position(|event| Some(event.conn()) != self.slow);
            match self.under_way.remove(first.unwrap_or(0)) {
                Some(Event::Open(conn, service)) => {
                    self.step(Side::Server, Input::Opened(conn, service));
                    self.step(Side::Client, Input::Opened(conn, service));
                }
                Some(Event::Write(conn, from, bytes)) => self.deliver(conn, from, bytes, meddle),
                Some(Event::Close(conn, from)) => {
                    let to = from.other();
                    if std::mem::replace(&mut self.open.get_mut(&conn).unwrap()[to as usize], false)
                    {
                        self.step(to, Input::Closed(conn));
                    }
                }
                None => {
                    let soon = self.now.after(PAUSE);
                    let Some(at) = self.wakes.iter().position(|(at, _)| *at <= soon) else {
                        return;
                    };
                    let (at, side) = self.wakes.remove(at);
                    self.now = self.now.max(at);
                    self.step(side, Input::Timeout);
                }
            }
        }
    }

    fn deliver(&mut self, conn: Conn, from: Side, bytes: Vec<u8>, meddle: Seeing<'_>) {
        let bytes = Bytes::from(bytes);
        let mut cut = Vec::new();
        self.cutters.get_mut(&(conn, from)).unwrap().push(&bytes, &mut cut);
        assert_eq!(cut.len(), 1, "a write is a frame");
        let frame = cut.remove(0);
        assert_eq!(frame.bytes, bytes);
        let instead = meddle(self, conn, from, &frame);
        self.frames.push((conn, from, frame));
        for segment in instead.unwrap_or_else(|| vec![bytes.to_vec()]) {
            for part in segment.chunks(self.segment.min(segment.len().max(1))) {
                if self.open[&conn][from.other() as usize] {
                    self.step(from.other(), Input::Received(conn, part));
                }
            }
        }
    }

    /// Let every wait pass that anybody waits.
    fn wait(&mut self) {
        for _ in 0..8 {
            for (at, side) in std::mem::take(&mut self.wakes) {
                self.now = self.now.max(at);
                self.step(side, Input::Timeout);
            }
            self.pump(&mut untouched);
        }
    }

    fn commands(&mut self, side: Side, commands: &[Command]) {
        for command in commands {
            self.step(side, Input::Command(command));
        }
    }

    fn types(&self, conn: Conn) -> Vec<&'static str> {
        let own = self.frames.iter().filter(|(on, ..)| *on == conn);
        own.map(|(_, _, frame)| frame.spec.name).collect()
    }

    fn facts(&self, local: &str) -> impl Iterator<Item = &Fact> {
        self.claims
            .iter()
            .filter(move |claim| claim.local.as_str() == local)
            .map(|claim| &claim.fact)
    }

    fn rejects(&self, local: &str) -> Vec<String> {
        let reject =
            |fact: &Fact| if let Fact::Rejected(it) = fact { Some(it.to_string()) } else { None };
        self.facts(local).filter_map(reject).collect()
    }

    fn ends(&self, local: &str) -> Vec<End> {
        self.facts(local)
            .filter_map(|fact| if let Fact::Ended(end) = fact { Some(*end) } else { None })
            .collect()
    }

    fn delivered(&self, local: &str) -> Vec<String> {
        self.facts(local).filter_map(delivered).map(ToString::to_string).collect()
    }

    /// The bytes of the first frame of this type.
    fn frame(&self, name: &str) -> Bytes {
        let mut frames = self.frames.iter().map(|(_, _, frame)| frame);
        frames.find(|frame| frame.spec.name == name).unwrap().bytes.clone()
    }

    /// What the server found on this connection.
    fn found(&self, conn: Conn) -> Vec<(Found, usize)> {
        let own = self.found.iter().filter(|(on, ..)| *on == conn);
        own.map(|(_, found, left)| (*found, *left)).collect()
    }

    fn count(&self, wanted: fn(&Fact) -> bool) -> usize {
        self.claims.iter().filter(|claim| wanted(&claim.fact)).count()
    }
}

fn delivered(fact: &Fact) -> Option<&Message> {
    if let Fact::Delivered(message) = fact { Some(message) } else { None }
}

fn text(text: &str) -> Command {
    Command::Send(Message::text(text))
}

/// What the client says.
fn script() -> Vec<Command> {
    let image = Message::file("é.png", Bytes::from_static(b"\x89PNG"));
    vec![text("pay bob 100"), Command::Send(image), text(""), Command::End]
}

/// What the server says.
fn answers() -> Vec<Command> {
    vec![text("paid"), Command::Send(Message::file("a.mp4", Bytes::from_static(b"mp4")))]
}

/// Run `commands`, and what the server says, with `meddle` on the wires.
fn run(profile: Profile, commands: &[Command], said: &[Command], meddle: Meddle<'_>) -> Lab {
    let mut lab = Lab::new(profile);
    lab.commands(Side::Server, said);
    lab.commands(Side::Client, commands);
    lab.connect(EXCHANGE);
    lab.pump(meddle);
    lab
}

/// Do `change` to the `nth` frame of this type and sender, counted from 1.
fn once<'a>(
    from: Side,
    name: &'a str,
    nth: usize,
    change: impl Fn(&Frame) -> Vec<Vec<u8>> + 'a,
) -> impl FnMut(Conn, Side, &Frame) -> Option<Vec<Vec<u8>>> + 'a {
    let mut seen = 0;
    move |_, side, frame| {
        let hit = side == from && frame.spec.name == name;
        seen += usize::from(hit);
        (hit && seen == nth).then(|| change(frame))
    }
}

fn flipped(frame: &Frame, field: &str) -> Vec<Vec<u8>> {
    let mut bytes = frame.bytes.to_vec();
    let at = frame.spec.range(field, &bytes).unwrap().start;
    bytes[at] ^= 1;
    vec![bytes]
}
