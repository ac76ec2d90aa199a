//! The proxy as a whole: it accepts clients until it is stopped.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use mitm_proxy::attacker::Attacker;
use protocol::endpoint::{PortIndex, Side};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use super::link::{dial_all, serve};
use super::options::{ForwardedPort, Keep, Options, ProxyOutcome, Spacing};
use super::relay::Relay;
use super::state::{Upstreams, Watched};
use crate::limits::Limits;

/// The pause after a connection that could not be accepted: most often the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Stand between the clients of `doors`, one for each of the system's ports in order, and the servers behind them, until
/// `stop`.
///
/// # Errors
/// The recorder cannot be started.
pub async fn proxy(
    mut attacker: Attacker,
    doors: Vec<ForwardedPort>,
    options: Options,
    stop: impl Future<Output = ()>,
) -> io::Result<ProxyOutcome> {
    if options.keep != Keep::All {
        attacker.record_only_what_rules_need();
    }
    let upstreams = doors.iter().map(|door| door.upstream.clone()).collect();
    let Options { keep, recorder, witness, spacing, delay, is_there, activity, mut rules, began } =
        options;
    if let Spacing::ByReads(patience) = spacing {
        attacker.pace_by_answers(patience);
    }
    let watched = Watched { recorder, witness, activity };
    let upstreams = Upstreams { addresses: upstreams, delay, is_there, spacing };
    let (relay, dials) = Relay::new(attacker, keep, upstreams, watched, began)?;
    let local = LocalSet::new();
    // A link has two ends.
    let most = Limits::of_this_process().connections / 2;
    let run = async {
        for (service, door) in (0..).map(PortIndex).zip(doors) {
            spawn_local(accept(relay.clone(), door.listener, service, most));
        }
        spawn_local(relay.clone().keep_recording());
        spawn_local(dial_all(relay.clone(), dials));
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(rules) = rules.recv() => relay.use_rules(rules),
            }
        }
    };
    local.run_until(run).await;
    // The tasks hold the relay, so they have to end before it.
    drop(local);
    Ok(relay.finish())
}

/// Accept clients while there is room. The others wait in the backlog of the listener.
async fn accept(relay: Relay, listener: TcpListener, service: PortIndex, most: usize) {
    let mut full = false;
    loop {
        if relay.open_links() >= most {
            if !std::mem::replace(&mut full, true) {
                let text = format!("{most} links are open: further clients wait");
                relay.trouble(0, Side::Client, &text);
            }
            sleep(PAUSE).await;
            continue;
        }
        full = false;
        match listener.accept().await {
            Ok((stream, from)) => {
                spawn_local(serve(relay.clone(), stream, from, service));
            }
            Err(error) => {
                relay.trouble(0, Side::Client, &format!("cannot accept a connection: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}
