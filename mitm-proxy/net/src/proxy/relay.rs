//! What the tasks of links call: each call takes the shared state, lets something happen, and starts what follows from it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mitm_proxy::attacker::{Attacker, Effect};
use mitm_proxy::rule::Rule;
use mitm_proxy::trace::Trace;
use protocol::endpoint::{PortIndex, Side, Tick};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::options::{Keep, ProxyOutcome, Spacing};
use super::record::{Log, LogEvent};
use super::relay_context::RelayContext;
use super::state::{Link, State, Task, Upstreams, Watched};
use crate::host::HostPort;

/// The most one read returns.
const READ: usize = 128 * 1024;
/// How much memory an end keeps for the beginnings of frames, in bytes.
const KEPT: usize = 4096;
/// How long entries wait for others before they go to the recorder.
const DELAY: Duration = Duration::from_millis(10);
/// How long an end that the attacker has closed is still read, so that what was sent to it is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// The pause between two checks of whether an end has read what was written to it.
const LOOK: Duration = Duration::from_millis(1);

/// The number of every client: a proxy does not know which program is which client.
const CLIENT: usize = 1;

/// Clones share everything.
#[derive(Clone)]
pub(super) struct Relay(Rc<Shared>);

struct Shared {
    began: Instant,
    state: RefCell<State>,
    /// There is something to tell the recorder.
    news: Rc<Notify>,
    /// Links of the attacker's own that need a connection to a server.
    dials: UnboundedSender<(u32, PortIndex)>,
}

impl Relay {
    /// A relay, and the links of the attacker's own that it wants connected to a server.
    pub(super) fn new(
        attacker: Attacker,
        keep: Keep,
        upstreams: Upstreams,
        watched: Watched,
        began: Instant,
    ) -> io::Result<(Self, UnboundedReceiver<(u32, PortIndex)>)> {
        let Watched { recorder, witness, activity } = watched;
        let (news, mut trace) = (Rc::new(Notify::new()), Trace::default());
        trace.fired.resize(attacker.rules().len(), 0);
        let state = State {
            attacker,
            trace,
            keep,
            kept: 0,
            effects: Vec::new(),
            tasks: Vec::new(),
            news: news.clone(),
            links: BTreeMap::new(),
            upstreams: upstreams.addresses,
            delay: upstreams.delay,
            is_there: upstreams.is_there,
            connections: 0,
            buffer: vec![0; READ],
            log: recorder.map(Log::new).transpose()?,
            witness,
            activity,
            spacing: upstreams.spacing,
            refused: 0,
        };
        let state = RefCell::new(state);
        let (dials, to_dial) = unbounded_channel();
        Ok((Self(Rc::new(Shared { began, state, news, dials })), to_dial))
    }

