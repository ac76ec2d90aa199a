//! What the server's private key opens of a recorded session, and what the session's own secret does.

use crate::compromise::{RecordedFrame, Secrets, each_frame, next_secret};
use crate::crypto::Secret;
use crate::endpoint::{Message, Side};
use crate::helo::file;
use crate::helo::keyfiles::server_key;
use crate::helo::keys::{Keys, MASTER, NONCE, master};
use crate::helo::premaster;
use crate::helo::record::Channel;
use crate::inbox::Received;
use crate::keyfiles::KeySource;
use crate::weakness::{Profile, Weakness};

/// The secret that both ends derive their keys from.
pub(super) const SECRETS: Secrets = Secrets {
    labels: &[(MASTER, "the master secret, 32 bytes: the keys follow from it and both nonces")],
    open: |profile, secrets, recording| {
        let mut secrets = secrets.iter();
        let mut next = || next_secret(&mut secrets, MASTER)?.try_into().ok().map(Secret);
        follow(profile, recording, |_| next())
    },
};

/// Decrypt the pre-master secret and follow the device from there; a server answers with nothing but words everybody knows.
/// Where there is an ephemeral agreement as well, half of the master secret was forgotten with the session.
pub(super) fn decrypt_recording(
    profile: Profile,
    source: &dyn KeySource,
    recording: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    let Ok(server) = server_key(source) else { return Vec::new() };
    if !profile.has(Weakness::StaticRsaTransport) {
        return Vec::new();
    }
    follow(profile, recording, |frame| {
        let premaster = premaster::read(frame, &server).ok()?;
        Some(master(&premaster.0, None))
    })
}

/// Everything a device sends, from where the master secret is known that goes with its pre-master secret.
fn follow(
    profile: Profile,
    recording: &[RecordedFrame<'_>],
    mut master: impl FnMut(&Received) -> Option<Secret<32>>,
) -> Vec<(usize, Message)> {
    let (mut device_nonce, mut server_nonce) = ([0; NONCE], [0; NONCE]);
    let mut channel: Option<Channel> = None;
    each_frame(recording, |recorded| {
        let mut frame = Received::of(recorded.frame);
        match (recorded.from, frame.spec.name) {
            (Side::Client, "NONCE") => device_nonce = frame.array("nonce").ok()?,
            (Side::Server, "SNONCE") => server_nonce = frame.array("nonce").ok()?,
            (Side::Client, "PREM") => {
                let keys = Keys::derive(&master(&frame)?.0, &device_nonce, &server_nonce);
                channel = Some(Channel::new(profile, keys));
            }
            (Side::Client, "SECX") => {
                return file::read_text(channel.as_mut()?.open_unordered(&mut frame).ok()?).ok();
            }
            (Side::Client, "IMGX") => {
                let (message, _) =
                    file::read(channel.as_mut()?.open_unordered(&mut frame).ok()?).ok()?;
                return Some(message);
            }
            _ => {}
        }
        None
    })
}
