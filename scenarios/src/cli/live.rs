//! What `serve` and `connect` have in common on the command line.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use protocol::endpoint::Endpoint;
use protocol::keyfiles::FromKeys;
use protocol::systems::{SYSTEMS, Setup, System};
use protocol::weakness::Profile;

use super::output::{Format, Output};
use super::select::check;
use crate::diagnostic::quote;
use crate::files;
use crate::live::journal::{Journal, Loudness, Shown};
use crate::live::keydir::KeyDir;
use crate::live::store::Store;

/// Options of both.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct LiveArgs {
    /// The system to speak
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// `as-built`, `hardened`, or the name of one weakness; both ends need the same
    #[arg(long, value_name = "PROFILE", default_value = "as-built")]
    profile: String,
    /// Use the key files of this folder instead of the lab's keys; `pki init` makes one
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Append the log, with times, to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Where received files go
    #[arg(long, value_name = "DIR", default_value = "received")]
    store: PathBuf,
    /// Decides every random byte, for a run that can be repeated; the system's randomness if not given
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl LiveArgs {
    /// The system named.
    pub(super) fn system(&self) -> Result<&'static System> {
        let known: Vec<&str> = SYSTEMS.iter().map(|system| system.name).collect();
        check("system", &self.system, &known)?;
        let system = SYSTEMS.iter().find(|system| system.name == self.system);
        system.ok_or_else(|| anyhow!("unknown system"))
    }

    /// The client of this number, from 1.
    pub(super) fn client(&self, number: u32) -> Result<Box<dyn Endpoint>> {
        let (system, setup) = (self.system()?, self.setup(number)?);
        let Some(keys) = &self.keys else {
            if !(1..=system.clients).contains(&number) {
                let (name, clients) = (system.name, system.clients);
                bail!("--client {number}: the lab has clients 1 to {clients} of {name}");
            }
            return Ok((system.client)(setup));
        };
        with_keys(keys, system.keys.client, setup)
    }

    /// The server.
    pub(super) fn server(&self) -> Result<Box<dyn Endpoint>> {
        let (system, setup) = (self.system()?, self.setup(0)?);
        match &self.keys {
            Some(keys) => with_keys(keys, system.keys.server, setup),
            None => Ok((system.server)(setup)),
        }
    }

    /// What an endpoint is made from.
    fn setup(&self, number: u32) -> Result<Setup> {
        let system = self.system()?;
        let mut known = vec!["as-built", "hardened"];
        known.extend(system.planted.iter().map(|planted| planted.weakness.name()));
        check("profile", &self.profile, &known)?;
        let Some(profile) = Profile::named(system, &self.profile) else {
            bail!("unknown profile");
        };
        let seed = if let Some(seed) = self.seed {
            seed
        } else {
            getrandom::u64().map_err(|error| anyhow!("no randomness: {error}"))?
        };
        Ok(Setup::lab(profile, seed, number))
    }

    /// The journal to keep.
    pub(super) fn journal(&self, output: Output) -> Result<Journal> {
        let shown = match output.format {
            Format::Text => Shown::Messages,
            Format::Json => Shown::Claims,
        };
        let loudness = if output.quiet { Loudness::Trouble } else { Loudness::Log };
        let file = match &self.log {
            Some(path) => {
                let opened = files::append(path);
                Some(opened.with_context(|| format!("--log {}", path.display()))?)
            }
            None => None,
        };
        Ok(Journal::new(shown, loudness, file, Store { folder: self.store.clone() }))
    }
}

/// An endpoint with the keys of this folder.
fn with_keys(folder: &Path, make: FromKeys, setup: Setup) -> Result<Box<dyn Endpoint>> {
    // Certificates of the lab are valid in the lab's time; others in ours.
    let setup = Setup { epoch: now(), ..setup };
    make(setup, &KeyDir(folder.to_owned()))
        .with_context(|| format!("--keys {}", quote(&folder.display().to_string())))
}

/// The time, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "real certificates are valid in real time")]
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A runtime for one endpoint.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")
}
