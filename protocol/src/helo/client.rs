//! The device: opens, hands over its certificate, transports the pre-master secret, sends one
//! record at a time.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::crypto::Secret;
use crate::crypto::rsa::PublicKey;
use crate::endpoint::{
    Check, Command, Conn, End, Endpoint, Fact, Input, Kind, Message, Name, Output, Reject, Side,
    Tick,
};
use crate::entropy::Entropy;
use crate::helo::ack::{self, Answers, Word};
use crate::helo::file::{self, Content};
use crate::helo::keys::{Ephemeral, Keys, MASTER, NONCE, Transcript, master};
use crate::helo::lab::{Credentials, Identity, Keyring, SERVER};
use crate::helo::premaster;
use crate::helo::record::{Channel, Receipt};
use crate::helo::session::{PATIENCE, Setting, share_digest};
use crate::helo::wire::{self, HELO, IMGX, MAX_RECORD, RSA, SECX};
use crate::inbox::{Inbox, Received};
use crate::session::{Alarm, SessionOutput};
use crate::system::Setup;
use crate::weakness::Weakness;

/// What a peer may send ahead of time where early acknowledgements are not refused, in bytes.
const MAX_EARLY: usize = 64 * RSA;
/// What stands around a message in its record at most, in bytes.
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
    state: State,
}

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectCertAck(ExpectCertAck),
    ExpectHelloAck(ExpectHelloAck),
    ExpectHello(ExpectHello),
    ExpectNonce(ExpectNonce),
    ExpectPremAck(ExpectPremAck),
    Idle(Channel),
    ExpectAck(ExpectAck),
}

#[derive(Clone, Hash, Debug)]
struct ExpectCertAck {
    transcript: Transcript,
}

#[derive(Clone, Hash, Debug)]
struct ExpectHelloAck {
    transcript: Transcript,
    nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
struct ExpectHello {
    transcript: Transcript,
    nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
struct ExpectNonce {
    transcript: Transcript,
    nonce: [u8; NONCE],
    server: Arc<PublicKey>,
}

#[derive(Clone, Hash, Debug)]
struct ExpectPremAck {
    transcript: Transcript,
    keys: Keys,
}

#[derive(Clone, Hash, Debug)]
struct ExpectAck {
    channel: Channel,
    message: Message,
    receipt: Receipt,
    /// How many acknowledgements are still to come.
    left: u8,
}

/// What a state works with besides its own data.
struct Context<'a, 'b> {
    setting: &'a Setting,
    me: &'a Identity,
    entropy: &'a mut Entropy,
    output: &'a mut SessionOutput<'b>,
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
            entropy: Entropy::new(setup.seed, &format!("helo {name}")),
            setting: Setting::new(&setup, own),
            number: setup.number,
            name,
            queue: VecDeque::new(),
            session: None,
            alarm: Alarm::default(),
        }
    }

    /// The keys of the live session, once the handshake is complete: what leaks when a device is
    /// compromised.
    pub fn keys(&self) -> Option<&Keys> {
        match &self.session.as_ref()?.state {
            State::Idle(channel) | State::ExpectAck(ExpectAck { channel, .. }) => {
                Some(&channel.keys)
            }
            _ => None,
        }
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        if let Some(old) = self.session.take() {
            self.output(old.conn, out).end(End::Aborted);
        }
        let certificate = &self.setting.own.me.certificate;
        let hello = wire::tagged(HELO, &[certificate]);
        let mut transcript = Transcript::default();
        transcript.absorb(Side::Client, &hello);
        let mut output = self.output(conn, out);
        output.log("connected, certificate sent");
        output.send(hello);
        let state = State::ExpectCertAck(ExpectCertAck { transcript });
        self.session = Some(Session { conn, inbox: Inbox::default(), heard: now, state });
    }

