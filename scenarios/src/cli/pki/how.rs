//! What the commands of `pki` have in common: randomness, files, and how keys and certificates are made.

use std::path::Path;

use accounts::user_files::{Existing, WriteError, write};
use anyhow::{Result, anyhow};
use protocol::crypto::rsa::PrivateKey;
use protocol::entropy::Entropy;
use protocol::pki::x509::{Period, X509Error};

use super::super::output::Output;

/// Options of every command that makes files.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct How {
    /// Replace files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// Decides everything random, to make the same again: for tests only
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

impl How {
    /// What to do with files that are there.
    pub(crate) fn existing(&self) -> Existing {
        if self.force { Existing::Replace } else { Existing::Keep }
    }

    /// Randomness of the system, or the same every time. `label` keeps what is made for different purposes apart.
    pub(crate) fn entropy(&self, label: &str) -> Result<Entropy> {
        entropy(self.seed, label)
    }

    /// Fail before anything is made if the file is there and is to stay.
    pub(crate) fn make_way(&self, path: &Path) -> Result<(), WriteError> {
        let there = path.symlink_metadata().is_ok();
        if there && !self.force { Err(WriteError::Exists(path.to_owned())) } else { Ok(()) }
    }

    /// Write what was made.
    pub(crate) fn write(
        &self,
        path: &Path,
        content: &str,
        output: Output,
    ) -> Result<(), WriteError> {
        write(path, content.as_bytes(), self.existing())?;
        output.remark(&format!("wrote {}", path.display()));
        Ok(())
    }
}

/// Randomness of the system, or the same every time.
pub(crate) fn entropy(seed: Option<u64>, label: &str) -> Result<Entropy> {
    Ok(if let Some(seed) = seed {
        Entropy::new(seed, label)
    } else {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        Entropy::from_key(key)
    })
}

/// A key that may sign: others are read, but are too small for what is made today.
pub(crate) fn large_enough(key: &PrivateKey, path: &Path) -> Result<()> {
    let bits = key.public_key().bits();
    if bits >= 2048 {
        return Ok(());
    }
    let path = files::diagnostic::quote_path(path);
    Err(anyhow!("{path}: a key of {bits} bits; at least 2048 are needed to sign"))
}

/// Days from now on; to be said where it is not possible.
pub(crate) fn period(days: u32) -> Period {
    Period::days(crate::cli::clock::now(), days.into())
}

/// Why no certificate comes of these options.
pub(crate) fn unmakeable(error: X509Error, subject: &str) -> anyhow::Error {
    let subject = files::diagnostic::quote(subject);
    match error {
        X509Error::Name => {
            anyhow!("{subject} is no distinguished name; expected such as \"CN=ann,O=Lab,C=TR\"")
        }
        X509Error::Validity => anyhow!("--days: the last day would be later than the year 9999"),
        error => anyhow!("no certificate for {subject}: {error}"),
    }
}
