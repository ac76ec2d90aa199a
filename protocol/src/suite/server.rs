//! The server: proves who it is, logs users in and takes what they send. As built it does none of the first
//! two: whoever a frame says it is from is believed.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::crypto::Secret;
use crate::crypto::ecdh::{Ephemeral, SHARE};
use crate::crypto::rsa::PrivateKey;
use crate::endpoint::{
    Check, Conn, End, Endpoint, Fact, Fingerprint, Input, Name, Output, Reject, Side, Tick,
};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::session::{Alarm, SessionOutput};
use crate::suite::content;
use crate::suite::keys::{HANDSHAKE, Keys, MESSAGES, Transcript, one_way_fingerprint};
use crate::suite::lab::{Keyring, SERVER};
use crate::suite::one_way;
use crate::suite::record::{Channel, Content, DENIED, WELCOME};
use crate::suite::session::{IDLE_PATIENCE, PATIENCE, Setting};
use crate::suite::wire::{self, NONCE, Parts, Writer};
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// Whom a connection is believed to come from before anybody has logged in.
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
    OneWay(OneWay),
    ExpectHello,
    ExpectLogin(ExpectLogin),
    Active(Channel),
}

/// The published conversation: what the frames so far have said.
#[derive(Clone, Hash, Debug, Default)]
struct OneWay {
    /// The key and name of the last frame.
    sender: Option<Fingerprint>,
    /// Whether a message has been shown.
    shown: bool,
}

#[derive(Clone, Hash, Debug)]
struct ExpectLogin {
    transcript: Transcript,
    /// The agreed secret, unless the client is to send one.
    agreed: Option<Secret<32>>,
}

/// What a state works with besides its own data.
struct Context<'a, 'b> {
    setting: &'a Setting,
    entropy: &'a mut Entropy,
    output: &'a mut SessionOutput<'b>,
}

impl Server {
    /// The server of the lab.
    pub fn new(setup: Setup) -> Self {
        Self::with_keys(setup, Keyring::lab())
    }

    /// A server with its own keyring: its private key and certificate, and a password file. What is missing is
    /// refused when it is needed; [`Keyring::suffices`] says so before.
    pub fn with_keys(setup: Setup, keyring: Arc<Keyring>) -> Self {
        Self {
            entropy: Entropy::new(setup.seed, "suite server"),
            name: Name::from(SERVER),
            setting: Setting::new(setup, keyring),
            sessions: BTreeMap::new(),
            alarm: Alarm::default(),
        }
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        let peer = Name::from(NOBODY);
        let mut output = SessionOutput { conn, local: &self.name, peer: peer.clone(), out };
        output.log("connection accepted");
        let state = if wire::one_way(self.setting.profile) {
            State::OneWay(OneWay::default())
        } else {
            State::ExpectHello
        };
        self.sessions.insert(conn, Session { peer, inbox: Inbox::default(), heard: now, state });
    }

