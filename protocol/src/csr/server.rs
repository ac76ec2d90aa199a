//! The server: believes certificates, agrees on keys, replies to text and stores media.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::crypto::ecdh::Ephemeral;
use crate::crypto::rsa::PublicKey;
use crate::csr::file;
use crate::csr::keys::{EPOCH, NONCE, Nonces, Schedule, Transcript};
use crate::csr::lab::{Credentials, Identity, Keyring};
use crate::csr::record::{Channel, Content};
use crate::csr::session::{IDLE_PATIENCE, PATIENCE, Setting, counted, sign, verify};
use crate::csr::wire::{self, ERROR, READ};
use crate::endpoint::{Check, Conn, End, Endpoint, Fact, Input, Name, Output, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::session::{Alarm, SessionOutput};
use crate::system::Setup;
use crate::weakness::Weakness;

/// Whom a connection is believed to come from before it has shown a certificate.
const NOBODY: &str = "unknown";

/// The server.
#[derive(Clone, Debug)]
pub struct Server {
    setting: Arc<Setting>,
    name: Name,
    entropy: Entropy,
    sessions: BTreeMap<Conn, Session>,
    alarm: Alarm,
}

#[derive(Clone, Hash, Debug)]
struct Session {
    peer: Name,
    inbox: Inbox,
    heard: Tick,
    state: State,
}

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectHello,
    Pausing(Pausing),
    ExpectShare(ExpectShare),
    Active(Box<Active>),
}

/// The hello is sent; the share must not run into it.
#[derive(Clone, Hash, Debug)]
struct Pausing {
    until: Tick,
    then: Agreeing,
}

/// What both hellos have settled.
#[derive(Clone, Hash, Debug)]
struct Agreeing {
    transcript: Transcript,
    nonces: Nonces,
    device: Arc<PublicKey>,
}

#[derive(Clone, Hash, Debug)]
struct ExpectShare {
    settled: Agreeing,
    ours: Ephemeral,
}

#[derive(Clone, Hash, Debug)]
struct Active {
    device: Arc<PublicKey>,
    channel: Channel,
}

/// What a state works with besides its own data.
struct Context<'a, 'b> {
    now: Tick,
    setting: &'a Setting,
    me: &'a Identity,
    entropy: &'a mut Entropy,
    output: &'a mut SessionOutput<'b>,
}

impl Server {
    /// The server of the lab.
    pub fn new(setup: Setup) -> Self {
        Self::with_keys(setup, &Keyring::lab())
    }

    /// The server of this keyring.
    pub fn with_keys(setup: Setup, keyring: &Keyring) -> Self {
        Self::with_credentials(setup, keyring.server_credentials())
    }

    /// A server that holds these.
    pub fn with_credentials(setup: Setup, own: Credentials) -> Self {
        Self {
            entropy: Entropy::new(setup.seed, "csr server"),
            name: own.me.name.clone(),
            setting: Setting::new(setup, own),
            sessions: BTreeMap::new(),
            alarm: Alarm::default(),
        }
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        let peer = Name::from(NOBODY);
        let mut output = SessionOutput { conn, local: &self.name, peer: peer.clone(), out };
        output.log("connection accepted");
        let (inbox, state) = (Inbox::default(), State::ExpectHello);
        self.sessions.insert(conn, Session { peer, inbox, heard: now, state });
    }

    /// Go as far as what has arrived on `conn` allows.
    fn drive(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        let Some(session) = self.sessions.remove(&conn) else { return };
        let peer = session.peer.clone();
        let mut output = SessionOutput { conn, local: &self.name, peer, out };
        let mut context = Context {
            now,
            setting: &self.setting,
            me: &self.setting.own.me,
            entropy: &mut self.entropy,
            output: &mut output,
        };
        match session.drive(&mut context) {
            Ok(Some(session)) => {
                self.sessions.insert(conn, session);
            }
            Ok(None) => output.end(End::Clean),
            Err(reject) => output.abort(reject),
        }
    }

    fn wake(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        let setting = self.setting.clone();
        let late =
            |session: &Session| session.deadline(&setting).is_some_and(|deadline| deadline <= now);
        for (conn, session) in self.sessions.extract_if(.., |_, session| late(session)) {
            let mut output = SessionOutput { conn, local: &self.name, peer: session.peer, out };
            output.abort(Reject::new(Check::Timeout, "peer"));
        }
        let pausing = |session: &Session| matches!(session.state, State::Pausing(_));
        let waiting = self.sessions.iter().filter(|(_, session)| pausing(session));
        for conn in waiting.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.drive(now, conn, out);
        }
    }
}