    /// Go as far as what has arrived and what is queued allow.
    fn drive(&mut self, now: Tick, out: &mut Output) {
        let Some(session) = self.session.take() else { return };
        let setting = self.setting.clone();
        let peer = Name::from(SERVER);
        let mut output = SessionOutput { conn: session.conn, local: &self.name, peer, out };
        let mut context = Context {
            setting: &setting,
            me: &setting.own.me,
            entropy: &mut self.entropy,
            output: &mut output,
        };
        match session.drive(now, &mut self.queue, &mut context) {
            Ok(session) => self.session = session,
            Err(reject) => output.abort(reject),
        }
        if self.session.is_none() {
            // What was queued was meant for this session.
            self.queue.clear();
        }
    }

    fn give_up(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        if self.deadline().is_some_and(|deadline| deadline <= now)
            && let Some(session) = self.session.take()
        {
            self.queue.clear();
            self.output(session.conn, out).abort(Reject::new(Check::Timeout, "peer"));
        }
    }

    /// When to stop waiting. An idle device waits for its application, not for its peer.
    fn deadline(&self) -> Option<Tick> {
        let session = self.session.as_ref()?;
        let waits = !matches!(session.state, State::Idle(_));
        self.setting.deadline(session.heard, PATIENCE).filter(|_| waits)
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
                if self.session.take_if(|session| session.conn == conn).is_some() {
                    self.queue.clear();
                    self.output(conn, out).end(End::Truncated);
                }
            }
            Input::Command(command) => {
                self.queue.push_back(command.clone());
                self.drive(now, out);
            }
            Input::Timeout => self.give_up(now, out),
        }
        let deadline = self.deadline();
        self.alarm.set(deadline.into_iter(), out);
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
        let entropy = Entropy::new(seed, &format!("thief of helo {}", self.name));
        Some(Box::new(Self { entropy, ..self.clone() }))
    }

    /// A server sends no records. What it encrypts are the words of acknowledgements.
    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let session = self.session.as_ref().filter(|session| session.conn == conn)?;
        let State::ExpectAck(ExpectAck { channel, receipt, .. }) = &session.state else {
            return None;
        };
        let (layout, me) = (&self.setting.layout, &self.setting.own.me);
        let ack = wire::next(layout, Side::Server, &["ACK"], &mut Inbox::of(frame)).ok()??;
        let answers = Answers::Record(receipt);
        let mut entropy = self.entropy.clone();
        ack::rewrite(channel.profile, &channel.keys, answers, &ack, me, &mut entropy, edit)
    }
}

impl Session {
    fn is_established(&self) -> bool {
        matches!(self.state, State::Idle(_) | State::ExpectAck(_))
    }

    /// The session as it then stands, or nothing once it has ended.
    fn drive(
        self,
        now: Tick,
        queue: &mut VecDeque<Command>,
        context: &mut Context<'_, '_>,
    ) -> Result<Option<Self>, Reject> {
        let Self { conn, mut inbox, mut heard, mut state } = self;
        loop {
            if let State::Idle(channel) = state {
                match queue.pop_front() {
                    Some(Command::Send(message)) => {
                        heard = now;
                        state = send(channel, message, context)?;
                        continue;
                    }
                    Some(Command::End) => {
                        context.output.send(channel.seal_end());
                        context.output.log("goodbye sent");
                        context.output.end(End::Clean);
                        return Ok(None);
                    }
                    None => {
                        unasked(&inbox, context)?;
                        state = State::Idle(channel);
                        break;
                    }
                }
            }
            let due = state.due();
            let layout = &context.setting.layout;
            let next = |inbox: &mut Inbox| wire::next(layout, Side::Server, &[due], inbox);
            match context.output.read(&mut inbox, next)? {
                Some(frame) => state = state.receive(&frame, context)?,
                None => break,
            }
        }
        Ok(Some(Self { conn, inbox, heard, state }))
    }
}

/// What came while nothing was asked. The published program leaves it in the socket and takes it
/// for the next acknowledgement; the hardened one refuses it.
fn unasked(inbox: &Inbox, context: &mut Context<'_, '_>) -> Result<(), Reject> {
    let (early, setting) = (inbox.waiting().len(), context.setting);
    let refused = check_unasked(early, setting);
    if refused.is_err() {
        inbox.refuse_on(context.output.conn, context.output.out);
    }
    refused
}

