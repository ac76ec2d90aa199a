//! Keys from outside: where an endpoint asks for its key files, and what can be wrong with them. Nothing here
//! reads a disk; whoever does implements [`KeySource`].

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::crypto::Secret;
use crate::crypto::checksum::from_hex;
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::pki::CertificateError;
use crate::pki::armour::{self, ArmourError};
use crate::pki::x509::X509Error;

/// A folder with key files.
pub trait KeySource {
    /// What is in the file at `path`, inside the folder; nothing if there is no such file.
    ///
    /// # Errors
    /// There is one and it cannot be read.
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError>;

    /// The text of the file at `path`, inside the folder; nothing if there is no such file.
    ///
    /// # Errors
    /// There is one and it cannot be read, or is no text.
    fn read(&self, path: &str) -> Result<Option<String>, KeyError> {
        let text = self.read_bytes(path)?.map(String::from_utf8).transpose();
        text.map_err(|_| KeyError::new(path, KeyProblem::NotText))
    }

    /// The folder as it will be later, for files that change while an endpoint runs; nothing where it never does.
    fn kept(&self) -> Option<Arc<dyn KeySource + Send + Sync>> {
        None
    }

    /// Who logs in, where a system has users.
    fn account(&self) -> Option<Account> {
        None
    }

    /// Whether keys of other sizes than the published program's will do: an experiment may want small ones.
    fn any_size(&self) -> bool {
        false
    }
}

/// A user as the user knows it: name and password. The password is wiped when dropped, and never shown.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Account {
    /// The name in claims.
    #[zeroize(skip)]
    pub name: String,
    password: String,
}

impl Account {
    /// Who logs in, and how.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { name: name.into(), password: password.into() }
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({:?}, redacted)", self.name)
    }
}

/// Key files by path.
pub type KeyFiles = BTreeMap<String, String>;

impl KeySource for KeyFiles {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        Ok(self.get(path).map(|text| text.clone().into_bytes()))
    }
}

/// What is wrong with a key file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyError {
    /// The file, inside its folder.
    pub path: String,
    /// What is wrong.
    pub why: KeyProblem,
}

