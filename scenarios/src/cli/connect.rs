//! `scenarios connect SYSTEM`: a client of a system, over TCP.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::ArgMatches;
use protocol::endpoint::Side;
use targets::endpoint_programs::addresses;

use super::conversation::{Conversation, Says};
use super::done::Done;
use super::interrupt::interrupted;
use super::live;
use super::messages::MessageArgs;
use super::output::Output;
use super::sniff::CaptureLive;

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
    #[command(flatten)]
    capture_live: CaptureLive,
    #[command(flatten)]
    messages: MessageArgs,
    /// Give up when the server is silent for so long while an answer is due; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
}

/// Connect, send, and end the session.
pub(super) fn run(args: &Args, matches: &ArgMatches, output: Output) -> Result<Done> {
    let system = args.live.system(output)?;
    let hosts = addresses(system, args.to.as_deref()).map_err(|why| anyhow!("--to: {why}"))?;
    let items = args.messages.items(system, matches)?;
    let account = match &args.user {
        Some(user) => Some(args.live.account(user, args.password_file.as_deref(), output)?),
        None => None,
    };
    let endpoint = args.live.client(args.client, account, output)?;
    let journal = args.live.journal(Side::Client, output)?;
    let says = if items.is_empty() { Says::Lines } else { Says::Items(items) };
    let patience = args.patience;
    let running = args.capture_live.start(&live::all_addresses(&hosts))?;
    let conversation = Conversation { system, endpoint, journal, hosts, patience };
    let held = conversation.hold(says, output);
    let captured = running.finish(output);
    match held? {
        Done::Expected => Ok(captured),
        Done::Unexpected => Ok(Done::Unexpected),
        Done::Interrupted => interrupted(),
    }
}
