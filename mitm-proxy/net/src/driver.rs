//! A live endpoint: its connections give it inputs, and its outputs are applied to them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use protocol::endpoint::{Conn, Endpoint, Input, Output, PortIndex, Side, Tick};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::driver_state::{Connection, State, settles};
use super::event::{Event, Observer, Trouble};
use super::host::HostPort;
use super::limits::{Limits, who_goes};

/// The most bytes one read returns.
const READ: usize = 256 * 1024;
/// A connection with more bytes than this to send is not read: a peer that does not read causes backpressure.
const HIGH_WATER: usize = 1024 * 1024;
/// How many messages may wait in the endpoint.
const MOST_WAITING: u64 = 16;
/// Progress is reported for messages of at least this many bytes.
pub(super) const LARGE: usize = 1024 * 1024;

/// A live endpoint. Clones share it.
#[derive(Clone)]
pub(super) struct Driver(Rc<Shared>);

struct Shared {
    began: Instant,
    state: RefCell<State>,
    /// Notified after every change, for those who wait for one.
    changed: Notify,
    /// The endpoint asked to be woken.
    wakes: Notify,
    /// When something was last sent or received.
    active: Cell<Instant>,
    /// Connections that need a task.
    made: UnboundedSender<Made>,
}

/// A connection that was made, for the task that attends to it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) conn: Conn,
    pub(super) stream: TcpStream,
    /// Tells the task that there is something to do.
    pub(super) wake: Rc<Notify>,
}

/// What a connection's task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Interest {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) close: bool,
}

impl Driver {
    /// A driver, and the connections that it makes: each needs a task that attends to it.
    pub(super) fn new(
        endpoint: Box<dyn Endpoint>,
        side: Side,
        addresses: Vec<HostPort>,
        observer: Box<dyn Observer>,
    ) -> (Self, UnboundedReceiver<Made>) {
        let state = State {
            endpoint,
            side,
            addresses,
            connections: BTreeMap::new(),
            last: 0,
            pending: 0,
            out: Output::default(),
            buffer: vec![0; READ],
            observer,
            given: 0,
            done: 0,
            wakes: BTreeSet::new(),
            has_timer: false,
        };
        let began = Instant::now();
        let active = Cell::new(began);
        let state = RefCell::new(state);
        let (made, to_attend) = unbounded_channel();
        let (changed, wakes) = (Notify::new(), Notify::new());
        (Self(Rc::new(Shared { began, state, changed, wakes, active, made })), to_attend)
    }

