//! Who takes part: the keys, certificates and users of the lab, and a keyring for anybody else's.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::endpoint::Side;
use crate::keyfiles::Account;
use crate::pki::users::{Scheme, Users, UsersError};
use crate::pki::x509::{Certificate, Period, Subject, X509Error};
use crate::suite::wire::{RSA, one_way};
pub use crate::system::EPOCH;
use crate::weakness::{Profile, Weakness};

/// The name of the server, as claims have it. Users go by their own names.
pub const SERVER: &str = "server";
/// The common name in the server's certificate.
pub const SERVER_COMMON_NAME: &str = "Server";
/// The server's subject.
pub const SERVER_SUBJECT: Subject<'static> = "CN=Server";
/// The authority's name.
pub const AUTHORITY: Subject<'static> = "CN=My CA,O=My CA,C=US";
/// When the lab's certificates are valid: 365 days from tick 0.
pub const PERIOD: Period = Period::days(EPOCH, 365);
/// The users of the lab and their passwords, by number from 1. The first is the one of the document.
pub const ACCOUNTS: [(&str, &str); 3] =
    [("fady", "123456789"), ("maged", "147258369"), ("nadia", "correct horse battery")];

/// Why a keyring cannot be made, or does not suffice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyringError {
    /// This key is no usable RSA-2048 key.
    Key(&'static str, RsaError),
    /// This certificate cannot be read.
    Certificate(&'static str, X509Error),
    /// This password file cannot be read.
    Users(&'static str, UsersError),
    /// This is needed and not there.
    Missing(&'static str),
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(what, error) => write!(f, "{what}: {error}"),
            Self::Certificate(what, error) => write!(f, "{what}: {error}"),
            Self::Users(what, error) => write!(f, "{what}: {error}"),
            Self::Missing(what) => write!(f, "no {what}"),
        }
    }
}

impl std::error::Error for KeyringError {}

/// The files a keyring is made from, as texts, by the names the published program gives them. All are optional:
/// a client needs what is public, a server what is its own.
#[derive(Clone, Copy, Default)]
pub struct Files<'a> {
    /// `crypto/certificates/ca_cert.pem`.
    pub ca_cert: Option<&'a str>,
    /// `crypto/certificates/ca_key.pem`: an attacker who holds it can be anybody.
    pub ca_key: Option<&'a str>,
    /// `crypto/certificates/server_cert.pem`.
    pub server_cert: Option<&'a str>,
    /// `server_private.pem`.
    pub server_private: Option<&'a str>,
    /// `server_public.pem`: what a published client encrypts for, whatever the certificate says.
    pub server_public: Option<&'a str>,
    /// `data/auth.txt`: names and unsalted hashes.
    pub auth: Option<&'a str>,
    /// `data/passwords.txt`: names and Argon2id hashes. The published program has no such file.
    pub passwords: Option<&'a str>,
}

/// What an endpoint knows. A client uses the authority's certificate or the server's public key, and an account;
/// a server its private key, its certificate and a password file.
#[derive(Clone, Default)]
pub struct Keyring {
    /// The authority's private key.
    pub authority: Option<PrivateKey>,
    /// The authority's certificate for itself.
    pub authority_certificate: Option<Certificate>,
    /// The server's certificate.
    pub server_certificate: Option<Certificate>,
    /// The server's private key.
    pub server: Option<PrivateKey>,
    /// The server's public key as a file of its own.
    pub server_public: Option<PublicKey>,
    /// The published password file.
    pub auth: Option<Users>,
    /// The hardened password file.
    pub passwords: Option<Users>,
    /// Who logs in, by number from 1.
    pub accounts: Vec<Account>,
}

