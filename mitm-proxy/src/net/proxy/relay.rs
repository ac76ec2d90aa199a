//! What all links share: the attacker, what it has seen, and both ends of every link.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Service, Side, Tick};
use protocol::layout::{Frame, FrameSpec};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::ends::End;
use super::record::{Entry, Log, Recorder, What};
use super::{Keep, Outcome, link};
use crate::attacker::{Attacker, Effect, Passage};
use crate::rule::Rule;
use crate::trace::{Deed, Fate, Misfire, Origin, Trace};

/// The most one read returns.
const READ: usize = 256 * 1024;
/// How soon what happened is told to the recorder.
const DELAY: Duration = Duration::from_millis(10);
/// How long an end that the attacker has closed is still read, so that what was sent to it is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
/// What a judge may keep in memory, in bytes.
const MOST_KEPT: usize = 512 * 1024 * 1024;

/// Who is at the client's end of a link: nobody can tell one program from another.
const CLIENT: usize = 1;

/// Clones share everything.
#[derive(Clone)]
pub(super) struct Relay(Rc<Shared>);

struct Shared {
    began: Instant,
    state: RefCell<State>,
    /// There is something to tell the recorder.
    news: Notify,
}

struct State {
    attacker: Attacker,
    trace: Trace,
    keep: Keep,
    /// How many bytes the trace holds.
    kept: usize,
    effects: Vec<Effect>,
    links: BTreeMap<u32, Link>,
    upstreams: Vec<SocketAddr>,
    buffer: Vec<u8>,
    log: Option<Log>,
    refused: u64,
}

#[derive(Default)]
struct Link {
    client: Option<End>,
    server: Option<End>,
    /// A connection is being made, and this is to be done once it is there.
    connecting: Option<Vec<Effect>>,
    /// Who ended first.
    first: Option<Side>,
    waker: Option<Waker>,
}

impl Link {
    fn end(&mut self, side: Side) -> Option<&mut End> {
        match side {
            Side::Client => self.client.as_mut(),
            Side::Server => self.server.as_mut(),
        }
    }

