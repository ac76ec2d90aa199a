//! The people of `suite`, in a folder laid out as the published program lays it out: who may log in, with
//! which password (`data/`), and the key pair and certificate of each (`data/keys/`, `crypto/certificates/`).
//!
//! A password file is never changed in place: whoever changes it holds the lock on `data/.lock`, reads it, and puts a
//! whole new one there. The system drops a lock with the process that held it, so none is left behind.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use protocol::crypto::rsa::PrivateKey;
use protocol::entropy::Entropy;
use protocol::keyfiles::Account;
use protocol::pki::users::{Names, OWASP, Scheme, Users, UsersError};
use protocol::pki::x509::X509Error;
use protocol::suite::{AUTH, CA_CERT, CA_KEY, PASSWORDS, names, scheme};
use protocol::weakness::Profile;

use crate::pem_files::CredentialError;
use crate::user_files::{Existing, ReadError, WriteError, append, read_text, write};
use files::diagnostic::{quote, quote_path};

mod belongings;

pub use belongings::{Belongings, Part};

/// The lock of both password files.
const LOCK: &str = "data/.lock";

/// A folder with people, and how a profile treats them.
#[derive(Clone, Debug)]
pub struct People {
    folder: PathBuf,
    profile: Profile,
}

/// What new keys and certificates are made from.
#[derive(Debug)]
pub struct Making<'a> {
    /// Decides salts, keys and serial numbers.
    pub entropy: &'a mut Entropy,
    /// When certificates begin to be valid, in seconds since 1970.
    pub from: u64,
}

/// Why something cannot be done with people.
#[derive(Debug)]
pub enum PeopleError {
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

impl fmt::Display for PeopleError {
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

impl std::error::Error for PeopleError {}

impl From<WriteError> for PeopleError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<CredentialError> for PeopleError {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error)
    }
}

impl People {
    /// The people of a folder, as a profile treats them.
    ///
    /// # Errors
    /// [`PeopleError::Folder`].
    pub fn of(folder: &Path, profile: Profile) -> Result<Self, PeopleError> {
        if !folder.is_dir() {
            return Err(PeopleError::Folder(folder.to_owned()));
        }
        Ok(Self { folder: folder.to_owned(), profile })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who is registered, in order.
    ///
    /// # Errors
    /// The password file cannot be read.
    pub fn names(&self) -> Result<Vec<String>, PeopleError> {
        Ok(self.users(scheme(self.profile))?.names().map(str::to_owned).collect())
    }

    /// Whether the password is theirs.
    ///
    /// # Errors
    /// [`UsersError::Login`] if it is not; the password file cannot be read.
    pub fn log_in(&self, account: &Account) -> Result<(), PeopleError> {
        let scheme = scheme(self.profile);
        let users = self.users(scheme)?;
        let logged_in = users.log_in(&account.name, account.password().as_bytes());
        logged_in.map_err(|error| PeopleError::Users(self.store(scheme), error))
    }

    /// Register somebody: a line in the password file, and keys and certificate where the name allows files. As
    /// built any name goes into the password file, and one that is there once more; what is there of keys and
    /// certificate stays.
    ///
    /// # Errors
    /// Nothing is registered then.
    pub fn register(
        &self,
        account: &Account,
        making: &mut Making<'_>,
    ) -> Result<Belongings, PeopleError> {
        let (scheme, names) = (scheme(self.profile), names(self.profile));
        let reserved = belongings::is_server(&account.name) && names == Names::Checked;
        if reserved {
            return Err(PeopleError::Unsuited(account.name.clone()));
        }
        let _lock = self.lock()?;
        let mut users = self.users(scheme)?;
        let registered =
            users.register(&account.name, account.password(), names, OWASP, making.entropy);
        registered.map_err(|error| PeopleError::Users(self.store(scheme), error))?;
        // Last comes what makes them known: a name in the password file has its keys.
        let belongings = self.equip(&account.name, making)?;
        self.replace(scheme, &users)?;
        Ok(belongings)
    }

    /// Give somebody another key, and a certificate for it.
    ///
    /// # Errors
    /// Nobody has that name, there are keys and they are to stay, or it cannot be written.
    pub fn import_key(
        &self,
        name: &str,
        key: &PrivateKey,
        making: &mut Making<'_>,
        existing: Existing,
    ) -> Result<Belongings, PeopleError> {
        let _lock = self.lock()?;
        self.must_be_registered(name)?;
        self.replace_key(name, key, making, existing)
    }

    /// Take somebody out of the password file; and remove keys and certificate, unless the other password file
    /// still has the name. Return the files that were removed.
    ///
    /// # Errors
    /// Nobody has that name; something cannot be written or removed.
    pub fn remove(&self, name: &str) -> Result<Vec<PathBuf>, PeopleError> {
        let own = scheme(self.profile);
        let other = if own == Scheme::Sha256 { Scheme::Argon2id } else { Scheme::Sha256 };
        let _lock = self.lock()?;
        let mut users = self.users(own)?;
        if !users.remove(name) {
            return Err(PeopleError::Nobody(name.to_owned()));
        }
        let elsewhere = self.users(other)?.names().any(|known| known == name);
        self.replace(own, &users)?;
        if elsewhere { Ok(Vec::new()) } else { self.discard(name) }
    }

    /// Fail for a name nobody has.
    ///
    /// # Errors
    /// [`PeopleError::Nobody`]; the password file cannot be read.
    pub fn must_be_registered(&self, name: &str) -> Result<(), PeopleError> {
        let known = self.users(scheme(self.profile))?.names().any(|known| known == name);
        if known { Ok(()) } else { Err(PeopleError::Nobody(name.to_owned())) }
    }

    /// Where a password file is.
    fn store(&self, scheme: Scheme) -> PathBuf {
        self.folder.join(match scheme {
            Scheme::Sha256 => AUTH,
            Scheme::Argon2id => PASSWORDS,
        })
    }

    /// Everybody in a password file; nobody where there is none.
    fn users(&self, scheme: Scheme) -> Result<Users, PeopleError> {
        let path = self.store(scheme);
        let text = match read_text(&path) {
            Err(ReadError::Failed(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                String::new()
            }
            text => text.map_err(PeopleError::Read)?,
        };
        Users::from_text(scheme, &text).map_err(|error| PeopleError::Users(path, error))
    }

    /// Put a new password file in the place of the old one. Only with the lock.
    fn replace(&self, scheme: Scheme, users: &Users) -> Result<(), PeopleError> {
        Ok(write(&self.store(scheme), users.to_text().as_bytes(), Existing::Replace)?)
    }

    /// Wait until nobody else changes anything; keep others out as long as what is returned lives.
    fn lock(&self) -> Result<File, PeopleError> {
        let path = self.folder.join(LOCK);
        let locked = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let locked = locked.and_then(|()| append(&path)).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|error| PeopleError::Lock(path, error))
    }
}

#[cfg(test)]
mod tests;
