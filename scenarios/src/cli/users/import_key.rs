//! `scenarios users import-key`.

use std::path::PathBuf;

use accounts::pem_files::private_key;
use accounts::user_files::Existing;
use accounts::users::Making;
use anyhow::Result;

use super::{Place, tell};
use crate::cli::clock::now;
use crate::cli::done::Done;
use crate::cli::output::Output;
use crate::cli::pki::entropy;

/// Options of `import-key`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Whose key it becomes
    #[arg(long, value_name = "NAME")]
    user: String,
    /// A private RSA key in PEM, unencrypted, of at least 2048 bits
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Replace keys and certificate that are there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

/// Take it over.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let people = args.place.people()?;
    let key = private_key(&args.key)?;
    let mut entropy = entropy(None, "users")?;
    let making = &mut Making { entropy: &mut entropy, from: now() };
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    tell(&people.import_key(&args.user, &key, making, existing)?, output);
    Ok(Done::Expected)
}
