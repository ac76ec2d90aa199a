//! The server: agrees on a key, takes messages until the goodbye.

use protocol::crypto::Secret;
use protocol::crypto::x25519::Ephemeral;
use protocol::endpoint::{End, Endpoint, Fact, Fingerprint, Name, Reject, Side};
use protocol::inbox::{Inbox, Received};
use protocol::message_bytes::from_bytes;
use protocol::peer::{self, Next, Peer, Session};
use protocol::system::Setup;

use crate::channel::{Channel, RECORD_KEY};
use crate::keys::{Setting, Shares};

/// The server, with this shared key.
pub(crate) fn new(setup: Setup, key: Secret<32>) -> Box<dyn Endpoint> {
    let (name, label) = (Name::from("server"), "sixth server".to_owned());
    Box::new(Peer::<State>::host(&setup, name, label, Setting::new(&setup, key)))
}

type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectHello,
    ExpectFinish { shares: Shares, fingerprint: Fingerprint, channel: Channel },
    Open(Channel),
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
            Self::ExpectFinish { .. } => &["FINISH"],
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
            Self::ExpectFinish { shares, fingerprint, channel } => {
                context.setting.check(Side::Client, &shares, frame)?;
                context.output.claim(Fact::Established(fingerprint));
                Ok(Self::Open(channel).into())
            }
            Self::Open(channel) if frame.spec.name == "BYE" => {
                channel.open_end(frame).map(|()| Next::End(End::Clean))
            }
            Self::Open(mut channel) => {
                let message = from_bytes(&channel.open(frame)?)?;
                context.output.claim(Fact::Delivered(message));
                Ok(Self::Open(channel).into())
            }
        }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

fn receive_hello(hello: &Received, context: &mut Context<'_, '_>) -> Result<State, Reject> {
    let setting = context.setting;
    let ours = Ephemeral::generate(context.entropy);
    let shares = Shares { client: hello.array("share")?, server: ours.share() };
    let (key, fingerprint) = shares.derive(&ours.agree(shares.client)?);
    context.output.secret(RECORD_KEY, &key.0);
    context.output.claim(Fact::Running(fingerprint));
    let confirmation = setting.confirm(Side::Server, &shares);
    context.output.send([&b"A"[..], &shares.server, &confirmation].concat());
    let channel = Channel::new(setting.profile, key);
    Ok(State::ExpectFinish { shares, fingerprint, channel })
}
