//! The device: opens, agrees on keys, sends text and waits for the reply, sends media and does not.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::crypto::ecdh::Ephemeral;
use crate::csr::file::{self, Json};
use crate::csr::keys::{EPOCH, NONCE, Nonces, Schedule, Transcript};
use crate::csr::lab::{Credentials, Identity, Keyring, SERVER};
use crate::csr::record::{Channel, Content};
use crate::csr::session::{PATIENCE, Setting, counted, sign, verify};
use crate::csr::wire::READ;
use crate::csr::wire::{self, MAX_MEDIA, MAX_MESSAGE, encoded_len};
use crate::endpoint::{
    Check, Command, Conn, End, Endpoint, Fact, Input, Kind, Message, Name, Output, Reject, Side,
    Tick,
};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::session::{Alarm, SessionOutput};
use crate::system::Setup;
use crate::weakness::Weakness;

/// What a peer may send ahead of time where it is not refused, in bytes.
const MAX_EARLY: usize = 4 * READ;
/// What record and JSON add to a message at most, in bytes.
const OVERHEAD: usize = 4096;

/// A device.
#[derive(Clone, Debug)]
pub struct Client {
    setting: Arc<Setting>,
    number: u32,
    name: Name,
    entropy: Entropy,
    queue: VecDeque<Command>,
    session: Option<Session>,
    alarm: Alarm,
}

#[derive(Clone, Hash, Debug)]
struct Session {
    conn: Conn,
    inbox: Inbox,
    heard: Tick,
    /// Until when to send nothing, where messages would run into each other.
    quiet: Option<Tick>,
    state: State,
}

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectHello(ExpectHello),
    ExpectShare(ExpectShare),
    Idle(Active),
    ExpectReply(ExpectReply),
}

#[derive(Clone, Hash, Debug)]
struct ExpectHello {
    transcript: Transcript,
    nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
struct ExpectShare {
    transcript: Transcript,
    nonces: Nonces,
    server: Arc<crate::crypto::rsa::PublicKey>,
}

#[derive(Clone, Hash, Debug)]
struct Active {
    channel: Channel,
    /// Whether the server has shown that it has the keys.
    confirmed: bool,
}

#[derive(Clone, Hash, Debug)]
struct ExpectReply {
    active: Active,
    message: Message,
}

/// What a state works with besides its own data.
struct Context<'a, 'b> {
    now: Tick,
    setting: &'a Setting,
    me: &'a Identity,
    entropy: &'a mut Entropy,
    output: &'a mut SessionOutput<'b>,
    quiet: Option<Tick>,
}

impl Client {
    /// A device of the lab.
    pub fn new(setup: Setup) -> Self {
        Self::with_keys(setup, &Keyring::lab())
    }

    /// A device of this keyring.
    pub fn with_keys(setup: Setup, keyring: &Keyring) -> Self {
        Self::with_credentials(setup, keyring.device_credentials(setup.number))
    }

    /// A device that holds these.
    pub fn with_credentials(setup: Setup, own: Credentials) -> Self {
        let name = own.me.name.clone();
        Self {
            entropy: Entropy::new(setup.seed, &format!("csr {name}")),
            setting: Setting::new(setup, own),
            number: setup.number,
            name,
            queue: VecDeque::new(),
            session: None,
            alarm: Alarm::default(),
        }
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        if let Some(old) = self.session.take() {
            self.output(old.conn, out).end(End::Aborted);
        }
        let nonce: [u8; NONCE] = self.entropy.bytes();
        let hello = wire::hello(&self.setting.own.me.certificate, &nonce);
        let mut transcript = Transcript::default();
        transcript.absorb(Side::Client, &hello);
        let profile = self.setting.profile;
        let mut output = self.output(conn, out);
        output.log("connected, hello sent");
        output.send(wire::framed(profile, hello));
        let state = State::ExpectHello(ExpectHello { transcript, nonce });
        let inbox = Inbox::default();
        self.session = Some(Session { conn, inbox, heard: now, quiet: None, state });
    }