    fn now(&self) -> Tick {
        Tick(u64::try_from(self.0.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Do something to the state, and then what the attacker wants.
    fn with<T>(&self, change: impl FnOnce(&mut RelayContext<'_>) -> T) -> T {
        let mut state = self.0.state.borrow_mut();
        state.call_witness();
        let mut ctx = RelayContext { now: self.now(), state: &mut state };
        let result = change(&mut ctx);
        ctx.apply_effects();
        state.show();
        self.start_tasks(&mut state);
        result
    }

    /// Start what follows from what has happened.
    fn start_tasks(&self, state: &mut State) {
        for task in state.tasks.drain(..) {
            match task {
                // The receiver is gone only when the run is over.
                Task::Dial { link, service } => drop(self.0.dials.send((link, service))),
                Task::Wait { token, after } => {
                    spawn_local(self.clone().wait(token, after));
                }
                Task::StopListening { link, side } => {
                    spawn_local(self.clone().stop_listening(link, side));
                }
            }
        }
    }

    /// A client is there. Its link, and whether a connection to the server is wanted.
    pub(super) fn open(
        &self,
        writer: OwnedWriteHalf,
        from: SocketAddr,
        service: PortIndex,
    ) -> (u32, bool) {
        self.with(|ctx| {
            let number = ctx.state.attacker.next_link();
            let addresses = (from, writer.local_addr().unwrap_or(from));
            let client = Some(ctx.new_end(writer));
            let counts = &ctx.state.activity.0;
            counts.opened.set(counts.opened.get() + 1);
            ctx.state.links.insert(number, Link { client, ..Link::default() });
            if ctx.state.keep == Keep::All {
                ctx.state.trace.owners.insert(number, CLIENT);
            }
            ctx.record_connection(number, Side::Client, LogEvent::Opened, addresses);
            ctx.with_attacker(|attacker, ctx| attacker.on_open(ctx, number, service));
            let mut effects = std::mem::take(&mut ctx.state.effects);
            let own =
                |effect: &Effect| matches!(effect, Effect::Connect { link, .. } if *link == number);
            let connects = effects.iter().any(own);
            effects.retain(|effect| !own(effect));
            if let Some(link) = ctx.state.links.get_mut(&number) {
                link.connecting = connects.then(Vec::new);
            }
            ctx.state.effects = effects;
            (number, connects)
        })
    }

    /// How many links are open.
    pub(super) fn open_links(&self) -> usize {
        self.0.state.borrow().links.len()
    }

    pub(super) fn upstream(&self, service: PortIndex) -> Option<HostPort> {
        self.0.state.borrow().upstreams.get(usize::from(service.0)).cloned()
    }

    /// How long to wait before each connection to the server.
    pub(super) fn delay(&self) -> Duration {
        self.0.state.borrow().delay
    }

    /// Count a connection to the server that is about to be made; which one it is, from 0.
    pub(super) fn next_connection(&self) -> usize {
        let mut state = self.0.state.borrow_mut();
        state.connections += 1;
        state.connections - 1
    }

    /// Whether the server is there for that connection.
    pub(super) fn is_there(&self, nth: usize) -> bool {
        self.0.state.borrow().is_there.as_ref().is_none_or(|is_there| is_there(nth))
    }

    /// How long anything is waited for that should come by itself.
    pub(super) fn patience(&self) -> Duration {
        match self.0.state.borrow().spacing {
            Spacing::AtOnce => Duration::ZERO,
            Spacing::ByReads(patience) => patience,
        }
    }

    /// The connection to the server is there.
    pub(super) fn connected(&self, link: u32, writer: OwnedWriteHalf) {
        self.with(|ctx| ctx.connected(link, writer));
    }

    /// The connection to the server cannot be made.
    pub(super) fn refused(&self, link: u32, upstream: &HostPort, error: &io::Error) {
        self.with(|ctx| {
            ctx.state.refused += 1;
            let text = format!("cannot connect to {upstream}: {error}");
            ctx.record_text(link, Side::Server, LogEvent::Trouble, text);
            if let Some(link) = ctx.state.links.get_mut(&link) {
                link.connecting = None;
            }
            ctx.broke(link, Side::Server);
        });
    }

    /// Something waits for an end to read.
    async fn look_again(self, link: u32, side: Side) {
        sleep(LOOK).await;
        if let Some(link) = self.0.state.borrow_mut().links.get_mut(&link) {
            if let Some(end) = link.end(side) {
                end.looked();
            }
            link.wake();
        }
    }

    pub(super) fn trouble(&self, link: u32, side: Side, text: &str) {
        self.with(|ctx| ctx.record_text(link, side, LogEvent::Trouble, text.to_owned()));
    }

    pub(super) fn wake_with(&self, link: u32, waker: &Waker) {
        if let Some(link) = self.0.state.borrow_mut().links.get_mut(&link) {
            match &mut link.waker {
                Some(known) => known.clone_from(waker),
                unknown => *unknown = Some(waker.clone()),
            }
        }
    }

    pub(super) fn is_over(&self, link: u32) -> bool {
        self.0.state.borrow().links.get(&link).is_none_or(Link::is_over)
    }

    /// Whether this end may be read: it has not ended, and the other one keeps up.
    pub(super) fn may_read(&self, link: u32, side: Side) -> bool {
        let mut state = self.0.state.borrow_mut();
        let Some(link) = state.links.get_mut(&link) else { return false };
        if link.connecting.is_some() {
            return false;
        }
        let room = link.end(side.other()).is_none_or(|other| other.has_room());
        link.end(side).is_some_and(|end| !end.has_ended() && (room || end.is_ignored()))
    }

    /// Write what waits for this end.
    pub(super) fn poll_write(&self, link: u32, side: Side, cx: &mut Context<'_>) {
        let mut state = self.0.state.borrow_mut();
        let Some(end) = state.links.get_mut(&link).and_then(|link| link.end(side)) else { return };
        let polled = end.poll_write(cx);
        let wants_look = end.wants_look();
        drop(state);
        if let Poll::Ready(Err(_)) = polled {
            self.with(|ctx| ctx.broke(link, side));
        } else if wants_look {
            spawn_local(self.clone().look_again(link, side));
        }
    }

    /// Read once, and pass on what came.
    ///
    /// All links share one read buffer, so an idle link holds no memory. The beginning of a frame that waits for its rest is copied in
    /// front of what is read. If that beginning is already as large as a read, copying it each time would take quadratic time: then the
    /// read goes behind it, into the memory of the end itself.
    pub(super) fn read_into(
        &self,
        link: u32,
        side: Side,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<()> {
        let mut state = self.0.state.borrow_mut();
        let partial = state.links.get_mut(&link).and_then(|link| link.end(side));
        let mut partial = partial.map(|end| std::mem::take(&mut end.partial)).unwrap_or_default();
        let start = partial.len();
        let mut shared = std::mem::take(&mut state.buffer);
        let behind = start >= READ;
        let buffer = if behind { &mut partial } else { &mut shared };
        buffer.resize(buffer.len().max(start + READ), 0);
        if !behind && let Some(front) = shared.get_mut(..start) {
            front.copy_from_slice(&partial);
        }
        let buffer = if behind { &mut partial } else { &mut shared };
        let polled = read(buffer.get_mut(start..).unwrap_or_default());
        let now = if polled.is_pending() {
            Tick(0)
        } else {
            state.call_witness();
            self.now()
        };
        let mut ctx = RelayContext { now, state: &mut state };
        match polled {
            Poll::Ready(Ok(count @ 1..)) => {
                let bytes = buffer.get_mut(..start + count).unwrap_or_default();
                let used = ctx.pass(link, side, bytes);
                if behind {
                    partial.truncate(start + count);
                    partial.drain(..used);
                } else {
                    partial.clear();
                    partial.extend_from_slice(shared.get(used..start + count).unwrap_or_default());
                }
                // A large frame must not keep its memory for ever.
                if partial.len() < KEPT {
                    partial.shrink_to(KEPT);
                }
                ctx.keep(link, side, partial);
            }
            Poll::Ready(Ok(0)) => {
                partial.truncate(start);
                ctx.ended(link, side, partial);
            }
            Poll::Ready(Err(_)) => {
                partial.truncate(start);
                ctx.lost(link, side, &partial);
                ctx.broke(link, side);
            }
            Poll::Pending => {
                partial.truncate(start);
                ctx.keep(link, side, partial);
            }
        }
        ctx.apply_effects();
        shared.truncate(2 * READ);
        state.buffer = shared;
        state.show();
        self.start_tasks(&mut state);
        polled.map(|_| ())
    }

    /// The task of a link is done.
    pub(super) fn over(&self, number: u32) {
        self.with(|ctx| {
            let Some(link) = ctx.state.links.remove(&number) else { return };
            let first = link.first.unwrap_or(Side::Client);
            for mut end in link.client.into_iter().chain(link.server) {
                let missed = end.missed();
                ctx.state.note(missed);
                end.leave();
            }
            ctx.with_attacker(|attacker, ctx| attacker.on_close(ctx, number, first));
            if ctx.state.keep != Keep::All {
                ctx.state.attacker.forget(number);
            }
        });
    }

    async fn wait(self, token: u64, after: Duration) {
        sleep(after).await;
        self.with(|ctx| ctx.with_attacker(|attacker, ctx| attacker.on_timer(ctx, token)));
    }

    async fn stop_listening(self, link: u32, side: Side) {
        sleep(LINGER).await;
        self.with(|ctx| {
            if let Some(end) = ctx.end(link, side) {
                end.break_off();
            }
            ctx.wake(link);
        });
    }

    /// Use these rules from now on. Their counts begin at zero.
    pub(super) fn use_rules(&self, rules: Arc<[Rule]>) {
        self.with(|ctx| {
            ctx.state.trace.fired = vec![0; rules.len()];
            ctx.state.attacker.begin_with(rules);
            if ctx.state.keep != Keep::All {
                ctx.state.attacker.record_only_what_rules_need();
            }
        });
    }

    /// Send entries to the recorder, soon after they were made.
    pub(super) async fn keep_recording(self) {
        loop {
            self.0.news.notified().await;
            sleep(DELAY).await;
            if let Some(log) = &mut self.0.state.borrow_mut().log {
                log.flush();
            }
        }
    }

    /// What is left.
    pub(super) fn finish(self) -> ProxyOutcome {
        let mut state = self.0.state.borrow_mut();
        if let Some(log) = &mut state.log {
            log.finish();
        }
        let (mut open_ends, mut missed) = (Vec::new(), Vec::new());
        for (number, link) in &mut state.links {
            for side in [Side::Client, Side::Server] {
                if let Some(end) = link.end(side) {
                    missed.push(end.missed());
                    if !end.has_ended() {
                        open_ends.push((*number, side));
                    }
                }
            }
        }
        for missed in missed {
            state.note(missed);
        }
        let unfinished = state.attacker.has_plans();
        state.trace.unfinished = unfinished;
        let mut trace = std::mem::take(&mut state.trace);
        trace.settle();
        ProxyOutcome { trace, open_ends, refused: state.refused }
    }
}
