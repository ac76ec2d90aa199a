//! A channel of one's own under attack: texts in plain, sent again by the attacker.
//!
//! Run it with `cargo run -p judge --example own_endpoint`.

use std::hash::{Hash, Hasher};
use std::io::{self, Write};

use judge::prelude::*;
use protocol::endpoint::{Command, Conn, End, Fact, Input, Name, Output, Tick};
use protocol::inbox::Inbox;
use protocol::layout::{Field, FrameSpec, Layout, Role};
use protocol::session::SessionOutput;

/// One end. Each message is a length of two bytes and a text.
#[derive(Clone, Hash, Debug)]
struct Plain {
    name: Name,
    peer: Name,
    conn: Option<Conn>,
    inbox: Inbox,
}

impl Plain {
    fn new(name: &str, peer: &str) -> Self {
        Self { name: name.into(), peer: peer.into(), conn: None, inbox: Inbox::default() }
    }
}

fn layout() -> Layout {
    let fields = vec![Field::new("length", Role::LENGTH, 2), Field::rest("text", Role::Bytes)];
    let frame = FrameSpec::of("MSG", None, fields, 2 + 65_535);
    Layout { system: "plain", frames: vec![frame.into()], turns: &[] }
}

impl Endpoint for Plain {
    fn step(&mut self, _: Tick, input: Input<'_>, out: &mut Output) {
        if let Input::Opened(conn, _) = input {
            self.conn = Some(conn);
        }
        let Some(conn) = self.conn else { return };
        let mut output = SessionOutput { conn, local: &self.name, peer: self.peer.clone(), out };
        match input {
            Input::Received(_, bytes) => {
                self.inbox.push(bytes);
                while let Ok(Some(frame)) = self.inbox.next_due(&layout(), Side::Client, &["MSG"]) {
                    let text = String::from_utf8_lossy(frame.field("text")).into_owned();
                    output.claim(Fact::Delivered(Message::text(text)));
                }
            }
            Input::Command(Command::Send(message)) => {
                let Ok(length) = u16::try_from(message.body.len()) else { return };
                output.send([&length.to_be_bytes()[..], &message.body].concat());
                output.claim(Fact::Sent(message.clone()));
            }
            Input::Command(Command::End) | Input::Closed(_) => {
                output.end(End::Clean);
                self.conn = None;
            }
            Input::Opened(..) | Input::Timeout => {}
        }
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        self.hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.inbox.waiting().len()
    }
}

fn main() -> io::Result<()> {
    let judgement =
        Lab::new(layout(), |_| Plain::new("alice", "bob"), |_| Plain::new("bob", "alice"))
            .scope([Property::DeliveryAtMostOnce, Property::Order])
            .script([text("pay bob 100"), end()])
            .rule(Rule::new(when("MSG").from(Side::Client).nth(1), replay(1)))
            .judge();
    judgement.assert_violated(Property::DeliveryAtMostOnce);
    write!(io::stdout(), "{judgement}")
}