/// What can be wrong with a key file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyProblem {
    /// It is not there. It should hold this.
    Missing(&'static str),
    /// The system refuses to read it.
    Unreadable(ErrorKind),
    /// It is larger than any key file, in bytes.
    TooLarge(usize),
    /// It is not text.
    NotText,
    /// It holds something else, or a broken one of these.
    Not(&'static str),
    /// It cannot be taken apart. It should hold the first.
    Armour(&'static str, ArmourError),
    /// What it holds is encrypted.
    Encrypted,
    /// It should hold the first, and holds this, by its label.
    Other(&'static str, String),
    /// It should hold the first, and what it holds is broken, or for another algorithm.
    Unusable(&'static str, String),
    /// The authority of the first file did not issue it, or that cannot be checked.
    NotIssued(&'static str, X509Error),
    /// The same, of a JSON certificate.
    NotCertified(&'static str, CertificateError),
    /// Line `line` is not of this form.
    Line {
        /// From 1.
        line: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// It does not belong to this other file.
    Mismatch(&'static str),
    /// It cannot be made.
    Unmakeable(&'static str),
}

impl KeyError {
    /// Something is wrong with the file at `path`.
    pub fn new(path: &str, why: KeyProblem) -> Self {
        Self { path: path.to_owned(), why }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match &self.why {
            KeyProblem::Armour(holds, why) => write!(f, "not {holds}: {why}"),
            KeyProblem::Encrypted => f.write_str("encrypted; only unencrypted keys are read"),
            KeyProblem::Other(holds, found) => write!(f, "not {holds}, but: {found:?}"),
            KeyProblem::Unusable(holds, why) => write!(f, "not {holds}: {why}"),
            KeyProblem::NotIssued(by, why) => write!(f, "does not belong to {by}: {why}"),
            KeyProblem::NotCertified(by, why) => write!(f, "does not belong to {by}: {why}"),
            KeyProblem::Missing(holds) => write!(f, "missing; expected {holds}"),
            KeyProblem::Unreadable(kind) => write!(f, "cannot be read: {kind}"),
            KeyProblem::TooLarge(most) => write!(f, "larger than {most} bytes"),
            KeyProblem::NotText => f.write_str("not UTF-8 text"),
            KeyProblem::Not(expected) => write!(f, "not {expected}"),
            KeyProblem::Line { line, expected } => write!(f, "line {line}: expected {expected}"),
            KeyProblem::Mismatch(other) => write!(f, "does not belong to {other}"),
            KeyProblem::Unmakeable(what) => write!(f, "cannot make {what}"),
        }
    }
}

impl std::error::Error for KeyError {}

/// The text of a file that must be there.
///
/// # Errors
/// It is not.
pub fn need(source: &dyn KeySource, path: &str, holds: &'static str) -> Result<String, KeyError> {
    source.read(path)?.ok_or_else(|| KeyError::new(path, KeyProblem::Missing(holds)))
}

/// A secret key of `N` bytes that must be there, in a file that holds it in hexadecimal digits.
///
/// ```
/// use protocol::keyfiles::{KeyFiles, hex_key};
///
/// let files = KeyFiles::from([("psk.txt".to_owned(), "00ff7e\n".to_owned())]);
/// assert_eq!(hex_key::<3>(&files, "psk.txt", "the shared key").unwrap().0, [0x00, 0xff, 0x7e]);
/// assert!(hex_key::<4>(&files, "psk.txt", "the shared key").is_err());
/// ```
///
/// # Errors
/// It is not there, or holds something else.
pub fn hex_key<const N: usize>(
    source: &dyn KeySource,
    path: &str,
    holds: &'static str,
) -> Result<Secret<N>, KeyError> {
    let text = need(source, path, holds).map(Zeroizing::new)?;
    let bytes = from_hex(text.trim()).map(Zeroizing::new);
    let key = bytes.and_then(|bytes| bytes[..].try_into().ok()).map(Secret);
    key.ok_or_else(|| KeyError::new(path, KeyProblem::Not(holds)))
}

/// What of a file with one of these labels comes first, as PEM with lines of 64 characters; nothing if there is no such
/// file. People keep it as PEM of any form, or as DER.
///
/// # Errors
/// There is one and nothing usable of the kind is in it.
pub fn pem(
    source: &dyn KeySource,
    path: &str,
    labels: &[&str],
    holds: &'static str,
) -> Result<Option<String>, KeyError> {
    let wrong = |why| KeyError::new(path, why);
    let Some(file) = source.read_bytes(path)?.map(Zeroizing::new) else { return Ok(None) };
    let all = armour::read(&file).map_err(|why| wrong(KeyProblem::Armour(holds, why)))?;
    let Some(block) = all.iter().find(|block| labels.contains(&block.label.as_str())) else {
        if all.iter().any(|block| block.encrypted) {
            return Err(wrong(KeyProblem::Encrypted));
        }
        let found = all.first().map_or_else(String::new, |block| block.label.clone());
        return Err(wrong(KeyProblem::Other(holds, found)));
    };
    if block.encrypted {
        return Err(wrong(KeyProblem::Encrypted));
    }
    if let Some(why) = block.problem() {
        return Err(wrong(KeyProblem::Unusable(holds, why)));
    }
    Ok(block.to_pem().map(|pem| pem.to_string()))
}

/// The labels of private keys.
pub const PRIVATE_KEYS: &[&str] = &[armour::PRIVATE, armour::RSA_PRIVATE];
/// The labels of public keys.
pub const PUBLIC_KEYS: &[&str] = &[armour::PUBLIC, armour::RSA_PUBLIC];
/// The labels of certificates.
pub const CERTIFICATES: &[&str] = &[armour::CERTIFICATE];

/// A private key that must be there.
///
/// # Errors
/// It is not there, or no RSA private key.
pub fn private_key(source: &dyn KeySource, path: &str) -> Result<PrivateKey, KeyError> {
    const HOLDS: &str = "an RSA private key (PEM or DER, PKCS#8 or PKCS#1, unencrypted)";
    let pem = pem(source, path, PRIVATE_KEYS, HOLDS)?.map(Zeroizing::new);
    let pem = pem.ok_or_else(|| KeyError::new(path, KeyProblem::Missing(HOLDS)))?;
    PrivateKey::from_pem(&pem).map_err(|_| KeyError::new(path, KeyProblem::Not(HOLDS)))
}

/// A public key that may be there.
///
/// # Errors
/// It is there and no RSA public key.
pub fn public_key(source: &dyn KeySource, path: &str) -> Result<Option<PublicKey>, KeyError> {
    const HOLDS: &str = "an RSA public key (PEM or DER)";
    let Some(pem) = pem(source, path, PUBLIC_KEYS, HOLDS)? else { return Ok(None) };
    let key = PublicKey::from_pem(&pem);
    key.map(Some).map_err(|_| KeyError::new(path, KeyProblem::Not(HOLDS)))
}
