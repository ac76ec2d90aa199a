//! A folder with key files (`--keys DIR`), and who logs in with them.

use std::io::ErrorKind;
use std::path::PathBuf;

use protocol::keyfiles::{Account, KeyError, KeyProblem, KeySource};

use crate::files::{LARGEST, ReadError, read_text};

/// A folder with key files.
#[derive(Clone, Debug)]
pub struct KeyDir(pub PathBuf);

impl KeySource for KeyDir {
    fn read(&self, path: &str) -> Result<Option<String>, KeyError> {
        let why = match read_text(&self.0.join(path)) {
            Ok(text) => return Ok(Some(text)),
            Err(ReadError::Failed(_, error)) if error.kind() == ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(ReadError::Failed(_, error)) => KeyProblem::Unreadable(error.kind()),
            Err(ReadError::NotAFile(_)) => KeyProblem::Not("a regular file"),
            Err(ReadError::TooLarge(_)) => KeyProblem::TooLarge(LARGEST),
            Err(ReadError::NotText(_)) => KeyProblem::NotText,
        };
        Err(KeyError::new(path, why))
    }
}

/// Key files, and somebody who logs in.
#[derive(Clone, Debug)]
pub struct LoggingIn<S> {
    /// The files.
    pub keys: S,
    /// Who.
    pub account: Account,
}

impl<S: KeySource> KeySource for LoggingIn<S> {
    fn read(&self, path: &str) -> Result<Option<String>, KeyError> {
        self.keys.read(path)
    }

    fn account(&self) -> Option<Account> {
        Some(self.account.clone())
    }
}
