//! The client: one session at a time, one exchange at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::channel::Channel as _;
use crate::compromise::Edit;
use crate::count::Count;
use crate::crypto::Secret;
use crate::crypto::x25519::Ephemeral;
use crate::endpoint::{Check, End, Endpoint, Fact, Message, Name, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::layout::Layout;
use crate::peer::{self, Next, Peer, Session, Waits};
use crate::ratchet::channel::Channel;
use crate::ratchet::keys::{CHAINS, Keyring, Keys, SHARED, agree, fresh_share};
use crate::ratchet::wire::{self, CHALLENGE, DATA, DESYNC, HELLO, RESPONSE, Sealing, TERMINATE};
use crate::system::Setup;
use crate::weakness::{Profile, Weakness};

/// Hardened: how long the client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client with the identity `setup.number` and its key of this keyring.
pub fn with_keys(setup: Setup, keyring: &Keyring) -> Box<dyn Endpoint> {
    Box::new(client(setup, keyring))
}

fn client(setup: Setup, keyring: &Keyring) -> Peer<State> {
    let id = u8::try_from(setup.number).unwrap_or(u8::MAX);
    let (name, label) =
        (Name::from(format!("client-{id}").as_str()), format!("ratchet client {id}"));
    let (profile, layout) = (setup.profile, Arc::new(wire::layout(setup.profile)));
    let setting = Setting { profile, layout, keyring: keyring.of_one(id), id };
    Peer::host(&setup, name, label, setting)
}

/// What never changes over a client's life.
#[derive(Debug)]
struct Setting {
    profile: Profile,
    layout: Arc<Layout>,
    /// The client's own key, if it has one.
    keyring: Keyring,
    id: u8,
}

/// Where a session stands. Every state is consumed by what it waits for.
#[derive(Clone, Hash, Debug)]
enum State {
    ExpectChallenge(ExpectChallenge),
    Ready(Ready),
    ExpectResponse(ExpectResponse),
}

/// A session whose HELLO is on its way.
#[derive(Clone, Hash, Debug)]
struct ExpectChallenge {
    keys: Keys,
    /// The one sent with the HELLO.
    share: Option<Ephemeral>,
}

/// A session in which nothing is on its way.
#[derive(Clone, Hash, Debug)]
struct Ready {
    keys: Keys,
    round: u32,
}

/// A session whose data is on its way.
#[derive(Clone, Hash, Debug)]
struct ExpectResponse {
    keys: Keys,
    round: u32,
    share: Option<Ephemeral>,
    message: Message,
}

/// What a state works with besides its own data.
type Context<'a, 'b> = peer::Context<'a, 'b, Setting>;

impl Session for State {
    type Setting = Setting;
    type Frame = Received;

    const SIDE: Side = Side::Client;
    const PEER: &'static str = "server";
    const SILENT: &'static str = "answer";

    fn begin(context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        let Setting { profile, keyring, id, .. } = context.setting;
        let mut keys = Keys::from_master(keyring.master(*id).unwrap_or_default());
        context.output.secret(CHAINS, &keys.to_bytes());
        let plaintext = format!("Hello from client {id}");
        let share = fresh_share(*profile, context.entropy);
        context.output.log("sends CLIENT_HELLO");
        let frame = send(&mut keys, HELLO, 0, share.as_ref(), plaintext.as_bytes(), context);
        keys.bind_hello(*profile, &frame);
        if profile.has(Weakness::ChallengeNotMixed) {
            context.output.claim(Fact::Running(keys.client_fingerprint()));
        }
        context.output.send(frame);
        Ok(Self::ExpectChallenge(ExpectChallenge { keys, share }))
    }

    /// Every frame is looked at in every state.
    fn due(&self) -> &'static [&'static str] {
        &[]
    }

    fn next(
        setting: &Setting,
        _: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Received>, Reject> {
        inbox.next(setting.layout.from_side(Side::Server))
    }

    fn receive(
        self,
        frame: &mut Received,
        context: &mut Context<'_, '_>,
    ) -> Result<Next<Self>, Reject> {
        let received = wire::Received::cut(&frame.spec, &frame.bytes)?;
        if received.client_id != context.setting.id {
            return Err(Reject::new(Check::Identity, "client_id"));
        }
        let (keys, round) = self.keys();
        let plaintext = received.open(&keys.s2c, round, Side::Server)?;
        match (frame.spec.name, self) {
            (DESYNC | TERMINATE, _) => {
                context.output.log("is told of an error");
                Ok(Next::End(End::AbortedByPeer))
            }
            (CHALLENGE, Self::ExpectChallenge(state)) => {
                state.receive(&plaintext, received.share, &frame.bytes, context).map(Next::State)
            }
            (RESPONSE, Self::ExpectResponse(state)) => {
                state.receive(plaintext, received.share, context).map(Next::State)
            }
            _ => Err(Reject::new(Check::Phase, "opcode")),
        }
    }

    fn waits(&self) -> Waits {
        if matches!(self, Self::Ready(_)) { Waits::FrameOrCommand } else { Waits::Frame }
    }

    /// The time for an answer counts from the question: bytes that trickle in earn no more.
    fn is_established(&self) -> bool {
        false
    }

    fn patience(&self) -> Option<Duration> {
        (!matches!(self, Self::Ready(_))).then_some(PATIENCE)
    }

    fn send(self, message: Message, context: &mut Context<'_, '_>) -> Result<Self, Reject> {
        let Self::Ready(Ready { mut keys, round }) = self else { return Ok(self) };
        if !wire::fits(message.body.len()) {
            context.output.claim(Fact::Rejected(Reject::new(Check::Length, "message")));
            return Ok(Self::Ready(Ready { keys, round }));
        }
        let share = fresh_share(context.setting.profile, context.entropy);
        let frame = send(&mut keys, DATA, round, share.as_ref(), &message.body, context);
        context.output.send(frame);
        context.output.claim(Fact::Sent(message.clone()));
        Ok(Self::ExpectResponse(ExpectResponse { keys, round, share, message }))
    }

    /// As built the client just closes; hardened it seals a TERMINATE first.
    fn say_goodbye(self, context: &mut Context<'_, '_>) {
        let profile = context.setting.profile;
        if let Self::Ready(Ready { mut keys, round }) = self
            && !profile.has(Weakness::TerminateNotAuthenticated)
        {
            let frame = send(&mut keys, TERMINATE, round, None, b"Client finished", context);
            context.output.send(frame);
        }
    }

    fn rewrite(
        &self,
        frame: &[u8],
        setting: &Setting,
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let record = Self::next(setting, &[], &mut Inbox::of(frame)).ok()??;
        let (layout, from, (keys, round)) = (setting.layout.clone(), Side::Server, self.keys());
        let channel = Channel { layout, chain: keys.s2c.clone(), round, from };
        channel.rewrite(&record, entropy, edit)
    }
}

impl State {
    /// The keys, and the round that the server's next frame is of.
    fn keys(&self) -> (&Keys, u32) {
        match self {
            Self::ExpectChallenge(state) => (&state.keys, 0),
            Self::Ready(state) => (&state.keys, state.round),
            Self::ExpectResponse(state) => (&state.keys, state.round),
        }
    }
}

/// Seal a frame; the client-to-server keys move on with it.
fn send(
    keys: &mut Keys,
    name: &str,
    round: u32,
    share: Option<&Ephemeral>,
    plaintext: &[u8],
    context: &mut Context<'_, '_>,
) -> Vec<u8> {
    let (iv, client_id) = (context.entropy.bytes(), context.setting.id);
    let Some(spec) = context.setting.layout.frame(name) else { return Vec::new() };
    let (from, share) = (Side::Client, share.map(Ephemeral::share));
    let frame = Sealing { spec, from, client_id, round, share, iv, plaintext }.seal(&keys.c2s);
    if let Ok(sent) = wire::Received::cut(spec, &frame) {
        keys.evolve_c2s(sent.ct, &sent.iv);
    }
    frame
}

/// What the two shares agree on, where both ends have one.
fn agreed(
    ours: Option<&Ephemeral>,
    theirs: Option<[u8; 32]>,
    context: &mut Context<'_, '_>,
) -> Result<Option<Secret<32>>, Reject> {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(None) };
    let shared = agree(ours, theirs)?;
    context.output.secret(SHARED, &shared.0);
    Ok(Some(shared))
}

