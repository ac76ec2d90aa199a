//! The server: believes certificates, answers every step, stores what comes.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::crypto::rsa::PublicKey;
use crate::endpoint::{
    Check, Conn, End, Endpoint, Fact, Input, Message, Name, Output, Reject, Side, Tick,
};
use crate::entropy::Entropy;
use crate::helo::ack::{self, Answers, Word};
use crate::helo::file;
use crate::helo::keys::{Ephemeral, Keys, MASTER, NONCE, Transcript, master};
use crate::helo::lab::{Credentials, Identity, Keyring};
use crate::helo::premaster;
use crate::helo::record::{Channel, Receipt};
use crate::helo::session::{IDLE_PATIENCE, PATIENCE, Setting, possession_digest, share_digest};
use crate::helo::wire::{self, HELO};
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
    ExpectNonce(ExpectNonce),
    ExpectCertAck(ExpectCertAck),
    ExpectNonceAck(ExpectNonceAck),
    ExpectPremaster(ExpectPremaster),
    Active(Active),
}

#[derive(Clone, Hash, Debug)]
struct ExpectNonce {
    transcript: Transcript,
    device: Arc<PublicKey>,
}

#[derive(Clone, Hash, Debug)]
struct ExpectCertAck {
    transcript: Transcript,
    device: Arc<PublicKey>,
    device_nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
struct ExpectNonceAck {
    transcript: Transcript,
    device: Arc<PublicKey>,
    device_nonce: [u8; NONCE],
    nonce: [u8; NONCE],
    ephemeral: Option<Ephemeral>,
}

#[derive(Clone, Hash, Debug)]
struct ExpectPremaster {
    transcript: Transcript,
    device: Arc<PublicKey>,
    device_nonce: [u8; NONCE],
    nonce: [u8; NONCE],
    ephemeral: Option<Ephemeral>,
}

#[derive(Clone, Hash, Debug)]
struct Active {
    device: Arc<PublicKey>,
    channel: Channel,
}

/// What a state works with besides its own data.
struct Context<'a, 'b> {
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
            entropy: Entropy::new(setup.seed, "helo server"),
            name: own.me.name.clone(),
            setting: Setting::new(&setup, own),
            sessions: BTreeMap::new(),
            alarm: Alarm::default(),
        }
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        let peer = Name::from(NOBODY);
        let state = State::ExpectHello;
        let mut output = SessionOutput { conn, local: &self.name, peer: peer.clone(), out };
        output.log("connection accepted");
        self.sessions.insert(conn, Session { peer, inbox: Inbox::default(), heard: now, state });
    }

    fn receive(&mut self, now: Tick, conn: Conn, bytes: &[u8], out: &mut Output) {
        let Some(mut session) = self.sessions.remove(&conn) else { return };
        session.inbox.push(bytes);
        let peer = session.peer.clone();
        let mut output = SessionOutput { conn, local: &self.name, peer, out };
        let mut context = Context {
            setting: &self.setting,
            me: &self.setting.own.me,
            entropy: &mut self.entropy,
            output: &mut output,
        };
        match session.drive(&mut context) {
            Ok(Some(mut session)) => {
                // Until a session is established its time counts from the start: bytes that trickle in earn no more.
                if session.is_established() {
                    session.heard = now;
                }
                self.sessions.insert(conn, session);
            }
            Ok(None) => output.end(End::Clean),
            Err(reject) => output.abort(reject),
        }
    }

    fn give_up(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        let setting = self.setting.clone();
        let late =
            |session: &Session| session.deadline(&setting).is_some_and(|deadline| deadline <= now);
        for (conn, session) in self.sessions.extract_if(.., |_, session| late(session)) {
            let mut output = SessionOutput { conn, local: &self.name, peer: session.peer, out };
            output.abort(Reject::new(Check::Timeout, "peer"));
        }
    }
}