    fn is_over(&self) -> bool {
        let over = |end: &Option<End>| end.as_ref().is_none_or(End::is_over);
        self.connecting.is_none() && over(&self.client) && over(&self.server)
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Relay {
    pub(super) fn new(
        attacker: Attacker,
        keep: Keep,
        upstreams: Vec<SocketAddr>,
        recorder: Option<Box<dyn Recorder>>,
    ) -> io::Result<Self> {
        let mut trace = Trace::default();
        trace.fired.resize(attacker.rules().len(), 0);
        let state = State {
            attacker,
            trace,
            keep,
            kept: 0,
            effects: Vec::new(),
            links: BTreeMap::new(),
            upstreams,
            buffer: vec![0; READ],
            log: recorder.map(Log::new).transpose()?,
            refused: 0,
        };
        let (began, state) = (Instant::now(), RefCell::new(state));
        Ok(Self(Rc::new(Shared { began, state, news: Notify::new() })))
    }

    fn now(&self) -> Tick {
        Tick(u64::try_from(self.0.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Do something to the state, and then what the attacker wants.
    fn with<T>(&self, change: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let mut state = self.0.state.borrow_mut();
        let mut turn = Turn { relay: self, now: self.now(), state: &mut state };
        let result = change(&mut turn);
        turn.carry_out();
        result
    }

    /// A client is there. Its link, and whether a connection to the server is wanted.
    pub(super) fn open(
        &self,
        writer: OwnedWriteHalf,
        from: SocketAddr,
        service: Service,
    ) -> (u32, bool) {
        self.with(|turn| {
            let number = turn.state.attacker.next_link();
            let addresses = (from, writer.local_addr().unwrap_or(from));
            let client = Some(End::new(writer));
            turn.state.links.insert(number, Link { client, ..Link::default() });
            if turn.state.keep == Keep::All {
                turn.state.trace.owners.insert(number, CLIENT);
            }
            turn.tell_meeting(number, Side::Client, What::Opened, addresses);
            let (now, mut effects) = (turn.now, Vec::new());
            let State { attacker, trace, .. } = turn.state;
            attacker.on_open(now, number, service, trace, &mut effects);
            let own =
                |effect: &Effect| matches!(effect, Effect::Connect { link, .. } if *link == number);
            let connects = effects.iter().any(own);
            effects.retain(|effect| !own(effect));
            if let Some(link) = turn.state.links.get_mut(&number) {
                link.connecting = connects.then(Vec::new);
            }
            turn.state.effects = effects;
            (number, connects)
        })
    }

    pub(super) fn upstream(&self, service: Service) -> Option<SocketAddr> {
        self.0.state.borrow().upstreams.get(usize::from(service.0)).copied()
    }

    /// The connection to the server is there.
    pub(super) fn connected(&self, link: u32, writer: OwnedWriteHalf) {
        self.with(|turn| turn.connected(link, writer));
    }

    /// The connection to the server cannot be made.
    pub(super) fn refused(&self, link: u32, upstream: SocketAddr, error: &io::Error) {
        self.with(|turn| {
            turn.state.refused += 1;
            let text = format!("cannot connect to {upstream}: {error}");
            turn.tell_text(link, Side::Server, What::Trouble, text);
            if let Some(link) = turn.state.links.get_mut(&link) {
                link.connecting = None;
            }
            turn.broke(link, Side::Server);
        });
    }

    pub(super) fn trouble(&self, link: u32, side: Side, text: &str) {
        self.with(|turn| turn.tell_text(link, side, What::Trouble, text.to_owned()));
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
        link.end(side).is_some_and(|end| !end.ended && (room || end.ignored))
    }

    /// Write what waits for this end.
    pub(super) fn poll_write(&self, link: u32, side: Side, cx: &mut Context<'_>) {
        let mut state = self.0.state.borrow_mut();
        let Some(end) = state.links.get_mut(&link).and_then(|link| link.end(side)) else { return };
        if let Poll::Ready(Err(_)) = end.poll_write(cx) {
            drop(state);
            self.with(|turn| turn.broke(link, side));
        }
    }

    /// Read once, and let what came pass, or meet what it meets.
    pub(super) fn read_into(
        &self,
        link: u32,
        side: Side,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<()> {
        let mut state = self.0.state.borrow_mut();
        let mut buffer = std::mem::take(&mut state.buffer);
        let partial = state.links.get_mut(&link).and_then(|link| link.end(side));
        let partial = partial.map(|end| std::mem::take(&mut end.partial)).unwrap_or_default();
        let start = partial.len();
        if buffer.len() < start + READ {
            buffer.resize(start + READ, 0);
        }
        if let Some(front) = buffer.get_mut(..start) {
            front.copy_from_slice(&partial);
        }
        let polled = read(buffer.get_mut(start..).unwrap_or_default());
        let now = if polled.is_pending() { Tick(0) } else { self.now() };
        let mut turn = Turn { relay: self, now, state: &mut state };
        match polled {
            Poll::Ready(Ok(count @ 1..)) => {
                turn.pass(link, side, buffer.get_mut(..start + count).unwrap_or_default(), partial);
            }
            Poll::Ready(Ok(0)) => turn.ended(link, side, partial),
            Poll::Ready(Err(_)) => turn.broke(link, side),
            Poll::Pending => {
                if let Some(end) = turn.end(link, side) {
                    end.partial = partial;
                }
            }
        }
        turn.carry_out();
        if buffer.len() > 2 * READ {
            buffer.truncate(READ);
            buffer.shrink_to_fit();
        }
        state.buffer = buffer;
        polled.map(|_| ())
    }

    /// The task of a link is done.
    pub(super) fn over(&self, number: u32) {
        self.with(|turn| {
            let Some(link) = turn.state.links.remove(&number) else { return };
            let (now, first) = (turn.now, link.first.unwrap_or(Side::Client));
            link.client.into_iter().chain(link.server).for_each(End::leave);
            let State { attacker, trace, effects, .. } = &mut *turn.state;
            attacker.on_close(now, number, first, trace, effects);
            if turn.state.keep != Keep::All && !turn.state.attacker.remembers() {
                turn.state.attacker.forget(number);
            }
        });
    }

    async fn wait(self, token: u64, after: Duration) {
        sleep(after).await;
        self.with(|turn| {
            let now = turn.now;
            let State { attacker, trace, effects, .. } = &mut *turn.state;
            attacker.on_timer(now, token, trace, effects);
        });
    }

    async fn stop_listening(self, link: u32, side: Side) {
        sleep(LINGER).await;
        self.with(|turn| {
            if let Some(end) = turn.end(link, side) {
                end.break_off();
            }
            turn.wake(link);
        });
    }

    /// From now on, these rules. They begin to count.
    pub(super) fn use_rules(&self, rules: Arc<[Rule]>) {
        self.with(|turn| {
            turn.state.trace.fired = vec![0; rules.len()];
            turn.state.attacker.begin_with(rules);
            if turn.state.keep != Keep::All {
                turn.state.attacker.remember_no_more_than_needed();
            }
        });
    }

    /// Tell the recorder soon what there is to tell.
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
    pub(super) fn finish(self) -> Outcome {
        let mut state = self.0.state.borrow_mut();
        if let Some(log) = &mut state.log {
            log.finish();
        }
        let mut open_ends = Vec::new();
        for (number, link) in &mut state.links {
            for side in [Side::Client, Side::Server] {
                if link.end(side).is_some_and(|end| !end.ended) {
                    open_ends.push((*number, side));
                }
            }
        }
        let mut trace = std::mem::take(&mut state.trace);
        trace.settle();
        Outcome { trace, open_ends, refused: state.refused }
    }
}

/// The state while something happens.
struct Turn<'a> {
    relay: &'a Relay,
    now: Tick,
    state: &'a mut State,
}

impl Turn<'_> {
    fn end(&mut self, link: u32, side: Side) -> Option<&mut End> {
        self.state.links.get_mut(&link)?.end(side)
    }

    fn wake(&self, link: u32) {
        if let Some(link) = self.state.links.get(&link) {
            link.wake();
        }
    }

    fn tell(&mut self, link: u32, side: Side, what: What, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.tell_of(Entry { at: self.now, link, len, what, side }, bytes);
    }

    fn tell_of(&mut self, entry: Entry, bytes: &[u8]) {
        if let Some(log) = &mut self.state.log
            && log.add(entry, bytes)
        {
            self.relay.0.news.notify_one();
        }
    }

    fn tell_text(&mut self, link: u32, side: Side, what: fn(u16) -> What, text: String) {
        let entry = Entry { at: self.now, link, len: 0, what: what(0), side };
        if let Some(log) = &mut self.state.log
            && log.tell(entry, what, text)
        {
            self.relay.0.news.notify_one();
        }
    }

    /// The place of a frame type in the layout; beyond it, for frames nobody could cut.
    fn place(&self, spec: &Arc<FrameSpec>) -> u16 {
        let frames = &self.state.attacker.layout().frames;
        let place = frames.iter().position(|known| Arc::ptr_eq(known, spec));
        place.and_then(|place| u16::try_from(place).ok()).unwrap_or(u16::MAX)
    }

    fn tell_meeting(
        &mut self,
        link: u32,
        side: Side,
        what: fn(u16) -> What,
        addresses: (SocketAddr, SocketAddr),
    ) {
        let entry = Entry { at: self.now, link, len: 0, what: what(0), side };
        if let Some(log) = &mut self.state.log
            && log.meet(entry, what, addresses)
        {
            self.relay.0.news.notify_one();
        }
    }

    fn connected(&mut self, link: u32, writer: OwnedWriteHalf) {
        if let (Ok(own), Ok(server)) = (writer.local_addr(), writer.peer_addr()) {
            self.tell_meeting(link, Side::Server, What::Connected, (own, server));
        }
        if let Some(link) = self.state.links.get_mut(&link) {
            link.server = Some(End::new(writer));
            self.state.effects.extend(link.connecting.take().unwrap_or_default());
        }
    }

    /// Bytes came from an end: the beginning of a frame that waited, and what was read. `spare` is an empty buffer to reuse.
    fn pass(&mut self, link: u32, from: Side, bytes: &mut [u8], mut spare: Vec<u8>) {
        let Some(end) = self.end(link, from) else { return };
        if end.ignored {
            return;
        }
        let mut passing = std::mem::take(&mut end.passing);
        // What lies between `sent` and `at` goes on as it is.
        let (mut sent, mut at) = (0, 0);
        while at < bytes.len() {
            if passing > 0 {
                let piece = passing.min(bytes.len() - at);
                self.tell(link, from, What::Piece, bytes.get(at..at + piece).unwrap_or_default());
                (at, passing) = (at + piece, passing - piece);
                continue;
            }
            let waiting = bytes.get(at..).unwrap_or_default();
            match self.state.attacker.look(link, from, waiting) {
                Passage::Wait => break,
                Passage::Whole { spec, len } => {
                    let what = What::Passed(self.place(&spec));
                    self.tell(link, from, what, waiting.get(..len).unwrap_or_default());
                    self.state.trace.pass_by();
                    at += len;
                }
                Passage::Begun { spec, len } => {
                    let what = What::Begun(self.place(&spec));
                    let (now, size) = (self.now, u32::try_from(len).unwrap_or(u32::MAX));
                    self.tell_of(Entry { at: now, link, len: size, what, side: from }, &[]);
                    self.state.trace.pass_by();
                    passing = len;
                }
                Passage::Stop { spec, len, rule: Some(rule) }
                    if self.edit(link, from, rule, &spec, bytes.get_mut(at..at + len)) =>
                {
                    self.state.trace.pass_by();
                    at += len;
                }
                Passage::Stop { spec, len, rule } => {
                    self.send(link, from.other(), bytes.get(sent..at).unwrap_or_default());
                    let frame = bytes.get(at..at + len).unwrap_or_default();
                    self.stop(link, from, spec, frame, rule);
                    at += len;
                    sent = at;
                }
            }
        }
        self.send(link, from.other(), bytes.get(sent..at).unwrap_or_default());
        spare.clear();
        spare.extend_from_slice(bytes.get(at..).unwrap_or_default());
        if let Some(end) = self.end(link, from) {
            (end.partial, end.passing) = (spare, passing);
        }
    }

    /// A rule acts on a frame where it lies, if it can.
    fn edit(
        &mut self,
        link: u32,
        from: Side,
        rule: usize,
        spec: &Arc<FrameSpec>,
        frame: Option<&mut [u8]>,
    ) -> bool {
        let Some(frame) = frame else { return false };
        // What came is told as it was.
        let State { attacker, trace, log, .. } = &mut *self.state;
        let before = log.as_ref().filter(|log| log.wants_bytes()).map(|_| frame.to_vec());
        if !attacker.edit(link, rule, spec, frame, trace) {
            return false;
        }
        let what = What::Stopped(self.place(spec));
        self.tell(link, from, what, before.as_deref().unwrap_or(frame));
        let entry = Entry { at: self.now, link, len: 0, what: What::Deed(0), side: from };
        let State { attacker, log, .. } = &mut *self.state;
        if let Some(log) = log {
            log.tell_again(entry, rule, || attacker.deed(rule));
        }
        self.tell(link, from.other(), What::Sent, frame);
        true
    }

    /// The attacker acts on a frame, or at least remembers it.
    fn stop(
        &mut self,
        link: u32,
        from: Side,
        spec: Arc<FrameSpec>,
        bytes: &[u8],
        rule: Option<usize>,
    ) {
        self.tell(link, from, What::Stopped(self.place(&spec)), bytes);
        let frame = Frame { spec, bytes: Bytes::copy_from_slice(bytes) };
        let now = self.now;
        let State { attacker, trace, effects, .. } = &mut *self.state;
        let seen = trace.next_number();
        attacker.take_frame(now, link, from, frame, rule, trace, effects);
        self.tell_deeds(seen);
        let fate = self.state.trace.frame(seen).map(|record| record.fate);
        if matches!(fate, Some(Fate::Held | Fate::Dropped | Fate::Absorbed)) {
            self.tell(link, from, What::Withheld, &[]);
        }
        self.state.kept += bytes.len();
        self.carry_out();
    }

    /// What was done to the frames from this number on.
    fn tell_deeds(&mut self, from: u32) {
        if self.state.log.is_none() {
            return;
        }
        let Some(record) = self.state.trace.frame(from) else { return };
        let (link, side) = (record.link, record.to.other());
        let text = |deed: &Deed| format!("rule {}: {}", deed.rule, deed.what);
        let told: Vec<String> = record.deeds.iter().map(text).collect();
        for text in told {
            self.tell_text(link, side, What::Deed, text);
        }
    }

    /// Whether a frame that goes out now is the attacker's, or comes late.
    fn tell_origin(&mut self, number: u32) {
        let Some(record) = self.state.trace.frame(number).filter(|_| self.state.log.is_some())
        else {
            return;
        };
        let (place, len) = (self.place(&record.frame.spec), record.frame.bytes.len());
        let (link, side) = (record.link, record.to);
        let what = match record.origin {
            Origin::Attacker { .. } => What::Made(place),
            Origin::Endpoint if self.now > record.at => What::Released(place),
            Origin::Endpoint => return,
        };
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.tell_of(Entry { at: self.now, link, len, what, side }, &[]);
        if matches!(what, What::Made(_)) {
            self.tell_deeds(number);
        }
    }

    /// Send to an end, if it still takes anything. Whether it did.
    fn send(&mut self, link: u32, to: Side, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let Some(end) = self.end(link, to).filter(|end| end.takes()) else { return false };
        match end.send(bytes) {
            Ok(false) => {}
            Ok(true) => self.wake(link),
            Err(error) => {
                if error.kind() == io::ErrorKind::TimedOut {
                    self.tell_text(link, to, What::Trouble, error.to_string());
                }
                self.broke(link, to);
                return false;
            }
        }
        true
    }

    /// An end sends no more. The other one hears of it, after what was sent before.
    fn ended(&mut self, link: u32, side: Side, rest: Vec<u8>) {
        let Some(end) = self.end(link, side) else { return };
        end.ended = true;
        let ignored = end.ignored;
        if !ignored {
            if !rest.is_empty() {
                self.tell(link, side, What::Stopped(u16::MAX), &rest);
            }
            let (now, rest) = (self.now, Bytes::from(rest));
            let State { attacker, trace, effects, .. } = &mut *self.state;
            attacker.take_rest(now, link, side, rest, trace, effects);
            self.carry_out();
            self.tell(link, side, What::Ended, &[]);
        }
        if let Some(state) = self.state.links.get_mut(&link) {
            state.first.get_or_insert(side);
            match state.end(side.other()) {
                Some(other) => other.close(),
                // Nobody is there who could end the other half.
                None => {
                    if let Some(end) = state.end(side) {
                        end.close();
                    }
                }
            }
        }
        self.wake(link);
    }

    /// The connection to an end broke: so does the other one.
    fn broke(&mut self, link: u32, side: Side) {
        self.tell(link, side, What::Reset, &[]);
        if let Some(state) = self.state.links.get_mut(&link) {
            state.first.get_or_insert(side);
            for side in [Side::Client, Side::Server] {
                if let Some(end) = state.end(side) {
                    end.reset();
                }
            }
        }
        self.wake(link);
    }

    /// Do what the attacker wants.
    fn carry_out(&mut self) {
        while !self.state.effects.is_empty() {
            for effect in std::mem::take(&mut self.state.effects) {
                self.effect(effect);
            }
        }
        self.forget();
    }

    fn effect(&mut self, effect: Effect) {
        let relay = self.relay.clone();
        if let Effect::Send { link, to: Side::Server, .. }
        | Effect::Close { link, to: Side::Server } = &effect
            && let Some(waiting) =
                self.state.links.get_mut(link).and_then(|link| link.connecting.as_mut())
        {
            return waiting.push(effect);
        }
        match effect {
            Effect::Connect { link, service } => {
                let own = Link { connecting: Some(Vec::new()), ..Link::default() };
                self.state.links.insert(link, own);
                spawn_local(link::dial(relay, link, service));
            }
            Effect::Send { link, to, bytes, numbers } => {
                for number in &numbers {
                    self.tell_origin(*number);
                }
                let arrived = self.send(link, to, &bytes);
                if arrived {
                    self.tell(link, to, What::Sent, &bytes);
                }
                let fate = if arrived { Fate::Delivered(self.now) } else { Fate::Lost };
                for number in numbers {
                    if let Some(record) = self.state.trace.frame_mut(number)
                        && !matches!(record.fate, Fate::Delivered(_))
                    {
                        record.fate = fate;
                    }
                }
            }
            Effect::Close { link, to } => {
                if let Some(end) = self.end(link, to).filter(|end| !end.is_over()) {
                    end.close();
                    end.ignored = true;
                    self.tell(link, to, What::Closed, &[]);
                    self.wake(link);
                    spawn_local(relay.stop_listening(link, to));
                }
            }
            Effect::Wake { token, after } => {
                spawn_local(relay.wait(token, after));
            }
            Effect::Steal { rule, .. } | Effect::Play { rule, .. } => {
                let why = "there is no endpoint of the lab here".to_owned();
                self.state.trace.misfires.push(Misfire { rule, why });
            }
        }
    }

    /// Keep no more than wanted.
    fn forget(&mut self) {
        let State { trace, keep, kept, attacker, .. } = &mut *self.state;
        let last = match keep {
            Keep::All if *kept > MOST_KEPT => {
                let why = format!("more than {MOST_KEPT} bytes passed, too much to judge");
                if !trace.exhausted {
                    trace.misfires.push(Misfire { rule: 0, why });
                }
                trace.exhausted = true;
                0
            }
            Keep::All => return,
            Keep::Last(_) if !attacker.remembers() => 0,
            Keep::Last(last) => *last,
        };
        // In portions: the front of a list is dear to remove.
        if trace.frames.len() > 2 * last + 64 {
            trace.forget_all_but(last);
        }
    }
}
