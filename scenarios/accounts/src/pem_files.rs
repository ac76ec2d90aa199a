//! What a file of the user's holds: a key, a request, a certificate; in PEM or DER or, for the certificates of `helo`,
//! in JSON. Whoever needs one kind says so and is told what is there instead.

use std::fmt;
use std::path::{Path, PathBuf};

use files::diagnostic::{quote, quote_path};
use protocol::crypto::rsa::{PrivateKey, PublicKey};
use protocol::pki;
use protocol::pki::armour::{self, ArmourError, Block};
use protocol::pki::x509::{Certificate, Request};
use zeroize::Zeroizing;

use crate::user_files::{LARGEST, ReadError, read_within};

/// One thing out of a file.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A private key.
    Private(PrivateKey, Encoding),
    /// A public key.
    Public(PublicKey, Encoding),
    /// A request for an X.509 certificate (PKCS#10).
    Request(Request),
    /// An X.509 certificate.
    Certificate(Box<Certificate>),
    /// A JSON certificate.
    Named(pki::Certificate),
}

/// How a key is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// `PRIVATE KEY` (RFC 5208) or `PUBLIC KEY` (RFC 5280): says what kind of key it is.
    Pkcs8,
    /// `RSA PRIVATE KEY` or `RSA PUBLIC KEY` (RFC 8017).
    Pkcs1,
}

/// Why a file does not give what is wanted of it.
#[derive(Debug)]
pub enum CredentialError {
    /// It cannot be read.
    Read(ReadError),
    /// It is no JSON, and cannot be taken apart as PEM or DER.
    Armour(PathBuf, ArmourError),
    /// The key in it is encrypted.
    Encrypted(PathBuf),
    /// It holds something of this kind, which is not known here.
    Unknown(PathBuf, String),
    /// What it holds says it is one of these, and is none or a broken one; and why.
    Broken(PathBuf, &'static str, String),
    /// It holds the first of these, and the second is expected.
    Other(PathBuf, &'static str, &'static str),
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, why) = match self {
            Self::Read(error) => return error.fmt(f),
            Self::Armour(path, ArmourError::Nothing) => {
                (path, "neither PEM, DER nor a JSON certificate is in it".to_owned())
            }
            Self::Armour(path, why) => (path, why.to_string()),
            Self::Encrypted(path) => {
                (path, "the key is encrypted; only unencrypted keys are read".to_owned())
            }
            Self::Unknown(path, label) => (path, format!("holds {}", quote(label))),
            Self::Broken(path, what, why) => (path, format!("no usable {what}: {why}")),
            Self::Other(path, is, wanted) => (path, format!("holds no {wanted}, but: {is}")),
        };
        write!(f, "{}: {why}", quote_path(path))
    }
}

impl std::error::Error for CredentialError {}

const PRIVATE: &str = "RSA private key";
const PUBLIC: &str = "RSA public key";
const REQUEST: &str = "certificate request";
const CERTIFICATE: &str = "X.509 certificate";
const NAMED: &str = "JSON certificate";

impl Credential {
    /// What kind it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Private(..) => PRIVATE,
            Self::Public(..) => PUBLIC,
            Self::Request(_) => REQUEST,
            Self::Certificate(_) => CERTIFICATE,
            Self::Named(_) => NAMED,
        }
    }
}

/// Everything in a file, in order; at least one thing.
///
/// # Errors
/// [`CredentialError`], also where only a part is broken.
pub fn read(path: &Path) -> Result<Vec<Credential>, CredentialError> {
    let file = Zeroizing::new(read_within(path, LARGEST).map_err(CredentialError::Read)?);
    parse(path, &file)
}

