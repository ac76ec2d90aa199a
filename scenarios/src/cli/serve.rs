//! `scenarios serve SYSTEM`: a server of a system, over TCP.

use std::io::{self, Write};

use anyhow::{Context, Result, anyhow, bail};
use clap::ArgMatches;
use mitm_proxy::net;
use protocol::endpoint::Command;
use protocol::systems::System;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, channel};

use super::messages::MessageArgs;
use super::output::Output;
use super::{Done, live};
use crate::live::outbox::{self, Item};
use crate::live::{addresses, stop};

/// How many times free ports in a row are looked for.
const ATTEMPTS: usize = 20;

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
    messages: MessageArgs,
}

/// Serve until Ctrl-C. A server that speaks says what the flags name, or every line of standard input, to each client.
pub(super) fn run(args: &Args, matches: &ArgMatches, output: Output) -> Result<Done> {
    let system = args.live.system()?;
    let items = args.messages.items(system, matches)?;
    if !items.is_empty() && !system.server_speaks {
        bail!(
            "the server of {} says nothing of its own: the flags that send belong to connect",
            system.name
        );
    }
    let endpoint = args.live.server(output)?;
    let journal = args.live.journal(output)?;
    let addresses =
        addresses(system, args.listen.as_deref()).map_err(|why| anyhow!("--listen: {why}"))?;
    if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
        && !args.danger_listen
    {
        bail!(
            "{open} can be reached from outside, and this server is weak on purpose: --danger-listen allows it"
        );
    }
    live::runtime()?.block_on(async {
        let stop = stop().context("cannot catch signals")?;
        let listeners = listen(&addresses).await?;
        let mut bound = Vec::new();
        for listener in &listeners {
            bound.push(listener.local_addr().context("cannot listen")?.to_string());
        }
        // Whoever starts this from a program waits for this line.
        let _ = writeln!(io::stderr(), "{} listens on {}", system.name, bound.join(", "));
        let commands = if system.server_speaks { says(system, items) } else { channel(1).1 };
        net::serve(endpoint, listeners, commands, Box::new(journal), stop).await;
        Ok(Done::Expected)
    })
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

/// Bind every port. Where any free port will do, several are free ones in a row.
async fn listen(addresses: &[std::net::SocketAddr]) -> Result<Vec<TcpListener>> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut failed = None;
        for address in addresses {
            let mut address = *address;
            if let Some(last) = listeners.last()
                && address.port() == 0
            {
                address.set_port(last.local_addr()?.port().wrapping_add(1));
            }
            match TcpListener::bind(address).await {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    failed = Some((address, error));
                    break;
                }
            }
        }
        let any_will_do = addresses.first().is_some_and(|first| first.port() == 0);
        match failed {
            None => return Ok(listeners),
            Some(_) if any_will_do && attempt < ATTEMPTS => {}
            Some((address, error)) => bail!("cannot listen on {address}: {error}"),
        }
    }
}
