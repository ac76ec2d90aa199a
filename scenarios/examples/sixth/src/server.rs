//! The server: agrees on a key, takes messages until the goodbye.

use std::time::Duration;

use protocol::compromise::Edit;
use protocol::crypto::Secret;
use protocol::crypto::x25519::Ephemeral;
use protocol::endpoint::{Check, End, Endpoint, Fact, Fingerprint, Name, Reject, Side};
use protocol::entropy::Entropy;
use protocol::inbox::{Inbox, Received};
use protocol::peer::{self, Next, Peer, Session};
use protocol::system::Setup;

use crate::channel::{self, Channel, RECORD_KEY};
use crate::keys::{Setting, Shares, lab_key};

/// The server with the key of the lab.
pub(crate) fn new(setup: Setup) -> Box<dyn Endpoint> {
    with_key(setup, lab_key())
}

/// A server with this key.
pub(crate) fn with_key(setup: Setup, key: Secret<32>) -> Box<dyn Endpoint> {
    let (name, label) = (Name::from("server"), "sixth server".to_owned());
    Box::new(Peer::<State>::host(&setup, name, label, Setting::new(&setup, key)))
}

type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectHello,
    ExpectFinish(ExpectFinish),
    Open(Channel),
}

#[derive(Clone, Hash, Debug)]
struct ExpectFinish {
    shares: Shares,
    fingerprint: Fingerprint,
    channel: Channel,
}

impl Session for State {
    type Setting = Setting;
    type Frame = Received;

    const SIDE: Side = Side::Server;
    const PEER: &'static str = "client";

    fn begin(_: &mut Context<'_, '_>) -> Result<Self, Reject> {
        Ok(Self::ExpectHello)
    }

    fn due(&self) -> &'static [&'static str] {
        match self {
            Self::ExpectHello => &["HELLO"],
            Self::ExpectFinish(_) => &["FINISH"],
            Self::Open(_) => &["DATA", "BYE"],
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
            Self::ExpectFinish(ExpectFinish { shares, fingerprint, channel }) => {
                context.setting.check(Side::Client, &shares, frame)?;
                context.output.claim(Fact::Established(fingerprint));
                Ok(Self::Open(channel).into())
            }
            Self::Open(channel) if frame.spec.name == "BYE" => {
                channel.open_end(frame).map(|()| Next::End(End::Clean))
            }
            Self::Open(mut channel) => {
                let message = channel::read(&channel.open(frame)?)?;
                context.output.claim(Fact::Delivered(message));
                Ok(Self::Open(channel).into())
            }
        }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    fn patience(&self) -> Option<Duration> {
        Some(Duration::from_secs(if self.is_established() { 60 } else { 5 }))
    }

    fn rewrite(
        &self,
        frame: &[u8],
        setting: &Setting,
        _: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let Self::Open(channel) = self else { return None };
        let record = Self::next(setting, &["DATA"], &mut Inbox::of(frame)).ok()??;
        channel.rewrite(&record, edit)
    }
}

fn receive_hello(hello: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
    let setting = context.setting;
    let ours = Ephemeral::generate(context.entropy);
    let shares = Shares { client: hello.array("share")?, server: ours.share() };
    let agreed = ours.agree(shares.client);
    let agreed = agreed.map_err(|_| Reject::new(Check::Content, "share"))?;
    let (key, fingerprint) = shares.derive(&agreed);
    context.output.secret(RECORD_KEY, &key.0);
    context.output.claim(Fact::Running(fingerprint));
    let confirmation = setting.confirm(Side::Server, &shares);
    context.output.send([&b"A"[..], &shares.server, &confirmation].concat());
    let channel = Channel::new(setting.profile, key);
    Ok(State::ExpectFinish(ExpectFinish { shares, fingerprint, channel }))
}
