//! A channel of one's own: a client sends texts with an HMAC-SHA256 under a key that both ends have. With the weakness `no-sequence` the
//! server takes a text again. Without it, the server counts.

use std::hash::{Hash, Hasher};

use protocol::crypto::{hmac_sha256, hmac_sha256_verifies};
use protocol::endpoint::*;
use protocol::inbox::{Inbox, Received};
use protocol::layout::{Field, FrameSpec, Layout, Role};
use protocol::session::SessionOutput;
use protocol::system::Setup;
use protocol::weakness::{Profile, Weakness};

/// The bytes of the MAC.
const MAC: usize = 32;

/// The frame: a length, a number, the text, and a MAC over all of that. An empty text is the goodbye.
pub fn layout() -> Layout {
    let fields = vec![
        Field::new("length", Role::LENGTH, 2),
        Field::new("number", Role::NUMBER, 4),
        Field::rest("text", Role::Bytes),
        Field::new("mac", Role::Mac, MAC),
    ];
    let frame = FrameSpec::of("MSG", None, fields, 2 + 65_535);
    Layout { system: "embed", frames: vec![frame.into()], turns: &[] }
}

/// One end.
#[derive(Clone, Debug)]
pub struct Party {
    name: Name,
    peer: Name,
    profile: Profile,
    key: Vec<u8>,
    conn: Option<Conn>,
    inbox: Inbox,
    /// The number of the next text.
    number: u32,
}

impl Party {
    /// The end with this name, which talks to `peer`.
    pub fn new(setup: Setup, name: &str, peer: &str, key: &[u8]) -> Self {
        let (name, peer, profile) = (Name::from(name), Name::from(peer), setup.profile);
        let (key, inbox) = (key.to_vec(), Inbox::default());
        Self { name, peer, profile, key, conn: None, inbox, number: 0 }
    }

    fn output<'a>(&'a self, conn: Conn, out: &'a mut Output) -> SessionOutput<'a> {
        SessionOutput { conn, local: &self.name, peer: self.peer.clone(), out }
    }

    fn seal(&mut self, text: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + text.len() + MAC).unwrap_or(u16::MAX);
        let covered = [&length.to_be_bytes()[..], &self.number.to_be_bytes(), text].concat();
        self.number += 1;
        [&covered[..], &hmac_sha256(&self.key, &[&covered])].concat()
    }

    fn open(&mut self, frame: &Received) -> Result<String, Reject> {
        if !hmac_sha256_verifies(&self.key, &[frame.before("mac")], frame.field("mac")) {
            return Err(Reject::new(Check::Mac, "mac"));
        }
        let is_next = frame.field("number") == self.number.to_be_bytes();
        if !is_next && !self.profile.has(Weakness::NoSequence) {
            return Err(Reject::new(Check::Sequence, "number"));
        }
        self.number += 1;
        Ok(String::from_utf8_lossy(frame.field("text")).into_owned())
    }

    fn receive(&mut self, conn: Conn, out: &mut Output) -> Result<(), Reject> {
        while let Some(frame) = self.inbox.next_due(&layout(), Side::Client, &["MSG"])? {
            let text = self.open(&frame)?;
            if text.is_empty() {
                self.end(conn, End::Clean, out);
                return Ok(());
            }
            self.output(conn, out).claim(Fact::Delivered(Message::text(text)));
        }
        Ok(())
    }

    fn end(&mut self, conn: Conn, end: End, out: &mut Output) {
        self.conn = None;
        self.output(conn, out).end(end);
    }
}

impl Endpoint for Party {
    fn step(&mut self, _: Tick, input: Input<'_>, out: &mut Output) {
        match (input, self.conn) {
            (Input::Opened(conn, _), _) => self.conn = Some(conn),
            (Input::Received(conn, bytes), Some(_)) => {
                self.inbox.push(bytes);
                if let Err(reject) = self.receive(conn, out) {
                    self.conn = None;
                    self.output(conn, out).abort(reject);
                }
            }
            (Input::Command(Command::Send(message)), Some(conn)) => {
                out.writes.push((conn, self.seal(&message.body)));
                self.output(conn, out).claim(Fact::Sent(message.clone()));
            }
            (Input::Command(Command::End), Some(conn)) => {
                out.writes.push((conn, self.seal(b"")));
                self.end(conn, End::Clean, out);
            }
            (Input::Closed(conn), Some(_)) => self.end(conn, End::Truncated, out),
            _ => {}
        }
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        (&self.name, self.profile, self.conn, &self.inbox, self.number).hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.inbox.waiting().len()
    }
}
