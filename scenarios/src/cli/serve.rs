//! `scenarios serve SYSTEM`: a server of a system, over TCP.

use std::io::{self, Write};

use anyhow::{Context, Result, anyhow, bail};
use clap::ArgMatches;
use net::{Limits, raise_descriptors};
use protocol::endpoint::{Command, Side};
use protocol::system::System;
use targets::Interrupt;
use targets::endpoint_programs::addresses;
use targets::endpoint_programs::outbox::{self, Item};
use tokio::sync::mpsc::{Receiver, channel};

use super::done::Done;
use super::interrupt::reported_to;
use super::live;
use super::messages::MessageArgs;
use super::output::Output;
use super::sniff::CaptureLive;

/// Options of `serve`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    live: live::LiveArgs,
    /// Where to listen: HOST, PORT or HOST:PORT; port 0 takes a free one [default: 127.0.0.1 and the port of
    /// the published program]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Allow an address that others can reach: these servers are weak on purpose
    #[arg(long)]
    danger_listen: bool,
    #[command(flatten)]
    capture_live: CaptureLive,
    #[command(flatten)]
    messages: MessageArgs,
}

/// Serve until Ctrl-C. A server that speaks says what the flags name, or every line of standard input, to each client.
pub(super) fn run(args: &Args, matches: &ArgMatches, output: Output) -> Result<Done> {
    let system = args.live.system(output)?;
    let items = args.messages.items(system, matches)?;
    if !items.is_empty() && !system.server_speaks {
        bail!(
            "the server of {} says nothing of its own: the flags that send belong to connect",
            system.name
        );
    }
    let endpoint = args.live.server(output)?;
    let journal = args.live.journal(Side::Server, output)?;
    let files = journal.files();
    let hosts =
        addresses(system, args.listen.as_deref()).map_err(|why| anyhow!("--listen: {why}"))?;
    live::refuse_open(&hosts, args.danger_listen, "this server is weak on purpose")?;
    let (runtime, interrupt) = (live::runtime()?, Interrupt::default());
    let serving = async {
        let stop = interrupt.triggered();
        let listeners = live::listen(&hosts).await?;
        let mut bound = Vec::new();
        for listener in &listeners {
            bound.push(listener.local_addr().context("cannot listen")?);
        }
        let running = args.capture_live.start(&bound)?;
        let bound: Vec<String> = bound.iter().map(ToString::to_string).collect();
        // Whoever starts this from a program waits for this line.
        let _ = writeln!(io::stderr(), "{} listens on {}", system.name, bound.join(", "));
        let commands = if system.server_speaks { says(system, items) } else { channel(1).1 };
        raise_descriptors();
        let limits = Limits::of_this_process();
        net::serve(endpoint, listeners, limits, commands, Box::new(journal), stop).await;
        anyhow::Ok(running)
    };
    // A server says goodbye first.
    let running = reported_to(&interrupt, || runtime.block_on(serving))?;
    let captured = running.finish(output);
    let written = files.finish();
    Ok(if written { captured } else { Done::Unexpected })
}

/// What a server says.
fn says(system: &'static System, items: Vec<Item>) -> Receiver<Command> {
    let (commands, outcome) =
        if items.is_empty() { outbox::of_lines(system) } else { outbox::of_items(items) };
    // The server goes on; but whoever speaks hears why no more is said.
    std::thread::spawn(move || {
        if let Ok(Err(why)) = outcome.join() {
            let _ = writeln!(io::stderr(), "{why}");
        }
    });
    commands
}
