//! The server: answers exchanges, finds out which data connection belongs to which session, and says to every session
//! what its application has to say.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::ccm::conversation::Conversation;
use crate::ccm::data_stream::{check_bind, speaks_on};
use crate::ccm::exchange::{answer, confirmed};
use crate::ccm::keys::{Keys, RECORDS};
use crate::ccm::lab::{SERVER, ServerKeys, client_name};
use crate::ccm::session::{PATIENCE, SessionPeers, Setting};
use crate::ccm::wire::{self, EXCHANGE, MAX_CONTROL, TRUE};
use crate::endpoint::{
    Check, Command, Conn, End, Endpoint, Fact, Found, Input, Message, Name, Output, PortIndex,
    Reject, Tick,
};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::session::Alarm;
use crate::session_secret::SessionSecret;
use crate::system::Setup;
use crate::weakness::Weakness;

/// Whom a connection is believed to come from before it has shown anything.
const NOBODY: &str = "unknown";

/// The server.
#[derive(Clone, Debug)]
pub struct Server {
    setting: Arc<Setting>,
    keys: Arc<ServerKeys>,
    name: Name,
    entropy: Entropy,
    exchanges: BTreeMap<Conn, Exchange>,
    /// Data connections of no session yet, in the order of arrival.
    waiting: Vec<Waiting>,
    /// Sessions in the order of their exchanges.
    sessions: BTreeMap<u64, Conversation>,
    /// How many sessions there were.
    opened: u64,
    /// What the application has to say, to every session.
    said: Vec<Message>,
    alarm: Alarm,
}

#[derive(Clone, Hash, Debug)]
struct Exchange {
    inbox: Inbox,
    /// When it began, or what it waits for now became due.
    since: Tick,
    state: State,
}

/// Where an exchange stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectKey,
    /// The session begins with the confirmation.
    ExpectTrue(Box<Conversation>),
    /// The session of this number has begun already, and goes on whatever comes now.
    InUse(u64),
}

#[derive(Clone, Hash, Debug)]
struct Waiting {
    conn: Conn,
    service: PortIndex,
    inbox: Inbox,
    since: Tick,
}

/// What to do with a data connection that is waiting.
enum Place {
    /// Wait on.
    Nowhere,
    /// It belongs to the session of this number.
    Session(u64),
    /// It is refused.
    Refused(Reject),
}

impl Server {
    /// The server of the lab.
    pub fn new(setup: Setup) -> Self {
        Self::with_keys(setup, ServerKeys::lab())
    }

    /// A server with its own keys.
    pub fn with_keys(setup: Setup, keys: Arc<ServerKeys>) -> Self {
        Self {
            entropy: Entropy::new(setup.seed, "ccm server"),
            setting: Setting::new(&setup, keys.own.public_key().size()),
            keys,
            name: Name::from(SERVER),
            exchanges: BTreeMap::new(),
            waiting: Vec::new(),
            sessions: BTreeMap::new(),
            opened: 0,
            said: Vec::new(),
            alarm: Alarm::default(),
        }
    }

    fn has(&self, weakness: Weakness) -> bool {
        self.setting.profile.has(weakness)
    }

    fn open(&mut self, now: Tick, conn: Conn, service: PortIndex, out: &mut Output) {
        let peer = Name::from(NOBODY);
        let mut peers = SessionPeers { local: &self.name, peer: &peer, out };
        peers.on(conn).log("connection accepted");
        let inbox = Inbox::default();
        if service == EXCHANGE {
            let exchange = Exchange { inbox, since: now, state: State::ExpectKey };
            self.exchanges.insert(conn, exchange);
        } else {
            self.waiting.push(Waiting { conn, service, inbox, since: now });
            self.place_all(now, out);
        }
    }

    fn receive(&mut self, now: Tick, conn: Conn, bytes: &[u8], out: &mut Output) {
        if let Some(exchange) = self.exchanges.get_mut(&conn) {
            exchange.inbox.push(bytes);
            self.drive_exchange(now, conn, out);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.conn == conn) {
            waiting.inbox.push(bytes);
            self.place_all(now, out);
        } else if let Some(number) = self.session_of(conn) {
            if let Some(session) = self.sessions.get_mut(&number) {
                session.receive(now, conn, bytes);
            }
            self.drive_session(now, number, Some(conn), out);
        }
    }

