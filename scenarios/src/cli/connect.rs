//! `scenarios connect SYSTEM`: a client of a system, over TCP.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::ArgMatches;
use protocol::endpoint::Kind;

use super::conversation::{Conversation, Says};
use super::output::Output;
use super::{Done, live};
use crate::live::addresses;
use crate::live::outbox::Item;

/// Options of `connect`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    live: live::LiveArgs,
    /// Where the server is: HOST, PORT or HOST:PORT; for several ports, several with commas [default: 127.0.0.1
    /// and the port of the published program]
    #[arg(long, value_name = "ADDR")]
    to: Option<String>,
    /// Which client to be, from 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    client: u32,
    /// Log in under this name, where the system has users [default: the lab's]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Take the password from the first line of this file; else it is asked for, on a terminal
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Send this text; may be given several times, and mixed with the others: all is sent in order
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Send this file as an image
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// Send this file as a video
    #[arg(long, value_name = "FILE")]
    video: Vec<PathBuf>,
    /// Send this file as what its name says it is
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Send these comma-separated numbers
    #[arg(long, value_name = "N,N,…", allow_hyphen_values = true)]
    numbers: Vec<String>,
    /// Give up when the server is silent for so long while an answer is due; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
}

impl Args {
    /// What to send, in the order of the flags.
    fn items(&self, matches: &ArgMatches) -> Vec<Item> {
        let mut items: Vec<(usize, Item)> = Vec::new();
        let mut add = |id: &str, own: Vec<Item>| {
            items.extend(matches.indices_of(id).into_iter().flatten().zip(own));
        };
        let files = |paths: &[PathBuf], kind: Option<Kind>| {
            paths.iter().map(|path| Item::File(path.clone(), kind)).collect()
        };
        add("text", self.text.iter().cloned().map(Item::Text).collect());
        add("numbers", self.numbers.iter().cloned().map(Item::Numbers).collect());
        add("image", files(&self.image, Some(Kind::Image)));
        add("video", files(&self.video, Some(Kind::Video)));
        add("file", files(&self.file, None));
        items.sort_by_key(|(at, _)| *at);
        items.into_iter().map(|(_, item)| item).collect()
    }
}

/// Connect, send, and end the session.
pub(super) fn run(args: &Args, matches: &ArgMatches, output: Output) -> Result<Done> {
    let system = args.live.system()?;
    let addresses = addresses(system, args.to.as_deref()).map_err(|why| anyhow!("--to: {why}"))?;
    let items = args.items(matches);
    for item in &items {
        item.check(system).map_err(|why| anyhow!("{why}"))?;
    }
    let account = match &args.user {
        Some(user) => Some(args.live.account(user, args.password_file.as_deref())?),
        None => None,
    };
    let endpoint = args.live.client(args.client, account)?;
    let journal = args.live.journal(output)?;
    let says = if items.is_empty() { Says::Lines } else { Says::Items(items) };
    let patience = args.patience;
    Conversation { system, endpoint, journal, addresses, patience }.hold(says, output)
}
