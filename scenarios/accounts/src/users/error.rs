//! Why something cannot be done with a user.

use std::fmt;
use std::io;
use std::path::PathBuf;

use files::diagnostic::{quote, quote_path};
use protocol::pki::users::UsersError;
use protocol::pki::x509::X509Error;
use protocol::suite::{CA_CERT, CA_KEY};

use crate::pem_files::CredentialError;
use crate::user_files::{ReadError, WriteError};

/// Why something cannot be done with people.
#[derive(Debug)]
pub enum UserError {
    /// There is no such folder.
    Folder(PathBuf),
    /// The password file, at this place, or what was asked of it, is wrong.
    Users(PathBuf, UsersError),
    /// A file cannot be read.
    Read(ReadError),
    /// A file cannot be written.
    Write(WriteError),
    /// A file cannot be removed.
    Remove(PathBuf, io::Error),
    /// Nobody can be kept from writing at the same time.
    Lock(PathBuf, io::Error),
    /// A key or certificate is not what it should be.
    Credential(CredentialError),
    /// Nobody of that name is registered.
    Nobody(String),
    /// The name cannot be that of a file, or is the server's.
    Unsuited(String),
    /// There is this public key, and no private one.
    Orphan(PathBuf),
    /// The key has too few bits.
    Small(u32),
    /// A key or certificate cannot be made.
    Unmakeable(&'static str),
    /// The authority of the folder cannot issue a certificate.
    Unissued(X509Error),
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => {
                write!(
                    f,
                    "{}: no such folder; `scenarios pki init suite` makes one",
                    quote_path(path)
                )
            }
            // What was asked is wrong, not the file.
            Self::Users(path, error) if error.line().is_some() => {
                write!(f, "{}: {error}", quote_path(path))
            }
            Self::Users(_, error) => error.fmt(f),
            Self::Read(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
            Self::Remove(path, error) => write!(f, "cannot remove {}: {error}", quote_path(path)),
            Self::Lock(path, error) => write!(f, "cannot lock {}: {error}", quote_path(path)),
            Self::Credential(error) => error.fmt(f),
            Self::Nobody(name) => write!(f, "nobody is registered as {}", quote(name)),
            Self::Unsuited(name) => write!(
                f,
                "{} has no keys: a name with keys has letters, digits or `-_.@`, does not begin with a dot and is not the server's",
                quote(name)
            ),
            Self::Orphan(path) => {
                write!(
                    f,
                    "{}: its private key is missing; remove it to make both",
                    quote_path(path)
                )
            }
            Self::Small(bits) => write!(f, "a key of {bits} bits; at least 2048 are needed"),
            Self::Unmakeable(what) => write!(f, "cannot make {what}"),
            Self::Unissued(X509Error::Key) => write!(
                f,
                "cannot make a certificate: {CA_CERT} is not the certificate of the key in {CA_KEY}"
            ),
            Self::Unissued(X509Error::Authority) => {
                write!(f, "cannot make a certificate: {CA_CERT} is not that of an authority")
            }
            Self::Unissued(why) => {
                write!(f, "cannot make a certificate with the folder's authority: {why}")
            }
        }
    }
}

impl std::error::Error for UserError {}

impl From<WriteError> for UserError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<CredentialError> for UserError {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error)
    }
}
