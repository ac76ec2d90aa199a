//! `scenarios users`: the people of `suite`, one file a command.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::Subcommand;
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

use super::Done;
use super::output::Output;
use super::select::check;
use accounts::users::{Belongings, Part, People};

mod export_key;
mod import_key;
mod list;
mod login;
mod register;
mod remove;

/// Options of `users`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand, Clone, Debug)]
enum Commands {
    /// Register somebody: a password, an RSA key pair and a certificate
    Register(register::Args),
    /// Check a name and a password: exit 0 they fit, 1 they do not, 2 could not be checked
    Login(login::Args),
    /// List who is registered
    List(list::Args),
    /// Copy somebody's key into a file. Asks for no password: the folder is yours
    ExportKey(export_key::Args),
    /// Give somebody another key, and a certificate for it
    ImportKey(import_key::Args),
    /// Remove somebody, and keys and certificate with them
    Remove(remove::Args),
}

/// Options that say where people are.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Place {
    /// A folder as `pki init suite` makes it
    #[arg(long, value_name = "DIR", default_value = "suite-keys")]
    pub(super) keys: PathBuf,
    /// `as-built` keeps passwords in data/auth.txt, `hardened` in data/passwords.txt; or the name of one weakness
    #[arg(long, value_name = "PROFILE", default_value = "as-built")]
    pub(super) profile: String,
}

/// Run one of the commands.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    match &args.command {
        Commands::Register(args) => register::run(args, output),
        Commands::Login(args) => login::run(args, output),
        Commands::List(args) => list::run(args, output),
        Commands::ExportKey(args) => export_key::run(args, output),
        Commands::ImportKey(args) => import_key::run(args, output),
        Commands::Remove(args) => remove::run(args, output),
    }
}

/// The system that has users.
pub(super) fn suite() -> Result<&'static System> {
    let suite = SYSTEMS.iter().find(|system| system.register.is_some());
    suite.ok_or_else(|| anyhow!("no system has users"))
}

impl Place {
    /// How people are treated.
    pub(super) fn profile(&self) -> Result<Profile> {
        let system = suite()?;
        let mut known = vec!["as-built", "hardened"];
        known.extend(system.planted.iter().map(|planted| planted.weakness.name()));
        check("profile", &self.profile, &known)?;
        let Some(profile) = Profile::named(system, &self.profile) else {
            bail!("unknown profile");
        };
        Ok(profile)
    }

    /// The people there.
    pub(super) fn people(&self) -> Result<People> {
        Ok(People::of(&self.keys, self.profile()?)?)
    }
}

/// Say what became of keys and certificate.
pub(super) fn tell(made: &Belongings, output: Output) {
    for (what, part) in [("keys", &made.keys), ("certificate", &made.certificate)] {
        output.remark(&match part {
            Part::Made(path) => format!("wrote {}", path.display()),
            Part::Kept(path) => format!("kept {}, which was there", path.display()),
            Part::Unsuited => {
                format!(
                    "warning: no {what}: this name cannot be that of a file, or is the server's"
                )
            }
            Part::NoAuthority(path) => {
                format!("warning: no {what}: {} is missing", path.display())
            }
        });
    }
}