/// Everything in `file`; `path` is for messages.
///
/// # Errors
/// [`CredentialError`], also where only a part is broken.
pub fn parse(path: &Path, file: &[u8]) -> Result<Vec<Credential>, CredentialError> {
    let json = file.trim_ascii();
    if json.starts_with(b"{") {
        let named = pki::Certificate::decode(json);
        let broken = |_| CredentialError::Broken(path.to_owned(), NAMED, flaw(json));
        return Ok(vec![Credential::Named(named.map_err(broken)?)]);
    }
    let blocks = armour::read(file);
    let blocks = blocks.map_err(|why| CredentialError::Armour(path.to_owned(), why))?;
    blocks.iter().map(|block| parse_block(path, block)).collect()
}

/// What is wrong with a JSON certificate that cannot be read.
fn flaw(json: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(json) {
        Err(error) => error.to_string(),
        Ok(_) => "expected certificate.common_name, certificate.public_key and signature in Base64"
            .to_owned(),
    }
}

fn parse_block(path: &Path, block: &Block) -> Result<Credential, CredentialError> {
    if block.encrypted {
        return Err(CredentialError::Encrypted(path.to_owned()));
    }
    let broken = |what| {
        let why = block.problem().unwrap_or_else(|| "it cannot be read".to_owned());
        CredentialError::Broken(path.to_owned(), what, why)
    };
    let pem = block.to_pem().unwrap_or_default();
    let private = |encoding| {
        let key = PrivateKey::from_pem(&pem).map_err(|_| broken(PRIVATE))?;
        Ok(Credential::Private(key, encoding))
    };
    let public = |encoding| {
        let key = PublicKey::from_pem(&pem).map_err(|_| broken(PUBLIC))?;
        Ok(Credential::Public(key, encoding))
    };
    match block.label.as_str() {
        armour::PRIVATE => private(Encoding::Pkcs8),
        armour::RSA_PRIVATE => private(Encoding::Pkcs1),
        armour::PUBLIC => public(Encoding::Pkcs8),
        armour::RSA_PUBLIC => public(Encoding::Pkcs1),
        armour::REQUEST => {
            Ok(Credential::Request(Request::read_der(&block.der).map_err(|_| broken(REQUEST))?))
        }
        armour::CERTIFICATE => {
            let read = Certificate::read_der(&block.der).map_err(|_| broken(CERTIFICATE))?;
            Ok(Credential::Certificate(Box::new(read)))
        }
        label => Err(CredentialError::Unknown(path.to_owned(), label.to_owned())),
    }
}

/// The first thing of a wanted kind.
fn first<T>(
    path: &Path,
    wanted: &'static str,
    take: impl Fn(&Credential) -> Option<T>,
) -> Result<T, CredentialError> {
    let all = read(path)?;
    let there = all.first().map_or("", Credential::kind);
    let other = || CredentialError::Other(path.to_owned(), there, wanted);
    all.iter().find_map(take).ok_or_else(other)
}

/// The private key in a file.
///
/// # Errors
/// [`CredentialError`].
pub fn private_key(path: &Path) -> Result<PrivateKey, CredentialError> {
    first(path, PRIVATE, |credential| match credential {
        Credential::Private(key, _) => Some(key.clone()),
        _ => None,
    })
}

/// The public key in a file, or the public half of the private one.
///
/// # Errors
/// [`CredentialError`].
pub fn public_key(path: &Path) -> Result<PublicKey, CredentialError> {
    first(path, "RSA key", |credential| match credential {
        Credential::Private(key, _) => Some(key.public_key()),
        Credential::Public(key, _) => Some(key.clone()),
        _ => None,
    })
}

/// The request in a file.
///
/// # Errors
/// [`CredentialError`].
pub fn request(path: &Path) -> Result<Request, CredentialError> {
    first(path, REQUEST, |credential| match credential {
        Credential::Request(request) => Some(request.clone()),
        _ => None,
    })
}

/// The X.509 certificate in a file; of a chain, the first.
///
/// # Errors
/// [`CredentialError`].
pub fn certificate(path: &Path) -> Result<Certificate, CredentialError> {
    first(path, CERTIFICATE, |credential| match credential {
        Credential::Certificate(certificate) => Some((**certificate).clone()),
        _ => None,
    })
}
