//! The client: one session at a time, one exchange at a time.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::channel::Channel as _;
use crate::count::Count;
use crate::crypto::x25519::Ephemeral;
use crate::endpoint::{
    Check, Claim, Command, Conn, End, Endpoint, Fact, Input, Message, Name, Output, Reject, Side,
    Tick,
};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::layout::{FrameSpec, Layout};
use crate::ratchet::channel::Channel;
use crate::ratchet::keys::{CHAINS, Keyring, Keys, Master, SHARED, agree, fresh_share};
use crate::ratchet::wire::{
    self, CHALLENGE, DATA, DESYNC, HELLO, RESPONSE, Received, Sealing, TERMINATE,
};
use crate::session::{Alarm, Timeouts};
use crate::session_secret::SessionSecret;
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// Hardened: how long the client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client with the identity `setup.number` and its key of this keyring.
pub fn with_keys(setup: Setup, keyring: &Keyring) -> Box<dyn Endpoint> {
    Box::new(Client::new(setup, keyring))
}

#[derive(Clone, Debug)]
struct Client {
    shared: Shared,
    state: State,
    alarm: Alarm,
}

/// What outlives a session.
#[derive(Clone)]
struct Shared {
    profile: Profile,
    timeouts: Timeouts,
    layout: Arc<Layout>,
    master: Arc<Master>,
    id: u8,
    local: Name,
    peer: Name,
    entropy: Entropy,
    commands: VecDeque<Command>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} ({} commands wait)", self.id, self.commands.len())
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum State {
    Idle,
    ExpectChallenge(Session),
    Ready(Session),
    ExpectResponse(ExpectResponse),
}

/// A live session.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Session {
    conn: Conn,
    inbox: Inbox,
    keys: Keys,
    /// The one sent with the HELLO, until the CHALLENGE comes.
    share: Option<Ephemeral>,
    round: u32,
    /// When the client loses patience, if ever.
    deadline: Option<Tick>,
}

/// A session whose data is on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct ExpectResponse {
    session: Session,
    share: Option<Ephemeral>,
    message: Message,
}

impl State {
    fn session(&mut self) -> Option<&mut Session> {
        match self {
            Self::Idle => None,
            Self::ExpectChallenge(session) | Self::Ready(session) => Some(session),
            Self::ExpectResponse(waiting) => Some(&mut waiting.session),
        }
    }

    /// When the client loses patience, if it waits for the server.
    fn deadline(&self) -> Option<Tick> {
        match self {
            Self::Idle | Self::Ready(_) => None,
            Self::ExpectChallenge(session)
            | Self::ExpectResponse(ExpectResponse { session, .. }) => session.deadline,
        }
    }
}

impl Endpoint for Client {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => self.state = self.shared.hello(conn, now, out),
            Input::Command(command) => {
                // A command belongs to the session it was given in.
                if !matches!(self.state, State::Idle) {
                    self.shared.commands.push_back(command.clone());
                }
            }
            Input::Received(conn, bytes) => {
                let Some(session) = self.session_on(conn) else { return };
                session.inbox.push(bytes);
                self.read(now, out);
            }
            Input::Closed(conn) => {
                if self.session_on(conn).is_some() {
                    self.end(End::Truncated, out);
                }
                return;
            }
            Input::Timeout => {
                self.alarm.rang(now);
                if self.state.deadline().is_some_and(|deadline| deadline <= now) {
                    self.refuse(Reject::new(Check::Timeout, "answer"), out);
                }
                return self.alarm.set(self.state.deadline().into_iter(), out);
            }
        }
        self.next_command(now, out);
        self.alarm.set(self.state.deadline().into_iter(), out);
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        let Shared { profile, master, id, entropy, commands, .. } = &self.shared;
        (profile, master.as_slice(), id, entropy, commands, &self.state, self.alarm)
            .hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        match &self.state {
            State::Idle => 0,
            State::ExpectChallenge(session)
            | State::Ready(session)
            | State::ExpectResponse(ExpectResponse { session, .. }) => {
                session.inbox.waiting().len()
            }
        }
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        let mut thief = self.clone();
        thief.shared.entropy =
            Entropy::new(seed, &format!("thief of ratchet client {}", self.shared.id));
        Some(Box::new(thief))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let (State::ExpectChallenge(session)
        | State::Ready(session)
        | State::ExpectResponse(ExpectResponse { session, .. })) = &self.state
        else {
            return None;
        };
        if session.conn != conn {
            return None;
        }
        let layout = self.shared.layout.clone();
        let record = Inbox::of(frame).next(layout.from_side(Side::Server)).ok()??;
        let (chain, round) = (session.keys.s2c.clone(), session.round);
        let channel = Channel { layout, chain, round, from: Side::Server };
        channel.rewrite(&record, &mut self.shared.entropy.clone(), edit)
    }
}

