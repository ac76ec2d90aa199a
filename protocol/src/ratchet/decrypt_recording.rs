//! What a master key opens of a recorded session, and what the session's own secrets do.

use crate::compromise::{RecordedFrame, Secrets, each_frame, next_secret};
use crate::count::Count;
use crate::crypto::Secret;
use crate::endpoint::{Message, Side};
use crate::keyfiles::KeySource;
use crate::layout::Frame;
use crate::ratchet::keyfiles::keyring;
use crate::ratchet::keys::{CHAINS, Keys, SHARED};
use crate::ratchet::wire::{CHALLENGE, DATA, HELLO, RESPONSE, Received};
use crate::weakness::Profile;

/// Begin with the master key, as client and server do, and follow the evolution: it is made of what is on the wire, up to the first shares that
/// are mixed in. From there the keys need a secret that is in no recording, unless the ratchet goes by public input only. Those of
/// the handshake are not mixed in with `challenge-not-mixed`: then the first exchange opens.
pub(super) fn decrypt_recording(
    profile: Profile,
    source: &dyn KeySource,
    recording: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    let Ok(keyring) = keyring(source) else { return Vec::new() };
    let begin = |id| keyring.master(id).map(Keys::from_master);
    follow(profile, recording, begin, || None)
}

/// The keys of round 0, and what is mixed in later.
pub(super) const SECRETS: Secrets = Secrets {
    labels: &[
        (
            CHAINS,
            "the four keys of round 0, 16 bytes each: encryption and MAC to the server, then to the client",
        ),
        (SHARED, "what a pair of shares agrees on, 32 bytes, mixed into all four"),
    ],
    open: |profile, secrets, recording| {
        let (chains, shared) = (&mut secrets.iter(), &mut secrets.iter());
        let begin = |_| Keys::from_bytes(next_secret(chains, CHAINS)?);
        let mix = || next_secret(shared, SHARED)?.try_into().ok().map(Secret);
        follow(profile, recording, begin, mix)
    },
};

/// From the keys of a client's round 0 as far as what is mixed in is known.
fn follow(
    profile: Profile,
    recording: &[RecordedFrame<'_>],
    mut begin: impl FnMut(u8) -> Option<Keys>,
    mut mix: impl FnMut() -> Option<Secret<32>>,
) -> Vec<(usize, Message)> {
    let mut session = None;
    each_frame(recording, |recorded| {
        if (recorded.from, recorded.frame.spec.name) == (Side::Client, HELLO) {
            session = Session::begin(profile, &mut begin, recorded.frame);
            return None;
        }
        session.as_mut()?.hear(profile, recorded.from, recorded.frame, &mut mix)
    })
}

/// The keys of a session, as far as they can be followed.
struct Session {
    keys: Keys,
    round: u32,
}

impl Session {
    fn begin(
        profile: Profile,
        keys: impl FnOnce(u8) -> Option<Keys>,
        frame: &Frame,
    ) -> Option<Self> {
        let hello = Received::cut(&frame.spec, &frame.bytes).ok()?;
        let mut keys = keys(hello.client_id)?;
        hello.open(&keys.c2s, 0, Side::Client).ok()?;
        keys.evolve_c2s(hello.ct, &hello.iv);
        keys.bind_hello(profile, &frame.bytes);
        Some(Self { keys, round: 0 })
    }

    fn hear(
        &mut self,
        profile: Profile,
        from: Side,
        frame: &Frame,
        mix: impl FnOnce() -> Option<Secret<32>>,
    ) -> Option<Message> {
        let received = Received::cut(&frame.spec, &frame.bytes).ok()?;
        let chain = match from {
            Side::Client => &self.keys.c2s,
            Side::Server => &self.keys.s2c,
        };
        let plaintext = received.open(chain, self.round, from).ok()?;
        match frame.spec.name {
            CHALLENGE => {
                self.keys.evolve_s2c(&plaintext);
                self.keys.bind_challenge(profile, &frame.bytes);
                // If both ends mix in what their shares agree on and nobody told what that is, these keys fit nothing any more.
                if let Some(shared) = mix() {
                    self.keys.bind_shares(profile, &shared);
                }
                self.round = 1;
                None
            }
            DATA => {
                self.keys.evolve_c2s(received.ct, &received.iv);
                Some(Message::numbers(String::from_utf8(plaintext).ok()?))
            }
            RESPONSE => {
                self.keys.evolve_s2c(&plaintext);
                if let Some(shared) = mix() {
                    self.keys.mix_shared(&shared);
                }
                self.round = self.round.successor("round").ok()?;
                Some(Message::aggregate(String::from_utf8(plaintext).ok()?))
            }
            _ => None,
        }
    }
}
