//! A client's conversation over TCP, from the first connection to what came of it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use net::{Ending, HostPort};
use protocol::endpoint::{End, Endpoint};
use protocol::system::System;
use targets::Interrupt;
use targets::endpoint_programs::journal::Journal;
use targets::endpoint_programs::outbox::{self, Item};

use super::done::Done;
use super::interrupt::reported_to;
use super::live;
use super::output::Output;

/// What a client says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Says {
    /// This, in order.
    Items(Vec<Item>),
    /// Every line of standard input.
    Lines,
}

/// A client that is about to connect.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) system: &'static System,
    pub(super) endpoint: Box<dyn Endpoint>,
    pub(super) journal: Journal,
    pub(super) hosts: Vec<HostPort>,
    /// How long to wait for a silent server, in seconds; 0 is for ever.
    pub(super) patience: u64,
}

impl Conversation {
    /// Connect, say it, and end the session; whether all went as it should. After Ctrl-C it is over too.
    pub(super) fn hold(self, says: Says, output: Output) -> Result<Done> {
        let Self { system, endpoint, journal, hosts, patience: seconds } = self;
        let (tally, files) = (journal.tally(), journal.files());
        let patience = (seconds > 0).then(|| Duration::from_secs(seconds));
        let to = hosts.first().map_or_else(String::new, ToString::to_string);
        let given = if let Says::Items(items) = &says { Some(items.len() as u64) } else { None };
        let (runtime, interrupt) = (live::runtime()?, Interrupt::default());
        let conversation = async {
            let stop = interrupt.triggered();
            let (commands, outcome) = match says {
                Says::Items(items) => outbox::of_items(items),
                Says::Lines => {
                    if io::stdin().is_terminal() {
                        output.remark("Every line you type is sent; Ctrl-D ends the session.");
                    }
                    outbox::of_lines(system)
                }
            };
            let journal = Box::new(journal);
            let ending = net::connect(endpoint, hosts, commands, patience, journal, stop).await;
            let ending = ending.with_context(|| format!("cannot connect to {to}"))?;
            anyhow::Ok((ending, outcome))
        };
        // A client says goodbye first.
        let held = reported_to(&interrupt, || runtime.block_on(conversation));
        let written = files.finish();
        let (ending, outcome) = held?;
        // A thread that waits for standard input is not waited for.
        let outcome = if outcome.is_finished() { outcome.join().ok() } else { None };
        if let Some(Err(why)) = outcome {
            bail!("{why}");
        }
        let tally = tally.borrow();
        // Nothing, where the session was over before standard input was.
        let due = match outcome {
            Some(Ok(count)) => Some(count),
            _ => given,
        };
        let count = |count: u64| format!("{count} message{}", if count == 1 { "" } else { "s" });
        output.remark(&format!("{} sent, {} acknowledged", count(tally.sent), tally.acknowledged));
        match ending {
            Ending::Stopped => return Ok(Done::Interrupted),
            Ending::Silence => {
                let _ = writeln!(io::stderr(), "the server has been silent for {seconds} s");
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
        if due.is_none() {
            let _ = writeln!(io::stderr(), "the session was over before the end of standard input");
        }
        let said = due.is_some_and(|due| tally.sent >= due);
        let done = said && tally.refused.is_empty() && tally.end == Some(End::Clean);
        Ok(if done && written { Done::Expected } else { Done::Unexpected })
    }
}
