//! `scenarios users register`.

use accounts::users::Making;
use anyhow::Result;
use files::diagnostic::quote;

use super::{Place, tell};
use crate::cli::clock::now;
use crate::cli::done::Done;
use crate::cli::output::Output;
use crate::cli::password::{Ask, Who};
use crate::cli::pki::entropy;

/// Options of `register`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
    /// Decides salt, key and serial number, to make the same again: for tests only
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

/// Register somebody.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let people = args.place.people()?;
    let account = args.who.account(Ask::Twice)?;
    let mut entropy = entropy(args.seed, "users")?;
    let made = people.register(&account, &mut Making { entropy: &mut entropy, from: now() })?;
    tell(&made, output);
    output.remark(&format!("registered {}", quote(&account.name)));
    Ok(Done::Expected)
}
