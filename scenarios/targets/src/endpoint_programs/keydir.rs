//! A folder with key files (`--keys DIR`), and who logs in with them.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use accounts::user_files::{LARGEST, ReadError, read_within};
use protocol::keyfiles::{Account, KeyError, KeyFiles, KeyProblem, KeySource};

/// A folder with key files.
#[derive(Clone, Debug)]
pub struct KeyDir(pub PathBuf);

impl KeySource for KeyDir {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        let why = match read_within(&self.0.join(path), LARGEST) {
            Ok(file) => return Ok(Some(file)),
            Err(ReadError::Failed(_, error)) if error.kind() == ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(ReadError::Failed(_, error)) => KeyProblem::Unreadable(error.kind()),
            Err(ReadError::NotAFile(_)) => KeyProblem::Not("a regular file"),
            Err(ReadError::TooLarge(_, most)) => KeyProblem::TooLarge(most),
            Err(ReadError::NotText(_)) => KeyProblem::NotText,
        };
        Err(KeyError::new(path, why))
    }

    fn kept(&self) -> Option<Arc<dyn KeySource + Send + Sync>> {
        Some(Arc::new(self.clone()))
    }
}

/// A folder with key files, and what an endpoint has made for itself.
#[derive(Debug)]
pub struct WithFresh {
    /// The folder.
    pub folder: KeyDir,
    /// What was made.
    pub made: KeyFiles,
}

impl KeySource for WithFresh {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        let made = self.made.read_bytes(path)?;
        made.map_or_else(|| self.folder.read_bytes(path), |file| Ok(Some(file)))
    }

    fn kept(&self) -> Option<Arc<dyn KeySource + Send + Sync>> {
        self.folder.kept()
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
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        self.keys.read_bytes(path)
    }

    fn account(&self) -> Option<Account> {
        Some(self.account.clone())
    }
}
