//! Who takes part: keys, requests and certificates of the lab, made once.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::crypto::rsa::{PrivateKey, RsaError};
use crate::endpoint::Name;
use crate::entropy::Entropy;
use crate::pki::x509::{Certificate, Issuer, Kind, Period, Request, Subject, X509Error};
pub use crate::system::EPOCH;

/// The name of the server, as claims have it.
pub const SERVER: &str = "server";
/// The common name in the server's certificate.
pub const SERVER_COMMON_NAME: &str = "Server 001";
/// The authority's name.
pub const AUTHORITY: Subject<'static> = "CN=My CA Root,O=MyCA,C=TR";
/// When the lab's certificates are valid: 365 days from tick 0.
pub const PERIOD: Period = Period::days(EPOCH, 365);

/// The server's subject.
pub(super) const SERVER_SUBJECT: Subject<'static> = "CN=Server 001,O=MyServer";

/// Why a keyring cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyringError {
    /// A private key is none.
    Key(RsaError),
    /// A request or certificate cannot be made.
    Certificate(X509Error),
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyringError {}

impl From<RsaError> for KeyringError {
    fn from(error: RsaError) -> Self {
        Self::Key(error)
    }
}

impl From<X509Error> for KeyringError {
    fn from(error: X509Error) -> Self {
        Self::Certificate(error)
    }
}

/// One party: its name, key and certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name in claims.
    pub name: Name,
    /// The private key.
    pub key: PrivateKey,
    /// The certificate as it goes over the wire: PEM.
    pub certificate: String,
}

impl Identity {
    /// Make a request with the party's key and have it signed.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn issue(
        issuer: &mut Issuer<'_>,
        name: &str,
        subject: Subject<'_>,
        private_pem: &str,
        period: Period,
    ) -> Result<Self, KeyringError> {
        let key = PrivateKey::from_pem(private_pem)?;
        let request = Request::new(subject, &key)?;
        let certificate = issuer.sign(&request, period, Kind::Bare)?.to_pem()?;
        Ok(Self { name: Name::from(name), key, certificate })
    }
}

/// What one endpoint holds: its own secrets, and whom it trusts.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Who it is.
    pub me: Identity,
    /// The authority's certificate for itself.
    pub authority: Certificate,
}

/// Everybody's keys.
#[derive(Clone)]
pub struct Keyring {
    /// The authority's private key: an attacker who holds it can be anybody.
    pub authority: PrivateKey,
    /// The authority's certificate for itself, which everybody trusts. It is never on the wire. It says
    /// what it is for; the published one has no extensions, and no as-built endpoint looks for them.
    pub authority_certificate: Certificate,
    /// The server.
    pub server: Identity,
    /// The devices, by number from 1.
    pub devices: [Identity; 3],
    /// The first device with a certificate whose year ended a day before tick 0.
    pub expired_device: Identity,
    /// The server with a certificate whose year ended a day before tick 0.
    pub expired_server: Identity,
}

impl Keyring {
    /// The published lab keys.
    pub fn lab() -> Arc<Self> {
        static LAB: LazyLock<Arc<Keyring>> = LazyLock::new(|| {
            let lab = Keyring::from_pem(
                include_str!("../../lab/csr/ca_private_key.pem"),
                include_str!("../../lab/csr/server_private_key.pem"),
                [
                    include_str!("../../lab/csr/device_private_key.pem"),
                    include_str!("../../lab/csr/device-2_private_key.pem"),
                    include_str!("../../lab/csr/device-3_private_key.pem"),
                ],
            );
            Arc::new(lab.unwrap_or_else(|_| unreachable!("the lab keys are tested")))
        });
        LAB.clone()
    }

    /// A keyring of these private keys (PEM), with certificates issued by the authority.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn from_pem(
        authority: &str,
        server: &str,
        devices: [&str; 3],
    ) -> Result<Self, KeyringError> {
        let authority = PrivateKey::from_pem(authority)?;
        let mut issuer = Issuer {
            subject: AUTHORITY,
            key: &authority,
            entropy: Entropy::new(0, "csr serial numbers"),
        };
        let expired = Period::days(EPOCH - 366 * 24 * 60 * 60, 365);
        let device = |issuer: &mut Issuer<'_>, number, pem, period| {
            let common_name = device_common_name(number);
            let subject = device_subject(number);
            Identity::issue(issuer, local_name(&common_name).as_str(), &subject, pem, period)
        };
        let [first, second, third] = devices;
        Ok(Self {
            authority_certificate: issuer.certify_itself(PERIOD, Kind::Authority)?,
            server: Identity::issue(&mut issuer, SERVER, SERVER_SUBJECT, server, PERIOD)?,
            devices: [
                device(&mut issuer, 1, first, PERIOD)?,
                device(&mut issuer, 2, second, PERIOD)?,
                device(&mut issuer, 3, third, PERIOD)?,
            ],
            expired_device: device(&mut issuer, 1, first, expired)?,
            expired_server: Identity::issue(&mut issuer, SERVER, SERVER_SUBJECT, server, expired)?,
            authority,
        })
    }

    /// The device of that number, from 1; the first for any other number.
    pub fn device(&self, number: u32) -> &Identity {
        let [first, second, third] = &self.devices;
        match number {
            2 => second,
            3 => third,
            _ => first,
        }
    }

    /// What that device holds.
    pub fn device_credentials(&self, number: u32) -> Credentials {
        let authority = self.authority_certificate.clone();
        Credentials { me: self.device(number).clone(), authority }
    }

    /// What the server holds.
    pub fn server_credentials(&self) -> Credentials {
        let authority = self.authority_certificate.clone();
        Credentials { me: self.server.clone(), authority }
    }
}

/// The name in claims of whoever has this common name; the common name itself for strangers.
pub(super) fn local_name(common_name: &str) -> Name {
    match device_number(common_name) {
        Some(1) => Name::from("device"),
        Some(number) => Name::from(format!("device-{number}").as_str()),
        None if common_name == SERVER_COMMON_NAME => Name::from(SERVER),
        None => Name::from(common_name),
    }
}

/// The common name of device `number`, from 1.
pub(super) fn device_common_name(number: u32) -> String {
    format!("Device {number:03}")
}

/// The subject of device `number`, from 1.
pub(super) fn device_subject(number: u32) -> String {
    format!("CN={},O=MyDevice,C=TR", device_common_name(number))
}

/// Which device has this common name.
pub(super) fn device_number(common_name: &str) -> Option<u32> {
    let number = common_name.strip_prefix("Device ")?.parse().ok()?;
    (number > 0 && device_common_name(number) == common_name).then_some(number)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(redacted)")
    }
}
