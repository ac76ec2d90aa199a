//! The programs of a run and what they have said so far. The links and the watch over the run share them, on one thread.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use files::target_file::Target;
use net::proxy::{IsThere, Witness};
use protocol::endpoint::Side;
use rustix::process::Pid;
use tokio::time::Instant;

use super::Output;
use super::launch::Launch;
use super::process::{Ended, Process};
use super::stream::Source;
use super::transcript::Transcript;

/// The most that a server is started again in one run.
const MOST_RESTARTS: u32 = 10_000;

/// Clones share everything.
#[derive(Clone)]
pub(super) struct Programs(Rc<RefCell<Inner>>);

struct Inner {
    server: Process,
    client: Option<Process>,
    transcript: Transcript,
    target: Rc<Target>,
    /// How the server is started again, until it is to end.
    launch: Option<Launch>,
    /// How often it was.
    restarts: u32,
}

impl Inner {
    fn of(&self, who: Side) -> Option<&Process> {
        match who {
            Side::Server => Some(&self.server),
            Side::Client => self.client.as_ref(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Process> {
        [Some(&self.server), self.client.as_ref()].into_iter().flatten()
    }

    /// A server that has served and ended is started again, if it is one of those. What it printed was read.
    fn restart(&mut self) {
        let has_served = self.server.ended == Some(Ended::Status(0));
        let restarts = self.launch.as_ref().is_some_and(Launch::is_restarted);
        if has_served && restarts && self.restarts < MOST_RESTARTS && self.start_again() {
            self.restarts += 1;
        }
    }

    /// Whether it could be started.
    fn start_again(&mut self) -> bool {
        let Some(launch) = &self.launch else { return false };
        self.server.end();
        let started = launch.start_with(self.server.take_file());
        started.map(|server| self.server = server).is_ok()
    }

    fn look(&mut self) {
        self.transcript.turn();
        let programs = [Some(&mut self.server), self.client.as_mut()];
        for process in programs.into_iter().flatten() {
            let who = process.who;
            let transcript = &mut self.transcript;
            process.look(&mut |channel, number, cut| transcript.line(who, channel, number, cut));
            if let Some(how) = process.spoilt() {
                self.transcript.spoilt(who, how);
            }
        }
        self.restart();
        for process in [Some(&self.server), self.client.as_ref()].into_iter().flatten() {
            if let Some(ended) = process.ended {
                self.transcript.ended(process.who, ended);
            }
        }
    }
}

impl Programs {
    /// The server, which has been started.
    pub(super) fn new(target: Rc<Target>, server: Process, launch: Launch) -> Self {
        let transcript = Transcript::new(target.clone());
        let (client, launch, restarts) = (None, Some(launch), 0);
        let inner = Inner { server, client, transcript, target, launch, restarts };
        Self(Rc::new(RefCell::new(inner)))
    }

    /// Whether the server is there for its n-th connection: one that serves once must have been started again as often.
    pub(super) fn is_there(&self) -> Option<IsThere> {
        let restarts = self.0.borrow().launch.as_ref().is_some_and(Launch::is_restarted);
        let programs = self.clone();
        restarts
            .then(|| Box::new(move |nth| programs.0.borrow().restarts as usize >= nth) as IsThere)
    }

    /// The process group of the server.
    pub(super) fn server_group(&self) -> Pid {
        self.0.borrow().server.group()
    }

    /// Start the server again, although it has not served.
    pub(super) fn start_again(&self) {
        self.0.borrow_mut().start_again();
    }

    /// The client has been started too.
    pub(super) fn join(&self, client: Process) {
        self.0.borrow_mut().client = Some(client);
    }

    /// Time counts from `began` on, as for the links.
    pub(super) fn begin(&self, began: Instant) {
        self.0.borrow_mut().transcript.begin(began);
    }

    /// Read everything that was printed, and see who has ended.
    pub(super) fn look(&self) {
        self.0.borrow_mut().look();
    }

    /// What the links call before anything that came from a program goes on.
    pub(super) fn witness(&self) -> Witness {
        let programs = self.clone();
        Box::new(move |moment| {
            let mut inner = programs.0.borrow_mut();
            inner.look();
            inner.transcript.place(moment);
        })
    }

    /// Wait until somebody may have printed something. [`Programs::look`] has to follow.
    pub(super) fn readable(&self) -> impl Future<Output = ()> + use<> {
        let sources: Vec<Rc<Source>> = self.0.borrow().all().flat_map(Process::sources).collect();
        async move {
            if sources.is_empty() {
                return pending().await;
            }
            let wait = |source: &'_ Rc<Source>| {
                let source = source.clone();
                Box::pin(async move { source.readable().await })
                    as Pin<Box<dyn Future<Output = ()>>>
            };
            let mut waiting: Vec<_> = sources.iter().map(wait).collect();
            poll_fn(|cx| {
                let ready = waiting.iter_mut().any(|wait| wait.as_mut().poll(cx).is_ready());
                if ready { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }

    /// How a program ended, if it has.
    pub(super) fn ended(&self, who: Side) -> Option<Ended> {
        self.0.borrow().of(who).and_then(|process| process.ended)
    }

    /// Wait for a line with this text in it.
    pub(super) fn wait_for(&self, text: &str) {
        self.0.borrow_mut().transcript.wait_for(text.as_bytes());
    }

    /// Whether there was one.
    pub(super) fn has_met(&self) -> bool {
        self.0.borrow().transcript.has_met()
    }

    /// Something the reader of a verdict should know.
    pub(super) fn remark(&self, remark: &str) {
        self.0.borrow_mut().transcript.remark(remark);
    }

    /// When something was last said, or somebody ended.
    pub(super) fn moved(&self) -> Option<Instant> {
        self.0.borrow().transcript.moved()
    }

    /// How many sessions a program says are over.
    pub(super) fn ends_claimed(&self, who: Side) -> usize {
        self.0.borrow().transcript.ends_claimed(who)
    }

    /// Whether a program says that what is wanted is not implemented.
    pub(super) fn is_not_implemented(&self) -> bool {
        self.0.borrow().transcript.is_not_implemented()
    }

    /// Ask all programs to end. What they say from now on, they say because of that.
    pub(super) fn ask_to_end(&self) {
        let mut inner = self.0.borrow_mut();
        inner.transcript.stop();
        inner.launch = None;
        inner.all().for_each(Process::ask_to_end);
    }

    /// Whether all have ended and nobody holds their output open.
    pub(super) fn seem_gone(&self) -> bool {
        self.0.borrow().all().all(Process::seems_gone)
    }

    /// End them, and read what they have left.
    pub(super) fn end(&self) {
        let mut inner = self.0.borrow_mut();
        inner.server.end();
        if let Some(client) = &mut inner.client {
            client.end();
        }
        inner.look();
    }

    /// The last words of a program, for a report; empty if it said nothing.
    pub(super) fn last_words(&self, who: Side) -> String {
        self.0.borrow().of(who).map(Process::last_words).unwrap_or_default()
    }

    /// The end of what they printed.
    pub(super) fn output(&self) -> Output {
        let inner = self.0.borrow();
        let of = |who| inner.of(who).map(Process::streams).unwrap_or_default();
        Output { server: of(Side::Server), client: of(Side::Client) }
    }

    /// All that was said.
    pub(super) fn into_transcript(self) -> Transcript {
        let mut inner = self.0.borrow_mut();
        let empty = Transcript::new(inner.target.clone());
        std::mem::replace(&mut inner.transcript, empty)
    }
}
