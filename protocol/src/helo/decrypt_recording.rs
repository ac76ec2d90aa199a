//! What the server's private key opens of a recorded session, and what the session's own secret does.

use crate::channel::{follow, open_by_secret};
use crate::compromise::{RecordedFrame, Secrets};
use crate::endpoint::Message;
use crate::helo::keyfiles::server_key;
use crate::helo::keys::{MASTER, master};
use crate::helo::premaster;
use crate::helo::record::Channel;
use crate::keyfiles::KeySource;
use crate::weakness::{Profile, Weakness};

/// The secret that both ends derive their keys from.
pub(super) const SECRETS: Secrets = Secrets {
    labels: &[(MASTER, "the master secret, 32 bytes: the keys follow from it and both nonces")],
    open: open_by_secret::<Channel>,
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
    follow::<Channel, _>(profile, recording, |frame| {
        let premaster = premaster::read(frame, &server).ok()?;
        Some(master(&premaster.0, None))
    })
}