impl Client {
    fn new(setup: Setup, keyring: &Keyring) -> Self {
        let id = u8::try_from(setup.number).unwrap_or(u8::MAX);
        Self {
            shared: Shared {
                profile: setup.profile,
                timeouts: Timeouts::of(&setup),
                layout: Arc::new(wire::layout(setup.profile)),
                master: Arc::new(Master::new(keyring.master(id).unwrap_or_default().to_vec())),
                id,
                local: Name::from(format!("client-{id}").as_str()),
                peer: Name::from("server"),
                entropy: Entropy::new(setup.seed, &format!("ratchet client {id}")),
                commands: VecDeque::new(),
            },
            state: State::Idle,
            alarm: Alarm::default(),
        }
    }

    fn session_on(&mut self, conn: Conn) -> Option<&mut Session> {
        self.state.session().filter(|session| session.conn == conn)
    }

    /// Process every complete frame.
    fn read(&mut self, now: Tick, out: &mut Output) {
        loop {
            let layout = self.shared.layout.clone();
            let Some(session) = self.state.session() else { return };
            let conn = session.conn;
            match session.inbox.cut_on(conn, out, layout.from_side(Side::Server)) {
                Ok(None) => return,
                Err(reject) => return self.refuse(reject, out),
                Ok(Some(frame)) => {
                    let state = std::mem::replace(&mut self.state, State::Idle);
                    match self.shared.receive(state, &frame.spec, &frame.bytes, out) {
                        Ok(state) => self.state = state,
                        Err((conn, Stop::Refused(reject))) => {
                            out.claims.push(self.shared.claim(conn, Fact::Rejected(reject)));
                            return self.shared.finish(conn, End::Aborted, out);
                        }
                        Err((conn, Stop::Told)) => {
                            return self.shared.finish(conn, End::AbortedByPeer, out);
                        }
                    }
                }
            }
            self.next_command(now, out);
        }
    }

    /// Start the next exchange, or say goodbye, if the session is ready for it.
    fn next_command(&mut self, now: Tick, out: &mut Output) {
        while let State::Ready(session) = &self.state {
            let conn = session.conn;
            let Some(command) = self.shared.commands.pop_front() else { return };
            if let Command::Send(message) = &command
                && !wire::fits(message.body.len())
            {
                // What cannot be sent is refused here, and the session goes on.
                let fact = Fact::Rejected(Reject::new(Check::Length, "message"));
                out.claims.push(self.shared.claim(conn, fact));
                continue;
            }
            let State::Ready(session) = std::mem::replace(&mut self.state, State::Idle) else {
                return;
            };
            match command {
                Command::Send(message) => {
                    let waiting = self.shared.data(session, message, now, out);
                    self.state = State::ExpectResponse(waiting);
                }
                Command::End => self.shared.goodbye(session, out),
            }
        }
    }

    /// Break the session off.
    fn refuse(&mut self, reject: Reject, out: &mut Output) {
        if let Some(session) = self.state.session() {
            out.claims.push(self.shared.claim(session.conn, Fact::Rejected(reject)));
        }
        self.end(End::Aborted, out);
    }

    fn end(&mut self, end: End, out: &mut Output) {
        if let Some(session) = std::mem::replace(&mut self.state, State::Idle).session() {
            self.shared.finish(session.conn, end, out);
        }
    }
}

/// Why a session stops in the middle of a frame.
enum Stop {
    Refused(Reject),
    Told,
}

impl Shared {
    fn claim(&self, conn: Conn, fact: Fact) -> Claim {
        Claim { conn, local: self.local.clone(), peer: self.peer.clone(), fact }
    }

    fn spec(&self, name: &str) -> Option<&Arc<FrameSpec>> {
        self.layout.frame(name)
    }

    /// The session is over: what was still to be sent belongs to it and goes with it.
    fn finish(&mut self, conn: Conn, end: End, out: &mut Output) {
        self.commands.clear();
        out.claims.push(self.claim(conn, Fact::Ended(end)));
        out.closes.push(conn);
    }

