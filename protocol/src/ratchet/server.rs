//! The server: many connections, one session per client identity, and the aggregate over all of them.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::channel::Channel as _;
use crate::count::Count;
use crate::crypto::x25519::Ephemeral;
use crate::endpoint::{
    Check, Claim, Conn, End, Endpoint, Fact, Input, Message, Name, Output, Reject, Side, Tick,
};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::layout::{FrameSpec, Layout};
use crate::ratchet::channel::Channel;
use crate::ratchet::keys::{CHAINS, Keyring, Keys, SHARED, agree, fresh_share};
use crate::ratchet::numbers;
use crate::ratchet::wire::{
    self, CHALLENGE, DATA, DESYNC, HELLO, RESPONSE, Received, Sealing, TERMINATE,
};
use crate::session::{Alarm, Timeouts};
use crate::session_secret::SessionSecret;
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// Hardened: how long a connection may take to prove its key.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);
/// Hardened: how long a live session may be silent.
const IDLE_PATIENCE: Duration = Duration::from_mins(1);
/// How many rounds of numbers a session keeps for slower clients' aggregates.
const ROUNDS_KEPT: usize = 64;

/// The server for the clients of this keyring.
pub fn with_keys(setup: Setup, keyring: Keyring) -> Box<dyn Endpoint> {
    Box::new(Server::new(setup, keyring))
}

#[derive(Clone, Debug)]
struct Server {
    profile: Profile,
    layout: Arc<Layout>,
    timeouts: Timeouts,
    keyring: Arc<Keyring>,
    local: Name,
    /// When tick 0 is, in seconds since 1970.
    epoch: u64,
    entropy: Entropy,
    links: BTreeMap<Conn, Link>,
    /// The active sessions, by client identity.
    live: BTreeMap<u8, Session>,
    /// How many HELLOs were accepted.
    hellos: u64,
    alarm: Alarm,
}

/// An open connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Link {
    inbox: Inbox,
    /// The client this connection spoke for, once its HELLO was accepted.
    bound: Option<u8>,
    /// Hardened: a session whose client has not yet proven its key under the challenge.
    tentative: Option<Session>,
    /// When the server stops waiting for the client, if ever.
    deadline: Option<Tick>,
}

/// A session, from the CHALLENGE on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Session {
    id: u8,
    /// Which accepted HELLO it began with, counted over all clients.
    hello: u64,
    conn: Conn,
    peer: Name,
    keys: Keys,
    round: u32,
    established: bool,
    /// The numbers of the last rounds, as IEEE 754 bits.
    numbers: VecDeque<(u32, Vec<u64>)>,
}

impl Session {
    /// Whether it began with a later HELLO.
    fn began_after(&self, other: &Self) -> bool {
        self.hello > other.hello
    }
}

impl Endpoint for Server {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => {
                let (inbox, deadline) =
                    (Inbox::default(), self.timeouts.deadline(now, HANDSHAKE_PATIENCE));
                self.links.insert(conn, Link { inbox, bound: None, tentative: None, deadline });
            }
            Input::Received(conn, bytes) => {
                if let Some(link) = self.links.get_mut(&conn) {
                    link.inbox.push(bytes);
                    self.read(conn, now, out);
                }
            }
            Input::Closed(conn) => self.closed(conn, out),
            Input::Timeout => self.give_up_on_the_silent(now, out),
            Input::Command(_) => {}
        }
        self.alarm.set(self.links.values().filter_map(|link| link.deadline), out);
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        // The keyring and the epoch never change.
        let Self { profile, entropy, links, live, hellos, alarm, .. } = self;
        (profile, entropy, links, live, hellos, alarm).hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.links.values().map(|link| link.inbox.waiting().len()).max().unwrap_or(0)
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        Some(Box::new(Self {
            entropy: Entropy::new(seed, "thief of ratchet server"),
            ..self.clone()
        }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let (layout, from) = (self.layout.clone(), Side::Client);
        let record = Inbox::of(frame).next(layout.from_side(from)).ok()??;
        self.links.get(&conn)?;
        let id = Received::cut(&record.spec, &record.bytes).ok()?.client_id;
        let (keys, round) = if record.spec.name == HELLO {
            (Keys::from_master(self.keyring.master(id)?), 0)
        } else {
            let session = self.clone().find(conn, id).ok()?;
            (session.keys, session.round)
        };
        let channel = Channel { layout, chain: keys.c2s, round, from };
        channel.rewrite(&record, &mut self.entropy.clone(), edit)
    }
}