impl Endpoint for Server {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => self.open(now, conn, out),
            Input::Received(conn, bytes) => self.receive(now, conn, bytes, out),
            Input::Closed(conn) => {
                if let Some(session) = self.sessions.remove(&conn) {
                    let mut output =
                        SessionOutput { conn, local: &self.name, peer: session.peer, out };
                    output.end(End::Truncated);
                }
            }
            Input::Timeout => self.give_up(now, out),
            Input::Command(_) => {}
        }
        let deadlines = self.sessions.values().filter_map(|s| s.deadline(&self.setting));
        self.alarm.set(deadlines, out);
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
        Some(Box::new(Self { entropy: Entropy::new(seed, "thief of helo server"), ..self.clone() }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let State::Active(active) = &self.sessions.get(&conn)?.state else { return None };
        let (layout, due) = (&self.setting.layout, &["SECX", "IMGX"]);
        let record = wire::next(layout, Side::Client, due, &mut Inbox::of(frame)).ok()??;
        active.channel.rewrite(record, edit)
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

    /// The session as it then stands, or nothing once the device has said goodbye.
    fn drive(self, context: &mut Context<'_, '_>) -> Result<Option<Self>, Reject> {
        let Self { mut inbox, heard, mut state, .. } = self;
        loop {
            let due = state.due();
            let layout = &context.setting.layout;
            let next = |inbox: &mut Inbox| wire::next(layout, Side::Client, due, inbox);
            let frame = context.output.read(&mut inbox, next)?;
            let Some(mut frame) = frame else { break };
            match state.receive(&mut frame, context)? {
                Some(next) => state = next,
                None => return Ok(None),
            }
        }
        Ok(Some(Self { peer: context.output.peer.clone(), inbox, heard, state }))
    }
}

impl State {
    /// The names of the frames it waits for.
    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::ExpectHello => &["HELO"],
            Self::ExpectNonce(_) => &["NONCE"],
            Self::ExpectCertAck(_) | Self::ExpectNonceAck(_) => &["HACK"],
            Self::ExpectPremaster(_) => &["PREM"],
            Self::Active(_) => &["SECX", "IMGX", "ENDD"],
        }
    }

    fn receive(
        self,
        frame: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Option<Self>, Reject> {
        match self {
            Self::ExpectHello => receive_hello(frame, context).map(Some),
            Self::ExpectNonce(state) => state.receive(frame, context).map(Some),
            Self::ExpectCertAck(state) => state.receive(frame, context).map(Some),
            Self::ExpectNonceAck(state) => state.receive(frame, context).map(Some),
            Self::ExpectPremaster(state) => state.receive(frame, context).map(Some),
            Self::Active(state) => state.receive(frame, context),
        }
    }
}

fn receive_hello(hello: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
    let mut transcript = Transcript::default();
    transcript.absorb(Side::Client, &hello.bytes);
    let (name, device) = context.setting.believe(Side::Client, hello.field("certificate"))?;
    context.output.peer = name;
    context.output.log("device certificate verified");
    let ack = ack::write_bare(&device, Word::CertReceived, context.entropy)?;
    transcript.absorb(Side::Server, &ack);
    context.output.send(ack);
    Ok(State::ExpectNonce(ExpectNonce { transcript, device }))
}

impl ExpectNonce {
    fn receive(self, nonce: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, device } = self;
        let device_nonce = nonce.array("nonce")?;
        transcript.absorb(Side::Client, &nonce.bytes);
        let ack = ack::write_bare(&device, Word::HelloReceived, context.entropy)?;
        transcript.absorb(Side::Server, &ack);
        context.output.send(ack);
        let hello = wire::tagged(HELO, &[&context.me.certificate]);
        transcript.absorb(Side::Server, &hello);
        context.output.send(hello);
        context.output.log("nonce received, certificate sent");
        Ok(State::ExpectCertAck(ExpectCertAck { transcript, device, device_nonce }))
    }
}

impl ExpectCertAck {
    fn receive(self, ack: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, device, device_nonce } = self;
        let profile = context.setting.profile;
        ack::read_bare(profile, ack, &context.me.key, Word::CertReceived)?;
        transcript.absorb(Side::Client, &ack.bytes);
        let nonce: [u8; NONCE] = context.entropy.bytes();
        let mut frame = nonce.to_vec();
        let mut ephemeral = None;
        if !profile.has(Weakness::StaticRsaTransport) {
            let ours = Ephemeral::generate(context.entropy);
            let share = ours.share();
            let digest = share_digest(&transcript, &nonce, &share);
            let signature = context
                .me
                .key
                .sign_pss(context.entropy, &digest)
                .map_err(|_| Reject::new(Check::Signature, "key"))?;
            frame.extend_from_slice(&share);
            frame.extend_from_slice(&signature);
            ephemeral = Some(ours);
        }
        transcript.absorb(Side::Server, &frame);
        context.output.send(frame);
        context.output.log("nonce sent");
        Ok(State::ExpectNonceAck(ExpectNonceAck {
            transcript,
            device,
            device_nonce,
            nonce,
            ephemeral,
        }))
    }
}

