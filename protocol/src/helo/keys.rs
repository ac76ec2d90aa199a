//! Nonces and pre-master secret in, the five keys of a session out (HKDF, RFC 5869).

use crate::crypto::cbc::Key128;
use crate::crypto::key::MacKey;
use crate::crypto::{Secret, hkdf_sha256, sha256};
use crate::endpoint::{Fingerprint, Side};

/// The size of a nonce in bytes.
pub(super) const NONCE: usize = 16;

/// The secret of a session: the master secret.
pub(super) const MASTER: &str = "master";

/// Everything both ends derive.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Keys {
    /// Encrypts device to server.
    pub client_enc: Key128,
    /// Encrypts server to device; the published program derives it and never uses it.
    pub server_enc: Key128,
    /// Authenticates device to server.
    pub client_mac: MacKey<16>,
    /// Authenticates server to device.
    pub server_mac: MacKey<16>,
    /// The initialization vector of every record, where it is static.
    pub iv: Secret<16>,
    /// A hash over the keys and nonces: names the session.
    pub session: [u8; 32],
}

impl Keys {
    /// Derive from the master secret, 32 bytes, and both nonces.
    pub fn derive(master: &[u8; 32], device: &[u8; NONCE], server: &[u8; NONCE]) -> Self {
        let key = |label: &[u8]| hkdf_sha256::<16>(master, &[label, device, server]);
        let (client_enc, server_enc) = (key(b"client_enc"), key(b"server_enc"));
        let (client_mac, server_mac) = (key(b"client_mac"), key(b"server_mac"));
        let iv = key(b"iv");
        let session = sha256(&[
            b"helo session",
            device,
            server,
            &client_enc.0,
            &server_enc.0,
            &client_mac.0,
            &server_mac.0,
            &iv.0,
        ]);
        Self {
            client_enc: client_enc.into(),
            server_enc: server_enc.into(),
            client_mac: client_mac.into(),
            server_mac: server_mac.into(),
            iv,
            session,
        }
    }

    /// What the two ends agree on.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.session.first_chunk().copied().unwrap_or_default())
    }
}

/// The master secret. Without an ephemeral secret it is the pre-master secret itself; with one it
/// is derived from both, and falls only with both.
pub(super) fn master(premaster: &[u8; 32], ephemeral: Option<&Secret<32>>) -> Secret<32> {
    match ephemeral {
        None => Secret(*premaster),
        Some(ephemeral) => {
            let mut secret = Secret([0; 64]);
            let parts = premaster.iter().chain(&ephemeral.0);
            secret.0.iter_mut().zip(parts).for_each(|(byte, part)| *byte = *part);
            hkdf_sha256::<32>(&secret.0, &[b"helo master"])
        }
    }
}

/// A running hash over the handshake: every frame, in order, with its sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Transcript(pub(super) [u8; 32]);

impl Transcript {
    pub(super) fn absorb(&mut self, from: Side, frame: &[u8]) {
        self.0 = sha256(&[&self.0, from.name().as_bytes(), frame]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting<const N: usize>(from: u8) -> [u8; N] {
        let mut next = from;
        [0; N].map(|_: u8| (next, next += 1).0)
    }

    #[test]
    fn the_published_schedule() {
        let keys = Keys::derive(&counting(0), &counting(0), &counting(16));
        let expected: [(&[u8; 16], u128); 5] = [
            (keys.client_enc.bytes(), 0x1e84_ac54_8f82_4d84_a13f_f988_9d3c_5464),
            (keys.server_enc.bytes(), 0x2ae5_64bc_03d4_7371_5470_982a_b378_3283),
            (keys.client_mac.bytes(), 0x45a3_3036_4a83_d9a7_7971_74f5_6fed_566a),
            (keys.server_mac.bytes(), 0x5564_e5d9_04e3_b798_f10c_e631_31c6_1665),
            (&keys.iv.0, 0xc023_3228_3389_b16d_3b7f_6f74_c287_0778),
        ];
        for (key, value) in expected {
            assert_eq!(*key, value.to_be_bytes());
        }
    }

    #[test]
    fn the_master_needs_both_secrets() {
        let premaster = [1; 32];
        assert_eq!(master(&premaster, None).0, premaster);
        let both = master(&premaster, Some(&Secret([2; 32])));
        assert_ne!(both, master(&premaster, Some(&Secret([3; 32]))));
        assert_ne!(both, master(&[4; 32], Some(&Secret([2; 32]))));
    }
}