impl Server {
    fn new(setup: Setup, keyring: Keyring) -> Self {
        Self {
            profile: setup.profile,
            timeouts: Timeouts::of(&setup),
            layout: Arc::new(wire::layout(setup.profile)),
            keyring: Arc::new(keyring),
            local: Name::from("server"),
            epoch: setup.epoch,
            entropy: Entropy::new(setup.seed, "ratchet server"),
            links: BTreeMap::new(),
            live: BTreeMap::new(),
            hellos: 0,
            alarm: Alarm::default(),
        }
    }

    fn claim(&self, conn: Conn, peer: &Name, fact: Fact) -> Claim {
        Claim { conn, local: self.local.clone(), peer: peer.clone(), fact }
    }

    fn read(&mut self, conn: Conn, now: Tick, out: &mut Output) {
        let layout = self.layout.clone();
        while let Some(link) = self.links.get_mut(&conn) {
            match link.inbox.cut_on(conn, out, layout.from_side(Side::Client)) {
                Ok(None) => return,
                Err(reject) => self.refuse_stream(conn, reject, out),
                Ok(Some(frame)) => self.frame(conn, &frame.spec, &frame.bytes, now, out),
            }
        }
    }

    fn frame(&mut self, conn: Conn, spec: &FrameSpec, frame: &[u8], now: Tick, out: &mut Output) {
        if spec.name == HELLO {
            return self.hello(conn, spec, frame, now, out);
        }
        let id = spec
            .range("client_id", frame)
            .and_then(|range| frame.get(range)?.first().copied())
            .unwrap_or(0);
        let session = match self.find(conn, id) {
            Ok(session) => session,
            Err(reject) => return self.refuse_stranger(conn, id, reject, out),
        };
        let opened = Received::cut(spec, frame).and_then(|received| {
            if received.client_id != session.id {
                return Err(Reject::new(Check::Identity, "client_id"));
            }
            Ok(received)
        });
        match (spec.name, opened) {
            (DATA, Ok(received)) => self.data(conn, session, &received, now, out),
            (TERMINATE, Ok(received)) => self.terminate(conn, session, &received, out),
            (_, Err(reject)) => self.end_refused(conn, session, reject, TERMINATE, out),
            (_, Ok(_)) => {
                let reject = Reject::new(Check::Opcode, "opcode");
                self.end_refused(conn, session, reject, TERMINATE, out);
            }
        }
    }

    /// Take out the session that a frame from `conn` naming client `id` acts on.
    fn find(&mut self, conn: Conn, id: u8) -> Result<Session, Reject> {
        let link = self.links.get_mut(&conn);
        if let Some(tentative) = link.and_then(|link| link.tentative.take()) {
            return Ok(tentative);
        }
        let free = self.profile.has(Weakness::SessionNotBoundToConnection);
        let wanted = if free { Some(id) } else { self.bound(conn) };
        let Some(wanted) = wanted else {
            return Err(Reject::new(Check::Connection, "client_id"));
        };
        match self.live.get(&wanted) {
            Some(session) if free || session.conn == conn => {}
            _ => return Err(Reject::new(Check::Phase, "session")),
        }
        self.live.remove(&wanted).ok_or(Reject::new(Check::Phase, "session"))
    }

    fn bound(&self, conn: Conn) -> Option<u8> {
        self.links.get(&conn).and_then(|link| link.bound)
    }

