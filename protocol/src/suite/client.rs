//! The client: a user logs in and sends text and files. As built it checks the password itself and sends into
//! the dark; where there is a handshake it logs in at the server and waits for a receipt for each message.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::crypto::Secret;
use crate::crypto::ecdh::{Ephemeral, SHARE};
use crate::crypto::rsa::PublicKey;
use crate::endpoint::{
    Check, Command, Conn, End, Endpoint, Fact, Input, Kind, Message, Name, Output, Reject, Side,
    Tick,
};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::keyfiles::Account;
use crate::pki::x509::Certificate;
use crate::session::{Alarm, SessionOutput};
use crate::suite::content;
use crate::suite::keys::{HANDSHAKE, Keys, MESSAGES, Transcript, one_way_fingerprint};
use crate::suite::lab::{Keyring, SERVER};
use crate::suite::one_way;
use crate::suite::record::{Channel, Content, Receipt, WELCOME};
use crate::suite::session::{PATIENCE, PAUSE, Setting, refusal};
use crate::suite::wire::{self, NONCE, Parts, Writer};
use crate::system::Setup;
use crate::weakness::Weakness;

/// A user's client.
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
    OneWay(OneWay),
    ExpectCert(ExpectCert),
    ExpectWelcome(ExpectWelcome),
    Idle(Channel),
    ExpectReceipt(ExpectReceipt),
}

/// The published conversation: one key for all frames.
#[derive(Clone, Hash, Debug)]
struct OneWay {
    server: PublicKey,
    key: Secret<16>,
    /// Whether a frame went out.
    running: bool,
}

#[derive(Clone, Hash, Debug)]
struct ExpectCert {
    transcript: Transcript,
    ours: Option<Ephemeral>,
}

#[derive(Clone, Hash, Debug)]
struct ExpectWelcome {
    channel: Channel,
}

#[derive(Clone, Hash, Debug)]
struct ExpectReceipt {
    channel: Channel,
    message: Message,
    receipt: Receipt,
}

/// What a state works with besides its own data.
struct Context<'a, 'b> {
    now: Tick,
    setting: &'a Setting,
    me: &'a Account,
    entropy: &'a mut Entropy,
    output: &'a mut SessionOutput<'b>,
    quiet: Option<Tick>,
}

/// What came of a step: a state to go on with, or the server's word that there is no session.
enum Next {
    State(Box<State>),
    Denied,
}

impl From<State> for Next {
    fn from(state: State) -> Self {
        Self::State(Box::new(state))
    }
}

impl Client {
    /// A user of the lab.
    pub fn new(setup: Setup) -> Self {
        Self::with_keys(setup, Keyring::lab())
    }

    /// A user with its own keyring: what is public of the server, a name and a password. What is missing is
    /// refused when the connection opens; [`Keyring::suffices`] says so before.
    pub fn with_keys(setup: Setup, keyring: Arc<Keyring>) -> Self {
        let name = keyring.account(setup.number).map_or("nobody", |account| &account.name);
        Self {
            entropy: Entropy::new(setup.seed, &format!("suite user {}", setup.number)),
            name: Name::from(name),
            setting: Setting::new(setup, keyring.clone()),
            number: setup.number,
            queue: VecDeque::new(),
            session: None,
            alarm: Alarm::default(),
        }
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        if let Some(old) = self.session.take() {
            self.output(old.conn, out).end(End::Aborted);
        }
        let setting = self.setting.clone();
        let peer = Name::from(SERVER);
        let mut output = SessionOutput { conn, local: &self.name, peer, out };
        let opened = setting
            .keyring
            .account(self.number)
            .ok_or(Reject::new(Check::Identity, "username"))
            .and_then(|me| {
                let entropy = &mut self.entropy;
                let output = &mut output;
                open(&mut Context { now, setting: &setting, me, entropy, output, quiet: None })
            });
        match opened {
            Ok(state) => {
                let inbox = Inbox::default();
                self.session = Some(Session { conn, inbox, heard: now, quiet: None, state });
                self.drive(now, out);
            }
            Err(reject) => {
                output.abort(reject);
                self.queue.clear();
            }
        }
    }

