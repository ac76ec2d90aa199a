//! The client: chooses a key, has it echoed, opens the two data connections, speaks on one and listens on the other.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::ccm::data_stream::{
    Context, Heard, ReceivingStream, SendingStream, bind, finish, speaks_on,
};
use crate::ccm::exchange::Offer;
use crate::ccm::keys::{Keys, RECORDS};
use crate::ccm::lab::{ClientKeys, SERVER, client_name};
use crate::ccm::session::{PATIENCE, SessionPeers, Setting};
use crate::ccm::wire::{self, EXCHANGE, TO_CLIENT, TO_SERVER};
use crate::endpoint::{
    Check, Command, Conn, End, Endpoint, Fact, Input, Name, Output, PortIndex, Reject, Side, Tick,
};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::session::Alarm;
use crate::system::Setup;
use crate::weakness::Weakness;

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    setting: Arc<Setting>,
    keys: Arc<ClientKeys>,
    number: u32,
    name: Name,
    server: Name,
    entropy: Entropy,
    queue: VecDeque<Command>,
    session: Option<Session>,
    alarm: Alarm,
}

#[derive(Clone, Hash, Debug)]
struct Session {
    /// The connection of the exchange.
    exchange: Conn,
    /// When the server was last heard, or last given something to answer.
    heard: Tick,
    state: State,
}

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectEcho(ExpectEcho),
    Talking(Box<Talking>),
}

#[derive(Clone, Hash, Debug)]
struct ExpectEcho {
    inbox: Inbox,
    offer: Offer,
}

#[derive(Clone, Hash, Debug)]
struct Talking {
    keys: Keys,
    speaker: Option<SendingStream>,
    listener: Option<ReceivingStream>,
    /// The goodbye is said.
    leaving: bool,
}

/// Whose keys a client has. Where clients are not authenticated there is one key pair for all, and all are one.
pub(super) fn identity(setup: Setup) -> u32 {
    let single = setup.profile.has(Weakness::NoClientAuthentication);
    if single { 1 } else { setup.number }
}

impl Client {
    /// A client of the lab.
    pub fn new(setup: Setup) -> Self {
        Self::with_keys(setup, ClientKeys::lab(identity(setup)))
    }

    /// A client with its own keys.
    pub fn with_keys(setup: Setup, keys: Arc<ClientKeys>) -> Self {
        Self {
            entropy: Entropy::new(setup.seed, &format!("ccm client {}", setup.number)),
            setting: Setting::new(&setup, keys.own.public_key().size()),
            keys,
            number: setup.number,
            name: client_name(identity(setup)),
            server: Name::from(SERVER),
            queue: VecDeque::new(),
            session: None,
            alarm: Alarm::default(),
        }
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        self.finish(End::Aborted, out);
        let offer = Offer::make(&self.setting, &self.keys, self.number, &mut self.entropy);
        let mut peers = SessionPeers { local: &self.name, peer: &self.server, out };
        let mut output = peers.on(conn);
        match offer {
            Ok((offer, frame)) => {
                output.log("connected, key sent");
                output.send(frame);
                let state = State::ExpectEcho(ExpectEcho { inbox: Inbox::default(), offer });
                self.session = Some(Session { exchange: conn, heard: now, state });
            }
            Err(reject) => output.abort(reject),
        }
    }

    /// A data connection is open.
    fn open_data(&mut self, now: Tick, conn: Conn, service: PortIndex, out: &mut Output) {
        let talking = self.session.as_mut().map(|session| &mut session.state);
        let Some(State::Talking(talking)) = talking else {
            return out.closes.push(conn);
        };
        let Talking { keys, speaker, listener, .. } = &mut **talking;
        let mut peers = SessionPeers { local: &self.name, peer: &self.server, out };
        let (setting, entropy) = (&*self.setting, &mut self.entropy);
        let context = Context { now, setting, keys, entropy, peers: &mut peers };
        let frame = bind(&context, service);
        match service {
            TO_SERVER if speaker.is_none() => {
                let mut opened = SendingStream::new(conn, Side::Client, setting.profile, keys);
                opened.quiet = setting.pause(now).filter(|_| frame.is_some());
                *speaker = Some(opened);
            }
            TO_CLIENT if listener.is_none() => {
                *listener = Some(ReceivingStream::new(conn, Side::Server, setting.profile, keys));
            }
            _ => return out.closes.push(conn),
        }
        let mut output = peers.on(conn);
        output.log("data connection open");
        output.secret(RECORDS, &keys.of(speaks_on(service)).0);
        if let Some(frame) = frame {
            output.send(frame);
        }
    }