    fn hello(&mut self, conn: Conn, spec: &FrameSpec, frame: &[u8], now: Tick, out: &mut Output) {
        let evicts = self.profile.has(Weakness::HelloReplacesSession);
        let Ok(received) = Received::cut(spec, frame) else { return };
        let id = received.client_id;
        let peer = client_name(id);
        let Some(master) = self.keyring.master(id) else {
            return self.refuse_stranger(conn, id, Reject::new(Check::Identity, "client_id"), out);
        };
        let mut keys = Keys::from_master(master);
        if evicts {
            // Published order: the live session goes before the HELLO is verified.
            if let Some(evicted) = self.live.remove(&id) {
                out.claims.push(self.claim(evicted.conn, &peer, Fact::Ended(End::Aborted)));
            }
        } else if self.bound(conn).is_some() {
            let reject = Reject::new(Check::Phase, "opcode");
            return match self.find(conn, id) {
                Ok(session) => self.end_refused(conn, session, reject, TERMINATE, out),
                Err(_) => self.refuse_stranger(conn, id, reject, out),
            };
        }
        if let Err(reject) = received.open(&keys.c2s, 0, Side::Client) {
            return self.refuse_stranger(conn, id, reject, out);
        }
        let share = fresh_share(self.profile, &mut self.entropy);
        let agreed = match (&share, received.share) {
            (Some(ours), Some(theirs)) => match agree(ours, theirs) {
                Ok(agreed) => Some(agreed),
                Err(reject) => return self.refuse_stranger(conn, id, reject, out),
            },
            _ => None,
        };
        out.secrets.push((conn, SessionSecret::new(CHAINS, &keys.to_bytes())));
        keys.evolve_c2s(received.ct, &received.iv);
        keys.bind_hello(self.profile, frame);
        // As Python prints a time: seconds since 1970, and a fraction of seven digits.
        let (seconds, rest) = (now.0 / 1_000_000_000, now.0 % 1_000_000_000);
        let plaintext =
            format!("ServerChallenge-{}.{:07}", self.epoch.saturating_add(seconds), rest / 100);
        let public = share.as_ref().map(Ephemeral::share);
        let challenge = self.seal(CHALLENGE, id, 0, &keys, public, plaintext.as_bytes());
        keys.evolve_s2c(plaintext.as_bytes());
        keys.bind_challenge(self.profile, &challenge);
        if let Some(agreed) = &agreed {
            out.secrets.push((conn, SessionSecret::new(SHARED, &agreed.0)));
            keys.bind_shares(self.profile, agreed);
        }
        out.writes.push((conn, challenge));

        let unmixed = self.profile.has(Weakness::ChallengeNotMixed);
        if unmixed {
            let fact = Fact::Established(keys.client_fingerprint());
            out.claims.push(self.claim(conn, &peer, fact));
            let fact = Fact::Running(keys.server_fingerprint());
            out.claims.push(self.claim(conn, &peer, fact));
        } else {
            let fact = Fact::Running(keys.session_fingerprint());
            out.claims.push(self.claim(conn, &peer, fact));
        }
        let numbers = VecDeque::new();
        self.hellos += 1;
        let hello = self.hellos;
        let session =
            Session { id, hello, conn, peer, keys, round: 1, established: unmixed, numbers };
        if let Some(link) = self.links.get_mut(&conn) {
            link.bound = Some(id);
            link.deadline = self.timeouts.deadline(now, HANDSHAKE_PATIENCE);
            if evicts {
                self.live.insert(id, session);
            } else {
                link.tentative = Some(session);
            }
        }
    }

    fn data(
        &mut self,
        conn: Conn,
        mut session: Session,
        received: &Received<'_>,
        now: Tick,
        out: &mut Output,
    ) {
        let opened = received
            .open(&session.keys.c2s, session.round, Side::Client)
            .and_then(|plaintext| numbers::read(self.profile, plaintext))
            .and_then(|(text, numbers)| Ok((text, numbers, session.round.successor("round")?)));
        let (text, numbers, next_round) = match opened {
            Ok(opened) => opened,
            Err(reject) => return self.end_refused(conn, session, reject, DESYNC, out),
        };
        // A session that somebody held back must not replace one that began after it.
        if self.live.get(&session.id).is_some_and(|live| live.began_after(&session))
            && !self.profile.has(Weakness::HelloReplacesSession)
        {
            let reject = Reject::new(Check::Phase, "session");
            return self.end_refused(conn, session, reject, TERMINATE, out);
        }
        let share = fresh_share(self.profile, &mut self.entropy);
        let agreed = match (&share, received.share) {
            (Some(ours), Some(theirs)) => match agree(ours, theirs) {
                Ok(agreed) => Some(agreed),
                Err(reject) => return self.end_refused(conn, session, reject, DESYNC, out),
            },
            _ => None,
        };
        if !session.established {
            session.established = true;
            let fact = Fact::Established(session.keys.session_fingerprint());
            out.claims.push(self.claim(conn, &session.peer, fact));
        }
        let fact = Fact::Delivered(Message::numbers(text));
        out.claims.push(self.claim(conn, &session.peer, fact));
        session.keys.evolve_c2s(received.ct, &received.iv);
        session.numbers.push_back((session.round, numbers));
        if session.numbers.len() > ROUNDS_KEPT {
            session.numbers.pop_front();
        }

        let others = self.live.values().filter(|other| other.id != session.id);
        let rounds = others.chain([&session]).flat_map(|active| &active.numbers);
        let answer = numbers::aggregate(rounds.filter(|(round, _)| *round == session.round));
        let public = share.as_ref().map(Ephemeral::share);
        let Session { id, round, .. } = session;
        let frame = self.seal(RESPONSE, id, round, &session.keys, public, answer.as_bytes());
        out.writes.push((conn, frame));
        session.keys.evolve_s2c(answer.as_bytes());
        if let Some(agreed) = &agreed {
            out.secrets.push((conn, SessionSecret::new(SHARED, &agreed.0)));
            session.keys.mix_shared(agreed);
        }
        session.round = next_round;
        let fact = Fact::Sent(Message::aggregate(answer));
        out.claims.push(self.claim(conn, &session.peer, fact));
        self.keep(conn, session, now, out);
    }

