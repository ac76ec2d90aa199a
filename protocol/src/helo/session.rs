//! What client and server share around their states: the way out, patience, and whom to believe.

use std::sync::Arc;

use crate::crypto::rsa::PublicKey;
use crate::endpoint::{Check, Name, Reject, Side};
use crate::helo::lab::{Credentials, SERVER, is_device};
use crate::helo::wire::{self, RSA};
use crate::layout::Layout;
use crate::pki::Certificate;
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// What never changes over an endpoint's life.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) profile: Profile,
    pub(super) layout: Layout,
    pub(super) own: Credentials,
}

impl Setting {
    pub(super) fn new(setup: &Setup, own: Credentials) -> Self {
        let profile = setup.profile;
        Self { profile, layout: wire::layout(profile), own }
    }

    /// Check the certificate of whoever is on the `peer` side; return its name and the key to use
    /// with it.
    ///
    /// The published programs check the certificate and then use the key files they were set up
    /// with, so the certificate proves nothing about who holds its key. The hardened ones use the
    /// key of the certificate.
    pub(super) fn believe(
        &self,
        peer: Side,
        certificate: &[u8],
    ) -> Result<(Name, Arc<PublicKey>), Reject> {
        let unsigned = Reject::new(Check::Certificate, "certificate");
        let certificate = Certificate::decode(certificate).map_err(|_| unsigned)?;
        let key = certificate.verify(&self.own.authority).map_err(|_| unsigned)?;
        if key.size() != RSA {
            return Err(unsigned);
        }
        let name = certificate.common_name.as_str();
        if !self.profile.has(Weakness::NameNotChecked) {
            let expected = match peer {
                Side::Client => is_device(name),
                Side::Server => name == SERVER,
            };
            if !expected {
                return Err(Reject::new(Check::Name, "common_name"));
            }
        }
        let file = self.own.key_file(peer, name).cloned();
        let file = file.filter(|_| self.profile.has(Weakness::NoProofOfPossession));
        let key = file.unwrap_or_else(|| Arc::new(key));
        Ok((Name::from(name), key))
    }
}

/// What the server signs to own its ephemeral share: the handshake so far, its nonce, the share.
pub(super) fn share_digest(
    transcript: &super::keys::Transcript,
    nonce: &[u8],
    share: &[u8],
) -> [u8; 32] {
    crate::crypto::sha256(&[b"helo share", &transcript.0, nonce, share])
}

/// What the device signs to own its certificate: the handshake so far, and PREM up to the
/// signature.
pub(super) fn possession_digest(
    transcript: &super::keys::Transcript,
    before_signature: &[u8],
) -> [u8; 32] {
    crate::crypto::sha256(&[b"helo possession", &transcript.0, before_signature])
}
