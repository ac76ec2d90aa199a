//! The server: believes certificates, agrees on keys, replies to text and stores media.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::channel::Channel as _;
use crate::compromise::Edit;
use crate::crypto::ecdh::Ephemeral;
use crate::crypto::rsa::PublicKey;
use crate::csr::file;
use crate::csr::keys::{EPOCH, NONCE, Nonces, Schedule, Transcript};
use crate::csr::lab::{Credentials, Keyring};
use crate::csr::record::{Channel, Content};
use crate::csr::session::{Setting, counted, sign, verify};
use crate::csr::wire::{self, ERROR, READ};
use crate::endpoint::{Check, Command, End, Fact, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::peer::{self, Next, Peer, Session, Waits};
use crate::system::Setup;
use crate::weakness::Weakness;

/// Whom a connection is believed to come from before it has shown a certificate.
const NOBODY: &str = "unknown";

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
pub(super) enum State {
    ExpectHello,
    Pausing(Pausing),
    ExpectShare(ExpectShare),
    Active(Box<Active>),
}

/// The hello is sent; the share must not run into it.
#[derive(Clone, Hash, Debug)]
pub(super) struct Pausing {
    until: Tick,
    then: Agreeing,
}

/// What both hellos have settled.
#[derive(Clone, Hash, Debug)]
pub(super) struct Agreeing {
    transcript: Transcript,
    nonces: Nonces,
    device: Arc<PublicKey>,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectShare {
    settled: Agreeing,
    ours: Ephemeral,
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
        Self::with_keys(setup, &Keyring::lab())
    }

    /// The server of this keyring.
    pub(super) fn with_keys(setup: Setup, keyring: &Keyring) -> Self {
        Self::with_credentials(setup, keyring.server_credentials())
    }

    /// A server that holds these.
    pub(super) fn with_credentials(setup: Setup, own: Credentials) -> Self {
        let name = own.me.name.clone();
        Self::host(&setup, name, "csr server".to_owned(), Setting::new(setup, own))
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
            Self::ExpectHello => &["HELLO"],
            Self::Pausing(_) | Self::ExpectShare(_) => &["ECDH"],
            Self::Active(_) => &["END", "MEDIA", "TEXT"],
        }
    }

    fn next(
        setting: &Setting,
        due: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Received>, Reject> {
        wire::next(&setting.layout, setting.profile, due, inbox)
    }

    fn receive(
        self,
        message: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Next<Self>, Reject> {
        match self {
            Self::ExpectHello => receive_hello(message, context).map(Next::State),
            Self::Pausing(_) => Err(Reject::new(Check::Phase, "type")),
            Self::ExpectShare(state) => state.receive(message, context).map(Next::State),
            Self::Active(state) => state.receive(message, context),
        }
    }

    fn waits(&self) -> Waits {
        match self {
            Self::Pausing(pausing) => Waits::Until(pausing.until),
            _ => Waits::Frame,
        }
    }

    fn resume(self, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        match self {
            Self::Pausing(pausing) => pausing.then.send_share(context),
            other => Ok(other),
        }
    }

    fn check_early(&self, bytes: usize, _: bool, _: &Setting) -> Result<(), Reject> {
        if bytes > READ { Err(Reject::new(Check::Length, "key")) } else { Ok(()) }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Active(_))
    }

    /// The published device just closes when it is done.
    fn closed(&self, unread: usize, _: &VecDeque<Command>, setting: &Setting) -> End {
        let silent = setting.profile.has(Weakness::EndNotAuthenticated);
        if silent && self.is_established() && unread == 0 { End::Clean } else { End::Truncated }
    }

    fn rewrite(
        &self,
        frame: &[u8],
        setting: &Setting,
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let Self::Active(active) = self else { return None };
        let record = Self::next(setting, self.due(), &mut Inbox::of(frame)).ok()??;
        active.channel.rewrite(&record, entropy, edit)
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
    let own = wire::hello(&context.setting.own.me.certificate, &nonce);
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
            Some(sign(&context.setting.own.me.key, &digest, context.entropy)?)
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
    ) -> Result<Next<State>, Reject> {
        let profile = context.setting.profile;
        let result = match message.spec.name {
            "TEXT" => self.receive_text(message, context),
            "MEDIA" => self.receive_media(message, context),
            _ => {
                self.channel.open_end(message)?;
                context.output.log("goodbye received");
                return Ok(Next::End(End::Clean));
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
        Ok(Next::State(State::Active(self)))
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