    /// Go as far as what has arrived and what is queued allow.
    fn drive(&mut self, now: Tick, out: &mut Output) {
        let setting = self.setting.clone();
        let Some(me) = setting.keyring.account(self.number) else { return };
        let Some(session) = self.session.take() else { return };
        let peer = Name::from(SERVER);
        let mut output = SessionOutput { conn: session.conn, local: &self.name, peer, out };
        let mut context = Context {
            now,
            setting: &setting,
            me,
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

    /// When to stop waiting. An idle client waits for its user, not for its peer.
    fn deadline(&self) -> Option<Tick> {
        let session = self.session.as_ref()?;
        let waits = !matches!(session.state, State::Idle(_) | State::OneWay(_));
        self.setting.deadline(session.heard, PATIENCE).filter(|_| waits)
    }

    /// Whether nothing was left to say but goodbye, where that is said by closing: it does not matter then which
    /// end closes first. The first published server closes after one message.
    fn is_over(&self, session: &Session) -> bool {
        let said = match &session.state {
            State::Idle(_) => self.queue.front() == Some(&Command::End),
            State::OneWay(state) => {
                state.running && matches!(self.queue.front(), None | Some(&Command::End))
            }
            _ => false,
        };
        said && self.setting.profile.has(Weakness::EndNotAuthenticated)
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
                    // The published client never reads.
                    if !matches!(session.state, State::OneWay(_)) {
                        session.inbox.push(bytes);
                    }
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
        let entropy = Entropy::new(seed, &format!("thief of suite user {}", self.number));
        Some(Box::new(Self { entropy, ..self.clone() }))
    }
}

/// Log in where the client does that, and say hello where there is somebody to answer.
fn open(context: &mut Context<'_, '_>) -> Result<State, Reject> {
    let (profile, keyring) = (context.setting.profile, &context.setting.keyring);
    context.setting.check_name(&context.me.name)?;
    // A client that has no password file has nothing to ask, and nothing stops it.
    if profile.has(Weakness::ClientSideLogin) && keyring.users(profile).is_some() {
        context.setting.log_in(&context.me.name, context.me.password().as_bytes())?;
        context.output.log("user authenticated by the client");
    }
    if wire::one_way(profile) {
        return open_one_way(context).map(State::OneWay);
    }
    let nonce: [u8; NONCE] = context.entropy.bytes();
    let agrees = !profile.has(Weakness::StaticRsaTransport);
    let ours = agrees.then(|| Ephemeral::generate(context.entropy));
    let share = ours.as_ref().map_or(&[][..], |ours| ours.share());
    let mut transcript = Transcript::default();
    transcript.absorb(Side::Client, &[&nonce, share]);
    let mut hello = Writer::new(profile, b'H', 128);
    hello.put(&nonce);
    if agrees {
        hello.put(share);
    }
    context.output.send(hello.finish());
    context.output.log("connected, hello sent");
    Ok(State::ExpectCert(ExpectCert { transcript, ours }))
}

/// Look at the certificate that lies about, then encrypt for the key that lies beside it, as the published
/// program does: nothing says that they belong together.
fn open_one_way(context: &mut Context<'_, '_>) -> Result<OneWay, Reject> {
    let keyring = &context.setting.keyring;
    let mut certified = None;
    if let (Some(certificate), Some(_)) =
        (&keyring.server_certificate, &keyring.authority_certificate)
    {
        certified = Some(context.setting.believe(context.now, certificate)?);
        context.output.log("server certificate validated");
    }
    let server = keyring.server_public.clone().or(certified);
    let server = server.ok_or(Reject::new(Check::Identity, "server_public"))?;
    Ok(OneWay { server, key: Secret(context.entropy.bytes()), running: false })
}

impl Session {
    fn is_established(&self) -> bool {
        matches!(self.state, State::Idle(_) | State::ExpectReceipt(_))
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
            if matches!(state, State::Idle(_) | State::OneWay(_)) {
                if !inbox.waiting().is_empty() {
                    inbox.refuse_on(context.output.conn, context.output.out);
                    return Err(Reject::new(Check::Phase, "receipt"));
                }
                let command = if context.quiet.is_none() { queue.pop_front() } else { None };
                match command {
                    Some(Command::Send(message)) => {
                        heard = context.now;
                        state = state.send(message, context)?;
                        continue;
                    }
                    Some(Command::End) => {
                        state.say_goodbye(context);
                        context.output.log("done, closing");
                        context.output.end(End::Clean);
                        return Ok(None);
                    }
                    None => break,
                }
            }
            let (layout, due) = (&context.setting.layout, state.due());
            match context
                .output
                .read(&mut inbox, |inbox| wire::next(layout, profile, due, inbox))?
            {
                Some(frame) => match state.receive(&frame, context)? {
                    Next::State(next) => state = *next,
                    Next::Denied => {
                        context.output.log("login denied");
                        context.output.end(End::AbortedByPeer);
                        return Ok(None);
                    }
                },
                None => break,
            }
        }
        Ok(Some(Self { conn, inbox, heard, quiet: context.quiet, state }))
    }
}

impl State {
    /// The names of the frames it waits for.
    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::OneWay(_) | Self::Idle(_) => &[],
            Self::ExpectCert(_) => &["CERT"],
            Self::ExpectWelcome(_) => &["WELCOME"],
            Self::ExpectReceipt(_) => &["ACK"],
        }
    }

    fn receive(self, frame: &Parts, context: &mut Context<'_, '_>) -> Result<Next, Reject> {
        match self {
            Self::ExpectCert(state) => state.receive(frame, context).map(Next::from),
            Self::ExpectWelcome(state) => state.receive(frame, context),
            Self::ExpectReceipt(state) => state.receive(frame, context).map(Next::from),
            Self::Idle(_) | Self::OneWay(_) => Err(Reject::new(Check::Phase, "type")),
        }
    }

    /// Send one message; what cannot be sent is refused here and the session goes on.
    fn send(self, message: Message, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        if let Err(reject) = content::can_carry(context.setting.profile, &message) {
            context.output.claim(Fact::Rejected(reject));
            return Ok(self);
        }
        match self {
            Self::OneWay(state) => state.send(message, context).map(Self::OneWay),
            Self::Idle(channel) => send(channel, message, context).map(Self::ExpectReceipt),
            other => Ok(other),
        }
    }

    fn say_goodbye(&self, context: &mut Context<'_, '_>) {
        if let Self::Idle(channel) = self
            && !channel.profile.has(Weakness::EndNotAuthenticated)
        {
            context.output.send(channel.seal_end());
        }
    }
}