    pub(super) fn now(&self) -> Tick {
        Tick(u64::try_from(self.0.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn observe(&self, event: Event<'_>) {
        let now = self.now();
        self.0.state.borrow_mut().observer.on_event(now, event);
    }

    /// Wait until something has happened.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// How long nothing has been sent or received.
    pub(super) fn silence(&self) -> Duration {
        self.0.active.get().elapsed()
    }

    /// No connection is left, and none is being made.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.0.state.borrow();
        state.connections.is_empty() && state.pending == 0
    }

    /// Whether the endpoint can take another command: few wait in it, and little waits to be sent.
    pub(super) fn has_room(&self) -> bool {
        let state = self.0.state.borrow();
        let queued: usize = state.connections.values().map(|connection| connection.queued).sum();
        state.given.saturating_sub(state.done) < MOST_WAITING && queued < HIGH_WATER
    }

    /// A connection is open: report it to the endpoint, and hand it on to its task.
    pub(super) fn add(&self, stream: TcpStream, service: PortIndex, address: SocketAddr) {
        // Without this a small frame waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let wake = Rc::new(Notify::new());
        let conn = {
            let mut state = self.0.state.borrow_mut();
            state.last = state.last.wrapping_add(1);
            let conn = Conn(state.last);
            let (queue, wake) = (VecDeque::new(), wake.clone());
            let (from, known) = (address.ip().to_canonical(), false);
            let connection =
                Connection { queue, sent: 0, queued: 0, closing: false, from, known, wake };
            state.connections.insert(conn, connection);
            conn
        };
        let address = stream.peer_addr().unwrap_or(address);
        let local = stream.local_addr().ok();
        self.observe(Event::Opened { conn, service, address, local });
        self.step(Input::Opened(conn, service));
        // The receiver is gone only when the run is over.
        let _ = self.0.made.send(Made { conn, stream, wake });
    }

    /// Give the endpoint one input, and apply what it wants.
    pub(super) fn step(&self, input: Input<'_>) {
        let now = self.now();
        let mut guard = self.0.state.borrow_mut();
        let state = &mut *guard;
        let conn = match input {
            Input::Opened(conn, _) | Input::Received(conn, _) | Input::Closed(conn) => Some(conn),
            Input::Command(_) => {
                state.given += 1;
                None
            }
            Input::Timeout => None,
        };
        state.out.clear();
        let State { endpoint, out, .. } = state;
        let stepped = catch_unwind(AssertUnwindSafe(|| endpoint.step(now, input, out)));
        if stepped.is_err() {
            state.observer.on_event(now, Event::Trouble { conn, what: Trouble::Panicked });
            state.out.closes.extend(conn);
        }
        let mut out = std::mem::take(&mut state.out);
        for (conn, secret) in out.secrets.drain(..) {
            state.observer.on_event(now, Event::Secret { conn, secret: &secret });
        }
        for claim in out.claims.drain(..) {
            state.done += u64::from(settles(&claim.fact));
            state.learn(&claim);
            state.observer.on_event(now, Event::Claimed(&claim));
        }
        state.observer.on_event(now, Event::Stepped(input));
        for (conn, bytes) in out.writes.drain(..) {
            state.send(now, conn, bytes);
        }
        if state.side == Side::Client {
            for service in out.opens.drain(..) {
                state.pending += 1;
                spawn_local(self.clone().open(service));
            }
        }
        for conn in out.closes.drain(..) {
            state.close(conn);
        }
        if let Some(at) = out.wake
            && state.wakes.insert(at)
        {
            if !std::mem::replace(&mut state.has_timer, true) {
                spawn_local(self.clone().keep_time());
            }
            self.0.wakes.notify_one();
        }
        state.out = out;
        drop(guard);
        self.0.changed.notify_waiters();
    }

    /// Wake the endpoint when it asked to be woken: one timer, however often it asks.
    async fn keep_time(self) {
        loop {
            let next = self.0.state.borrow().wakes.first().copied();
            let Some(next) = next else {
                self.0.wakes.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(self.0.began + Duration::from_nanos(next.0)) => {
                    let now = self.now();
                    self.0.state.borrow_mut().wakes.retain(|at| *at > now);
                    self.step(Input::Timeout);
                }
                () = self.0.wakes.notified() => {}
            }
        }
    }

    /// Make a further connection.
    async fn open(self, service: PortIndex) {
        let to = self.0.state.borrow().addresses.get(usize::from(service.0)).cloned();
        let Some(to) = to else { return self.opened() };
        match to.connect().await {
            Ok((stream, address)) => self.add(stream, service, address),
            Err(error) => {
                let what = Trouble::Connect(to, error);
                self.observe(Event::Trouble { conn: None, what });
                let conn = {
                    let mut state = self.0.state.borrow_mut();
                    state.last = state.last.wrapping_add(1);
                    Conn(state.last)
                };
                self.step(Input::Opened(conn, service));
                self.step(Input::Closed(conn));
            }
        }
        self.opened();
    }

    fn opened(&self) {
        self.0.state.borrow_mut().pending -= 1;
        self.0.changed.notify_waiters();
    }

    /// Close every connection, once what waits for it is sent.
    pub(super) fn close_all(&self) {
        let mut state = self.0.state.borrow_mut();
        let all: Vec<Conn> = state.connections.keys().copied().collect();
        for conn in all {
            state.close(conn);
        }
    }

    /// Make room for one more connection. If there is none, a connection is closed whose peer has not authenticated. Returns whether there
    /// is room now.
    pub(super) fn make_room(&self, limits: Limits) -> bool {
        let goes = {
            let state = self.0.state.borrow();
            // Most often there is room, and then nothing needs to be counted.
            if state.connections.len() < limits.unknown.min(limits.connections) {
                return true;
            }
            // A connection that is closing counts as one that may be closed at once.
            let unknown = state.connections.iter().filter(|(_, it)| !it.known || it.closing);
            let (all, strangers) = (state.connections.len(), unknown.clone().count());
            if all < limits.connections && strangers < limits.unknown {
                return true;
            }
            who_goes(unknown.map(|(conn, it)| (*conn, it.from)))
        };
        let Some(conn) = goes else {
            self.observe(Event::Trouble { conn: None, what: Trouble::Full });
            return false;
        };
        self.observe(Event::Trouble { conn: Some(conn), what: Trouble::Crowded });
        self.hung_up(conn);
        // Its task finds that the connection is gone, and ends.
        if let Some(connection) = self.0.state.borrow_mut().connections.remove(&conn) {
            connection.wake.notify_one();
        }
        true
    }

    /// Whether the connection is still attended to.
    pub(super) fn has(&self, conn: Conn) -> bool {
        self.0.state.borrow().connections.contains_key(&conn)
    }

    pub(super) fn interest(&self, conn: Conn) -> Interest {
        let state = self.0.state.borrow();
        let Some(connection) = state.connections.get(&conn) else {
            return Interest { read: false, write: false, close: true };
        };
        let write = !connection.queue.is_empty();
        let read = !connection.closing && connection.queued < HIGH_WATER;
        Interest { read, write, close: connection.closing && !write }
    }

    /// Read once, and give the endpoint what came. `false` at the end of the stream.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) fn read(&self, conn: Conn, stream: &TcpStream) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.0.state.borrow_mut().buffer);
        let read = stream.try_read(&mut buffer);
        if let Ok(count @ 1..) = read {
            self.0.active.set(Instant::now());
            self.step(Input::Received(conn, buffer.get(..count).unwrap_or_default()));
        }
        let mut state = self.0.state.borrow_mut();
        state.buffer = buffer;
        let waiting = state.endpoint.buffered();
        if waiting >= LARGE {
            let now = self.now();
            let waiting = waiting as u64;
            state.observer.on_event(now, Event::Receiving { conn, waiting });
        }
        match read {
            Ok(count) => Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Write as much of what waits as the connection takes.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) fn write(&self, conn: Conn, stream: &TcpStream) -> io::Result<()> {
        let now = self.now();
        let mut guard = self.0.state.borrow_mut();
        let State { connections, observer, .. } = &mut *guard;
        let Some(connection) = connections.get_mut(&conn) else { return Ok(()) };
        while let Some(first) = connection.queue.front() {
            let rest = first.get(connection.sent..).unwrap_or_default();
            match stream.try_write(rest) {
                Ok(count) => {
                    self.0.active.set(Instant::now());
                    let bytes = rest.get(..count).unwrap_or_default();
                    observer.on_event(now, Event::Wrote { conn, bytes });
                    connection.sent += count;
                    let (done, total) = (connection.sent, first.len());
                    if total >= LARGE {
                        let (done, total) = (done as u64, total as u64);
                        observer.on_event(now, Event::Sending { conn, done, total });
                    }
                    if done >= total {
                        connection.queued -= total;
                        connection.sent = 0;
                        connection.queue.pop_front();
                        self.0.changed.notify_waiters();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The peer has closed: nothing more comes, and what waits for it is sent still.
    pub(super) fn hung_up(&self, conn: Conn) {
        let closing = self.0.state.borrow().connections.get(&conn).is_none_or(|c| c.closing);
        if !closing {
            self.step(Input::Closed(conn));
            self.0.state.borrow_mut().close(conn);
        }
    }

    /// The connection is gone.
    pub(super) fn remove(&self, conn: Conn) {
        self.0.state.borrow_mut().connections.remove(&conn);
        self.observe(Event::Closed { conn });
        self.0.changed.notify_waiters();
    }
}
