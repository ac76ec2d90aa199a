//! `scenarios users`: the people of `suite`, one file a command.

use anyhow::Result;
use clap::Subcommand;

use super::done::Done;
use super::output::Output;

mod export_key;
mod import_key;
mod list;
mod login;
mod place;
mod register;
mod remove;

pub(crate) use place::{Place, suite, tell};

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
