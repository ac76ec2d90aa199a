//! A channel of one's own in a world: a client and a server without any protection, and an attacker who replays a payment.
//!
//! Run it with `cargo run -p mitm-proxy --example own_endpoint`.

use std::hash::{Hash, Hasher};
use std::io::{self, Write};

use mitm_proxy::prelude::*;
use protocol::endpoint::{Claim, Command, Conn, Endpoint, Fact, Input, Output, Tick};
use protocol::layout::{Field, FrameSpec, Layout, Role};

/// One end of the channel. Each message is a length of two bytes and a text.
#[derive(Clone, Debug)]
struct Plain {
    name: &'static str,
    peer: &'static str,
    conn: Option<Conn>,
    /// Bytes that have arrived and are not a whole message yet.
    received: Vec<u8>,
}

impl Plain {
    fn new(name: &'static str, peer: &'static str) -> Self {
        Self { name, peer, conn: None, received: Vec::new() }
    }

    fn claim(&self, conn: Conn, fact: Fact) -> Claim {
        Claim { conn, local: self.name.into(), peer: self.peer.into(), fact }
    }

    /// The next whole message, if there is one.
    fn next_message(&mut self) -> Option<Message> {
        let (length, rest) = self.received.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let text = String::from_utf8_lossy(rest.get(..length)?).into_owned();
        self.received.drain(..2 + length);
        Some(Message::text(text))
    }
}

impl Endpoint for Plain {
    fn step(&mut self, _: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => self.conn = Some(conn),
            Input::Received(conn, bytes) => {
                self.received.extend_from_slice(bytes);
                while let Some(message) = self.next_message() {
                    out.claims.push(self.claim(conn, Fact::Delivered(message)));
                }
            }
            Input::Command(Command::Send(message)) => {
                let Some(conn) = self.conn else { return };
                let Ok(length) = u16::try_from(message.body.len()) else { return };
                let frame = [&length.to_be_bytes()[..], &message.body].concat();
                out.writes.push((conn, frame));
                out.claims.push(self.claim(conn, Fact::Sent(message.clone())));
            }
            Input::Command(Command::End) => out.closes.extend(self.conn),
            Input::Closed(conn) => out.closes.push(conn),
            Input::Timeout => {}
        }
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        (self.name, self.conn, &self.received).hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.received.len()
    }
}

fn layout() -> Layout {
    let fields = vec![Field::new("length", Role::LENGTH, 2), Field::rest("text", Role::Bytes)];
    let frame = FrameSpec::of("MSG", None, fields, 2 + 65_535);
    Layout { system: "plain", frames: vec![frame.into()], turns: &[] }
}

fn main() -> io::Result<()> {
    let endpoints = OwnEndpoints::new(
        layout(),
        |_| Box::new(Plain::new("alice", "bob")),
        |_| Box::new(Plain::new("bob", "alice")),
    );
    let plan = WorldSpec::new(Victims::Own(endpoints))
        .client([Step::Send(Message::text("pay bob 100")), Step::End])
        .rule(Rule::new(when("MSG").from(Side::Client).nth(1), replay(1)));
    let mut world = World::new(&plan);
    world.run();
    for record in &world.trace().claims {
        if let Fact::Delivered(message) = &record.claim.fact {
            writeln!(io::stdout(), "{} took {message}", record.claim.local)?;
        }
    }
    Ok(())
}