    /// Put a session that has proven its key among the live ones. One it replaces is over.
    fn keep(&mut self, conn: Conn, session: Session, now: Tick, out: &mut Output) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.deadline = self.timeouts.deadline(now, IDLE_PATIENCE);
        }
        let peer = session.peer.clone();
        if let Some(replaced) = self.live.insert(session.id, session) {
            out.claims.push(self.claim(replaced.conn, &peer, Fact::Ended(End::Aborted)));
            self.close(replaced.conn, out);
        }
    }

    /// A frame that says the session is over.
    fn terminate(
        &mut self,
        conn: Conn,
        session: Session,
        received: &Received<'_>,
        out: &mut Output,
    ) {
        if self.profile.has(Weakness::TerminateNotAuthenticated) {
            out.claims.push(self.claim(session.conn, &session.peer, Fact::Ended(End::Clean)));
            let Session { id, round, .. } = session;
            let frame = self.seal(TERMINATE, id, round, &session.keys, None, b"Invalid opcode");
            out.writes.push((conn, frame));
            return self.close(conn, out);
        }
        match received.open(&session.keys.c2s, session.round, Side::Client) {
            Ok(_) => {
                out.claims.push(self.claim(session.conn, &session.peer, Fact::Ended(End::Clean)));
                self.close(conn, out);
            }
            Err(reject) => self.end_refused(conn, session, reject, DESYNC, out),
        }
    }

    /// Refuse a frame, end the session it acted on and say so, sealed, where it came from.
    fn end_refused(
        &mut self,
        conn: Conn,
        session: Session,
        reject: Reject,
        answer: &str,
        out: &mut Output,
    ) {
        let reason: &[u8] = match (answer, reject.check) {
            (DESYNC, _) => b"Key desynchronization detected",
            (_, Check::Opcode) => b"Invalid opcode",
            _ => b"Invalid protocol state",
        };
        let Session { id, round, .. } = session;
        let frame = self.seal(answer, id, round, &session.keys, None, reason);
        out.writes.push((conn, frame));
        out.claims.push(self.claim(conn, &session.peer, Fact::Rejected(reject)));
        out.claims.push(self.claim(session.conn, &session.peer, Fact::Ended(End::Aborted)));
        self.close(conn, out);
    }

    /// Refuse a frame that acts on no session. As built there is no answer, and a connection that never had a
    /// session stays open.
    fn refuse_stranger(&mut self, conn: Conn, id: u8, reject: Reject, out: &mut Output) {
        let peer = client_name(id);
        out.claims.push(self.claim(conn, &peer, Fact::Rejected(reject)));
        if self.bound(conn).is_some() || !self.profile.has(Weakness::NoTimeout) {
            self.close_and_forget(conn, &peer, out);
        }
    }

    /// Refuse bytes that cannot be cut into frames: nothing after them can be trusted.
    fn refuse_stream(&mut self, conn: Conn, reject: Reject, out: &mut Output) {
        let id = self.bound(conn).unwrap_or(0);
        if let Ok(session) = self.find(conn, id) {
            return self.end_refused(conn, session, reject, TERMINATE, out);
        }
        let peer = client_name(id);
        out.claims.push(self.claim(conn, &peer, Fact::Rejected(reject)));
        self.close_and_forget(conn, &peer, out);
    }

    fn close_and_forget(&mut self, conn: Conn, peer: &Name, out: &mut Output) {
        if let Some(end) = self.forget(conn, End::Aborted) {
            out.claims.push(self.claim(conn, peer, Fact::Ended(end)));
        }
        self.close(conn, out);
    }

    fn close(&mut self, conn: Conn, out: &mut Output) {
        if self.links.remove(&conn).is_some() {
            out.closes.push(conn);
        }
    }

    /// The peer closed. As built that is the only goodbye there is.
    fn closed(&mut self, conn: Conn, out: &mut Output) {
        let Some(id) = self.bound(conn) else {
            self.links.remove(&conn);
            return;
        };
        let end = if self.profile.has(Weakness::TerminateNotAuthenticated) {
            End::Clean
        } else {
            End::Truncated
        };
        if let Some(end) = self.forget(conn, end) {
            let peer = client_name(id);
            out.claims.push(self.claim(conn, &peer, Fact::Ended(end)));
        }
        self.links.remove(&conn);
    }

    /// Drop the session that goes with `conn`, if there is one; `end` is how it ended. The published
    /// program drops the session of the client it spoke for, even when that now lives on another connection.
    fn forget(&mut self, conn: Conn, end: End) -> Option<End> {
        let link = self.links.get_mut(&conn)?;
        let tentative = link.tentative.take().is_some();
        let id = link.bound?;
        let free = self.profile.has(Weakness::SessionNotBoundToConnection);
        let live = self.live.get(&id).is_some_and(|session| free || session.conn == conn);
        if live {
            self.live.remove(&id);
        }
        (tentative || live).then_some(end)
    }

    fn give_up_on_the_silent(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        let late = |link: &Link| link.deadline.is_some_and(|deadline| deadline <= now);
        let silent: Vec<Conn> =
            self.links.iter().filter(|(_, link)| late(link)).map(|(conn, _)| *conn).collect();
        for conn in silent {
            let id = self.bound(conn).unwrap_or(0);
            let peer = client_name(id);
            let reject = Reject::new(Check::Timeout, "silence");
            out.claims.push(self.claim(conn, &peer, Fact::Rejected(reject)));
            self.close_and_forget(conn, &peer, out);
        }
    }

    fn seal(
        &mut self,
        name: &str,
        client_id: u8,
        round: u32,
        keys: &Keys,
        share: Option<[u8; 32]>,
        plaintext: &[u8],
    ) -> Vec<u8> {
        let iv = self.entropy.bytes();
        let Some(spec) = self.layout.frame(name) else { return Vec::new() };
        let from = Side::Server;
        Sealing { spec, from, client_id, round, share, iv, plaintext }.seal(&keys.s2c)
    }
}

