//! `scenarios users remove`.

use anyhow::Result;
use files::diagnostic::quote;

use super::Place;
use crate::cli::done::Done;
use crate::cli::output::Output;

/// Options of `remove`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Who
    #[arg(long, value_name = "NAME")]
    user: String,
    #[command(flatten)]
    place: Place,
}

/// Remove somebody.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    for path in args.place.people()?.remove(&args.user)? {
        output.remark(&format!("removed {}", path.display()));
    }
    output.remark(&format!("{} is no longer registered", quote(&args.user)));
    Ok(Done::Expected)
}
