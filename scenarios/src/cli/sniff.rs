//! `scenarios sniff`, and `--capture-live` beside a run: what really crosses an interface, into a capture.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use recordings::sniff::{Beside, Outcome, Sniffer, Wanted};
use targets::Interrupt;

use super::done::Done;
use super::interrupt;
use super::output::Output;

/// Options of `sniff`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The interface, such as `lo` or `eth0`
    #[arg(long, value_name = "NAME")]
    interface: String,
    /// Only packets that fit this, in the language of tcpdump: `tcp port 9999`
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Write them into this capture: .pcapng, or classic .pcap; a file that is there is replaced
    #[arg(long, value_name = "FILE")]
    write: PathBuf,
    /// End after so many packets
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after so many seconds
    #[arg(long, value_name = "NUMBER")]
    seconds: Option<u64>,
}

/// Capture until Ctrl-C, or what the options say.
#[expect(clippy::disallowed_methods, reason = "so many seconds of real time")]
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let Args { interface, filter, write, count, seconds } = args.clone();
    let filter = filter.unwrap_or_default();
    let wanted = Wanted { interface: Some(interface), filter, file: write };
    let sniffer = Sniffer::open(&wanted)?;
    let (began, limit) = (Instant::now(), seconds.map(Duration::from_secs));
    // Whoever starts this from a program waits for this line.
    let name = wanted.interface.as_deref().unwrap_or_default();
    let _ = writeln!(io::stderr(), "capturing on {name}");
    let interrupt = Interrupt::default();
    let over = || interrupt.is_triggered() || limit.is_some_and(|limit| began.elapsed() >= limit);
    let outcome = interrupt::reported_to(&interrupt, || sniffer.run(count, over));
    Ok(report(&wanted, &outcome, output))
}

/// Say what came of it.
fn report(wanted: &Wanted, outcome: &Outcome, output: Output) -> Done {
    if let Some(why) = &outcome.failed {
        let _ = writeln!(io::stderr(), "warning: {why}");
    }
    let line = outcome.describe(&wanted.file);
    if outcome.failed.is_some() || outcome.dropped > 0 {
        let _ = writeln!(io::stderr(), "{line}");
    } else {
        output.remark(&line);
    }
    if outcome.failed.is_some() { Done::Unexpected } else { Done::Expected }
}

/// The option that captures beside something else.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct CaptureLive {
    /// Capture what crosses the loopback interface meanwhile, with libpcap: .pcapng, or classic .pcap
    #[arg(long, value_name = "FILE")]
    capture_live: Option<PathBuf>,
}

/// A capture that was asked for, if it was.
#[derive(Debug)]
pub(super) struct Running(Option<(Wanted, Beside)>);

impl CaptureLive {
    /// Whether it is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.capture_live.is_some()
    }

    /// Begin, with what goes to and from these addresses, if that is wanted. Where none are known: all TCP.
    pub(super) fn start(&self, addresses: &[SocketAddr]) -> Result<Running> {
        let Some(file) = self.capture_live.clone() else { return Ok(Running(None)) };
        let beyond = |address: &&SocketAddr| {
            !address.ip().to_canonical().is_loopback() && !address.ip().is_unspecified()
        };
        if let Some(address) = addresses.iter().find(beyond) {
            bail!(
                "--capture-live: {address} is not on the loopback interface: `scenarios sniff --interface NAME` captures others"
            );
        }
        let ports: BTreeSet<u16> = addresses.iter().map(SocketAddr::port).collect();
        let ports: Vec<String> = ports.iter().map(|port| format!("tcp port {port}")).collect();
        let filter = if ports.is_empty() { "tcp".to_owned() } else { ports.join(" or ") };
        let wanted = Wanted { interface: None, filter, file };
        let beside = Beside::start(&wanted)?;
        Ok(Running(Some((wanted, beside))))
    }
}

impl Running {
    /// End it, and say what came of it.
    pub(super) fn finish(self, output: Output) -> Done {
        let Some((wanted, beside)) = self.0 else { return Done::Expected };
        report(&wanted, &beside.finish(), output)
    }
}