fn check_unasked(early: usize, setting: &Setting) -> Result<(), Reject> {
    if !setting.profile.has(Weakness::AckNotAuthenticated) && early > 0 {
        return Err(Reject::new(Check::Phase, "word"));
    }
    if early > MAX_EARLY {
        return Err(Reject::new(Check::Length, "word"));
    }
    Ok(())
}

impl State {
    /// The name of the frame it waits for.
    fn due(&self) -> &'static str {
        match self {
            Self::ExpectCertAck(_) | Self::ExpectHelloAck(_) => "HACK",
            Self::ExpectHello(_) => "HELO",
            Self::ExpectNonce(_) => "SNONCE",
            Self::ExpectPremAck(_) | Self::Idle(_) | Self::ExpectAck(_) => "ACK",
        }
    }

    fn receive(self, frame: &Received, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        match self {
            Self::ExpectCertAck(state) => state.receive(frame, context),
            Self::ExpectHelloAck(state) => state.receive(frame, context),
            Self::ExpectHello(state) => state.receive(frame, context),
            Self::ExpectNonce(state) => state.receive(frame, context),
            Self::ExpectPremAck(state) => state.receive(frame, context),
            Self::ExpectAck(state) => state.receive(frame, context),
            Self::Idle(_) => Err(Reject::new(Check::Phase, "word")),
        }
    }
}

impl ExpectCertAck {
    fn receive(self, ack: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let mut transcript = self.transcript;
        transcript.absorb(Side::Server, &ack.bytes);
        ack::read_bare(context.setting.profile, ack, &context.me.key, Word::CertReceived)?;
        let nonce: [u8; NONCE] = context.entropy.bytes();
        transcript.absorb(Side::Client, &nonce);
        context.output.send(nonce.to_vec());
        context.output.log("nonce sent");
        Ok(State::ExpectHelloAck(ExpectHelloAck { transcript, nonce }))
    }
}

impl ExpectHelloAck {
    fn receive(self, ack: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, nonce } = self;
        transcript.absorb(Side::Server, &ack.bytes);
        ack::read_bare(context.setting.profile, ack, &context.me.key, Word::HelloReceived)?;
        Ok(State::ExpectHello(ExpectHello { transcript, nonce }))
    }
}

impl ExpectHello {
    fn receive(self, hello: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, nonce } = self;
        transcript.absorb(Side::Server, &hello.bytes);
        let (_, server) = context.setting.believe(Side::Server, hello.field("certificate"))?;
        context.output.log("server certificate verified");
        let ack = ack::write_bare(&server, Word::CertReceived, context.entropy)?;
        transcript.absorb(Side::Client, &ack);
        context.output.send(ack);
        Ok(State::ExpectNonce(ExpectNonce { transcript, nonce, server }))
    }
}

impl ExpectNonce {
    fn receive(self, received: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { mut transcript, nonce, server } = self;
        let profile = context.setting.profile;
        let server_nonce = received.array("nonce")?;
        let mut share = None;
        let mut agreed = None;
        if !profile.has(Weakness::StaticRsaTransport) {
            let theirs = received.array("share")?;
            let digest = share_digest(&transcript, &server_nonce, &theirs);
            server
                .verify_pss(&digest, received.field("signature"))
                .map_err(|_| Reject::new(Check::Signature, "signature"))?;
            let ours = Ephemeral::generate(context.entropy);
            share = Some(ours.share());
            agreed = Some(ours.agree(theirs).ok_or(Reject::new(Check::Content, "share"))?);
        }
        transcript.absorb(Side::Server, &received.bytes);

        let ack = ack::write_bare(&server, Word::NonceReceived, context.entropy)?;
        transcript.absorb(Side::Client, &ack);
        context.output.send(ack);

        let premaster = Secret(context.entropy.bytes());
        let possesses = !profile.has(Weakness::NoProofOfPossession);
        let master = master(&premaster.0, agreed.as_ref());
        let keys = Keys::derive(&master.0, &nonce, &server_nonce);
        let me = possesses.then_some(context.me);
        let prem = premaster::write(&server, &premaster, share, &transcript, me, context.entropy)?;
        transcript.absorb(Side::Client, &prem);
        context.output.secret(MASTER, &master.0);
        context.output.claim(Fact::Running(keys.fingerprint()));
        context.output.send(prem);
        context.output.log("pre-master secret sent, keys derived");
        Ok(State::ExpectPremAck(ExpectPremAck { transcript, keys }))
    }
}