    /// Go as far as what has arrived and what is queued allow.
    fn drive(&mut self, now: Tick, out: &mut Output) {
        let Some(session) = self.session.take() else { return };
        let setting = self.setting.clone();
        let peer = Name::from(SERVER);
        let mut output = SessionOutput { conn: session.conn, local: &self.name, peer, out };
        let mut context = Context {
            now,
            setting: &setting,
            me: &setting.own.me,
            entropy: &mut self.entropy,
            output: &mut output,
            quiet: session.quiet.filter(|until| *until > now),
        };
        match session.drive(&mut self.queue, &mut context) {
            Ok(session) => self.session = session,
            Err(reject) => output.abort(reject),
        }
        if self.session.is_none() {
            // What was queued was meant for this session.
            self.queue.clear();
        }
    }

    fn wake(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        if self.deadline().is_some_and(|deadline| deadline <= now)
            && let Some(session) = self.session.take()
        {
            self.queue.clear();
            self.output(session.conn, out).abort(Reject::new(Check::Timeout, "peer"));
        }
        self.drive(now, out);
    }

    /// When to stop waiting. An idle device waits for its application, not for its peer.
    fn deadline(&self) -> Option<Tick> {
        let session = self.session.as_ref()?;
        let waits = !matches!(session.state, State::Idle(_));
        self.setting.deadline(session.heard, PATIENCE).filter(|_| waits)
    }

    /// Whether nothing was left to say but goodbye, where that is said by closing: it does not matter then which
    /// end closes first.
    fn is_over(&self, session: &Session) -> bool {
        self.setting.profile.has(Weakness::EndNotAuthenticated)
            && matches!(session.state, State::Idle(_))
            && self.queue.front() == Some(&Command::End)
    }

    fn output<'a>(&'a self, conn: Conn, out: &'a mut Output) -> SessionOutput<'a> {
        SessionOutput { conn, local: &self.name, peer: Name::from(SERVER), out }
    }
}

impl Endpoint for Client {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => self.open(now, conn, out),
            Input::Received(conn, bytes) => {
                if let Some(session) = self.session.as_mut().filter(|session| session.conn == conn)
                {
                    session.inbox.push(bytes);
                    // The handshake's time counts from the start: bytes that trickle in earn no more.
                    if session.is_established() {
                        session.heard = now;
                    }
                    self.drive(now, out);
                }
            }
            Input::Closed(conn) => {
                if let Some(session) = self.session.take_if(|session| session.conn == conn) {
                    let clean = self.is_over(&session);
                    self.queue.clear();
                    self.output(conn, out).end(if clean { End::Clean } else { End::Truncated });
                }
            }
            Input::Command(command) => {
                self.queue.push_back(command.clone());
                self.drive(now, out);
            }
            Input::Timeout => self.wake(now, out),
        }
        let quiet = self.session.as_ref().and_then(|session| session.quiet);
        let quiet = quiet.filter(|_| !self.queue.is_empty());
        self.alarm.set(self.deadline().into_iter().chain(quiet), out);
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        (self.setting.profile, self.number, &self.entropy, &self.queue, &self.session, self.alarm)
            .hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.session.as_ref().map_or(0, |session| session.inbox.waiting().len())
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        let entropy = Entropy::new(seed, &format!("thief of csr {}", self.name));
        Some(Box::new(Self { entropy, ..self.clone() }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let session = self.session.as_ref().filter(|session| session.conn == conn)?;
        let (State::Idle(active) | State::ExpectReply(ExpectReply { active, .. })) = &session.state
        else {
            return None;
        };
        let (layout, profile) = (&self.setting.layout, self.setting.profile);
        let due = session.state.due();
        let record = wire::next(layout, profile, due, &mut Inbox::of(frame)).ok()??;
        let is_reply = record.spec.name == "REPLY";
        is_reply.then(|| active.channel.rewrite(Content::Reply, record, edit)).flatten()
    }
}

impl Session {
    fn is_established(&self) -> bool {
        matches!(self.state, State::Idle(_) | State::ExpectReply(_))
    }