    fn session_of(&self, conn: Conn) -> Option<u64> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, session)| session.has(conn)).map(|(number, _)| *number)
    }

    fn closed(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        if let Some(exchange) = self.exchanges.remove(&conn) {
            let peer = match &exchange.state {
                State::ExpectKey => Some(Name::from(NOBODY)),
                State::ExpectTrue(session) => Some(session.peer.clone()),
                // The key is in use already.
                State::InUse(_) => None,
            };
            if let Some(peer) = peer {
                SessionPeers { local: &self.name, peer: &peer, out }.on(conn).end(End::Truncated);
            }
        }
        self.waiting.retain(|waiting| waiting.conn != conn);
        if let Some(number) = self.session_of(conn) {
            self.finish(number, End::Truncated, out);
        }
        self.place_all(now, out);
    }

    /// Go as far as what has arrived on the connection of an exchange allows.
    fn drive_exchange(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        let Some(mut exchange) = self.exchanges.remove(&conn) else { return };
        let due: &[&str] = match &exchange.state {
            State::ExpectKey => &["KEY"],
            State::ExpectTrue(_) => &["TRUE"],
            State::InUse(number) => {
                let number = *number;
                let take = |inbox: &mut Inbox| Ok(Some(inbox.take(MAX_CONTROL)));
                let word = exchange.inbox.read(conn, out, take).ok().flatten().unwrap_or_default();
                let agreed = word.ends_with(TRUE.as_bytes());
                if agreed {
                    self.commit(number, out);
                }
                if let Some(session) = self.sessions.get(&number) {
                    let mut peers = SessionPeers { local: &self.name, peer: &session.peer, out };
                    let mut output = peers.on(conn);
                    output.log(if agreed { "key confirmed" } else { "key exchange failed" });
                }
                return out.closes.push(conn);
            }
        };
        let (layout, profile) = (&self.setting.layout, self.setting.profile);
        let next = |inbox: &mut Inbox| wire::next(layout, profile, due, inbox);
        let frame = match exchange.inbox.read(conn, out, next) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => {
                self.exchanges.insert(conn, exchange);
                return;
            }
            Err(reject) => Err(reject),
        };
        let mut peer = Name::from(NOBODY);
        let result = match exchange.state {
            State::ExpectKey => frame
                .and_then(|frame| answer(&self.setting, &self.keys, &frame, &mut self.entropy))
                .map(|answer| {
                    let peer = client_name(answer.client);
                    self.answered(now, conn, peer, answer.keys, answer.echo, out);
                }),
            State::ExpectTrue(session) => {
                peer = session.peer.clone();
                frame.and_then(|frame| confirmed(session.keys(), &frame)).map(|()| {
                    let number = self.begin(*session);
                    self.commit(number, out);
                    out.closes.push(conn);
                })
            }
            State::InUse(_) => Ok(()),
        };
        if let Err(reject) = result {
            SessionPeers { local: &self.name, peer: &peer, out }.on(conn).abort(reject);
        }
        self.place_all(now, out);
    }

    /// The key has arrived and is echoed.
    fn answered(
        &mut self,
        now: Tick,
        conn: Conn,
        peer: Name,
        keys: Keys,
        echo: Vec<u8>,
        out: &mut Output,
    ) {
        let mut peers = SessionPeers { local: &self.name, peer: &peer, out };
        let mut output = peers.on(conn);
        output.claim(Fact::Running(keys.fingerprint()));
        output.log("key received, echo sent");
        output.send(echo);
        let session = Conversation::new(conn, peer, keys, now);
        let state = if self.has(Weakness::ConfirmationIgnored) {
            State::InUse(self.begin(session))
        } else {
            State::ExpectTrue(Box::new(session))
        };
        let exchange = Exchange { inbox: Inbox::default(), since: now, state };
        self.exchanges.insert(conn, exchange);
    }

    /// From now on the keys of this session are used.
    fn begin(&mut self, session: Conversation) -> u64 {
        self.opened += 1;
        self.sessions.insert(self.opened, session);
        self.opened
    }

    /// The server believes that the client has the keys.
    fn commit(&mut self, number: u64, out: &mut Output) {
        if let Some(session) = self.sessions.get_mut(&number) {
            session.commit(&self.name, out);
        }
    }

    /// Find sessions for the data connections that have none.
    fn place_all(&mut self, now: Tick, out: &mut Output) {
        for mut waiting in std::mem::take(&mut self.waiting) {
            let conn = waiting.conn;
            let before = waiting.inbox.waiting().len();
            let place = self.place(&mut waiting);
            let left = waiting.inbox.waiting().len();
            match &place {
                Place::Refused(_) => waiting.inbox.refuse_on(conn, out),
                Place::Session(_) if left < before => out.read(conn, left, Found::Frame),
                Place::Nowhere if left > 0 => out.read(conn, left, Found::Incomplete),
                _ => {}
            }
            match place {
                Place::Nowhere => self.waiting.push(waiting),
                Place::Refused(reject) => {
                    let peer = Name::from(NOBODY);
                    let mut peers = SessionPeers { local: &self.name, peer: &peer, out };
                    peers.on(conn).abort(reject);
                }
                Place::Session(number) => {
                    if let Some(session) = self.sessions.get_mut(&number) {
                        let (service, inbox) = (waiting.service, waiting.inbox);
                        let key =
                            SessionSecret::new(RECORDS, &session.keys().of(speaks_on(service)).0);
                        out.secrets.push((conn, key));
                        session.attach(now, conn, service, inbox, &self.setting);
                    }
                    self.drive_session(now, number, Some(conn), out);
                }
            }
        }
    }

    /// Which session a data connection belongs to. As built, the first that has none of its kind: there is nothing
    /// else to go by. Hardened, its first frame says so, with proof.
    fn place(&self, waiting: &mut Waiting) -> Place {
        let mut free = self.sessions.iter().filter(|(_, session)| session.lacks(waiting.service));
        if self.has(Weakness::SessionNotBoundToConnection) {
            let early = self.has(Weakness::ConfirmationIgnored)
                || waiting.inbox.waiting().len() > MAX_CONTROL;
            return match free.next() {
                Some((number, _)) => Place::Session(*number),
                None if early && !waiting.inbox.waiting().is_empty() => {
                    Place::Refused(Reject::new(Check::Phase, "session"))
                }
                None => Place::Nowhere,
            };
        }
        let mut inbox = waiting.inbox.clone();
        let (layout, profile) = (&self.setting.layout, self.setting.profile);
        let frame = match wire::next(layout, profile, &["BIND"], &mut inbox) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Place::Nowhere,
            Err(reject) => return Place::Refused(reject),
        };
        let token = frame.field("token");
        let named = |session: &Conversation| session.keys().token() == token;
        let Some((number, session)) = self.sessions.iter().find(|(_, session)| named(session))
        else {
            // Its confirmation may be on its way still, on another connection.
            let confirming =
                |exchange: &Exchange| matches!(&exchange.state, State::ExpectTrue(s) if named(s));
            return if self.exchanges.values().any(confirming) {
                Place::Nowhere
            } else {
                Place::Refused(Reject::new(Check::Identity, "token"))
            };
        };
        if let Err(reject) = check_bind(session.keys(), waiting.service, &frame) {
            return Place::Refused(reject);
        }
        if !session.lacks(waiting.service) {
            return Place::Refused(Reject::new(Check::Connection, "token"));
        }
        waiting.inbox = inbox;
        Place::Session(*number)
    }

    /// Go as far as what has arrived for a session, and what is to be said to it, allow.
    fn drive_session(&mut self, now: Tick, number: u64, conn: Option<Conn>, out: &mut Output) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let driven =
            session.drive(now, &self.setting, &self.said, &self.name, &mut self.entropy, out);
        let end = match driven {
            Ok(None) => return,
            Ok(Some(end)) => end,
            Err(reject) => {
                let conn = conn.unwrap_or(session.exchange);
                let mut peers = SessionPeers { local: &self.name, peer: &session.peer, out };
                peers.on(conn).claim(Fact::Rejected(reject));
                End::Aborted
            }
        };
        self.finish(number, end, out);
    }

    fn finish(&mut self, number: u64, end: End, out: &mut Output) {
        if let Some(session) = self.sessions.remove(&number) {
            self.exchanges.remove(&session.exchange);
            session.finish(end, &self.name, out);
        }
    }

    fn drive_all(&mut self, now: Tick, out: &mut Output) {
        for number in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.drive_session(now, number, None, out);
        }
    }

    fn wake(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        let setting = self.setting.clone();
        let late = |since, patience| setting.deadline(since, patience).is_some_and(|at| at <= now);
        let reject = Reject::new(Check::Timeout, "peer");
        let nobody = Name::from(NOBODY);
        for (conn, _) in self.exchanges.extract_if(.., |_, exchange| late(exchange.since, PATIENCE))
        {
            SessionPeers { local: &self.name, peer: &nobody, out }.on(conn).abort(reject);
        }
        for waiting in self.waiting.extract_if(.., |waiting| late(waiting.since, PATIENCE)) {
            SessionPeers { local: &self.name, peer: &nobody, out }.on(waiting.conn).abort(reject);
        }
        let sessions = self.sessions.iter();
        let over = sessions.filter(|(_, session)| late(session.heard, session.patience()));
        for number in over.map(|(number, _)| *number).collect::<Vec<_>>() {
            if let Some(session) = self.sessions.get(&number) {
                let mut peers = SessionPeers { local: &self.name, peer: &session.peer, out };
                peers.on(session.main()).claim(Fact::Rejected(reject));
            }
            self.finish(number, End::Aborted, out);
        }
        self.drive_all(now, out);
    }

    /// When something is to be done without anything arriving.
    fn deadlines(&self, now: Tick) -> impl Iterator<Item = Tick> {
        let exchanges = self.exchanges.values().map(|exchange| (exchange.since, PATIENCE));
        let waiting = self.waiting.iter().map(|waiting| (waiting.since, PATIENCE));
        let sessions = self.sessions.values().map(|session| (session.heard, session.patience()));
        let deadlines = exchanges.chain(waiting).chain(sessions);
        let deadlines =
            deadlines.filter_map(|(since, patience)| self.setting.deadline(since, patience));
        let sessions = self.sessions.values();
        deadlines.chain(sessions.filter_map(move |session| session.quiet(now, self.said.len())))
    }
}

