//! A session as the server has it, from the CHALLENGE on. Every state is consumed by what moves it on, and so is a session that is
//! over: the keys it ends with seal its last frame, and go.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::count::Count;
use crate::crypto::Secret;
use crate::crypto::x25519::Ephemeral;
use crate::endpoint::{Check, Claim, Conn, End, Fact, Message, Name, Output, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::layout::{Layout, number};
use crate::ratchet::keys::{CHAINS, Keyring, Keys, SHARED, agree, fresh_share};
use crate::ratchet::numbers;
use crate::ratchet::wire::{CHALLENGE, DESYNC, RESPONSE, Received, Sealing, TERMINATE};
use crate::session_secret::SessionSecret;
use crate::weakness::{Profile, Weakness};

/// How many rounds of numbers a session keeps for slower clients' aggregates.
const ROUNDS_KEPT: usize = 64;

/// What never changes over a server's life.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) profile: Profile,
    pub(super) layout: Arc<Layout>,
    pub(super) keyring: Keyring,
    pub(super) local: Name,
    /// When tick 0 is, in seconds since 1970.
    pub(super) epoch: u64,
}

/// What a session works with besides its own data.
pub(super) struct Context<'a> {
    pub(super) setting: &'a Setting,
    pub(super) entropy: &'a mut Entropy,
    pub(super) out: &'a mut Output,
    /// The connection that the frame came on.
    pub(super) conn: Conn,
}

impl Context<'_> {
    /// State a fact about a connection.
    pub(super) fn claim(&mut self, conn: Conn, peer: &Name, fact: Fact) {
        let (local, peer) = (self.setting.local.clone(), peer.clone());
        self.out.claims.push(Claim { conn, local, peer, fact });
    }

    fn secret(&mut self, label: &'static str, value: &[u8]) {
        self.out.secrets.push((self.conn, SessionSecret::new(label, value)));
    }

    /// Send a frame of a session where the client's came from; the whole frame.
    fn send(
        &mut self,
        name: &str,
        known: &Known,
        round: u32,
        share: Option<[u8; 32]>,
        plaintext: &[u8],
    ) -> Vec<u8> {
        let (iv, from, client_id) = (self.entropy.bytes(), Side::Server, known.id);
        let Some(spec) = self.setting.layout.frame(name) else { return Vec::new() };
        let sealing = Sealing { spec, from, client_id, round, share, iv, plaintext };
        let frame = sealing.seal(&known.keys.s2c);
        self.out.writes.push((self.conn, frame.clone()));
        frame
    }
}

/// Where a session stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Session {
    Challenged(Challenged),
    Active(Active),
}

/// The client has not yet proven its key under the challenge.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Challenged {
    known: Known,
}

/// The server believes that the client takes part.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Active {
    known: Known,
    /// The numbers of the last rounds, as IEEE 754 bits.
    numbers: VecDeque<(u32, Vec<u64>)>,
}

/// What the server knows of a session in every state.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Known {
    pub(super) id: u8,
    /// Which accepted HELLO it began with, counted over all clients.
    pub(super) hello: u64,
    /// The connection it began on.
    pub(super) conn: Conn,
    pub(super) peer: Name,
    pub(super) keys: Keys,
    pub(super) round: u32,
}

/// The server's half of an agreement and what comes of it; nothing where the ratchet uses public input only.
pub(super) struct Agreement {
    share: Option<[u8; 32]>,
    agreed: Option<Secret<32>>,
}

impl Agreement {
    /// Make a half, and agree with the client's.
    ///
    /// # Errors
    /// `value` for a share of small order.
    pub(super) fn make(
        client: Option<[u8; 32]>,
        context: &mut Context<'_>,
    ) -> Result<Self, Reject> {
        let ours = fresh_share(context.setting.profile, context.entropy);
        let agreed = match (&ours, client) {
            (Some(ours), Some(theirs)) => Some(agree(ours, theirs)?),
            _ => None,
        };
        Ok(Self { share: ours.as_ref().map(Ephemeral::share), agreed })
    }

    /// The secret, which is in use from now on.
    fn reveal(self, context: &mut Context<'_>) -> Option<Secret<32>> {
        if let Some(agreed) = &self.agreed {
            context.secret(SHARED, &agreed.0);
        }
        self.agreed
    }
}

