//! The client: a user logs in and sends text and files. As built it checks the password itself and sends into
//! the dark; where there is a handshake it logs in at the server and waits for a receipt for each message.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::crypto::Secret;
use crate::crypto::ecdh::{Ephemeral, SHARE};
use crate::crypto::rsa::PublicKey;
use crate::endpoint::{Check, Command, End, Fact, Kind, Message, Name, Reject, Side};
use crate::inbox::Inbox;
use crate::peer::{self, Next, Peer, Session, Waits};
use crate::pki::x509::Certificate;
use crate::suite::content;
use crate::suite::keys::{HANDSHAKE, Keys, MESSAGES, Transcript, one_way_fingerprint};
use crate::suite::lab::{Keyring, SERVER};
use crate::suite::one_way;
use crate::suite::record::{Channel, Content, Receipt, WELCOME};
use crate::suite::session::{PAUSE, Setting};
use crate::suite::wire::{self, NONCE, Parts, Writer};
use crate::system::Setup;
use crate::weakness::Weakness;

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
pub(super) enum State {
    OneWay(OneWay),
    ExpectCert(ExpectCert),
    ExpectWelcome(ExpectWelcome),
    Idle(Channel),
    ExpectReceipt(ExpectReceipt),
}

/// The published conversation: one key for all frames.
#[derive(Clone, Hash, Debug)]
pub(super) struct OneWay {
    server: PublicKey,
    key: Secret<16>,
    /// Whether a frame went out.
    running: bool,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectCert {
    transcript: Transcript,
    ours: Option<Ephemeral>,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectWelcome {
    channel: Channel,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectReceipt {
    channel: Channel,
    message: Message,
    receipt: Receipt,
}

/// What a state works with besides its own data.
type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// A user's client.
pub(super) type Client = Peer<State>;

impl Client {
    /// A user of the lab.
    pub(super) fn new(setup: Setup) -> Self {
        Self::with_keys(setup, Keyring::lab())
    }

    /// A user with its own keyring: what is public of the server, a name and a password. What is missing is
    /// refused when the connection opens; [`Keyring::suffices`] says so before.
    pub(super) fn with_keys(setup: Setup, keyring: Arc<Keyring>) -> Self {
        let name = keyring.account(setup.number).map_or("nobody", |account| &account.name);
        let (name, label) = (Name::from(name), format!("suite user {}", setup.number));
        Self::host(&setup, name, label, Setting::new(setup, keyring))
    }
}

impl Session for State {
    type Setting = Setting;
    type Frame = Parts;

    const SIDE: Side = Side::Client;
    const PEER: &'static str = SERVER;

    fn begin(context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        open(context)
    }

    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::OneWay(_) | Self::Idle(_) => &[],
            Self::ExpectCert(_) => &["CERT"],
            Self::ExpectWelcome(_) => &["WELCOME"],
            Self::ExpectReceipt(_) => &["ACK"],
        }
    }

    fn next(
        setting: &Setting,
        due: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Parts>, Reject> {
        wire::next(&setting.layout, setting.profile, due, inbox)
    }

    fn receive(
        self,
        frame: &mut Parts,
        context: &mut Context<'_, '_>,
    ) -> Result<Next<Self>, Reject> {
        match self {
            Self::ExpectCert(state) => state.receive(frame, context).map(Next::State),
            Self::ExpectWelcome(state) => state.receive(frame, context),
            Self::ExpectReceipt(state) => state.receive(frame, context).map(Next::State),
            Self::Idle(_) | Self::OneWay(_) => Err(Reject::new(Check::Phase, "type")),
        }
    }

    fn waits(&self) -> Waits {
        match self {
            Self::Idle(_) | Self::OneWay(_) => Waits::Command,
            _ => Waits::Frame,
        }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Idle(_) | Self::ExpectReceipt(_))
    }

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

    fn say_goodbye(self, context: &mut Context<'_, '_>) {
        if let Self::Idle(channel) = self
            && !channel.profile.has(Weakness::EndNotAuthenticated)
        {
            context.output.send(channel.seal_end());
        }
        context.output.log("done, closing");
    }

    fn check_early(&self, bytes: usize, _: bool, _: &Setting) -> Result<(), Reject> {
        if bytes > 0 { Err(Reject::new(Check::Phase, "receipt")) } else { Ok(()) }
    }

    /// The published client never reads.
    fn reads(&self) -> bool {
        !matches!(self, Self::OneWay(_))
    }

    /// Where nothing was left to say but goodbye, and that is said by closing, it does not matter which end closes first. The
    /// first published server closes after one message.
    fn closed(&self, _: usize, commands: &VecDeque<Command>, setting: &Setting) -> End {
        let said = match self {
            Self::Idle(_) => commands.front() == Some(&Command::End),
            Self::OneWay(state) => {
                state.running && matches!(commands.front(), None | Some(&Command::End))
            }
            _ => false,
        };
        let silent = setting.profile.has(Weakness::EndNotAuthenticated);
        if said && silent { End::Clean } else { End::Truncated }
    }
}

/// Log in where the client does that, and say hello where there is somebody to answer.
fn open(context: &mut Context<'_, '_>) -> Result<State, Reject> {
    let (profile, keyring) = (context.setting.profile, &context.setting.keyring);
    let me = context.setting.me()?;
    context.setting.check_name(&me.name)?;
    // A client that has no password file has nothing to ask, and nothing stops it.
    if profile.has(Weakness::ClientSideLogin) && keyring.users(profile).is_some() {
        context.setting.log_in(&me.name, me.password().as_bytes())?;
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
        let user = &context.setting.me()?.name;
        let entropy = &mut *context.entropy;
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
        let certificate = Certificate::from_der(der)?;
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
        let login = content::write_login(profile, context.setting.me()?)?;
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
    fn receive(
        self,
        welcome: &Parts,
        context: &mut Context<'_, '_>,
    ) -> Result<Next<State>, Reject> {
        if self.channel.open_welcome(welcome)? != WELCOME {
            context.output.log("login denied");
            return Ok(Next::End(End::AbortedByPeer));
        }
        context.output.claim(Fact::Established(self.channel.keys.fingerprint()));
        context.output.log("user authenticated by the server");
        Ok(Next::State(State::Idle(self.channel)))
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
