//! The server: proves who it is, logs users in and takes what they send. As built it does none of the first
//! two: whoever a frame says it is from is believed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::channel::Channel as _;
use crate::compromise::Edit;
use crate::crypto::Secret;
use crate::crypto::ecdh::{Ephemeral, SHARE};
use crate::crypto::rsa::PrivateKey;
use crate::endpoint::{Check, Command, End, Fact, Fingerprint, Name, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::peer::{self, Next, Peer, Session};
use crate::suite::content;
use crate::suite::keys::{HANDSHAKE, Keys, MESSAGES, Transcript, one_way_fingerprint};
use crate::suite::lab::{Keyring, SERVER};
use crate::suite::one_way;
use crate::suite::record::{Channel, Content, DENIED, WELCOME};
use crate::suite::session::Setting;
use crate::suite::wire::{self, NONCE, Parts, Writer};
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// Whom a connection is believed to come from before anybody has logged in.
const NOBODY: &str = "unknown";

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
pub(super) enum State {
    OneWay(OneWay),
    ExpectHello,
    ExpectLogin(ExpectLogin),
    Active(Channel),
}

/// The published conversation: what the frames so far have said.
#[derive(Clone, Hash, Debug, Default)]
pub(super) struct OneWay {
    /// The key and name of the last frame.
    sender: Option<Fingerprint>,
    /// Whether a message has been shown.
    shown: bool,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct ExpectLogin {
    transcript: Transcript,
    /// The agreed secret, unless the client is to send one.
    agreed: Option<Secret<32>>,
}

/// What a state works with besides its own data.
type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// The server.
pub(super) type Server = Peer<State>;

impl Server {
    /// The server of the lab.
    pub(super) fn new(setup: Setup) -> Self {
        Self::with_keys(setup, Keyring::lab())
    }

    /// A server with its own keyring: its private key and certificate, and a password file. What is missing is
    /// refused when it is needed; [`Keyring::suffices`] says so before.
    pub(super) fn with_keys(setup: Setup, keyring: Arc<Keyring>) -> Self {
        let (name, label) = (Name::from(SERVER), "suite server".to_owned());
        Self::host(&setup, name, label, Setting::new(setup, keyring))
    }
}

impl Session for State {
    type Setting = Setting;
    type Frame = Parts;

    const SIDE: Side = Side::Server;
    const PEER: &'static str = NOBODY;

    fn begin(context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        context.output.log("connection accepted");
        if wire::one_way(context.setting.profile) {
            Ok(Self::OneWay(OneWay::default()))
        } else {
            Ok(Self::ExpectHello)
        }
    }

    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::OneWay(_) => &["MSG"],
            Self::ExpectHello => &["HELLO"],
            Self::ExpectLogin(_) => &["LOGIN"],
            Self::Active(_) => &["MSG", "FILE", "END"],
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
            Self::OneWay(state) => state.receive(frame, context).map(Next::State),
            Self::ExpectHello => receive_hello(frame, context).map(Next::State),
            Self::ExpectLogin(state) => state.receive(frame, context).map(Next::State),
            Self::Active(channel) => receive_record(channel, frame, context),
        }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Active(_))
    }

    /// The published client just closes when it is done.
    fn closed(&self, unread: usize, _: &VecDeque<Command>, setting: &Setting) -> End {
        let silent = setting.profile.has(Weakness::EndNotAuthenticated);
        let done = matches!(self, Self::Active(_) | Self::OneWay(_));
        if silent && done && unread == 0 { End::Clean } else { End::Truncated }
    }

    fn rewrite(
        &self,
        frame: &[u8],
        setting: &Setting,
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let parts = Self::next(setting, self.due(), &mut Inbox::of(frame)).ok()??;
        let server = setting.keyring.server.as_ref();
        match (self, parts.name()) {
            (Self::OneWay(_), _) => {
                let sender = one_way::open_sender(server?, &parts).ok()?;
                one_way::rewrite(&sender.key, parts, edit)
            }
            (Self::ExpectLogin(state), _) => {
                let secret = state.secret(&parts, server).ok()?;
                state.channel(setting.profile, &secret).rewrite(&parts, entropy, edit)
            }
            (Self::Active(channel), _) => channel.rewrite(&parts, entropy, edit),
            _ => None,
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
) -> Result<Next<State>, Reject> {
    let carried = match frame.name() {
        "MSG" => Content::Text,
        "FILE" => Content::File,
        _ => {
            channel.open_end(frame)?;
            context.output.log("goodbye received");
            return Ok(Next::End(End::Clean));
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
    Ok(Next::State(State::Active(channel)))
}
