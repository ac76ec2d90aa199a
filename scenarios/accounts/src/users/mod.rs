//! The people of `suite`, in a folder laid out as the published program lays it out: who may log in, with
//! which password (`data/`), and the key pair and certificate of each (`data/keys/`, `crypto/certificates/`).
//!
//! A password file is never changed in place: whoever changes it holds the lock on `data/.lock`, reads it, and puts a
//! whole new one there. The system drops a lock with the process that held it, so none is left behind.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use protocol::crypto::rsa::PrivateKey;
use protocol::keyfiles::Account;
use protocol::pki::users::{Names, OWASP, Scheme, Users};
use protocol::suite::{AUTH, PASSWORDS, names, scheme};
use protocol::weakness::Profile;

use crate::user_files::{Existing, ReadError, append, read_text, write};

mod account_keys;

pub use account_keys::{AccountKeys, Part};

/// The lock of both password files.
const LOCK: &str = "data/.lock";

impl UserFolder {
    /// The people of a folder, as a profile treats them.
    ///
    /// # Errors
    /// [`UserError::Folder`].
    pub fn of(folder: &Path, profile: Profile) -> Result<Self, UserError> {
        if !folder.is_dir() {
            return Err(UserError::Folder(folder.to_owned()));
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
    pub fn names(&self) -> Result<Vec<String>, UserError> {
        Ok(self.users(scheme(self.profile))?.names().map(str::to_owned).collect())
    }

    /// Whether the password is theirs.
    ///
    /// # Errors
    /// [`UsersError::Login`](protocol::pki::users::UsersError::Login) if it is not; the password file cannot be read.
    pub fn log_in(&self, account: &Account) -> Result<(), UserError> {
        let scheme = scheme(self.profile);
        let users = self.users(scheme)?;
        let logged_in = users.log_in(&account.name, account.password().as_bytes());
        logged_in.map_err(|error| UserError::Users(self.store(scheme), error))
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
    ) -> Result<AccountKeys, UserError> {
        let (scheme, names) = (scheme(self.profile), names(self.profile));
        let reserved = account_keys::is_server(&account.name) && names == Names::Checked;
        if reserved {
            return Err(UserError::Unsuited(account.name.clone()));
        }
        let _lock = self.lock()?;
        let mut users = self.users(scheme)?;
        let registered =
            users.register(&account.name, account.password(), names, OWASP, making.entropy);
        registered.map_err(|error| UserError::Users(self.store(scheme), error))?;
        // Last comes what makes them known: a name in the password file has its keys.
        let account_keys = self.equip(&account.name, making)?;
        self.replace(scheme, &users)?;
        Ok(account_keys)
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
    ) -> Result<AccountKeys, UserError> {
        let _lock = self.lock()?;
        self.must_be_registered(name)?;
        self.replace_key(name, key, making, existing)
    }

    /// Take somebody out of the password file; and remove keys and certificate, unless the other password file
    /// still has the name. Return the files that were removed.
    ///
    /// # Errors
    /// Nobody has that name; something cannot be written or removed.
    pub fn remove(&self, name: &str) -> Result<Vec<PathBuf>, UserError> {
        let own = scheme(self.profile);
        let other = if own == Scheme::Sha256 { Scheme::Argon2id } else { Scheme::Sha256 };
        let _lock = self.lock()?;
        let mut users = self.users(own)?;
        if !users.remove(name) {
            return Err(UserError::Nobody(name.to_owned()));
        }
        let elsewhere = self.users(other)?.names().any(|known| known == name);
        self.replace(own, &users)?;
        if elsewhere { Ok(Vec::new()) } else { self.discard(name) }
    }

    /// Fail for a name nobody has.
    ///
    /// # Errors
    /// [`UserError::Nobody`]; the password file cannot be read.
    pub fn must_be_registered(&self, name: &str) -> Result<(), UserError> {
        let known = self.users(scheme(self.profile))?.names().any(|known| known == name);
        if known { Ok(()) } else { Err(UserError::Nobody(name.to_owned())) }
    }

    /// Where a password file is.
    fn store(&self, scheme: Scheme) -> PathBuf {
        self.folder.join(match scheme {
            Scheme::Sha256 => AUTH,
            Scheme::Argon2id => PASSWORDS,
        })
    }

    /// Everybody in a password file; nobody where there is none.
    fn users(&self, scheme: Scheme) -> Result<Users, UserError> {
        let path = self.store(scheme);
        let text = match read_text(&path) {
            Err(ReadError::Failed(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                String::new()
            }
            text => text.map_err(UserError::Read)?,
        };
        Users::from_text(scheme, &text).map_err(|error| UserError::Users(path, error))
    }

    /// Put a new password file in the place of the old one. Only with the lock.
    fn replace(&self, scheme: Scheme, users: &Users) -> Result<(), UserError> {
        Ok(write(&self.store(scheme), users.to_text().as_bytes(), Existing::Replace)?)
    }

    /// Wait until nobody else changes anything; keep others out as long as what is returned lives.
    fn lock(&self) -> Result<File, UserError> {
        let path = self.folder.join(LOCK);
        let locked = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let locked = locked.and_then(|()| append(&path)).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|error| UserError::Lock(path, error))
    }
}

mod folder;
#[cfg(test)]
mod tests;
pub use folder::{Making, UserFolder};
mod error;
pub use error::UserError;
