//! What a master key opens of a recorded session.

use crate::endpoint::{Message, Side};
use crate::keyfiles::KeySource;
use crate::layout::Frame;
use crate::ratchet::keyfiles::keyring;
use crate::ratchet::keys::{Keyring, Keys};
use crate::ratchet::wire::{CHALLENGE, DATA, HELLO, RESPONSE, Received};
use crate::theft::{Overheard, listen};
use crate::weakness::Profile;

/// Begin with the master key, as client and server do, and follow the evolution: it is made of what is on the wire, up to the first shares that
/// are mixed in. From there the keys need a secret that is in no recording, unless the ratchet goes by public input only. Those of
/// the handshake are not mixed in with `challenge-not-mixed`: then the first exchange opens.
pub(super) fn eavesdrop(
    profile: Profile,
    source: &dyn KeySource,
    recording: &[Overheard<'_>],
) -> Vec<(usize, Message)> {
    let Ok(keyring) = keyring(source) else { return Vec::new() };
    let mut session = None;
    listen(recording, |overheard| {
        if (overheard.from, overheard.frame.spec.name) == (Side::Client, HELLO) {
            session = Session::begin(profile, &keyring, overheard.frame);
            return None;
        }
        session.as_mut()?.hear(profile, overheard.from, overheard.frame)
    })
}

/// The keys of a session, as far as they can be followed.
struct Session {
    keys: Keys,
    round: u32,
}

impl Session {
    fn begin(profile: Profile, keyring: &Keyring, frame: &Frame) -> Option<Self> {
        let hello = Received::cut(&frame.spec, &frame.bytes).ok()?;
        let mut keys = Keys::from_master(keyring.master(hello.client_id)?);
        hello.open(&keys.c2s, 0, Side::Client).ok()?;
        keys.evolve_c2s(hello.ct, &hello.iv);
        keys.bind_hello(profile, &frame.bytes);
        Some(Self { keys, round: 0 })
    }

    fn hear(&mut self, profile: Profile, from: Side, frame: &Frame) -> Option<Message> {
        let received = Received::cut(&frame.spec, &frame.bytes).ok()?;
        let chain = match from {
            Side::Client => &self.keys.c2s,
            Side::Server => &self.keys.s2c,
        };
        let plaintext = received.open(chain, self.round, from).ok()?;
        match frame.spec.name {
            CHALLENGE => {
                self.keys.evolve_s2c(&plaintext);
                // Here both ends mix in what their shares agree on, if they do: then these keys fit nothing any more.
                self.keys.bind_challenge(profile, &frame.bytes);
                self.round = 1;
                None
            }
            DATA => {
                self.keys.evolve_c2s(received.ct, &received.iv);
                Some(Message::numbers(String::from_utf8(plaintext).ok()?))
            }
            RESPONSE => {
                self.keys.evolve_s2c(&plaintext);
                // And here.
                self.round += 1;
                Some(Message::aggregate(String::from_utf8(plaintext).ok()?))
            }
            _ => None,
        }
    }
}
