//! What `serve` and `connect` have in common on the command line.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use protocol::systems::{SYSTEMS, Setup, System};
use protocol::weakness::Profile;

use super::output::{Format, Output};
use super::select::check;
use crate::files;
use crate::live::journal::{Journal, Loudness, Shown};
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

    /// What an endpoint is made from; client `number`, or 0 for the server.
    pub(super) fn setup(&self, number: u32) -> Result<Setup> {
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
        Ok(Setup { profile, seed, number })
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

/// A runtime for one endpoint.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")
}