impl ExpectPremAck {
    fn receive(self, ack: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { transcript, keys } = self;
        let profile = context.setting.profile;
        let answers = Answers::Handshake(&transcript);
        ack::read(profile, &keys, answers, ack, &context.me.key, &[Word::PremReceived])?;
        context.output.claim(Fact::Established(keys.fingerprint()));
        context.output.log("handshake complete");
        Ok(State::Idle(Channel::new(profile, keys)))
    }
}

/// Whether a record has room for this message, whatever its name and content are.
fn fits(message: &Message) -> bool {
    file::most(message) <= MAX_RECORD - OVERHEAD
}

/// Send one message; what cannot be sent is refused here and the session goes on.
fn send(
    mut channel: Channel,
    message: Message,
    context: &mut Context<'_, '_>,
) -> Result<State, Reject> {
    let profile = context.setting.profile;
    let (frame, receipt, left) = match message.kind {
        _ if !fits(&message) => {
            context.output.claim(Fact::Rejected(Reject::new(Check::Length, "message")));
            return Ok(State::Idle(channel));
        }
        Kind::Text => {
            let write = |frame: &mut Vec<u8>| frame.extend_from_slice(&message.body);
            let (frame, receipt) =
                channel.seal(SECX, message.body.len(), context.entropy, write)?;
            (frame, receipt, 1)
        }
        Kind::Image | Kind::Video => {
            let name = message.name.as_ref().map_or("", Name::as_str);
            let digest = file::signed(profile, &channel.keys.session, name, &message.body);
            let signature = context
                .me
                .key
                .sign_pss(context.entropy, &digest)
                .map_err(|_| Reject::new(Check::Signature, "key"))?;
            let json = Content::new(name, &message.body, &signature);
            let write = |frame: &mut Vec<u8>| json.write(frame);
            let (frame, receipt) = channel.seal(IMGX, json.len(), context.entropy, write)?;
            // The published server acknowledges a file twice.
            (frame, receipt, if profile.has(Weakness::AckNotAuthenticated) { 2 } else { 1 })
        }
        Kind::Numbers | Kind::Aggregate => {
            context.output.claim(Fact::Rejected(Reject::new(Check::Content, "message")));
            return Ok(State::Idle(channel));
        }
    };
    context.output.send(frame);
    context.output.claim(Fact::Sent(message.clone()));
    Ok(State::ExpectAck(ExpectAck { channel, message, receipt, left }))
}

impl ExpectAck {
    fn receive(self, ack: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let Self { channel, message, receipt, left } = self;
        let words: &[Word] = match message.kind {
            Kind::Text => &[Word::SecTextReceived],
            _ => &[Word::ImxReceived, Word::ImxRejected],
        };
        let answers = Answers::Record(&receipt);
        let profile = context.setting.profile;
        match ack::read(profile, &channel.keys, answers, ack, &context.me.key, words)? {
            Word::ImxRejected => {
                let reject = Reject::new(Check::Acknowledgement, "word");
                context.output.claim(Fact::Rejected(reject));
                Ok(State::Idle(channel))
            }
            _ if left > 1 => {
                Ok(State::ExpectAck(Self { channel, message, receipt, left: left - 1 }))
            }
            _ => {
                context.output.claim(Fact::Acknowledged(message));
                Ok(State::Idle(channel))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn the_largest_message_fits_and_a_larger_one_does_not() {
        // Four characters stand for three bytes.
        let largest = (MAX_RECORD - OVERHEAD) / 4 * 3;
        let message = |len| Message::file("a.png", Bytes::from(vec![0; len]));
        let of = |len| Message { name: None, ..message(len) };
        assert!(fits(&of(largest)));
        assert!(!fits(&of(largest + 1)));
        assert!(!fits(&message(largest)), "its name takes room");
    }
}