/// The name of a client in claims.
pub(super) fn client_name(id: u8) -> Name {
    Name::from(format!("client-{id}").as_str())
}

/// The client that a frame names; 0 where it names none.
pub(super) fn named(frame: &crate::inbox::Received) -> u8 {
    u8::try_from(number(frame.field("client_id"))).unwrap_or(0)
}

impl Session {
    /// A HELLO was accepted, the `hello`th of all: answer with a challenge.
    pub(super) fn begin(
        mut keys: Keys,
        received: &Received<'_>,
        frame: &[u8],
        (now, hello): (Tick, u64),
        agreement: Agreement,
        context: &mut Context<'_>,
    ) -> Self {
        let profile = context.setting.profile;
        let (id, conn) = (received.client_id, context.conn);
        context.secret(CHAINS, &keys.to_bytes());
        keys.evolve_c2s(received.ct, &received.iv);
        keys.bind_hello(profile, frame);
        let mut known = Known { id, hello, conn, peer: client_name(id), keys, round: 1 };
        // As Python prints a time: seconds since 1970, and a fraction of seven digits.
        let (seconds, rest) = (now.0 / 1_000_000_000, now.0 % 1_000_000_000);
        let seconds = context.setting.epoch.saturating_add(seconds);
        let plaintext = format!("ServerChallenge-{seconds}.{:07}", rest / 100);
        let challenge = context.send(CHALLENGE, &known, 0, agreement.share, plaintext.as_bytes());
        known.keys.evolve_s2c(plaintext.as_bytes());
        known.keys.bind_challenge(profile, &challenge);
        if let Some(agreed) = agreement.reveal(context) {
            known.keys.bind_shares(profile, &agreed);
        }
        if profile.has(Weakness::ChallengeNotMixed) {
            let fact = Fact::Established(known.keys.client_fingerprint());
            context.claim(conn, &known.peer, fact);
            context.claim(conn, &known.peer, Fact::Running(known.keys.server_fingerprint()));
            return Self::Active(Active { known, numbers: VecDeque::new() });
        }
        context.claim(conn, &known.peer, Fact::Running(known.keys.session_fingerprint()));
        Self::Challenged(Challenged { known })
    }

    pub(super) fn known(&self) -> &Known {
        match self {
            Self::Challenged(Challenged { known }) | Self::Active(Active { known, .. }) => known,
        }
    }

    #[cfg(test)]
    pub(super) fn known_mut(&mut self) -> &mut Known {
        match self {
            Self::Challenged(Challenged { known }) | Self::Active(Active { known, .. }) => known,
        }
    }

    /// The numbers it has sent in the last rounds.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &(u32, Vec<u64>)> {
        let numbers = match self {
            Self::Challenged(_) => None,
            Self::Active(active) => Some(&active.numbers),
        };
        numbers.into_iter().flatten()
    }

    /// Check data and read it. Nothing is done with it yet.
    ///
    /// # Errors
    /// Those of [`Received::open`] and [`numbers::read`]; `exhausted` in the last round.
    pub(super) fn check(&self, profile: Profile, data: &Received<'_>) -> Result<Data, Reject> {
        let Known { keys, round, .. } = self.known();
        let (text, numbers) = numbers::read(profile, data.open(&keys.c2s, *round, Side::Client)?)?;
        Ok(Data { text, numbers, next_round: round.successor("round")? })
    }

    /// The client has proven its key, now if not before.
    pub(super) fn into_active(self, context: &mut Context<'_>) -> Active {
        match self {
            Self::Active(active) => active,
            Self::Challenged(Challenged { known }) => {
                let fact = Fact::Established(known.keys.session_fingerprint());
                context.claim(context.conn, &known.peer, fact);
                Active { known, numbers: VecDeque::new() }
            }
        }
    }

    /// Check that a frame that says it is over is the client's. As built nobody checks that.
    ///
    /// # Errors
    /// Those of [`Received::open`].
    pub(super) fn check_end(&self, profile: Profile, end: &Received<'_>) -> Result<(), Reject> {
        if profile.has(Weakness::TerminateNotAuthenticated) {
            return Ok(());
        }
        let Known { keys, round, .. } = self.known();
        end.open(&keys.c2s, *round, Side::Client).map(|_| ())
    }

    /// It is over, as the client has said. As built that is answered.
    pub(super) fn finish(self, context: &mut Context<'_>) {
        let known = self.known();
        context.claim(known.conn, &known.peer, Fact::Ended(End::Clean));
        if context.setting.profile.has(Weakness::TerminateNotAuthenticated) {
            context.send(TERMINATE, known, known.round, None, b"Invalid opcode");
        }
    }

    /// It is over because of a refused frame: say so, sealed, where that came from.
    pub(super) fn refuse(self, reject: Reject, answer: &str, context: &mut Context<'_>) {
        let reason: &[u8] = match (answer, reject.check) {
            (DESYNC, _) => b"Key desynchronization detected",
            (_, Check::Opcode) => b"Invalid opcode",
            _ => b"Invalid protocol state",
        };
        let known = self.known();
        context.send(answer, known, known.round, None, reason);
        context.claim(context.conn, &known.peer, Fact::Rejected(reject));
        context.claim(known.conn, &known.peer, Fact::Ended(End::Aborted));
    }
}

