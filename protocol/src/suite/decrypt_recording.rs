//! What the server's private key opens of a recorded session, and what the session's own secrets do.

use std::collections::VecDeque;

use crate::compromise::{RecordedFrame, Secrets, each_frame, next_secret};
use crate::crypto::Secret;
use crate::endpoint::{Message, Side};
use crate::keyfiles::KeySource;
use crate::layout::Frame;
use crate::session_secret::SessionSecret;
use crate::suite::keyfiles::server_key;
use crate::suite::keys::{HANDSHAKE, Keys, MESSAGES, Transcript};
use crate::suite::record::{Channel, Content};
use crate::suite::server::transported;
use crate::suite::wire::{Parts, one_way};
use crate::suite::{content, one_way};
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
    mut secret: impl FnMut(&Parts) -> Option<Secret<32>>,
    mut published: impl FnMut(&Frame) -> Option<Message>,
) -> Vec<(usize, Message)> {
    let mut transcript = Transcript::default();
    let mut channel: Option<Channel> = None;
    each_frame(recording, |recorded| {
        let mut frame = Parts::of(recorded.frame);
        match (recorded.from, frame.name()) {
            (Side::Client, "MSG") if one_way(profile) => return published(recorded.frame),
            (Side::Client, "HELLO") => {
                transcript = Transcript::default();
                let said = [frame.field("nonce"), frame.field("share")];
                transcript.absorb(Side::Client, &said);
            }
            (Side::Server, "CERT") => {
                let said = ["certificate", "nonce", "share"].map(|name| frame.field(name));
                transcript.absorb(Side::Server, &said);
            }
            (Side::Client, "LOGIN") => {
                let keys = Keys::derive(&secret(&frame)?.0, &transcript);
                channel = Some(Channel::new(profile, keys));
            }
            (Side::Client, "MSG") => {
                let plaintext = channel.as_mut()?.open_unordered(Content::Text, &mut frame).ok()?;
                return content::read_text(plaintext).ok();
            }
            (Side::Client, "FILE") => {
                let plaintext = channel.as_mut()?.open_unordered(Content::File, &mut frame).ok()?;
                return content::read_file(plaintext).ok();
            }
            _ => {}
        }
        None
    })
}
