//! `scenarios users login`.

use std::io::Write;

use accounts::users::UserError;
use anyhow::Result;
use files::diagnostic::quote;
use protocol::pki::users::UsersError;

use super::Place;
use crate::cli::done::Done;
use crate::cli::output::{Output, print};
use crate::cli::password::{Ask, Who};

/// Options of `login`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
}

/// Check a name and a password.
pub(super) fn run(args: &Args, _: Output) -> Result<Done> {
    let people = args.place.people()?;
    let account = args.who.account(Ask::Once)?;
    match people.log_in(&account) {
        Ok(()) => {
            print(&format!("{} is logged in\n", quote(&account.name)))?;
            Ok(Done::Expected)
        }
        Err(refused @ UserError::Users(_, UsersError::Login)) => {
            let _ = writeln!(std::io::stderr(), "{refused}");
            Ok(Done::Unexpected)
        }
        Err(error) => Err(error.into()),
    }
}