/// Data that was checked and read.
pub(super) struct Data {
    text: String,
    numbers: Vec<u64>,
    next_round: u32,
}

impl Active {
    /// Take the numbers of a round, and answer with the mean of them and `others`, what the other clients have sent.
    pub(super) fn take<'a>(
        self,
        data: Data,
        received: &Received<'_>,
        agreement: Agreement,
        others: impl Iterator<Item = &'a (u32, Vec<u64>)>,
        context: &mut Context<'_>,
    ) -> Self {
        let Self { mut known, mut numbers } = self;
        let (conn, round) = (context.conn, known.round);
        context.claim(conn, &known.peer, Fact::Delivered(Message::numbers(data.text)));
        known.keys.evolve_c2s(received.ct, &received.iv);
        numbers.push_back((round, data.numbers));
        if numbers.len() > ROUNDS_KEPT {
            numbers.pop_front();
        }
        let mut sent: Vec<&(u32, Vec<u64>)> = others.collect();
        sent.extend(&numbers);
        let answer = numbers::aggregate(sent.into_iter().filter(|(of, _)| *of == round));
        context.send(RESPONSE, &known, round, agreement.share, answer.as_bytes());
        known.keys.evolve_s2c(answer.as_bytes());
        if let Some(agreed) = agreement.reveal(context) {
            known.keys.mix_shared(&agreed);
        }
        known.round = data.next_round;
        context.claim(conn, &known.peer, Fact::Sent(Message::aggregate(answer)));
        Self { known, numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratchet::wire;

    #[test]
    fn a_refusal_says_under_the_keys_why_the_session_is_over() {
        let profile = Profile::HARDENED;
        for (answer, check, said) in [
            (DESYNC, Check::Mac, "Key desynchronization detected"),
            (DESYNC, Check::Opcode, "Key desynchronization detected"),
            (TERMINATE, Check::Opcode, "Invalid opcode"),
            (TERMINATE, Check::Phase, "Invalid protocol state"),
        ] {
            let (layout, local) = (Arc::new(wire::layout(profile)), Name::from("server"));
            let (keyring, epoch) = (Keyring::lab(profile), 0);
            let setting = Setting { profile, layout, keyring, local, epoch };
            let (id, hello, round, conn) = (1, 1, 1, Conn(1));
            let keys = Keys::from_master(b"client1_master_k");
            let (s2c, peer) = (keys.s2c.clone(), client_name(id));
            let known = Known { id, hello, conn, peer, keys, round };
            let (mut out, mut entropy) = (Output::default(), Entropy::new(7, "session"));
            let (entropy, setting) = (&mut entropy, &setting);
            let mut context = Context { setting, entropy, out: &mut out, conn };
            let reject = Reject::new(check, "field");
            Session::Challenged(Challenged { known }).refuse(reject, answer, &mut context);
            let (_, frame) = &out.writes[0];
            let spec = setting.layout.frame(answer).unwrap();
            let received = Received::cut(spec, frame).unwrap();
            assert_eq!(received.open(&s2c, round, Side::Server).unwrap(), said.as_bytes());
        }
    }
}