    /// Go as far as what has arrived on `conn` allows.
    fn drive(&mut self, conn: Conn, out: &mut Output) {
        let Some(session) = self.sessions.remove(&conn) else { return };
        let peer = session.peer.clone();
        let mut output = SessionOutput { conn, local: &self.name, peer, out };
        let mut context =
            Context { setting: &self.setting, entropy: &mut self.entropy, output: &mut output };
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
                    self.drive(conn, out);
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
        Some(Box::new(Self {
            entropy: Entropy::new(seed, "thief of suite server"),
            ..self.clone()
        }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let (layout, profile) = (&self.setting.layout, self.setting.profile);
        let state = &self.sessions.get(&conn)?.state;
        let parts = wire::next(layout, profile, state.due(), &mut Inbox::of(frame)).ok()??;
        let server = self.setting.keyring.server.as_ref();
        match (state, parts.name()) {
            (State::OneWay(_), _) => {
                let sender = one_way::open_sender(server?, &parts).ok()?;
                one_way::rewrite(&sender.key, parts, edit)
            }
            (State::ExpectLogin(state), _) => {
                let channel = state.channel(profile, &state.secret(&parts, server).ok()?);
                channel.rewrite(Content::Login, parts, edit)
            }
            (State::Active(channel), "MSG") => channel.rewrite(Content::Text, parts, edit),
            (State::Active(channel), "FILE") => channel.rewrite(Content::File, parts, edit),
            _ => None,
        }
    }
}

impl Session {
    fn is_established(&self) -> bool {
        matches!(self.state, State::Active(_))
    }

    /// When to stop waiting for the client. A user who has logged in may take its time.
    fn deadline(&self, setting: &Setting) -> Option<Tick> {
        let patience = if self.is_established() { IDLE_PATIENCE } else { PATIENCE };
        setting.deadline(self.heard, patience)
    }

    /// How a session ends whose connection closed. The published client just closes when it is done.
    fn closed(&self, setting: &Setting) -> End {
        let silent = setting.profile.has(Weakness::EndNotAuthenticated);
        let done = matches!(self.state, State::Active(_) | State::OneWay(_));
        if silent && done && self.inbox.waiting().is_empty() { End::Clean } else { End::Truncated }
    }

    /// The session as it then stands, or nothing once the client has said goodbye.
    fn drive(self, context: &mut Context<'_, '_>) -> Result<Option<Self>, Reject> {
        let Self { mut inbox, heard, mut state, .. } = self;
        let (layout, profile) = (&context.setting.layout, context.setting.profile);
        loop {
            let due = state.due();
            let next = |inbox: &mut Inbox| wire::next(layout, profile, due, inbox);
            let Some(mut frame) = context.output.read(&mut inbox, next)? else { break };
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
            Self::OneWay(_) => &["MSG"],
            Self::ExpectHello => &["HELLO"],
            Self::ExpectLogin(_) => &["LOGIN"],
            Self::Active(_) => &["MSG", "FILE", "END"],
        }
    }

    fn receive(
        self,
        frame: &mut Parts,
        context: &mut Context<'_, '_>,
    ) -> Result<Option<Self>, Reject> {
        match self {
            Self::OneWay(state) => state.receive(frame, context).map(Some),
            Self::ExpectHello => receive_hello(frame, context).map(Some),
            Self::ExpectLogin(state) => state.receive(frame, context).map(Some),
            Self::Active(channel) => receive_record(channel, frame, context),
        }
    }
}

impl OneWay {
    fn receive(
        mut self,
        frame: &mut Parts,
        context: &mut Context<'_, '_>,
    ) -> Result<State, Reject> {
        let profile = context.setting.profile;
        let key = context.setting.keyring.server.as_ref();
        let key = key.ok_or(Reject::new(Check::Identity, "server_private"))?;
        let sender = one_way::open_sender(key, frame)?;
        context.setting.check_name(&sender.user)?;
        let fingerprint = one_way_fingerprint(&sender.key.0, &sender.user);
        if self.sender != Some(fingerprint) {
            self.sender = Some(fingerprint);
            context.output.peer = Name::from(sender.user.as_str());
            context.output.secret(MESSAGES, &sender.key.0);
            context.output.claim(Fact::Running(fingerprint));
            context.output.claim(Fact::Established(fingerprint));
            context.output.log("user believed");
        }
        let goes_on = profile.has(Weakness::GoesOnAfterFailure);
        match one_way::open_message(&sender.key, frame) {
            Ok(opened) => {
                if !opened.intact && !goes_on {
                    return Err(Reject::new(Check::Mac, wire::INTEGRITY));
                }
                self.shown = true;
                context.output.claim(Fact::Delivered(opened.message));
                note(opened.intact, context);
            }
            // The published server compares the hash of the last message it has shown, and goes on; without
            // any, it falls over that and closes.
            Err(reject) if goes_on && self.shown => context.output.claim(Fact::Rejected(reject)),
            Err(reject) => return Err(reject),
        }
        Ok(State::OneWay(self))
    }
}

/// What the server prints about a message it has already shown.
fn note(intact: bool, context: &mut Context<'_, '_>) {
    let line = if intact { "message integrity: intact" } else { "message integrity: compromised" };
    context.output.log(line);
}

/// Show the certificate, and sign with its key what both have said.
fn receive_hello(hello: &Parts, context: &mut Context<'_, '_>) -> Result<State, Reject> {
    let (profile, keyring) = (context.setting.profile, &context.setting.keyring);
    let key = keyring.server.as_ref().ok_or(Reject::new(Check::Identity, "server_private"))?;
    let certificate = keyring.server_certificate.as_ref();
    let certificate = certificate.map(|certificate| certificate.der().to_vec());
    let certificate = certificate.ok_or(Reject::new(Check::Identity, "server_cert"))?;

    let theirs = hello.field("share");
    let mut transcript = Transcript::default();
    transcript.absorb(Side::Client, &[hello.field("nonce"), theirs]);
    let nonce: [u8; NONCE] = context.entropy.bytes();
    let ephemeral = !profile.has(Weakness::StaticRsaTransport);
    let ours = ephemeral.then(|| Ephemeral::generate(context.entropy));
    let share = ours.as_ref().map_or(&[][..], |ours| ours.share());
    let agreed = match &ours {
        Some(ours) => {
            let theirs = hello.array::<SHARE>("share")?;
            Some(ours.agree(&theirs).map_err(|_| Reject::new(Check::Content, "share"))?)
        }
        None => None,
    };
    transcript.absorb(Side::Server, &[&certificate, &nonce, share]);
    let signature = key.sign_pss(context.entropy, &transcript.signed());
    let signature = signature.map_err(|_| Reject::new(Check::Signature, "key"))?;

    let mut cert = Writer::new(profile, b'C', 2048);
    cert.put(&certificate);
    cert.put(&nonce);
    if ephemeral {
        cert.put(share);
    }
    cert.put(&signature);
    context.output.send(cert.finish());
    context.output.log("certificate sent");
    Ok(State::ExpectLogin(ExpectLogin { transcript, agreed }))
}

impl ExpectLogin {
    /// What the keys of the record layer that begins with this login are derived from.
    fn secret(&self, login: &Parts, server: Option<&PrivateKey>) -> Result<Secret<32>, Reject> {
        match &self.agreed {
            Some(agreed) => Ok(agreed.clone()),
            None => transported(login, server),
        }
    }

    fn channel(&self, profile: Profile, secret: &Secret<32>) -> Channel {
        Channel::new(profile, Keys::derive(&secret.0, &self.transcript))
    }

    fn receive(self, login: &mut Parts, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let server = context.setting.keyring.server.as_ref();
        let secret = self.secret(login, server)?;
        context.output.secret(HANDSHAKE, &secret.0);
        let mut channel = self.channel(context.setting.profile, &secret);
        let opened = channel.open(Content::Login, login)?;
        let (name, password) = content::read_login(opened.plaintext)?;
        if let Err(reject) = check_login(name, password, context.setting) {
            // Said under the keys, so that nobody else can say it; and not which of the two was wrong.
            context.output.send(channel.seal_welcome(DENIED));
            return Err(reject);
        }
        let fingerprint = channel.keys.fingerprint();
        context.output.peer = Name::from(name);
        context.output.claim(Fact::Running(fingerprint));
        context.output.claim(Fact::Established(fingerprint));
        context.output.log("user authenticated");
        context.output.send(channel.seal_welcome(WELCOME));
        Ok(State::Active(channel))
    }
}

/// The secret a client has encrypted for the server's long-term key: whoever gets that key has them all.
pub(super) fn transported(
    login: &Parts,
    server: Option<&PrivateKey>,
) -> Result<Secret<32>, Reject> {
    let bad = Reject::new(Check::Decryption, "key");
    let secret = server.ok_or(bad)?.decrypt_oaep(login.field("key")).map_err(|_| bad)?;
    Ok(Secret(secret.try_into().map_err(|_| bad)?))
}

fn check_login(name: &str, password: &[u8], setting: &Setting) -> Result<(), Reject> {
    setting.check_name(name)?;
    if setting.profile.has(Weakness::ClientSideLogin) {
        return Ok(());
    }
    setting.log_in(name, password)
}

/// A record or the goodbye; nothing is left after the goodbye.
fn receive_record(
    mut channel: Channel,
    frame: &mut Parts,
    context: &mut Context<'_, '_>,
) -> Result<Option<State>, Reject> {
    let carried = match frame.name() {
        "MSG" => Content::Text,
        "FILE" => Content::File,
        _ => {
            channel.open_end(frame)?;
            context.output.log("goodbye received");
            return Ok(None);
        }
    };
    let mut take = || {
        let opened = channel.open(carried, frame)?;
        let message = match carried {
            Content::Text => content::read_text(opened.plaintext),
            _ => content::read_file(opened.plaintext),
        };
        Ok((message?, opened.receipt, opened.intact))
    };
    match take() {
        Ok((message, receipt, intact)) => {
            context.output.claim(Fact::Delivered(message));
            if !intact {
                note(intact, context);
            }
            context.output.send(channel.seal_receipt(&receipt));
        }
        Err(reject) if context.setting.profile.has(Weakness::GoesOnAfterFailure) => {
            context.output.claim(Fact::Rejected(reject));
        }
        Err(reject) => return Err(reject),
    }
    Ok(Some(State::Active(channel)))
}
