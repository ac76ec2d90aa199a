//! The device: opens, hands over its certificate, transports the pre-master secret, sends one
//! record at a time.

use std::sync::Arc;

use crate::compromise::Edit;
use crate::crypto::Secret;
use crate::crypto::rsa::PublicKey;
use crate::crypto::x25519::Ephemeral;
use crate::endpoint::{Check, Fact, Kind, Message, Name, Reject, Side};
use crate::entropy::Entropy;
use crate::helo::ack::{self, Answers, Word};
use crate::helo::file::{self, Content};
use crate::helo::keys::{Keys, MASTER, NONCE, Transcript, master};
use crate::helo::lab::{Credentials, Keyring, SERVER};
use crate::helo::premaster;
use crate::helo::record::{Channel, Receipt};
use crate::helo::session::{Setting, share_digest};
use crate::helo::wire::{self, HELO, IMGX, MAX_RECORD, RSA, SECX};
use crate::inbox::{Inbox, Received};
use crate::peer::{self, Next, Peer, Session, Waits};
use crate::system::Setup;
use crate::weakness::Weakness;

/// What a peer may send ahead of time where early acknowledgements are not refused, in bytes.
const MAX_EARLY: usize = 64 * RSA;
/// What stands around a message in its record at most, in bytes.
const OVERHEAD: usize = 4096;

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
pub(super) enum State {
    ExpectCertAck(ExpectCertAck),
    ExpectHelloAck(ExpectHelloAck),
    ExpectHello(ExpectHello),
    ExpectNonce(ExpectNonce),
    ExpectPremAck(ExpectPremAck),
    Idle(Channel),
    ExpectAck(ExpectAck),
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectCertAck {
    transcript: Transcript,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectHelloAck {
    transcript: Transcript,
    nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectHello {
    transcript: Transcript,
    nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectNonce {
    transcript: Transcript,
    nonce: [u8; NONCE],
    server: Arc<PublicKey>,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectPremAck {
    transcript: Transcript,
    keys: Keys,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectAck {
    channel: Channel,
    message: Message,
    receipt: Receipt,
    /// How many acknowledgements are still to come.
    left: u8,
}

/// What a state works with besides its own data.
type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// A device.
pub(super) type Client = Peer<State>;

impl Client {
    /// A device of the lab.
    pub(super) fn new(setup: Setup) -> Self {
        Self::with_credentials(setup, Keyring::lab().device_credentials(setup.number))
    }

    /// A device that holds these.
    pub(super) fn with_credentials(setup: Setup, own: Credentials) -> Self {
        let name = own.me.name.clone();
        let label = format!("helo {name}");
        Self::host(&setup, name, label, Setting::new(&setup, own))
    }
}

impl Session for State {
    type Setting = Setting;
    type Frame = Received;

    const SIDE: Side = Side::Client;
    const PEER: &'static str = SERVER;

    fn begin(context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        let hello = wire::tagged(HELO, &[&context.setting.own.me.certificate]);
        let mut transcript = Transcript::default();
        transcript.absorb(Side::Client, &hello);
        context.output.log("connected, certificate sent");
        context.output.send(hello);
        Ok(Self::ExpectCertAck(ExpectCertAck { transcript }))
    }

    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::ExpectCertAck(_) | Self::ExpectHelloAck(_) => &["HACK"],
            Self::ExpectHello(_) => &["HELO"],
            Self::ExpectNonce(_) => &["SNONCE"],
            Self::ExpectPremAck(_) | Self::Idle(_) | Self::ExpectAck(_) => &["ACK"],
        }
    }

    fn next(
        setting: &Setting,
        due: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Received>, Reject> {
        inbox.next_due(&setting.layout, Side::Server, due)
    }

    fn receive(
        self,
        frame: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Next<Self>, Reject> {
        match self {
            Self::ExpectCertAck(state) => state.receive(frame, context),
            Self::ExpectHelloAck(state) => state.receive(frame, context),
            Self::ExpectHello(state) => state.receive(frame, context),
            Self::ExpectNonce(state) => state.receive(frame, context),
            Self::ExpectPremAck(state) => state.receive(frame, context),
            Self::ExpectAck(state) => state.receive(frame, context),
            Self::Idle(_) => Err(Reject::new(Check::Phase, "word")),
        }
        .map(Next::State)
    }

    fn waits(&self) -> Waits {
        if matches!(self, Self::Idle(_)) { Waits::Command } else { Waits::Frame }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Idle(_) | Self::ExpectAck(_))
    }

    fn send(self, message: Message, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        match self {
            Self::Idle(channel) => send(channel, message, context),
            other => Ok(other),
        }
    }

    fn say_goodbye(self, context: &mut Context<'_, '_>) {
        if let Self::Idle(channel) = self {
            context.output.send(channel.seal_end());
        }
        context.output.log("goodbye sent");
    }

    /// What came while nothing was asked. The published program leaves it in the socket and takes it
    /// for the next acknowledgement; the hardened one refuses it.
    fn check_early(
        &self,
        bytes: usize,
        is_commanded: bool,
        setting: &Setting,
    ) -> Result<(), Reject> {
        match bytes {
            _ if is_commanded => Ok(()),
            1.. if !setting.profile.has(Weakness::AckNotAuthenticated) => {
                Err(Reject::new(Check::Phase, "word"))
            }
            0..=MAX_EARLY => Ok(()),
            _ => Err(Reject::new(Check::Length, "word")),
        }
    }

    /// A server sends no records. What it encrypts are the words of acknowledgements.
    fn rewrite(
        &self,
        frame: &[u8],
        setting: &Setting,
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let Self::ExpectAck(ExpectAck { channel, receipt, .. }) = self else { return None };
        let ack = Self::next(setting, self.due(), &mut Inbox::of(frame)).ok()??;
        let (answers, me) = (Answers::Record(receipt), &setting.own.me);
        ack::rewrite(channel.profile, &channel.keys, answers, &ack, me, entropy, edit)
    }
}

impl ExpectCertAck {
    fn receive(self, ack: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
        let mut transcript = self.transcript;
        transcript.absorb(Side::Server, &ack.bytes);
        ack::read_bare(
            context.setting.profile,
            ack,
            &context.setting.own.me.key,
            Word::CertReceived,
        )?;
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
        ack::read_bare(
            context.setting.profile,
            ack,
            &context.setting.own.me.key,
            Word::HelloReceived,
        )?;
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
            agreed = Some(ours.agree(theirs)?);
        }
        transcript.absorb(Side::Server, &received.bytes);

        let ack = ack::write_bare(&server, Word::NonceReceived, context.entropy)?;
        transcript.absorb(Side::Client, &ack);
        context.output.send(ack);

        let premaster = Secret(context.entropy.bytes());
        let possesses = !profile.has(Weakness::NoProofOfPossession);
        let master = master(&premaster.0, agreed.as_ref());
        let keys = Keys::derive(&master.0, &nonce, &server_nonce);
        let me = possesses.then_some(&context.setting.own.me);
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
        ack::read(
            profile,
            &keys,
            answers,
            ack,
            &context.setting.own.me.key,
            &[Word::PremReceived],
        )?;
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
                .setting
                .own
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
        match ack::read(profile, &channel.keys, answers, ack, &context.setting.own.me.key, words)? {
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
impl State {
    /// The keys, once the handshake is complete.
    pub(super) fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Idle(channel) | Self::ExpectAck(ExpectAck { channel, .. }) => Some(&channel.keys),
            _ => None,
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
