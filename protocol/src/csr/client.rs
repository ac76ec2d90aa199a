//! The device: opens, agrees on keys, sends text and waits for the reply, sends media and does not.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::channel::Channel as _;
use crate::compromise::Edit;
use crate::crypto::ecdh::Ephemeral;
use crate::csr::file::{self, Json};
use crate::csr::keys::{EPOCH, NONCE, Nonces, Schedule, Transcript};
use crate::csr::lab::{Credentials, Keyring, SERVER};
use crate::csr::record::{Channel, Content};
use crate::csr::session::{Setting, counted, sign, verify};
use crate::csr::wire::{self, MAX_MEDIA, MAX_MESSAGE, READ, encoded_len};
use crate::endpoint::{Check, Command, End, Fact, Kind, Message, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::peer::{self, Next, Peer, Session, Waits};
use crate::system::Setup;
use crate::weakness::Weakness;

/// What a peer may send ahead of time where it is not refused, in bytes.
const MAX_EARLY: usize = 4 * READ;
/// What record and JSON add to a message at most, in bytes.
const OVERHEAD: usize = 4096;

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
pub(super) enum State {
    ExpectHello(ExpectHello),
    ExpectShare(ExpectShare),
    Idle(Active),
    ExpectReply(ExpectReply),
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectHello {
    transcript: Transcript,
    nonce: [u8; NONCE],
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectShare {
    transcript: Transcript,
    nonces: Nonces,
    server: Arc<crate::crypto::rsa::PublicKey>,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct Active {
    channel: Channel,
    /// Whether the server has shown that it has the keys.
    confirmed: bool,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectReply {
    active: Active,
    message: Message,
}

/// What a state works with besides its own data.
type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// A device.
pub(super) type Client = Peer<State>;

impl Client {
    /// A device of the lab.
    pub(super) fn new(setup: Setup) -> Self {
        Self::with_keys(setup, &Keyring::lab())
    }

    /// A device of this keyring.
    pub(super) fn with_keys(setup: Setup, keyring: &Keyring) -> Self {
        Self::with_credentials(setup, keyring.device_credentials(setup.number))
    }

    /// A device that holds these.
    pub(super) fn with_credentials(setup: Setup, own: Credentials) -> Self {
        let name = own.me.name.clone();
        let label = format!("csr {name}");
        Self::host(&setup, name, label, Setting::new(setup, own))
    }
}

impl Session for State {
    type Setting = Setting;
    type Frame = Received;

    const SIDE: Side = Side::Client;
    const PEER: &'static str = SERVER;

    fn begin(context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        let nonce: [u8; NONCE] = context.entropy.bytes();
        let hello = wire::hello(&context.setting.own.me.certificate, &nonce);
        let mut transcript = Transcript::default();
        transcript.absorb(Side::Client, &hello);
        context.output.log("connected, hello sent");
        context.output.send(wire::framed(context.setting.profile, hello));
        Ok(Self::ExpectHello(ExpectHello { transcript, nonce }))
    }

    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::ExpectHello(_) => &["HELLO"],
            Self::ExpectShare(_) => &["SECDH"],
            Self::Idle(_) | Self::ExpectReply(_) => &["ERROR", "REPLY"],
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
            Self::ExpectHello(state) => state.receive(message, context),
            Self::ExpectShare(state) => state.receive(message, context),
            Self::ExpectReply(state) => state.receive(message, context),
            Self::Idle(_) => Err(Reject::new(Check::Phase, "reply")),
        }
        .map(Next::State)
    }

    fn waits(&self) -> Waits {
        if matches!(self, Self::Idle(_)) { Waits::Command } else { Waits::Frame }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Idle(_) | Self::ExpectReply(_))
    }

    fn send(self, message: Message, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        match self {
            Self::Idle(active) => active.send(message, context),
            other => Ok(other),
        }
    }

    fn say_goodbye(self, context: &mut Context<'_, '_>) {
        if let Self::Idle(active) = self
            && !context.setting.profile.has(Weakness::EndNotAuthenticated)
        {
            context.output.send(active.channel.seal_end());
        }
        context.output.log("done, closing");
    }

    /// What came while nothing was asked. The published program leaves it in the socket and takes it for
    /// the next reply; where replies are numbered it is refused.
    fn check_early(
        &self,
        bytes: usize,
        is_commanded: bool,
        setting: &Setting,
    ) -> Result<(), Reject> {
        match bytes {
            _ if is_commanded => Ok(()),
            1.. if !setting.profile.has(Weakness::NoSequence) => {
                Err(Reject::new(Check::Phase, "reply"))
            }
            0..=MAX_EARLY => Ok(()),
            _ => Err(Reject::new(Check::Length, "reply")),
        }
    }

    /// Where nothing was left to say but goodbye, and that is said by closing, it does not matter which end closes first.
    fn closed(&self, _: usize, commands: &VecDeque<Command>, setting: &Setting) -> End {
        let silent = setting.profile.has(Weakness::EndNotAuthenticated);
        let said = matches!(self, Self::Idle(_)) && commands.front() == Some(&Command::End);
        if silent && said { End::Clean } else { End::Truncated }
    }

    fn rewrite(
        &self,
        frame: &[u8],
        setting: &Setting,
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let (Self::Idle(active) | Self::ExpectReply(ExpectReply { active, .. })) = self else {
            return None;
        };
        let record = Self::next(setting, self.due(), &mut Inbox::of(frame)).ok()??;
        active.channel.rewrite(&record, entropy, edit)
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
            Some(sign(&context.setting.own.me.key, &digest, context.entropy)?)
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
            let signature = context.setting.own.me.key.sign_pkcs1v15(&digest);
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