    fn receive(&mut self, now: Tick, conn: Conn, bytes: &[u8]) {
        let Some(session) = &mut self.session else { return };
        let inbox = match &mut session.state {
            State::ExpectEcho(state) if session.exchange == conn => &mut state.inbox,
            State::ExpectEcho(_) => return,
            State::Talking(talking) => {
                let speaker = talking.speaker.as_mut().filter(|stream| stream.conn == conn);
                let listener = talking.listener.as_mut().filter(|stream| stream.conn == conn);
                match (speaker, listener) {
                    (Some(stream), _) => &mut stream.inbox,
                    (_, Some(stream)) => &mut stream.inbox,
                    // Nothing is read from the exchange once it is done.
                    (None, None) => return,
                }
            }
        };
        inbox.push(bytes);
        // The exchange's time counts from the start: bytes that trickle in earn no more.
        if let State::Talking(_) = session.state {
            session.heard = now;
        }
    }

    fn closed(&mut self, conn: Conn, out: &mut Output) {
        let Some(session) = &self.session else { return };
        let lost = match &session.state {
            State::ExpectEcho(_) => session.exchange == conn,
            // The server closes the exchange when it is done.
            State::Talking(_) => session.streams().any(|(stream, over)| stream == conn && !over),
        };
        if lost {
            self.finish(End::Truncated, out);
        }
    }

    /// Go as far as what has arrived and what is queued allow. `conn` is where something happened.
    fn drive(&mut self, now: Tick, conn: Option<Conn>, out: &mut Output) {
        let Some(mut session) = self.session.take() else { return };
        let mut peers = SessionPeers { local: &self.name, peer: &self.server, out };
        let mut running = Running {
            now,
            setting: &self.setting,
            keys: &self.keys,
            entropy: &mut self.entropy,
            queue: &mut self.queue,
            peers: &mut peers,
        };
        let end = match session.drive(&mut running) {
            Ok(None) => return self.session = Some(session),
            Ok(Some(end)) => end,
            Err(reject) => {
                peers.on(conn.unwrap_or(session.exchange)).claim(Fact::Rejected(reject));
                End::Aborted
            }
        };
        self.session = Some(session);
        self.finish(end, out);
    }

    /// End whatever session there is. What was queued was meant for it.
    fn finish(&mut self, end: End, out: &mut Output) {
        if let Some(session) = self.session.take() {
            self.queue.clear();
            let mut peers = SessionPeers { local: &self.name, peer: &self.server, out };
            finish(end, session.exchange, session.streams(), &mut peers);
        }
    }

    fn wake(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        if self.deadline().is_some_and(|deadline| deadline <= now)
            && let Some(session) = &self.session
        {
            let conn = session.streams().next().map_or(session.exchange, |(conn, _)| conn);
            let mut peers = SessionPeers { local: &self.name, peer: &self.server, out };
            peers.on(conn).claim(Fact::Rejected(Reject::new(Check::Timeout, "peer")));
            self.finish(End::Aborted, out);
        }
        self.drive(now, None, out);
    }

    /// When to stop waiting. An idle client waits for its application, not for its peer.
    fn deadline(&self) -> Option<Tick> {
        let session = self.session.as_ref()?;
        self.setting.deadline(session.heard, PATIENCE).filter(|_| session.waits())
    }

    /// Until when not to speak, if there is something to say.
    fn quiet(&self, now: Tick) -> Option<Tick> {
        let State::Talking(talking) = &self.session.as_ref()?.state else { return None };
        let quiet = talking.speaker.as_ref()?.quiet?;
        (quiet > now && !self.queue.is_empty()).then_some(quiet)
    }
}

impl Endpoint for Client {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, EXCHANGE) => self.open(now, conn, out),
            Input::Opened(conn, service) => {
                self.open_data(now, conn, service, out);
                self.drive(now, Some(conn), out);
            }
            Input::Received(conn, bytes) => {
                self.receive(now, conn, bytes);
                self.drive(now, Some(conn), out);
            }
            Input::Closed(conn) => self.closed(conn, out),
            Input::Command(command) => {
                self.queue.push_back(command.clone());
                self.drive(now, None, out);
            }
            Input::Timeout => self.wake(now, out),
        }
        self.alarm.set(self.deadline().into_iter().chain(self.quiet(now)), out);
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        (self.setting.profile, self.number, &self.entropy, &self.queue, &self.session, self.alarm)
            .hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        let Some(session) = &self.session else { return 0 };
        match &session.state {
            State::ExpectEcho(state) => state.inbox.waiting().len(),
            State::Talking(talking) => {
                let speaker = talking.speaker.iter().map(|stream| &stream.inbox);
                let inboxes = speaker.chain(talking.listener.iter().map(|stream| &stream.inbox));
                inboxes.map(|inbox| inbox.waiting().len()).max().unwrap_or(0)
            }
        }
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        let entropy = Entropy::new(seed, &format!("thief of ccm client {}", self.number));
        Some(Box::new(Self { entropy, ..self.clone() }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let State::Talking(talking) = &self.session.as_ref()?.state else { return None };
        let listener = talking.listener.as_ref().filter(|stream| stream.conn == conn)?;
        listener.rewrite(&self.setting, frame, &mut self.entropy.clone(), edit)
    }
}

