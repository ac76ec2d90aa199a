//! `scenarios connect SYSTEM`: a client of a system, over TCP.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::ArgMatches;
use mitm_proxy::net::{self, Ending};
use protocol::endpoint::{End, Kind};

use super::output::Output;
use super::{Done, live};
use crate::live::outbox::{self, Item};
use crate::live::{addresses, stop};

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
    let endpoint = args.live.client(args.client)?;
    let journal = args.live.journal(output)?;
    let tally = journal.tally();
    let addresses = addresses(system, args.to.as_deref()).map_err(|why| anyhow!("--to: {why}"))?;
    let items = args.items(matches);
    for item in &items {
        item.check(system).map_err(|why| anyhow!("{why}"))?;
    }
    let given = items.len() as u64;
    let from_flags = !items.is_empty();
    let patience = (args.patience > 0).then(|| Duration::from_secs(args.patience));
    let to = addresses.first().map_or_else(String::new, ToString::to_string);
    let runtime = live::runtime()?;
    let (ending, outcome) = runtime.block_on(async {
        let stop = stop().context("cannot catch signals")?;
        let (commands, outcome) = if from_flags {
            outbox::of_items(items)
        } else {
            if io::stdin().is_terminal() {
                output.remark("Every line you type is sent; Ctrl-D ends the session.");
            }
            outbox::of_lines(system)
        };
        let journal = Box::new(journal);
        let ending = net::connect(endpoint, addresses, commands, patience, journal, stop).await;
        let ending = ending.with_context(|| format!("cannot connect to {to}"))?;
        anyhow::Ok((ending, outcome))
    })?;
    // A thread that waits for standard input is not waited for.
    let outcome = if outcome.is_finished() { outcome.join().ok() } else { None };
    if let Some(Err(why)) = outcome {
        bail!("{why}");
    }
    let tally = tally.borrow();
    let due = match outcome {
        Some(Ok(count)) => count,
        _ => given,
    };
    let count = |count: u64| format!("{count} message{}", if count == 1 { "" } else { "s" });
    output.remark(&format!("{} sent, {} acknowledged", count(tally.sent), tally.acknowledged));
    match ending {
        Ending::Stopped => {
            let _ = writeln!(io::stderr(), "interrupted");
            std::process::exit(130);
        }
        Ending::Silence => {
            let _ = writeln!(io::stderr(), "the server has been silent for {} s", args.patience);
            return Ok(Done::Unexpected);
        }
        Ending::Over => {}
    }
    if !tally.refused.is_empty() {
        let _ = writeln!(io::stderr(), "refused: {}", tally.refused.join(", "));
    }
    if tally.end != Some(End::Clean) {
        let how = tally.end.map_or("without a word", End::name);
        let _ = writeln!(io::stderr(), "the session ended: {how}");
    }
    let done = tally.sent >= due && tally.refused.is_empty() && tally.end == Some(End::Clean);
    Ok(if done { Done::Expected } else { Done::Unexpected })
}
