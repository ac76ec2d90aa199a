//! What the server's private key opens of a recorded session, and what the session's own secrets do.

use std::collections::VecDeque;

use crate::channel::{self, Record as _};
use crate::compromise::{RecordedFrame, Secrets, each_frame, next_secret};
use crate::crypto::Secret;
use crate::endpoint::{Message, Side};
use crate::keyfiles::KeySource;
use crate::layout::Frame;
use crate::session_secret::SessionSecret;
use crate::suite::keyfiles::server_key;
use crate::suite::keys::{HANDSHAKE, MESSAGES};
use crate::suite::one_way;
use crate::suite::record::Channel;
use crate::suite::server::transported;
use crate::suite::wire::{self, Parts};
use crate::weakness::Profile;

/// What the keys of a handshake are derived from, and the keys that frames bring where there is none.
pub(super) const SECRETS: Secrets = Secrets {
    labels: &[
        (
            HANDSHAKE,
            "what the client encrypts or both agree on, 32 bytes: the keys follow from it and the handshake",
        ),
        (
            MESSAGES,
            "the AES key that published frames bring, 16 bytes; another line where it changes",
        ),
    ],
    open,
};

/// How many keys after the last that opened anything the next may be: of those between, every frame was spoilt.
const AHEAD: usize = 64;

fn open(
    profile: Profile,
    secrets: &[SessionSecret],
    recording: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    let handshake = &mut secrets.iter();
    let mut keys: VecDeque<_> = secrets.iter().filter(|it| it.label == MESSAGES).collect();
    follow(
        profile,
        recording,
        |_| next_secret(handshake, HANDSHAKE)?.try_into().ok().map(Secret),
        // What says which key a frame is under is its hash. One that somebody has changed is taken for one under the last key.
        |frame| {
            let opens = |secret: &&SessionSecret| {
                let key = Secret(secret.value[..].try_into().ok()?);
                one_way::open_message(&key, &mut Parts::of(frame)).ok()
            };
            let intact = |(at, secret)| Some((at, opens(secret).filter(|opened| opened.intact)?));
            let (at, opened) = keys.iter().take(AHEAD).enumerate().find_map(intact).unzip();
            keys.drain(..at.unwrap_or(0));
            Some(opened.or_else(|| opens(keys.front()?))?.message)
        },
    )
}

/// As-built every frame brings its key, encrypted for the server. Where there is a handshake, the secret it was made from may be in the
/// login; where both ends agreed on one, it is nowhere.
pub(super) fn decrypt_recording(
    profile: Profile,
    source: &dyn KeySource,
    recording: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    let Ok(server) = server_key(source) else { return Vec::new() };
    follow(
        profile,
        recording,
        |login| transported(login, Some(&server)).ok(),
        |frame| {
            let mut frame = Parts::of(frame);
            let sender = one_way::open_sender(&server, &frame).ok()?;
            let opened = one_way::open_message(&sender.key, &mut frame).ok()?;
            Some(opened.message)
        },
    )
}

/// Everything a client sends: under the secret that goes with its login, or by frames that bring their keys.
fn follow(
    profile: Profile,
    recording: &[RecordedFrame<'_>],
    secret: impl FnMut(&Parts) -> Option<Secret<32>>,
    mut published: impl FnMut(&Frame) -> Option<Message>,
) -> Vec<(usize, Message)> {
    if !wire::one_way(profile) {
        return channel::follow::<Channel, _>(profile, recording, secret);
    }
    each_frame(recording, |recorded| {
        let is_message = (recorded.from, recorded.frame.spec.name) == (Side::Client, "MSG");
        is_message.then(|| published(recorded.frame)).flatten()
    })
}