    /// The session as it then stands, or nothing once it has ended.
    fn drive(
        self,
        queue: &mut VecDeque<Command>,
        context: &mut Context<'_, '_>,
    ) -> Result<Option<Self>, Reject> {
        let Self { conn, mut inbox, mut heard, mut state, .. } = self;
        let profile = context.setting.profile;
        loop {
            if let State::Idle(active) = state {
                let command = if context.quiet.is_none() { queue.pop_front() } else { None };
                match command {
                    Some(Command::Send(message)) => {
                        heard = context.now;
                        state = active.send(message, context)?;
                        continue;
                    }
                    Some(Command::End) => {
                        if !profile.has(Weakness::EndNotAuthenticated) {
                            context.output.send(active.channel.seal_end());
                        }
                        context.output.log("done, closing");
                        context.output.end(End::Clean);
                        return Ok(None);
                    }
                    None => {
                        unasked(&inbox, context)?;
                        state = State::Idle(active);
                        break;
                    }
                }
            }
            let (layout, due) = (&context.setting.layout, state.due());
            match context
                .output
                .read(&mut inbox, |inbox| wire::next(layout, profile, due, inbox))?
            {
                Some(mut message) => state = state.receive(&mut message, context)?,
                None => break,
            }
        }
        Ok(Some(Self { conn, inbox, heard, quiet: context.quiet, state }))
    }
}

/// What came while nothing was asked. The published program leaves it in the socket and takes it for
/// the next reply; where replies are numbered it is refused.
fn unasked(inbox: &Inbox, context: &mut Context<'_, '_>) -> Result<(), Reject> {
    let (early, setting) = (inbox.waiting().len(), context.setting);
    let refused = check_unasked(early, setting);
    if refused.is_err() {
        inbox.refuse_on(context.output.conn, context.output.out);
    }
    refused
}

fn check_unasked(early: usize, setting: &Setting) -> Result<(), Reject> {
    if !setting.profile.has(Weakness::NoSequence) && early > 0 {
        return Err(Reject::new(Check::Phase, "reply"));
    }
    if early > MAX_EARLY {
        return Err(Reject::new(Check::Length, "reply"));
    }
    Ok(())
}

impl State {
    /// The names of the messages it waits for.
    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::ExpectHello(_) => &["HELLO"],
            Self::ExpectShare(_) => &["SECDH"],
            Self::Idle(_) | Self::ExpectReply(_) => &["ERROR", "REPLY"],
        }
    }

    fn receive(
        self,
        message: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Self, Reject> {
        match self {
            Self::ExpectHello(state) => state.receive(message, context),
            Self::ExpectShare(state) => state.receive(message, context),
            Self::ExpectReply(state) => state.receive(message, context),
            Self::Idle(_) => Err(Reject::new(Check::Phase, "reply")),
        }
    }
}

impl ExpectHello {
    fn receive(self, hello: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, nonce } = self;
        transcript.absorb(Side::Server, wire::body(hello));
        let body = wire::body(hello);
        wire::is_one(context.setting.profile, body, wire::HELLO_MISREAD)?;
        let (pem, server_nonce) = wire::read_hello(body)?;
        let (_, server) = context.setting.believe(context.now, Side::Server, &pem)?;
        context.output.log("server certificate verified");
        let nonces = Nonces { device: nonce, server: server_nonce };
        Ok(State::ExpectShare(ExpectShare { transcript, nonces, server }))
    }
}