impl ExpectChallenge {
    fn receive(
        self,
        plaintext: &[u8],
        share: Option<[u8; 32]>,
        frame: &[u8],
        context: &mut Context<'_, '_>,
    ) -> Result<State, Reject> {
        let Self { mut keys, share: ours } = self;
        let profile = context.setting.profile;
        keys.evolve_s2c(plaintext);
        keys.bind_challenge(profile, frame);
        if let Some(shared) = agreed(ours.as_ref(), share, context)? {
            keys.bind_shares(profile, &shared);
        }
        let fingerprint = if profile.has(Weakness::ChallengeNotMixed) {
            keys.server_fingerprint()
        } else {
            context.output.claim(Fact::Running(keys.session_fingerprint()));
            keys.session_fingerprint()
        };
        context.output.claim(Fact::Established(fingerprint));
        Ok(State::Ready(Ready { keys, round: 1 }))
    }
}

impl ExpectResponse {
    fn receive(
        self,
        plaintext: Vec<u8>,
        share: Option<[u8; 32]>,
        context: &mut Context<'_, '_>,
    ) -> Result<State, Reject> {
        let Self { mut keys, round, share: ours, message } = self;
        let text = String::from_utf8(plaintext).map_err(|_| Reject::new(Check::Content, "ct"))?;
        keys.evolve_s2c(text.as_bytes());
        if let Some(shared) = agreed(ours.as_ref(), share, context)? {
            keys.mix_shared(&shared);
        }
        let round = round.successor("round")?;
        context.output.claim(Fact::Delivered(Message::aggregate(text)));
        context.output.claim(Fact::Acknowledged(message));
        Ok(State::Ready(Ready { keys, round }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Command, Conn, Input, Output, PortIndex, Tick};
    use crate::ratchet::SYSTEM;

    const CONN: Conn = Conn(1);

    /// A client of these profiles whose session is established with a server, and nothing is outstanding.
    fn ready(profile: Profile) -> Peer<State> {
        let setup = Setup::lab(profile, 7, 1);
        let mut server = (SYSTEM.server)(Setup::lab(profile, 7, 0));
        let mut client = client(setup, &Keyring::lab(profile));
        let mut out = Output::default();
        server.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
        client.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
        for (conn, hello) in std::mem::take(&mut out.writes) {
            server.step(Tick(0), Input::Received(conn, &hello), &mut out);
        }
        for (conn, challenge) in std::mem::take(&mut out.writes) {
            client.step(Tick(0), Input::Received(conn, &challenge), &mut out);
        }
        assert!(matches!(client.state_mut(CONN), Some(State::Ready(_))));
        client
    }

    #[test]
    fn the_last_round_ends_the_session() {
        for profile in [Profile::as_built(&SYSTEM), Profile::HARDENED] {
            let mut client = ready(profile);
            if let Some(State::Ready(ready)) = client.state_mut(CONN) {
                ready.round = u32::MAX;
            }
            let mut out = Output::default();
            let send = Command::Send(Message::numbers("1.5"));
            client.step(Tick(0), Input::Command(&send), &mut out);
            let keys = client.state_mut(CONN).unwrap().keys().0.s2c.clone();
            let layout = wire::layout(profile);
            let spec = layout.frame(RESPONSE).unwrap();
            let share = fresh_share(profile, &mut Entropy::new(1, "share"));
            let response = Sealing {
                spec,
                from: Side::Server,
                client_id: 1,
                round: u32::MAX,
                share: share.map(|share| share.share()),
                iv: [1; 16],
                plaintext: b"Aggregated: 1.50",
            };
            let mut out = Output::default();
            client.step(Tick(0), Input::Received(CONN, &response.seal(&keys)), &mut out);
            let facts: Vec<Fact> = out.claims.into_iter().map(|claim| claim.fact).collect();
            let end = Reject::new(Check::Exhausted, "round");
            assert_eq!(facts, [Fact::Rejected(end), Fact::Ended(End::Aborted)]);
        }
    }

    #[test]
    fn what_fits_no_frame_is_refused_and_the_next_message_is_sent() {
        let mut client = ready(Profile::HARDENED);
        let mut out = Output::default();
        let most = (0..=wire::MAX_FRAME).filter(|len| wire::fits(*len)).max().unwrap();
        for len in [most + 1, most] {
            let send = Command::Send(Message::numbers("1".repeat(len)));
            client.step(Tick(0), Input::Command(&send), &mut out);
        }
        let too_long = Fact::Rejected(Reject::new(Check::Length, "message"));
        assert_eq!(out.claims[0].fact, too_long);
        let [(_, frame)] = &out.writes[..] else { panic!("one frame is sent") };
        assert!(frame.len() <= wire::MAX_FRAME && frame.len() + 16 > wire::MAX_FRAME);
    }
}
