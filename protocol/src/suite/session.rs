//! What client and server share around their states: patience, whom to believe, and which users there are.

use std::sync::Arc;
use std::time::Duration;

use crate::crypto::rsa::PublicKey;
use crate::endpoint::{Check, Reject, Tick};
use crate::keyfiles::Account;
use crate::layout::Layout;
use crate::pki::users::{Names, Scheme, is_allowed};
use crate::pki::x509::{Certificate, Checks, Reading, Roles, X509Error};
use crate::suite::lab::{Keyring, SERVER_COMMON_NAME};
use crate::suite::wire::{self, RSA};
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// How long a client waits between two messages that nobody answers, so that they are not read as one.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// How a profile keeps passwords.
pub fn scheme(profile: Profile) -> Scheme {
    if profile.has(Weakness::UnsaltedPasswords) { Scheme::Sha256 } else { Scheme::Argon2id }
}

/// Which names a profile registers and logs in.
pub fn names(profile: Profile) -> Names {
    if profile.has(Weakness::UsernameInjection) { Names::Unchecked } else { Names::Checked }
}

/// What never changes over an endpoint's life.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) profile: Profile,
    pub(super) layout: Layout,
    pub(super) keyring: Arc<Keyring>,
    /// Which user's client it is, from 1.
    number: u32,
    /// When tick 0 is, in seconds since 1970.
    epoch: u64,
}

impl Setting {
    pub(super) fn new(setup: Setup, keyring: Arc<Keyring>) -> Self {
        let Setup { profile, epoch, number, .. } = setup;
        Self { profile, layout: wire::layout(profile), keyring, number, epoch }
    }

    /// Who the client's user is.
    ///
    /// # Errors
    /// The keyring has no account for it.
    pub(super) fn me(&self) -> Result<&Account, Reject> {
        self.keyring.account(self.number).ok_or(Reject::new(Check::Identity, "username"))
    }

    /// Check the server's certificate; return its key.
    pub(super) fn believe(
        &self,
        now: Tick,
        certificate: &Certificate,
    ) -> Result<PublicKey, Reject> {
        let trusted = self.keyring.authority_certificate.as_ref();
        let trusted = trusted.ok_or(Reject::new(Check::Certificate, "ca_cert"))?;
        let key = if self.profile.has(Weakness::IssuerNameOnly) {
            let named = certificate.names_as_issuer(trusted);
            if named { certificate.public_key() } else { Err(X509Error::Issuer) }
        } else {
            let checks = Checks {
                now: Some(self.epoch.saturating_add(now.millis() / 1000)),
                authority: Some(Roles),
                common_name: Some(SERVER_COMMON_NAME),
                reading: Reading::Strict,
            };
            certificate.verify(trusted, checks)
        };
        let key = key?;
        if key.size() == RSA { Ok(key) } else { Err(Reject::from(X509Error::Key)) }
    }

    /// Whether a name can be that of a user at all.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Reject> {
        if names(self.profile) == Names::Unchecked || is_allowed(name) {
            Ok(())
        } else {
            Err(Reject::new(Check::Name, "username"))
        }
    }

    /// Log a user in against the password file of this side.
    pub(super) fn log_in(&self, name: &str, password: &[u8]) -> Result<(), Reject> {
        let refused = Reject::new(Check::Password, "password");
        let users = self.keyring.users(self.profile).ok_or(refused)?;
        users.log_in(name, password).map_err(|_| refused)
    }
}
