//! The menu: who is logged in, and where the files are.

use accounts::users::UserFolder;
use protocol::entropy::Entropy;
use protocol::keyfiles::Account;

use super::super::output::Output;
use super::super::users::Place;
use super::console::Console;

/// What the menu works with.
pub(crate) struct Menu<'a> {
    pub(crate) args: &'a Args,
    pub(crate) output: Output,
    pub(crate) console: Console,
    pub(crate) people: UserFolder,
    pub(crate) entropy: Entropy,
    /// Who is logged in.
    pub(crate) user: Option<Account>,
}

/// Options of `suite`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where messages are sent: HOST, PORT or HOST:PORT [default: 127.0.0.1 and the port of the published program]
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Option<String>,
    /// Give up when the server is silent for so long while an answer is due; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) patience: u64,
    /// Decides everything random, for a run that can be repeated: for tests only
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}