    fn hello(&mut self, conn: Conn, now: Tick, out: &mut Output) -> State {
        let mut keys = Keys::from_master(&self.master);
        out.secrets.push((conn, SessionSecret::new(CHAINS, &keys.to_bytes())));
        let plaintext = format!("Hello from client {}", self.id);
        let share = fresh_share(self.profile, &mut self.entropy);
        let public = share.as_ref().map(Ephemeral::share);
        let frame = self.seal(&keys, HELLO, 0, public, plaintext.as_bytes());
        out.claims.push(self.claim(conn, Fact::Logged("sends CLIENT_HELLO")));
        self.evolve(&mut keys, HELLO, &frame);
        keys.bind_hello(self.profile, &frame);
        if self.profile.has(Weakness::ChallengeNotMixed) {
            out.claims.push(self.claim(conn, Fact::Running(keys.client_fingerprint())));
        }
        out.writes.push((conn, frame));
        let deadline = self.timeouts.deadline(now, PATIENCE);
        let inbox = Inbox::default();
        State::ExpectChallenge(Session { conn, inbox, keys, share, round: 0, deadline })
    }

    fn data(
        &mut self,
        mut session: Session,
        message: Message,
        now: Tick,
        out: &mut Output,
    ) -> ExpectResponse {
        let share = fresh_share(self.profile, &mut self.entropy);
        let public = share.as_ref().map(Ephemeral::share);
        let frame = self.seal(&session.keys, DATA, session.round, public, &message.body);
        self.evolve(&mut session.keys, DATA, &frame);
        out.writes.push((session.conn, frame));
        out.claims.push(self.claim(session.conn, Fact::Sent(message.clone())));
        session.deadline = self.timeouts.deadline(now, PATIENCE);
        ExpectResponse { session, share, message }
    }

    /// As built the client just closes; hardened it seals a TERMINATE first.
    fn goodbye(&mut self, session: Session, out: &mut Output) {
        if !self.profile.has(Weakness::TerminateNotAuthenticated) {
            let frame =
                self.seal(&session.keys, TERMINATE, session.round, None, b"Client finished");
            out.writes.push((session.conn, frame));
        }
        self.finish(session.conn, End::Clean, out);
    }

    fn seal(
        &mut self,
        keys: &Keys,
        name: &str,
        round: u32,
        share: Option<[u8; 32]>,
        plaintext: &[u8],
    ) -> Vec<u8> {
        let iv = self.entropy.bytes();
        let Some(spec) = self.spec(name) else { return Vec::new() };
        let from = Side::Client;
        let client_id = self.id;
        Sealing { spec, from, client_id, round, share, iv, plaintext }.seal(&keys.c2s)
    }

    /// The client-to-server keys move on with what was just sent.
    fn evolve(&self, keys: &mut Keys, name: &str, frame: &[u8]) {
        if let Some(sent) = self.spec(name).and_then(|spec| Received::cut(spec, frame).ok()) {
            keys.evolve_c2s(sent.ct, &sent.iv);
        }
    }

    /// Take one frame. On an error the session is gone and its connection is returned.
    fn receive(
        &mut self,
        state: State,
        spec: &FrameSpec,
        frame: &[u8],
        out: &mut Output,
    ) -> Result<State, (Conn, Stop)> {
        let (mut session, waiting) = match state {
            State::ExpectChallenge(session) => (session, Waiting::Challenge),
            State::ExpectResponse(ExpectResponse { session, share, message }) => {
                (session, Waiting::Response(share, message))
            }
            State::Ready(session) => (session, Waiting::Nothing),
            State::Idle => return Ok(State::Idle),
        };
        let conn = session.conn;
        let refused = |reject| (conn, Stop::Refused(reject));
        let received = Received::cut(spec, frame).map_err(refused)?;
        if received.client_id != self.id {
            return Err(refused(Reject::new(Check::Identity, "client_id")));
        }
        let plaintext =
            received.open(&session.keys.s2c, session.round, Side::Server).map_err(refused)?;
        match (spec.name, waiting) {
            (DESYNC | TERMINATE, _) => {
                out.claims.push(self.claim(conn, Fact::Logged("is told of an error")));
                Err((conn, Stop::Told))
            }
            (CHALLENGE, Waiting::Challenge) => {
                session.keys.evolve_s2c(&plaintext);
                session.keys.bind_challenge(self.profile, frame);
                if let (Some(ours), Some(theirs)) = (session.share.take(), received.share) {
                    let shared = agree(&ours, theirs).map_err(refused)?;
                    out.secrets.push((conn, SessionSecret::new(SHARED, &shared.0)));
                    session.keys.bind_shares(self.profile, &shared);
                }
                session.round = 1;
                let fact = if self.profile.has(Weakness::ChallengeNotMixed) {
                    Fact::Established(session.keys.server_fingerprint())
                } else {
                    let fingerprint = session.keys.session_fingerprint();
                    out.claims.push(self.claim(conn, Fact::Running(fingerprint)));
                    Fact::Established(fingerprint)
                };
                out.claims.push(self.claim(conn, fact));
                Ok(State::Ready(session))
            }
            (RESPONSE, Waiting::Response(share, message)) => {
                let text = String::from_utf8(plaintext)
                    .map_err(|_| refused(Reject::new(Check::Content, "ct")))?;
                session.keys.evolve_s2c(text.as_bytes());
                if let (Some(ours), Some(theirs)) = (&share, received.share) {
                    let shared = agree(ours, theirs).map_err(refused)?;
                    out.secrets.push((conn, SessionSecret::new(SHARED, &shared.0)));
                    session.keys.mix_shared(&shared);
                }
                session.round = session.round.successor("round").map_err(refused)?;
                out.claims.push(self.claim(conn, Fact::Delivered(Message::aggregate(text))));
                out.claims.push(self.claim(conn, Fact::Acknowledged(message)));
                Ok(State::Ready(session))
            }
            _ => Err(refused(Reject::new(Check::Phase, "opcode"))),
        }
    }
}

