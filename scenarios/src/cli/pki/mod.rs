//! `scenarios pki`: keys, requests and certificates, one file a command.

use std::path::Path;

use anyhow::{Result, anyhow};
use clap::Subcommand;
use protocol::crypto::rsa::PrivateKey;
use protocol::entropy::Entropy;
use protocol::pki::x509::{Period, X509Error};

use super::Done;
use super::output::Output;
use accounts::user_files::{Existing, WriteError, write};

mod authority;
mod csr;
mod init;
mod issue;
mod keygen;
pub(super) mod show;
mod sign;
mod verify;

pub(super) use keygen::Encoding;

/// Options of `pki`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand, Clone, Debug)]
enum Commands {
    /// Make all keys and certificates of a system: a folder for `--keys`
    Init(init::Args),
    /// Make an RSA key
    Keygen(keygen::Args),
    /// Ask for an X.509 certificate: a name and a key, signed with that key
    Csr(csr::Args),
    /// Make an authority: an X.509 certificate a key signs for itself
    Authority(authority::Args),
    /// Sign a request with an authority's key: an X.509 certificate
    Sign(sign::Args),
    /// Certify a name and a key with an authority's key: a JSON certificate of `helo`
    Issue(issue::Args),
    /// Show what is in a file: key, request or certificate; never a private part
    Show(show::Args),
    /// Check a certificate: exit 0 it is valid, 1 it is not, 2 could not be checked
    Verify(verify::Args),
}

/// Options of every command that makes files.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct How {
    /// Replace files that are there
    #[arg(long)]
    force: bool,
    /// Decides everything random, to make the same again: for tests only
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

/// Run one of the commands.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    match &args.command {
        Commands::Init(args) => init::run(args, output),
        Commands::Keygen(args) => keygen::run(args, output),
        Commands::Csr(args) => csr::run(args, output),
        Commands::Authority(args) => authority::run(args, output),
        Commands::Sign(args) => sign::run(args, output),
        Commands::Issue(args) => issue::run(args, output),
        Commands::Show(args) => show::run(args, output),
        Commands::Verify(args) => verify::run(args, output),
    }
}

impl How {
    /// What to do with files that are there.
    pub(super) fn existing(&self) -> Existing {
        if self.force { Existing::Replace } else { Existing::Keep }
    }

    /// Randomness of the system, or the same every time. `label` keeps what is made for different purposes apart.
    pub(super) fn entropy(&self, label: &str) -> Result<Entropy> {
        entropy(self.seed, label)
    }

    /// Fail before anything is made if the file is there and is to stay.
    pub(super) fn make_way(&self, path: &Path) -> Result<(), WriteError> {
        let there = path.symlink_metadata().is_ok();
        if there && !self.force { Err(WriteError::Exists(path.to_owned())) } else { Ok(()) }
    }

    /// Write what was made.
    fn write(&self, path: &Path, content: &str, output: Output) -> Result<(), WriteError> {
        write(path, content.as_bytes(), self.existing())?;
        output.remark(&format!("wrote {}", path.display()));
        Ok(())
    }
}

/// Randomness of the system, or the same every time.
pub(super) fn entropy(seed: Option<u64>, label: &str) -> Result<Entropy> {
    Ok(if let Some(seed) = seed {
        Entropy::new(seed, label)
    } else {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        Entropy::from_key(key)
    })
}

/// A key that may sign: others are read, but are too small for what is made today.
fn large_enough(key: &PrivateKey, path: &Path) -> Result<()> {
    let bits = key.public_key().bits();
    if bits >= 2048 {
        return Ok(());
    }
    let path = files::diagnostic::quote_path(path);
    Err(anyhow!("{path}: a key of {bits} bits; at least 2048 are needed to sign"))
}

/// Days from now on; to be said where it is not possible.
fn period(days: u32) -> Period {
    Period::days(super::live::now(), days.into())
}

/// Why no certificate comes of these options.
fn unmakeable(error: X509Error, subject: &str) -> anyhow::Error {
    let subject = files::diagnostic::quote(subject);
    match error {
        X509Error::Name => {
            anyhow!("{subject} is no distinguished name; expected such as \"CN=ann,O=Lab,C=TR\"")
        }
        X509Error::Validity => anyhow!("--days: the last day would be later than the year 9999"),
        error => anyhow!("no certificate for {subject}: {error}"),
    }
}
