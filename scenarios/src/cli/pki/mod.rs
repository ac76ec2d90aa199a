//! `scenarios pki`: keys, requests and certificates, one file a command.

use anyhow::Result;
use clap::Subcommand;

use super::done::Done;
use super::output::Output;

mod authority;
mod csr;
mod how;
mod init;
mod issue;
mod keygen;
pub(super) mod show;
mod sign;
mod verify;

pub(crate) use how::{How, entropy};
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