/// What the client is waiting for.
enum Waiting {
    Challenge,
    Response(Option<Ephemeral>, Message),
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::PortIndex;
    use crate::ratchet::SYSTEM;

    const CONN: Conn = Conn(1);

    /// A client of these profiles whose session is established with a server, and nothing is outstanding.
    fn ready(profile: Profile) -> Client {
        let setup = Setup::lab(profile, 7, 1);
        let mut server = (SYSTEM.server)(Setup::lab(profile, 7, 0));
        let mut client = Client::new(setup, &Keyring::lab(profile));
        let mut out = Output::default();
        server.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
        client.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
        for (conn, hello) in std::mem::take(&mut out.writes) {
            server.step(Tick(0), Input::Received(conn, &hello), &mut out);
        }
        for (conn, challenge) in std::mem::take(&mut out.writes) {
            client.step(Tick(0), Input::Received(conn, &challenge), &mut out);
        }
        assert!(matches!(client.state, State::Ready(_)));
        client
    }

    #[test]
    fn the_last_round_ends_the_session() {
        for profile in [Profile::as_built(&SYSTEM), Profile::HARDENED] {
            let mut client = ready(profile);
            client.state.session().unwrap().round = u32::MAX;
            let mut out = Output::default();
            let send = Command::Send(Message::numbers("1.5"));
            client.step(Tick(0), Input::Command(&send), &mut out);
            let keys = client.state.session().unwrap().keys.s2c.clone();
            let layout = wire::layout(profile);
            let spec = layout.frame(RESPONSE).unwrap();
            let share = fresh_share(profile, &mut Entropy::new(1, "share"));
            let response = Sealing {
                spec,
                from: Side::Server,
                client_id: 1,
                round: u32::MAX,
                share: share.map(|share| share.share()),
                iv: [1; 16],
                plaintext: b"Aggregated: 1.50",
            };
            let mut out = Output::default();
            client.step(Tick(0), Input::Received(CONN, &response.seal(&keys)), &mut out);
            let facts: Vec<Fact> = out.claims.into_iter().map(|claim| claim.fact).collect();
            let end = Reject::new(Check::Exhausted, "round");
            assert_eq!(facts, [Fact::Rejected(end), Fact::Ended(End::Aborted)]);
        }
    }

    #[test]
    fn what_fits_no_frame_is_refused_and_the_next_message_is_sent() {
        let mut client = ready(Profile::HARDENED);
        let mut out = Output::default();
        let most = (0..=wire::MAX_FRAME).filter(|len| wire::fits(*len)).max().unwrap();
        for len in [most + 1, most] {
            let send = Command::Send(Message::numbers("1".repeat(len)));
            client.step(Tick(0), Input::Command(&send), &mut out);
        }
        let too_long = Fact::Rejected(Reject::new(Check::Length, "message"));
        assert_eq!(out.claims[0].fact, too_long);
        let [(_, frame)] = &out.writes[..] else { panic!("one frame is sent") };
        assert!(frame.len() <= wire::MAX_FRAME && frame.len() + 16 > wire::MAX_FRAME);
    }
}