impl Server {
    /// Something came. Until a session is established its time counts from the start: bytes that trickle in earn no more.
    fn heard(&mut self, now: Tick, conn: Conn) {
        let session = self.sessions.get_mut(&conn);
        if let Some(session) = session.filter(|session| session.is_established()) {
            session.heard = now;
        }
    }
}

impl Endpoint for Server {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => self.open(now, conn, out),
            Input::Received(conn, bytes) => {
                if let Some(session) = self.sessions.get_mut(&conn) {
                    session.inbox.push(bytes);
                    self.drive(now, conn, out);
                    self.heard(now, conn);
                }
            }
            Input::Closed(conn) => {
                if let Some(session) = self.sessions.remove(&conn) {
                    let end = session.closed(&self.setting);
                    let mut output =
                        SessionOutput { conn, local: &self.name, peer: session.peer, out };
                    output.end(end);
                }
            }
            Input::Timeout => self.wake(now, out),
            Input::Command(_) => {}
        }
        let deadlines =
            self.sessions.values().filter_map(|session| session.deadline(&self.setting));
        let pauses = self.sessions.values().filter_map(|session| match &session.state {
            State::Pausing(pausing) => Some(pausing.until),
            _ => None,
        });
        self.alarm.set(deadlines.chain(pauses), out);
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        (self.setting.profile, &self.entropy, &self.sessions, self.alarm).hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.sessions.values().map(|session| session.inbox.waiting().len()).max().unwrap_or(0)
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        Some(Box::new(Self { entropy: Entropy::new(seed, "thief of csr server"), ..self.clone() }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let state = &self.sessions.get(&conn)?.state;
        let State::Active(active) = state else { return None };
        let (layout, profile) = (&self.setting.layout, self.setting.profile);
        let record = wire::next(layout, profile, state.due(), &mut Inbox::of(frame)).ok()??;
        let content = match record.spec.name {
            "TEXT" => Content::Text,
            "MEDIA" => Content::Media,
            _ => return None,
        };
        active.channel.rewrite(content, record, edit)
    }
}

impl Session {
    fn is_established(&self) -> bool {
        matches!(self.state, State::Active(_))
    }

    /// When to stop waiting for the device. Once the session is established it may take its time.
    fn deadline(&self, setting: &Setting) -> Option<Tick> {
        let patience = if self.is_established() { IDLE_PATIENCE } else { PATIENCE };
        setting.deadline(self.heard, patience)
    }

    /// How a session ends whose connection closed. The published device just closes when it is done.
    fn closed(&self, setting: &Setting) -> End {
        let silent = setting.profile.has(Weakness::EndNotAuthenticated);
        let done = matches!(self.state, State::Active(_)) && self.inbox.waiting().is_empty();
        if silent && done { End::Clean } else { End::Truncated }
    }

    /// The session as it then stands, or nothing once the device has said goodbye.
    fn drive(self, context: &mut Context<'_, '_>) -> Result<Option<Self>, Reject> {
        let Self { mut inbox, heard, mut state, .. } = self;
        let (layout, profile) = (&context.setting.layout, context.setting.profile);
        loop {
            if let State::Pausing(pausing) = state {
                if inbox.waiting().len() > READ {
                    inbox.refuse_on(context.output.conn, context.output.out);
                    return Err(Reject::new(Check::Length, "key"));
                }
                if pausing.until > context.now {
                    state = State::Pausing(pausing);
                    break;
                }
                state = pausing.then.send_share(context)?;
            }
            let due = state.due();
            let next = |inbox: &mut Inbox| wire::next(layout, profile, due, inbox);
            let Some(mut message) = context.output.read(&mut inbox, next)? else {
                break;
            };
            match state.receive(&mut message, context)? {
                Some(next) => state = next,
                None => return Ok(None),
            }
        }
        Ok(Some(Self { peer: context.output.peer.clone(), inbox, heard, state }))
    }
}

impl State {
    /// The names of the messages it waits for.
    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::ExpectHello => &["HELLO"],
            Self::Pausing(_) | Self::ExpectShare(_) => &["ECDH"],
            Self::Active(_) => &["END", "MEDIA", "TEXT"],
        }
    }

    fn receive(
        self,
        message: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Option<Self>, Reject> {
        match self {
            Self::ExpectHello => receive_hello(message, context).map(Some),
            Self::Pausing(_) => Err(Reject::new(Check::Phase, "type")),
            Self::ExpectShare(state) => state.receive(message, context).map(Some),
            Self::Active(state) => state.receive(message, context),
        }
    }
}