fn client_name(id: u8) -> Name {
    Name::from(format!("client-{id}").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::PortIndex;
    use crate::ratchet::SYSTEM;

    const CONN: Conn = Conn(1);

    #[test]
    fn data_of_the_last_round_is_refused() {
        for profile in [Profile::as_built(&SYSTEM), Profile::HARDENED] {
            let mut server = Server::new(Setup::lab(profile, 7, 0), Keyring::lab(profile));
            let mut client = (SYSTEM.client)(Setup::lab(profile, 7, 1));
            let mut out = Output::default();
            server.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
            client.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
            for (conn, hello) in std::mem::take(&mut out.writes) {
                server.step(Tick(0), Input::Received(conn, &hello), &mut out);
            }
            for (round, expected) in [(u32::MAX - 1, None), (u32::MAX, Some(Check::Exhausted))] {
                let mut session = server.find(CONN, 1).unwrap();
                session.round = round;
                let keys = session.keys.c2s.clone();
                server.live.insert(1, session);
                let share = fresh_share(profile, &mut Entropy::new(1, "share"));
                let data = Sealing {
                    spec: &server.layout.frame(DATA).unwrap().clone(),
                    from: Side::Client,
                    client_id: 1,
                    round,
                    share: share.map(|share| share.share()),
                    iv: [1; 16],
                    plaintext: b"1.5",
                };
                let mut out = Output::default();
                server.step(Tick(0), Input::Received(CONN, &data.seal(&keys)), &mut out);
                let refused = out.claims.iter().find_map(|claim| match claim.fact {
                    Fact::Rejected(reject) => Some(reject.check),
                    _ => None,
                });
                assert_eq!(refused, expected, "round {round}, {}", profile.name());
            }
        }
    }

    #[test]
    fn a_refusal_says_under_the_keys_why_the_session_is_over() {
        let profile = Profile::HARDENED;
        for (answer, check, said) in [
            (DESYNC, Check::Mac, "Key desynchronization detected"),
            (DESYNC, Check::Opcode, "Key desynchronization detected"),
            (TERMINATE, Check::Opcode, "Invalid opcode"),
            (TERMINATE, Check::Phase, "Invalid protocol state"),
        ] {
            let mut server = Server::new(Setup::lab(profile, 7, 0), Keyring::lab(profile));
            let (id, hello, round, established) = (1, 1, 1, true);
            let keys = Keys::from_master(b"client1_master_k");
            let s2c = keys.s2c.clone();
            let (peer, numbers) = (client_name(id), VecDeque::new());
            let session =
                Session { id, hello, conn: CONN, peer, keys, round, established, numbers };
            let mut out = Output::default();
            server.end_refused(CONN, session, Reject::new(check, "field"), answer, &mut out);
            let (_, frame) = &out.writes[0];
            let spec = server.layout.frame(answer).unwrap();
            let received = Received::cut(spec, frame).unwrap();
            assert_eq!(received.open(&s2c, round, Side::Server).unwrap(), said.as_bytes());
        }
    }
}
