//! What long-term keys open of a recorded session, which is nothing, and what the session's own secrets do.

use std::collections::VecDeque;

use crate::channel::Channel as _;
use crate::compromise::{RecordedFrame, Secrets, each_frame, next_secret};
use crate::crypto::Secret;
use crate::csr::keys::{EPOCH, Nonces, Schedule};
use crate::csr::record::Channel;
use crate::csr::wire;
use crate::endpoint::{Message, Side};
use crate::inbox::Received;
use crate::keyfiles::KeySource;
use crate::session_secret::SessionSecret;
use crate::weakness::Profile;

/// Long-term keys only sign here: certificates, shares, files. No weakness changes that. The secret of a session is agreed on by halves that both
/// ends make for it, and nothing on the wire is encrypted for any other key. So there is no step that could be taken.
pub(super) fn decrypt_recording(
    _: Profile,
    _: &dyn KeySource,
    _: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    Vec::new()
}

/// The secret that the keys of an epoch are derived from.
pub(super) const SECRETS: Secrets = Secrets {
    labels: &[(
        EPOCH,
        "what the keys of an epoch are derived from, 32 bytes: a line for the first, and one after every second message",
    )],
    open,
};

/// How many epochs after that of the last message the next may be: an end of the published program that has counted a file twice
/// is in the next one sooner.
const AHEAD: usize = 2;

/// Follow the epochs by the messages that open: each is under a MAC that fits in one.
fn open(
    profile: Profile,
    secrets: &[SessionSecret],
    recording: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    let secrets = &mut secrets.iter();
    let mut later = VecDeque::new();
    let (mut device, mut server) = (None, None);
    let mut channel: Option<Channel> = None;
    each_frame(recording, |recorded| {
        let frame = Received::of(recorded.frame);
        let carries = (recorded.from, frame.spec.name);
        match carries {
            (Side::Client, "HELLO") => {
                device = Some(wire::read_hello(wire::body(&frame)).ok()?.1);
                return None;
            }
            (Side::Server, "HELLO") => {
                server = Some(wire::read_hello(wire::body(&frame)).ok()?.1);
                return None;
            }
            (Side::Client, "ECDH") => {
                let nonces = Nonces { device: device?, server: server? };
                let first = next(secrets)?;
                channel = Some(Channel::new(profile, Schedule::told(profile, nonces, first)));
                return None;
            }
            _ if Channel::RECORDS.contains(&carries) => {}
            _ => return None,
        }
        let mut there = channel.clone()?;
        for passed in 0..=AHEAD {
            let mut tried = Received::of(recorded.frame);
            if let Ok(plaintext) = there.open_unordered(&mut tried) {
                let message = there.message(frame.spec.name, plaintext);
                later.drain(..passed);
                channel = Some(there);
                return message;
            }
            if later.len() <= passed {
                later.push_back(next(secrets)?);
            }
            there.schedule.adopt(later.get(passed)?.clone()).ok()?;
        }
        None
    })
}

fn next<'a>(secrets: &mut impl Iterator<Item = &'a SessionSecret>) -> Option<Secret<32>> {
    next_secret(secrets, EPOCH)?.try_into().ok().map(Secret)
}