/// What a session works with besides its own data.
struct Running<'a, 'b> {
    now: Tick,
    setting: &'a Setting,
    keys: &'a ClientKeys,
    entropy: &'a mut Entropy,
    queue: &'a mut VecDeque<Command>,
    peers: &'a mut SessionPeers<'b>,
}

impl Session {
    /// Its data connections, and whether each is over.
    fn streams(&self) -> impl Iterator<Item = (Conn, bool)> {
        let talking = match &self.state {
            State::ExpectEcho(_) => None,
            State::Talking(talking) => Some(talking),
        };
        let speaker = talking.and_then(|talking| talking.speaker.as_ref());
        let listener = talking.and_then(|talking| talking.listener.as_ref());
        let speaker = speaker.map(|stream| (stream.conn, stream.over));
        speaker.into_iter().chain(listener.map(|stream| (stream.conn, stream.over)))
    }

    /// Whether it is the server's turn.
    fn waits(&self) -> bool {
        match &self.state {
            State::ExpectEcho(_) => true,
            State::Talking(talking) => {
                let speaker = talking.speaker.as_ref();
                talking.leaving
                    || talking.listener.is_none()
                    || speaker.is_none_or(SendingStream::awaits_receipt)
            }
        }
    }

    /// Go on; how the session ends, if it does.
    fn drive(&mut self, running: &mut Running<'_, '_>) -> Result<Option<End>, Reject> {
        if let State::ExpectEcho(state) = &mut self.state {
            let Some(talking) = state.receive(self.exchange, running)? else { return Ok(None) };
            self.state = State::Talking(Box::new(talking));
        }
        match &mut self.state {
            State::ExpectEcho(_) => Ok(None),
            State::Talking(talking) => talking.drive(&mut self.heard, running),
        }
    }
}

impl ExpectEcho {
    fn receive(
        &mut self,
        conn: Conn,
        running: &mut Running<'_, '_>,
    ) -> Result<Option<Talking>, Reject> {
        let setting = running.setting;
        let (layout, profile) = (&setting.layout, setting.profile);
        let next = |inbox: &mut Inbox| wire::next(layout, profile, &["ECHO"], inbox);
        let Some(echo) = self.inbox.read(conn, running.peers.out, next)? else {
            return Ok(None);
        };
        let (keys, confirmation) = self.offer.accept(setting, running.keys, &echo)?;
        let mut output = running.peers.on(conn);
        output.claim(Fact::Running(keys.fingerprint()));
        output.claim(Fact::Established(keys.fingerprint()));
        output.log("key confirmed");
        output.send(confirmation);
        running.peers.out.opens.extend([TO_SERVER, TO_CLIENT]);
        Ok(Some(Talking { keys, speaker: None, listener: None, leaving: false }))
    }
}

impl Talking {
    fn drive(
        &mut self,
        heard: &mut Tick,
        running: &mut Running<'_, '_>,
    ) -> Result<Option<End>, Reject> {
        let Self { keys, speaker: Some(speaker), listener: Some(listener), leaving } = self else {
            return Ok(None);
        };
        let (now, setting) = (running.now, running.setting);
        let (entropy, peers) = (&mut *running.entropy, &mut *running.peers);
        let mut context = Context { now, setting, keys, entropy, peers };
        if !listener.over && listener.hear(&mut context)? != Heard::Nothing {
            listener.over = true;
            let mut output = context.peers.on(listener.conn);
            output.claim(Fact::Ended(End::Clean));
            if !*leaving {
                output.log("the server says that it is done, closing");
                return Ok(Some(End::Clean));
            }
        }
        if !speaker.over && speaker.hear(&mut context)? == Heard::Exit {
            if *leaving {
                speaker.over = true;
                context.peers.on(speaker.conn).claim(Fact::Ended(End::Clean));
            } else if setting.profile.has(Weakness::GoesOnAfterFailure) {
                context.peers.on(speaker.conn).log("the server says Exit, going on");
            } else {
                return Ok(Some(End::AbortedByPeer));
            }
        }
        if speaker.over && listener.over {
            return Ok(Some(End::Clean));
        }
        while !*leaving && !speaker.is_quiet(now) {
            match running.queue.pop_front() {
                Some(Command::Send(message)) => speaker.say(message, &mut context),
                Some(Command::End) => {
                    speaker.say_goodbye(&mut context)?;
                    *leaving = true;
                }
                None => break,
            }
            *heard = now;
        }
        Ok(None)
    }
}