impl Endpoint for Server {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, service) => self.open(now, conn, service, out),
            Input::Received(conn, bytes) => self.receive(now, conn, bytes, out),
            Input::Closed(conn) => self.closed(now, conn, out),
            Input::Command(Command::Send(message)) => {
                self.said.push(message.clone());
                self.drive_all(now, out);
            }
            Input::Command(Command::End) => {}
            Input::Timeout => self.wake(now, out),
        }
        let mut alarm = self.alarm;
        alarm.set(self.deadlines(now), out);
        self.alarm = alarm;
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        let Self { entropy, exchanges, waiting, sessions, opened, said, alarm, .. } = self;
        (self.setting.profile, entropy, exchanges, waiting, sessions, opened, said, alarm)
            .hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        let exchanges = self.exchanges.values().map(|exchange| exchange.inbox.waiting().len());
        let waiting = self.waiting.iter().map(|waiting| waiting.inbox.waiting().len());
        let sessions = self.sessions.values().map(Conversation::buffered);
        exchanges.chain(waiting).chain(sessions).max().unwrap_or(0)
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        Some(Box::new(Self { entropy: Entropy::new(seed, "thief of ccm server"), ..self.clone() }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let session = self.sessions.get(&self.session_of(conn)?)?;
        session.rewrite(conn, &self.setting, frame, &mut self.entropy.clone(), edit)
    }
}
