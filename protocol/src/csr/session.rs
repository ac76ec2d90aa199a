//! What client and server share around their states: the way out, patience, and whom to believe.

use std::sync::Arc;
use std::time::Duration;

use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::csr::keys::{EPOCH, Schedule};
use crate::csr::lab::{Credentials, SERVER_COMMON_NAME, device_number, local_name};
use crate::csr::wire::{self, RSA};
use crate::endpoint::{Check, Name, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::layout::Layout;
use crate::pki::x509::{Certificate, Checks, Reading, Roles, X509Error};
use crate::session::SessionOutput;
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// How long an endpoint that sends no lengths waits between two messages that the peer does not
/// answer, so that they are not read as one.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Count one message. What the keys of a new epoch are derived from is a secret of the session.
///
/// # Errors
/// `exhausted` when no epoch is left.
pub(super) fn counted(
    schedule: &mut Schedule,
    output: &mut SessionOutput<'_>,
) -> Result<(), Reject> {
    if let Some(secret) = schedule.count()? {
        output.secret(EPOCH, &secret.0);
    }
    Ok(())
}

/// What never changes over an endpoint's life.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) profile: Profile,
    pub(super) layout: Layout,
    pub(super) own: Credentials,
    /// When tick 0 is, in seconds since 1970.
    epoch: u64,
}

impl Setting {
    pub(super) fn new(setup: Setup, own: Credentials) -> Self {
        let Setup { profile, epoch, .. } = setup;
        Self { profile, layout: wire::layout(profile), own, epoch }
    }

    /// Check the certificate of whoever is on the `peer` side; return its name and key.
    pub(super) fn believe(
        &self,
        now: Tick,
        peer: Side,
        pem: &str,
    ) -> Result<(Name, Arc<PublicKey>), Reject> {
        let certificate = Certificate::from_pem(pem)?;
        let named = !self.profile.has(Weakness::NameNotChecked);
        let dated = !self.profile.has(Weakness::ValidityNotChecked);
        let checks = Checks {
            now: dated.then(|| self.epoch.saturating_add(now.millis() / 1000)),
            // Where names are not looked at, nor is what a certificate may be used for.
            authority: named.then_some(Roles),
            common_name: (named && peer == Side::Server).then_some(SERVER_COMMON_NAME),
            reading: Reading::Strict,
        };
        let trusted = &self.own.authority;
        let key = certificate.verify(trusted, checks)?;
        if key.size() != RSA {
            return Err(Reject::from(X509Error::Key));
        }
        let common_name = certificate.common_name().ok_or(Reject::from(X509Error::Name))?;
        if named && peer == Side::Client && device_number(&common_name).is_none() {
            return Err(Reject::from(X509Error::Name));
        }
        Ok((local_name(&common_name), Arc::new(key)))
    }

    /// Until when to be silent after a message sent `now` that the peer does not answer.
    pub(super) fn pause(&self, now: Tick) -> Option<Tick> {
        self.profile.has(Weakness::NoFraming).then(|| now.after(PAUSE))
    }
}

/// Sign a digest of the handshake.
pub(super) fn sign(
    key: &PrivateKey,
    digest: &[u8; 32],
    entropy: &mut Entropy,
) -> Result<Vec<u8>, Reject> {
    key.sign_pss(entropy, digest).map_err(|_| Reject::new(Check::Signature, "key"))
}

/// Check such a signature.
pub(super) fn verify(key: &PublicKey, digest: &[u8; 32], signature: &[u8]) -> Result<(), Reject> {
    key.verify_pss(digest, signature).map_err(|_| Reject::new(Check::Signature, "signature"))
}
