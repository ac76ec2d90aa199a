//! What a live proxy is given, and what is left of it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mitm_proxy::rule::Rule;
use mitm_proxy::trace::Trace;
use protocol::endpoint::Side;
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::record::Recorder;
use crate::host::HostPort;

/// A port that is listened on, and where what comes there goes.
#[derive(Debug)]
pub struct ForwardedPort {
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

/// What a proxy keeps and reports, and how it is driven.
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
    /// No recorder, no witness, and no spacing.
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
pub struct Activity(pub(super) Rc<Counts>);

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) open: Cell<usize>,
    pub(super) opened: Cell<usize>,
    pub(super) planned: Cell<bool>,
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
pub struct ProxyOutcome {
    /// What happened, as far as it was kept.
    pub trace: Trace,
    /// Ends that were still open, by link.
    pub open_ends: Vec<(u32, Side)>,
    /// Upstream connections that could not be made.
    pub refused: u64,
}
