//! The client: agrees on a key, sends messages, says goodbye.

use protocol::crypto::Secret;
use protocol::crypto::x25519::Ephemeral;
use protocol::endpoint::{Check, Endpoint, Fact, Message, Name, Reject, Side};
use protocol::inbox::{Inbox, Received};
use protocol::message_bytes::to_bytes;
use protocol::peer::{self, Next, Peer, Session, Waits};
use protocol::system::Setup;

use crate::channel::{Channel, RECORD_KEY};
use crate::keys::{Setting, Shares};

/// A client with this shared key.
pub(crate) fn new(setup: Setup, key: Secret<32>) -> Box<dyn Endpoint> {
    let (name, label) = (Name::from("client"), "sixth client".to_owned());
    Box::new(Peer::<State>::host(&setup, name, label, Setting::new(&setup, key)))
}

type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectAccept(Ephemeral),
    Open(Channel),
}

impl Session for State {
    type Setting = Setting;
    type Frame = Received;

    const SIDE: Side = Side::Client;
    const PEER: &'static str = "server";

    fn begin(context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        let ours = Ephemeral::generate(context.entropy);
        context.output.send([&b"H"[..], &ours.share()].concat());
        Ok(Self::ExpectAccept(ours))
    }

    fn due(&self) -> &'static [&'static str] {
        if let Self::ExpectAccept(_) = self { &["ACCEPT"] } else { &[] }
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
        accept: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Next<Self>, Reject> {
        let Self::ExpectAccept(ours) = self else {
            return Err(Reject::new(Check::Phase, "opcode"));
        };
        let setting = context.setting;
        let shares = Shares { client: ours.share(), server: accept.array("share")? };
        setting.check(Side::Server, &shares, accept)?;
        let (key, fingerprint) = shares.derive(&ours.agree(shares.server)?);
        context.output.secret(RECORD_KEY, &key.0);
        context.output.claim(Fact::Running(fingerprint));
        context.output.claim(Fact::Established(fingerprint));
        let confirmation = setting.confirm(Side::Client, &shares);
        context.output.send([&b"F"[..], &confirmation].concat());
        Ok(Self::Open(Channel::new(setting.profile, key)).into())
    }

    fn waits(&self) -> Waits {
        if let Self::Open(_) = self { Waits::FrameOrCommand } else { Waits::Frame }
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    fn send(self, message: Message, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        let Self::Open(mut channel) = self else { return Ok(self) };
        match to_bytes(&message).and_then(|text| channel.seal(text)) {
            Ok(record) => {
                context.output.send(record);
                context.output.claim(Fact::Sent(message));
            }
            Err(reject) => context.output.claim(Fact::Rejected(reject)),
        }
        Ok(Self::Open(channel))
    }

    fn say_goodbye(self, context: &mut Context<'_, '_>) {
        if let Self::Open(channel) = self {
            context.output.send(channel.seal_end());
        }
    }
}
