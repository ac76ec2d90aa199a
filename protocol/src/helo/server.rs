//! The server: believes certificates, answers every step, stores what comes.

use std::sync::Arc;

use crate::channel::Channel as _;
use crate::compromise::Edit;
use crate::crypto::rsa::PublicKey;
use crate::crypto::x25519::Ephemeral;
use crate::endpoint::{Check, End, Fact, Message, Name, Reject, Side};
use crate::entropy::Entropy;
use crate::helo::ack::{self, Answers, Word};
use crate::helo::file;
use crate::helo::keys::{Keys, MASTER, NONCE, Transcript, master};
use crate::helo::lab::{Credentials, Keyring};
use crate::helo::premaster;
use crate::helo::record::{Channel, Receipt};
use crate::helo::session::{Setting, possession_digest, share_digest};
use crate::helo::wire::{self, HELO};
use crate::inbox::{Inbox, Received};
use crate::peer::{self, Next, Peer, Session};
use crate::system::Setup;
use crate::weakness::Weakness;

/// Whom a connection is believed to come from before it has shown a certificate.
const NOBODY: &str = "unknown";

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
pub(super) enum State {
    ExpectHello,
    ExpectNonce(ExpectNonce),
    ExpectCertAck(ExpectCertAck),
    ExpectNonceAck(ExpectNonceAck),
    ExpectPremaster(ExpectPremaster),
    Active(Active),
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectNonce {
    transcript: Transcript,
    device: Arc<PublicKey>,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectCertAck {
    transcript: Transcript,
    device: Arc<PublicKey>,
    device_nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectNonceAck {
    transcript: Transcript,
    device: Arc<PublicKey>,
    device_nonce: [u8; NONCE],
    nonce: [u8; NONCE],
    ephemeral: Option<Ephemeral>,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectPremaster {
    transcript: Transcript,
    device: Arc<PublicKey>,
    device_nonce: [u8; NONCE],
    nonce: [u8; NONCE],
    ephemeral: Option<Ephemeral>,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct Active {
    device: Arc<PublicKey>,
    channel: Channel,
}

/// What a state works with besides its own data.
type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// The server.
pub(super) type Server = Peer<State>;

impl Server {
    /// The server of the lab.
    pub(super) fn new(setup: Setup) -> Self {
        Self::with_credentials(setup, Keyring::lab().server_credentials())
    }

    /// A server that holds these.
    pub(super) fn with_credentials(setup: Setup, own: Credentials) -> Self {
        let name = own.me.name.clone();
        Self::host(&setup, name, "helo server".to_owned(), Setting::new(&setup, own))
    }
}

impl Session for State {
    type Setting = Setting;
    type Frame = Received;

    const SIDE: Side = Side::Server;
    const PEER: &'static str = NOBODY;

    fn begin(context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        context.output.log("connection accepted");
        Ok(Self::ExpectHello)
    }

    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::ExpectHello => &["HELO"],
            Self::ExpectNonce(_) => &["NONCE"],
            Self::ExpectCertAck(_) | Self::ExpectNonceAck(_) => &["HACK"],
            Self::ExpectPremaster(_) => &["PREM"],
            Self::Active(_) => &["SECX", "IMGX", "ENDD"],
        }
    }

    fn next(
        setting: &Setting,
        due: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Received>, Reject> {
        inbox.next_due(&setting.layout, Side::Client, due)
    }

    fn receive(
        self,
        frame: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Next<Self>, Reject> {
        match self {
            Self::ExpectHello => receive_hello(frame, context).map(Next::State),
            Self::ExpectNonce(state) => state.receive(frame, context).map(Next::State),
            Self::ExpectCertAck(state) => state.receive(frame, context).map(Next::State),
            Self::ExpectNonceAck(state) => state.receive(frame, context).map(Next::State),
            Self::ExpectPremaster(state) => state.receive(frame, context).map(Next::State),
            Self::Active(state) => state.receive(frame, context),
        }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Active(_))
    }

    fn rewrite(
        &self,
        frame: &[u8],
        setting: &Setting,
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let Self::Active(active) = self else { return None };
        let record = Self::next(setting, &["SECX", "IMGX"], &mut Inbox::of(frame)).ok()??;
        active.channel.rewrite(&record, entropy, edit)
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
        let hello = wire::tagged(HELO, &[&context.setting.own.me.certificate]);
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
        ack::read_bare(profile, ack, &context.setting.own.me.key, Word::CertReceived)?;
        transcript.absorb(Side::Client, &ack.bytes);
        let nonce: [u8; NONCE] = context.entropy.bytes();
        let mut frame = nonce.to_vec();
        let mut ephemeral = None;
        if !profile.has(Weakness::StaticRsaTransport) {
            let ours = Ephemeral::generate(context.entropy);
            let share = ours.share();
            let digest = share_digest(&transcript, &nonce, &share);
            let signature = context
                .setting
                .own
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
        ack::read_bare(profile, ack, &context.setting.own.me.key, Word::NonceReceived)?;
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
            agreed = Some(ours.agree(prem.array("share")?)?);
        }
        let premaster = premaster::read(prem, &context.setting.own.me.key)?;
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
    ) -> Result<Next<State>, Reject> {
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
                return Ok(Next::End(End::Clean));
            }
        }
        Ok(Next::State(State::Active(self)))
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