impl ExpectNonceAck {
    fn receive(self, ack: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, device, device_nonce, nonce, ephemeral } = self;
        let profile = context.setting.profile;
        ack::read_bare(profile, ack, &context.me.key, Word::NonceReceived)?;
        transcript.absorb(Side::Client, &ack.bytes);
        let expect = ExpectPremaster { transcript, device, device_nonce, nonce, ephemeral };
        Ok(State::ExpectPremaster(expect))
    }
}

impl ExpectPremaster {
    fn receive(self, prem: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, device, device_nonce, nonce, ephemeral } = self;
        let profile = context.setting.profile;
        if !profile.has(Weakness::NoProofOfPossession) {
            let digest = possession_digest(&transcript, prem.before("signature"));
            device
                .verify_pss(&digest, prem.field("signature"))
                .map_err(|_| Reject::new(Check::Signature, "signature"))?;
        }
        let mut agreed = None;
        if let Some(ours) = ephemeral {
            let secret = ours.agree(prem.array("share")?);
            agreed = Some(secret.ok_or(Reject::new(Check::Content, "share"))?);
        }
        let premaster = premaster::read(prem, &context.me.key)?;
        let master = master(&premaster.0, agreed.as_ref());
        let keys = Keys::derive(&master.0, &device_nonce, &nonce);
        transcript.absorb(Side::Client, &prem.bytes);
        context.output.secret(MASTER, &master.0);
        context.output.claim(Fact::Running(keys.fingerprint()));
        context.output.claim(Fact::Established(keys.fingerprint()));
        let answers = Answers::Handshake(&transcript);
        let word = Word::PremReceived;
        let ack = ack::write(profile, &keys, answers, &device, word, context.entropy)?;
        context.output.send(ack);
        context.output.log("handshake complete");
        Ok(State::Active(Active { device, channel: Channel::new(profile, keys) }))
    }
}

impl Active {
    /// A record or the goodbye; nothing is left after the goodbye.
    fn receive(
        mut self,
        frame: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Option<State>, Reject> {
        match frame.spec.name {
            "SECX" => {
                let (receipt, plaintext) = self.channel.open(frame)?;
                context.output.claim(Fact::Delivered(file::read_text(plaintext)?));
                self.answer(&receipt, Word::SecTextReceived, context)?;
            }
            "IMGX" => {
                let (receipt, plaintext) = self.channel.open(frame)?;
                match self.read_file(plaintext) {
                    Ok(message) => {
                        context.output.claim(Fact::Delivered(message));
                        self.answer(&receipt, Word::ImxReceived, context)?;
                        if context.setting.profile.has(Weakness::AckNotAuthenticated) {
                            // The published server acknowledges reception, then storage.
                            self.answer(&receipt, Word::ImxReceived, context)?;
                        }
                    }
                    Err(reject) => {
                        context.output.claim(Fact::Rejected(reject));
                        self.answer(&receipt, Word::ImxRejected, context)?;
                    }
                }
            }
            _ => {
                self.channel.open_end(frame)?;
                context.output.log("goodbye received");
                return Ok(None);
            }
        }
        Ok(Some(State::Active(self)))
    }

    /// The file in a record, if its signature is the device's.
    fn read_file(&self, plaintext: &[u8]) -> Result<Message, Reject> {
        let (message, signature) = file::read(plaintext)?;
        let Channel { profile, keys, .. } = &self.channel;
        let name = message.name.as_ref().map_or("", Name::as_str);
        let digest = file::signed(*profile, &keys.session, name, &message.body);
        self.device
            .verify_pss(&digest, &signature)
            .map_err(|_| Reject::new(Check::Signature, "signature"))?;
        Ok(message)
    }

    fn answer(
        &self,
        receipt: &Receipt,
        word: Word,
        context: &mut Context<'_, '_>,
    ) -> Result<(), Reject> {
        let Channel { profile, keys, .. } = &self.channel;
        let answers = Answers::Record(receipt);
        let ack = ack::write(*profile, keys, answers, &self.device, word, context.entropy)?;
        context.output.send(ack);
        Ok(())
    }
}
