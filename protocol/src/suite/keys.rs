//! The secret of one connection in, the keys of its records out (HKDF, RFC 5869), bound to everything that was
//! said in the handshake.

use crate::crypto::cbc::Key128;
use crate::crypto::key::MacKey;
use crate::crypto::{Secret, hkdf_sha256, sha256};
use crate::endpoint::{Fingerprint, Side};

/// The secret of a session that begins with a handshake.
pub(super) const HANDSHAKE: &str = "handshake";
/// The secret of frames that bring their own key.
pub(super) const MESSAGES: &str = "messages";

/// The keys of one connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Keys {
    /// Encrypts client to server.
    pub client_enc: Key128,
    /// Authenticates client to server.
    pub client_mac: MacKey<32>,
    /// Authenticates server to client: what a server says holds no secret.
    pub server_mac: MacKey<32>,
    /// Names the connection; not secret.
    pub session: [u8; 32],
}

impl Keys {
    /// The keys under an agreed secret, or one that was encrypted for the server, and the handshake.
    pub(super) fn derive(secret: &[u8; 32], transcript: &Transcript) -> Self {
        let Transcript(said) = transcript;
        let client_enc: Secret<16> = hkdf_sha256(secret, &[b"suite client encryption", said]);
        let client_mac: Secret<32> = hkdf_sha256(secret, &[b"suite client authentication", said]);
        let server_mac: Secret<32> = hkdf_sha256(secret, &[b"suite server authentication", said]);
        let keys = [&client_enc.0[..], &client_mac.0, &server_mac.0];
        let session = sha256(&[b"suite session", keys[0], keys[1], keys[2]]);
        Self {
            client_enc: client_enc.into(),
            client_mac: client_mac.into(),
            server_mac: server_mac.into(),
            session,
        }
    }

    pub(super) fn mac(&self, from: Side) -> &MacKey<32> {
        match from {
            Side::Client => &self.client_mac,
            Side::Server => &self.server_mac,
        }
    }

    /// What the two ends agree on.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.session.first_chunk().copied().unwrap_or_default())
    }
}

/// What the two ends of a published conversation agree on: the client's key, and the name it gives.
pub(super) fn one_way_fingerprint(key: &[u8; 16], user: &str) -> Fingerprint {
    let session = sha256(&[b"suite one way", key, user.as_bytes()]);
    Fingerprint(session.first_chunk().copied().unwrap_or_default())
}

/// A running hash over the handshake: every frame, in order, with its sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Transcript([u8; 32]);

impl Transcript {
    pub(super) fn absorb(&mut self, from: Side, parts: &[&[u8]]) {
        let mut all = vec![&self.0[..], from.name().as_bytes()];
        all.extend(parts);
        self.0 = sha256(&all);
    }

    /// What the server signs: both nonces, both shares and its certificate.
    pub(super) fn signed(&self) -> [u8; 32] {
        sha256(&[b"suite handshake, server", &self.0])
    }
}