impl ExpectShare {
    fn receive(self, share: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { transcript, nonces, server } = self;
        let profile = context.setting.profile;
        let body = wire::body(share);
        wire::is_one(profile, body, wire::SECDH_MISREAD)?;
        let (theirs, signature) = wire::read_share(body)?;
        if wire::server_signs(profile) {
            let digest = transcript.signed(profile, Side::Server, &[&theirs]);
            verify(&server, &digest, &signature)?;
        }
        let ours = Ephemeral::generate(context.entropy);
        let own = *ours.share();
        let schedule = Schedule::agree(profile, nonces, ours, theirs)?;
        // A copied certificate is enough where the device signs nothing.
        let signature = if profile.has(Weakness::NoProofOfPossession) {
            None
        } else {
            let digest = transcript.signed(profile, Side::Client, &[&theirs, &own]);
            Some(sign(&context.me.key, &digest, context.entropy)?)
        };
        context.output.secret(EPOCH, &schedule.secret().0);
        context.output.claim(Fact::Running(schedule.fingerprint()));
        context.output.send(wire::framed(profile, wire::share(&own, signature.as_deref())));
        context.output.log("keys derived");
        context.quiet = context.setting.pause(context.now);
        let channel = Channel::new(profile, schedule);
        Ok(State::Idle(Active { channel, confirmed: false }))
    }
}

impl Active {
    /// Send one message; what cannot be sent is refused here and the session goes on.
    fn send(mut self, message: Message, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let profile = context.setting.profile;
        let (carried, room) = match message.kind {
            Kind::Text => (Content::Text, MAX_MESSAGE - OVERHEAD),
            Kind::Image | Kind::Video => (Content::Media, MAX_MEDIA - OVERHEAD),
            Kind::Numbers | Kind::Aggregate => {
                context.output.claim(Fact::Rejected(Reject::new(Check::Content, "message")));
                return Ok(State::Idle(self));
            }
        };
        let size = if carried == Content::Text {
            message.body.len()
        } else {
            encoded_len(message.body.len())
        };
        if size > room
            || message.name.as_ref().is_some_and(|name| name.as_str().len() > file::MAX_NAME)
        {
            context.output.claim(Fact::Rejected(Reject::new(Check::Length, "message")));
            return Ok(State::Idle(self));
        }
        let (message, frame) = if carried == Content::Text {
            let write = |frame: &mut Vec<u8>| frame.extend_from_slice(&message.body);
            let frame = self.channel.seal(carried, size, context.entropy, write)?;
            (message, frame)
        } else {
            let message = file::as_sent(profile, message);
            let digest = file::signed(profile, &self.channel.schedule.session, &message);
            let signature = context.me.key.sign_pkcs1v15(&digest);
            let signature = signature.map_err(|_| Reject::new(Check::Signature, "key"))?;
            let json = Json::new(profile, &message, &signature);
            let write = |frame: &mut Vec<u8>| json.write(frame);
            let frame = self.channel.seal(carried, json.len(), context.entropy, write)?;
            (message, frame)
        };
        context.output.send(frame);
        context.output.claim(Fact::Sent(message.clone()));
        counted(&mut self.channel.schedule, context.output)?;
        if carried == Content::Text {
            return Ok(State::ExpectReply(ExpectReply { active: self, message }));
        }
        context.quiet = context.setting.pause(context.now);
        Ok(State::Idle(self))
    }
}

impl ExpectReply {
    fn receive(self, reply: &mut Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut active, message } = self;
        if reply.spec.name == "ERROR" {
            return Err(Reject::new(Check::Acknowledgement, "error"));
        }
        let profile = context.setting.profile;
        let said = active.channel.open(Content::Reply, reply)?;
        // The published program shows the reply; where replies are numbered, it is compared.
        if !profile.has(Weakness::NoSequence) && said != file::acknowledgement(&message.body) {
            return Err(Reject::new(Check::Acknowledgement, "reply"));
        }
        if !active.confirmed {
            active.confirmed = true;
            let fingerprint = active.channel.schedule.fingerprint();
            context.output.claim(Fact::Established(fingerprint));
        }
        counted(&mut active.channel.schedule, context.output)?;
        context.output.claim(Fact::Acknowledged(message));
        Ok(State::Idle(active))
    }
}
