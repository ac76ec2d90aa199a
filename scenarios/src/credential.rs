//! What a file of the user's holds: a key, a request, a certificate; in PEM or, for the certificates of `helo`, in
//! JSON. Whoever needs one kind says so and is told what is there instead.

use std::fmt;
use std::path::{Path, PathBuf};

use protocol::crypto::rsa::{PrivateKey, PublicKey};
use protocol::pki;
use protocol::pki::x509::{Certificate, Request};

use crate::diagnostic::{quote, quote_path};
use crate::files::{ReadError, read_text};

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
    /// There is neither PEM nor JSON in it.
    Nothing(PathBuf),
    /// The key in it is encrypted.
    Encrypted(PathBuf),
    /// It holds something of this kind, which is not known here.
    Unknown(PathBuf, String),
    /// What it holds says it is one of these, and is none or a broken one.
    Broken(PathBuf, &'static str),
    /// It holds the first of these, and the second is expected.
    Other(PathBuf, &'static str, &'static str),
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, why) = match self {
            Self::Read(error) => return error.fmt(f),
            Self::Nothing(path) => (path, "neither PEM nor a JSON certificate is in it".to_owned()),
            Self::Encrypted(path) => {
                (path, "the key is encrypted; only unencrypted keys are read".to_owned())
            }
            Self::Unknown(path, label) => (path, format!("holds {}", quote(label))),
            Self::Broken(path, what) => (path, format!("no usable {what}")),
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
    let text = read_text(path).map_err(CredentialError::Read)?;
    if text.trim_start().starts_with('{') {
        let named = pki::Certificate::decode(text.trim().as_bytes());
        let named = named.map_err(|_| CredentialError::Broken(path.to_owned(), NAMED))?;
        return Ok(vec![Credential::Named(named)]);
    }
    let found: Result<Vec<_>, _> = blocks(&text).map(|block| parse(path, &block)).collect();
    let found = found?;
    if found.is_empty() { Err(CredentialError::Nothing(path.to_owned())) } else { Ok(found) }
}

/// One PEM block: its label, and all of it.
struct Block<'a> {
    label: &'a str,
    pem: &'a str,
}

/// The PEM blocks of a text. What stands around them is for people.
fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, begun) = rest.split_once("-----BEGIN ")?;
        let start = text.len() - begun.len() - "-----BEGIN ".len();
        let (label, _) = begun.split_once("-----").unwrap_or((begun, ""));
        let end = format!("-----END {label}-----");
        let length = begun.find(&end).map_or(begun.len(), |at| at + end.len());
        rest = begun.get(length..).unwrap_or_default();
        let pem = text.get(start..text.len() - rest.len()).unwrap_or_default();
        Some(Block { label, pem })
    })
}

fn parse(path: &Path, block: &Block<'_>) -> Result<Credential, CredentialError> {
    let broken = |what| CredentialError::Broken(path.to_owned(), what);
    let private = |encoding| {
        let key = PrivateKey::from_pem(block.pem).map_err(|_| broken(PRIVATE))?;
        Ok(Credential::Private(key, encoding))
    };
    let public = |encoding| {
        let key = PublicKey::from_pem(block.pem).map_err(|_| broken(PUBLIC))?;
        Ok(Credential::Public(key, encoding))
    };
    match block.label {
        "ENCRYPTED PRIVATE KEY" => Err(CredentialError::Encrypted(path.to_owned())),
        "RSA PRIVATE KEY" if block.pem.contains("ENCRYPTED") => {
            Err(CredentialError::Encrypted(path.to_owned()))
        }
        "PRIVATE KEY" => private(Encoding::Pkcs8),
        "RSA PRIVATE KEY" => private(Encoding::Pkcs1),
        "PUBLIC KEY" => public(Encoding::Pkcs8),
        "RSA PUBLIC KEY" => public(Encoding::Pkcs1),
        // Another name for it, which older programs write.
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            let pem = block.pem.replace("NEW CERTIFICATE REQUEST", "CERTIFICATE REQUEST");
            Ok(Credential::Request(Request::from_pem(&pem).map_err(|_| broken(REQUEST))?))
        }
        "CERTIFICATE" => {
            let read = Certificate::from_pem(block.pem).map_err(|_| broken(CERTIFICATE))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_out_of_what_stands_around_them() {
        let text =
            "Subject: x\n-----BEGIN A-----\nAA==\n-----END A-----\n\nmore\n-----BEGIN B-----\nBB";
        let found: Vec<_> = blocks(text).map(|block| (block.label, block.pem)).collect();
        let a = "-----BEGIN A-----\nAA==\n-----END A-----";
        assert_eq!(found, [("A", a), ("B", "-----BEGIN B-----\nBB")]);
        for odd in
            ["-----BEGIN ", "-----BEGIN é", "-----BEGIN -----", "-----BEGIN A-----END A-----"]
        {
            assert_eq!(blocks(odd).count(), 1, "{odd}");
        }
    }
}