/// Send a record.
fn send(
    mut channel: Channel,
    message: Message,
    context: &mut Context<'_, '_>,
) -> Result<ExpectReceipt, Reject> {
    let carried = if message.kind == Kind::Text { Content::Text } else { Content::File };
    let write = |frame: &mut Vec<u8>| content::write(&message, frame);
    let len = content::len(&message);
    let (frame, receipt) = channel.seal(carried, None, len, context.entropy, write)?;
    context.output.send(frame);
    context.output.claim(Fact::Sent(message.clone()));
    Ok(ExpectReceipt { channel, message, receipt })
}

impl OneWay {
    fn send(mut self, message: Message, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        let (user, entropy) = (&context.me.name, &mut *context.entropy);
        let frame = if message.kind == Kind::Text {
            one_way::seal(&self.server, &self.key, user, &message.body, entropy)
        } else {
            let text = content::file_as_text(&message);
            one_way::seal(&self.server, &self.key, user, text.as_bytes(), entropy)
        };
        let frame = frame.map_err(|_| Reject::new(Check::Length, "username"))?;
        if !self.running {
            self.running = true;
            context.output.secret(MESSAGES, &self.key.0);
            context.output.claim(Fact::Running(one_way_fingerprint(&self.key.0, user)));
        }
        context.output.send(frame);
        context.output.claim(Fact::Sent(message));
        context.quiet = Some(context.now.after(PAUSE));
        Ok(self)
    }
}

impl ExpectCert {
    fn receive(self, cert: &Parts, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, ours } = self;
        let profile = context.setting.profile;
        let der = cert.field("certificate");
        let certificate = Certificate::from_der(der).map_err(refusal)?;
        let server = context.setting.believe(context.now, &certificate)?;
        context.output.log("server certificate validated");
        let theirs = cert.field("share");
        transcript.absorb(Side::Server, &[der, cert.field("nonce"), theirs]);
        server
            .verify_pss(&transcript.signed(), cert.field("signature"))
            .map_err(|_| Reject::new(Check::Signature, "signature"))?;

        let (secret, key) = if let Some(ours) = ours {
            let agreed = ours.agree(&cert.array::<SHARE>("share")?);
            (agreed.map_err(|_| Reject::new(Check::Content, "share"))?, None)
        } else {
            let secret: Secret<32> = Secret(context.entropy.bytes());
            let sealed = server.encrypt_oaep(context.entropy, &secret.0);
            (secret, Some(sealed.map_err(|_| Reject::new(Check::Certificate, "key"))?))
        };
        let mut channel = Channel::new(profile, Keys::derive(&secret.0, &transcript));
        let login = content::write_login(profile, context.me)?;
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(&login);
        let (frame, _) =
            channel.seal(Content::Login, key.as_deref(), login.len(), context.entropy, write)?;
        context.output.secret(HANDSHAKE, &secret.0);
        context.output.claim(Fact::Running(channel.keys.fingerprint()));
        context.output.send(frame);
        context.output.log("login sent");
        Ok(State::ExpectWelcome(ExpectWelcome { channel }))
    }
}

impl ExpectWelcome {
    fn receive(self, welcome: &Parts, context: &mut Context<'_, '_>) -> Result<Next, Reject> {
        if self.channel.open_welcome(welcome)? != WELCOME {
            return Ok(Next::Denied);
        }
        context.output.claim(Fact::Established(self.channel.keys.fingerprint()));
        context.output.log("user authenticated by the server");
        Ok(Next::from(State::Idle(self.channel)))
    }
}

impl ExpectReceipt {
    fn receive(self, frame: &Parts, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { channel, message, receipt } = self;
        channel.open_receipt(frame, &receipt)?;
        context.output.claim(Fact::Acknowledged(message));
        Ok(State::Idle(channel))
    }
}