/// The server's hello goes out before the device's certificate is looked at, as in the published
/// program: it says nothing that is not public.
fn receive_hello(hello: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
    let profile = context.setting.profile;
    let mut transcript = Transcript::default();
    transcript.absorb(Side::Client, wire::body(hello));
    wire::is_one(profile, wire::body(hello), wire::HELLO_MISREAD)?;
    let (pem, device_nonce) = wire::read_hello(wire::body(hello))?;
    let nonce: [u8; NONCE] = context.entropy.bytes();
    let own = wire::hello(&context.me.certificate, &nonce);
    transcript.absorb(Side::Server, &own);
    context.output.send(wire::framed(profile, own));
    let (name, device) = context.setting.believe(context.now, Side::Client, &pem)?;
    context.output.peer = name;
    context.output.log("device certificate verified");
    let nonces = Nonces { device: device_nonce, server: nonce };
    let then = Agreeing { transcript, nonces, device };
    match context.setting.pause(context.now) {
        Some(until) => Ok(State::Pausing(Pausing { until, then })),
        None => then.send_share(context),
    }
}

impl Agreeing {
    fn send_share(self, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let profile = context.setting.profile;
        let ours = Ephemeral::generate(context.entropy);
        let signature = if wire::server_signs(profile) {
            let digest = self.transcript.signed(profile, Side::Server, &[ours.share()]);
            Some(sign(&context.me.key, &digest, context.entropy)?)
        } else {
            None
        };
        let share = wire::share(ours.share(), signature.as_deref());
        context.output.send(wire::framed(profile, share));
        context.output.log("share sent");
        Ok(State::ExpectShare(ExpectShare { settled: self, ours }))
    }
}

impl ExpectShare {
    fn receive(self, share: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { settled: Agreeing { transcript, nonces, device }, ours } = self;
        let profile = context.setting.profile;
        wire::is_one(profile, wire::body(share), wire::ECDH_MISREAD)?;
        let (theirs, signature) = wire::read_share(wire::body(share))?;
        if !profile.has(Weakness::NoProofOfPossession) {
            let digest = transcript.signed(profile, Side::Client, &[ours.share(), &theirs]);
            verify(&device, &digest, &signature)?;
        }
        let schedule = Schedule::agree(profile, nonces, ours, theirs)?;
        context.output.secret(EPOCH, &schedule.secret().0);
        context.output.claim(Fact::Running(schedule.fingerprint()));
        context.output.claim(Fact::Established(schedule.fingerprint()));
        context.output.log("keys derived");
        let channel = Channel::new(profile, schedule);
        Ok(State::Active(Box::new(Active { device, channel })))
    }
}

impl Active {
    /// A record or the goodbye; nothing is left after the goodbye.
    fn receive(
        mut self: Box<Self>,
        message: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Option<State>, Reject> {
        let profile = context.setting.profile;
        let result = match message.spec.name {
            "TEXT" => self.receive_text(message, context),
            "MEDIA" => self.receive_media(message, context),
            _ => {
                self.channel.open_end(message)?;
                context.output.log("goodbye received");
                return Ok(None);
            }
        };
        if let Err(reject) = result {
            if !profile.has(Weakness::DistinguishableErrors) {
                return Err(reject);
            }
            context.output.claim(Fact::Rejected(reject));
            let said = [ERROR, reject.check.name().as_bytes()].concat();
            context.output.send(wire::framed(profile, said));
        }
        Ok(Some(State::Active(self)))
    }

    fn receive_text(
        &mut self,
        record: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<(), Reject> {
        let plaintext = self.channel.open(Content::Text, record)?;
        counted(&mut self.channel.schedule, context.output)?;
        context.output.claim(Fact::Delivered(file::read_text(plaintext)?));
        let reply = file::acknowledgement(plaintext);
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(&reply);
        let frame = self.channel.seal(Content::Reply, reply.len(), context.entropy, write)?;
        counted(&mut self.channel.schedule, context.output)?;
        context.output.send(frame);
        Ok(())
    }

    fn receive_media(
        &mut self,
        record: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<(), Reject> {
        let profile = context.setting.profile;
        let plaintext = self.channel.open(Content::Media, record)?;
        counted(&mut self.channel.schedule, context.output)?;
        let (message, signature) = file::read(profile, plaintext)?;
        let digest = file::signed(profile, &self.channel.schedule.session, &message);
        self.device
            .verify_pkcs1v15(&digest, &signature)
            .map_err(|_| Reject::new(Check::Signature, "signature"))?;
        if profile.has(Weakness::CounterDesync) {
            // The published server counts a file when it arrives and again when it is verified.
            counted(&mut self.channel.schedule, context.output)?;
        }
        context.output.claim(Fact::Delivered(message));
        Ok(())
    }
}
