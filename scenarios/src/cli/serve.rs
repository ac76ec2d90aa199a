//! `scenarios serve SYSTEM`: a server of a system, over TCP.

use std::io::{self, Write};

use anyhow::{Context, Result, anyhow, bail};
use mitm_proxy::net;
use tokio::net::TcpListener;
use tokio::sync::mpsc::channel;

use super::output::Output;
use super::{Done, live};
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
}

/// Serve until Ctrl-C.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let system = args.live.system()?;
    let endpoint = args.live.server()?;
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
        let (_quiet, commands) = channel(1);
        net::serve(endpoint, listeners, commands, Box::new(journal), stop).await;
        Ok(Done::Expected)
    })
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