impl Keyring {
    /// The published lab keys.
    pub fn lab() -> Arc<Self> {
        static LAB: LazyLock<Arc<Keyring>> = LazyLock::new(|| {
            let files = Files {
                ca_cert: Some(include_str!("../../lab/suite/ca_cert.pem")),
                ca_key: Some(include_str!("../../lab/suite/ca_key.pem")),
                server_cert: Some(include_str!("../../lab/suite/server_cert.pem")),
                server_private: Some(include_str!("../../lab/suite/server_private.pem")),
                server_public: Some(include_str!("../../lab/suite/server_public.pem")),
                auth: Some(include_str!("../../lab/suite/auth.txt")),
                passwords: Some(include_str!("../../lab/suite/passwords.txt")),
            };
            let accounts = ACCOUNTS.map(|(name, password)| Account::new(name, password));
            let lab = Keyring::from_files(files, accounts.into());
            Arc::new(lab.unwrap_or_else(|_| unreachable!("the lab keys are tested")))
        });
        LAB.clone()
    }

    /// A keyring of these files and accounts.
    ///
    /// # Errors
    /// [`KeyringError`], with the name of the file.
    pub fn from_files(files: Files<'_>, accounts: Vec<Account>) -> Result<Self, KeyringError> {
        let private = |text: Option<&str>, file| {
            let key = text.map(PrivateKey::from_pem).transpose();
            sized(key, file, |key| key.public_key().size())
        };
        let certificate = |text: Option<&str>, file| {
            let certificate = text.map(Certificate::from_pem).transpose();
            certificate.map_err(|error| KeyringError::Certificate(file, error))
        };
        let users = |text: Option<&str>, scheme, file| {
            let users = text.map(|text| Users::from_text(scheme, text)).transpose();
            users.map_err(|error| KeyringError::Users(file, error))
        };
        let public = files.server_public.map(PublicKey::from_pem).transpose();
        Ok(Self {
            authority: private(files.ca_key, "ca_key.pem")?,
            authority_certificate: certificate(files.ca_cert, "ca_cert.pem")?,
            server_certificate: certificate(files.server_cert, "server_cert.pem")?,
            server: private(files.server_private, "server_private.pem")?,
            server_public: sized(public, "server_public.pem", PublicKey::size)?,
            auth: users(files.auth, Scheme::Sha256, "auth.txt")?,
            passwords: users(files.passwords, Scheme::Argon2id, "passwords.txt")?,
            accounts,
        })
    }

    /// Whether an endpoint on this side has what it needs under `profile`.
    ///
    /// # Errors
    /// [`KeyringError::Missing`], with what is missing first.
    pub fn suffices(&self, side: Side, profile: Profile) -> Result<(), KeyringError> {
        let missing =
            |there: bool, what| if there { Ok(()) } else { Err(KeyringError::Missing(what)) };
        let published = one_way(profile);
        match side {
            Side::Client => {
                missing(!self.accounts.is_empty(), "user name and password")?;
                let key = self.server_public.is_some() || self.server_certificate.is_some();
                missing(!published || key, "server_public.pem or server_cert.pem")?;
                missing(published || self.authority_certificate.is_some(), "ca_cert.pem")
            }
            Side::Server => {
                missing(self.server.is_some(), "server_private.pem")?;
                missing(published || self.server_certificate.is_some(), "server_cert.pem")?;
                let checks = !profile.has(Weakness::ClientSideLogin);
                missing(!checks || self.users(profile).is_some(), "password file")
            }
        }
    }

    /// The password file in use.
    pub(super) fn users(&self, profile: Profile) -> Option<&Users> {
        if profile.has(Weakness::UnsaltedPasswords) { &self.auth } else { &self.passwords }.as_ref()
    }

    /// The account of that number, from 1; the first for any other number.
    pub(super) fn account(&self, number: u32) -> Option<&Account> {
        let at = usize::try_from(number).unwrap_or(0).saturating_sub(1);
        self.accounts.get(at).or(self.accounts.first())
    }
}

/// Every key of this system has 2048 bits: its ciphertexts and signatures have a fixed place in frames.
fn sized<K>(
    key: Result<Option<K>, RsaError>,
    file: &'static str,
    size: impl Fn(&K) -> usize,
) -> Result<Option<K>, KeyringError> {
    match key {
        Ok(Some(key)) if size(&key) != RSA => Err(KeyringError::Key(file, RsaError::Size)),
        Ok(key) => Ok(key),
        Err(error) => Err(KeyringError::Key(file, error)),
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(redacted)")
    }
}
