//! A text or a file for the server, over TCP.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use protocol::endpoint::Side;
use protocol::system::Setup;
use targets::endpoint_programs::addresses;
use targets::endpoint_programs::outbox::Item;

use super::Menu;
use crate::cli::conversation::{Conversation, Says};
use crate::cli::done::Done;
use crate::cli::interrupt::interrupted;
use crate::cli::live::{journal, with_keys};
use crate::cli::users::suite;

pub(super) fn text(menu: &mut Menu<'_>) -> Result<()> {
    let text = menu.console.ask("text: ")?;
    send(menu, Item::Text(text))
}

pub(super) fn file(menu: &mut Menu<'_>) -> Result<()> {
    let path = menu.console.ask("file: ")?;
    send(menu, Item::File(PathBuf::from(path.trim()), None))
}

/// A connection of its own for each. What came of it, the conversation says itself.
fn send(menu: &mut Menu<'_>, item: Item) -> Result<()> {
    let system = suite()?;
    item.check(system).map_err(|why| anyhow!("{why}"))?;
    let to = menu.args.to.as_deref();
    let hosts = addresses(system, to).map_err(|why| anyhow!("--to: {why}"))?;
    let account = menu.user()?.clone();
    let seed = u64::from_be_bytes(menu.entropy.bytes());
    let setup = Setup::lab(menu.args.place.profile()?, seed, 1);
    let endpoint =
        with_keys(system, Side::Client, menu.people.folder(), Some(account), setup, menu.output)?;
    // A server of this system sends no files.
    let journal = journal(None, Path::new("received"), menu.output)?;
    let patience = menu.args.patience;
    let conversation = Conversation { system, endpoint, journal, hosts, patience };
    match conversation.hold(Says::Items(vec![item]), menu.output)? {
        Done::Interrupted => interrupted(),
        Done::Expected | Done::Unexpected => Ok(()),
    }
}
