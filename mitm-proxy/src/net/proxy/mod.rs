//! The attacker between real programs: it accepts their clients, connects to their server, and what goes through is what the
//! rules leave of it. All links run on one thread.
//!
//! What no rule looks at is neither copied nor kept: frames are recognised where the socket put them, and go on from there.
//! What happens is told to a [`Recorder`] on a thread of its own, in batches that are used again and again; when it cannot
//! keep up, the links wait for it.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use protocol::endpoint::{PortIndex, Side};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

use crate::attacker::Attacker;
use crate::net::{HostPort, Limits};
use crate::rule::Rule;
use crate::trace::Trace;

mod ends;
mod link;
mod record;
mod relay;
mod tap;
#[cfg(test)]
mod tests;
mod turn;
mod unread;

pub use record::{Batch, Entry, Recorder, What};

use relay::{Relay, Upstreams, Watched};
pub use tap::Tap;

/// The pause after a connection that could not be accepted: most often the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A port that is listened on, and where what comes there goes.
#[derive(Debug)]
pub struct Door {
    /// Where clients come.
    pub listener: TcpListener,
    /// Where the server is.
    pub upstream: HostPort,
}

/// How much of what passes is kept in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Everything, for a judge.
    All,
    /// What rules may look back at: the last frames, as many as this.
    Last(usize),
}

/// What a proxy keeps, whom it tells, and what it takes besides its rules.
pub struct Options {
    /// How much of what passes is kept in memory.
    pub keep: Keep,
    /// Is told what happens.
    pub recorder: Option<Box<dyn Recorder>>,
    /// Is called before anything that came from an end has an effect.
    pub witness: Option<Witness>,
    /// How what goes to an end is spaced.
    pub spacing: Spacing,
    /// How long to wait before each connection to the server.
    pub delay: Duration,
    /// Says whether the server is there for its n-th connection, from 0; without it, it always is. It is not waited for longer than
    /// anything else.
    pub is_there: Option<IsThere>,
    /// What can be asked of it while it runs.
    pub activity: Activity,
    /// New rules may come any time.
    pub rules: Receiver<Arc<[Rule]>>,
    /// Time counts from here on.
    pub began: Instant,
}

impl Options {
    /// Nobody is told anything, and nothing is spaced.
    pub fn new(keep: Keep, rules: Receiver<Arc<[Rule]>>, began: Instant) -> Self {
        Self {
            keep,
            recorder: None,
            witness: None,
            spacing: Spacing::AtOnce,
            delay: Duration::ZERO,
            is_there: None,
            activity: Activity::default(),
            rules,
            began,
        }
    }
}

/// How what goes to an end is spaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spacing {
    /// At once.
    AtOnce,
    /// A segment is written once the program has read what was written before, so that nobody finds two frames in one read; or after
    /// so much time. A recorded transcript waits for the answers it had, and a connection for a server that is not there, no longer
    /// than that for each. Where the kernel tells nothing of what was read, a segment is written at once.
    ByReads(Duration),
}

/// What is going on between the ends. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Activity(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: Cell<usize>,
    opened: Cell<usize>,
    planned: Cell<bool>,
}

impl Activity {
    /// How many links are open at an end.
    pub fn open(&self) -> usize {
        self.0.open.get()
    }

    /// How many there ever were.
    pub fn opened(&self) -> usize {
        self.0.opened.get()
    }

    /// Whether the attacker has something yet to do.
    pub fn is_planned(&self) -> bool {
        self.0.planned.get()
    }
}

/// Whether the server is there for its n-th connection, from 0.
pub type IsThere = Box<dyn Fn(usize) -> bool>;

/// Called on the thread of the links after bytes, a close or a connection came from an end and before any of it goes on: whatever
/// that end did before, it has done by now. The argument is the place of this call among all records of the trace.
pub type Witness = Box<dyn FnMut(u64)>;

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("keep", &self.keep).finish_non_exhaustive()
    }
}

/// What is left when it is over.
#[derive(Debug)]
pub struct Outcome {
    /// What happened, as far as it was kept.
    pub trace: Trace,
    /// Ends that were still open, by link.
    pub open_ends: Vec<(u32, Side)>,
    /// Upstream connections that could not be made.
    pub refused: u64,
}

/// Stand between the clients of `doors`, one for each of the system's ports in order, and the servers behind them, until
/// `stop`.
///
/// # Errors
/// The recorder cannot be started.
pub async fn proxy(
    mut attacker: Attacker,
    doors: Vec<Door>,
    options: Options,
    stop: impl Future<Output = ()>,
) -> io::Result<Outcome> {
    if options.keep != Keep::All {
        attacker.remember_no_more_than_needed();
    }
    let upstreams = doors.iter().map(|door| door.upstream.clone()).collect();
    let Options { keep, recorder, witness, spacing, delay, is_there, activity, mut rules, began } =
        options;
    if let Spacing::ByReads(patience) = spacing {
        attacker.pace_by_answers(patience);
    }
    let watched = Watched { recorder, witness, activity };
    let upstreams = Upstreams { addresses: upstreams, delay, is_there, spacing };
    let relay = Relay::new(attacker, keep, upstreams, watched, began)?;
    let local = LocalSet::new();
    // A link has two ends.
    let most = Limits::of_this_process().connections / 2;
    let run = async {
        for (service, door) in (0..).map(PortIndex).zip(doors) {
            spawn_local(accept(relay.clone(), door.listener, service, most));
        }
        spawn_local(relay.clone().keep_recording());
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(rules) = rules.recv() => relay.use_rules(rules),
            }
        }
    };
    local.run_until(run).await;
    // The tasks go first: they hold the relay.
    drop(local);
    Ok(relay.finish())
}

/// Take clients, but no more than there is room for: the others wait where the system has them wait.
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
                spawn_local(link::serve(relay.clone(), stream, from, service));
            }
            Err(error) => {
                relay.trouble(0, Side::Client, &format!("cannot accept a connection: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}
