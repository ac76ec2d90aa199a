//! The exchange, without connections: a client offers a key, the server answers, the client confirms.

use crate::ccm::keys::{Ingredients, Key, Keys, Transcript};
use crate::ccm::lab::{ClientKeys, ServerKeys};
use crate::ccm::session::Setting;
use crate::ccm::wire::{EXCHANGE, TRUE, assemble};
use crate::crypto::ecdh::Ephemeral;
use crate::endpoint::{Check, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::Received;
use crate::layout::number;
use crate::weakness::{Profile, Weakness};

/// What a client remembers of its offer until it is answered.
#[derive(Clone, Hash, Debug)]
pub(super) struct Offer {
    chosen: Key,
    own: Option<Ephemeral>,
    transcript: Transcript,
}

/// What the server makes of an offer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The number of the client, from 1.
    pub(super) client: u32,
    pub(super) keys: Keys,
    /// The frame to send.
    pub(super) echo: Vec<u8>,
}

/// A fresh share, unless only RSA protects the key.
fn share(profile: Profile, entropy: &mut Entropy) -> Option<Ephemeral> {
    (!profile.has(Weakness::StaticRsaTransport)).then(|| Ephemeral::generate(entropy))
}

fn share_bytes(own: Option<&Ephemeral>) -> &[u8] {
    own.map_or(&[][..], |own| own.share())
}

impl Offer {
    /// Choose a key and encrypt it for the server; the frame to send.
    pub(super) fn make(
        setting: &Setting,
        keys: &ClientKeys,
        client: u32,
        entropy: &mut Entropy,
    ) -> Result<(Self, Vec<u8>), Reject> {
        let profile = setting.profile;
        let chosen = Key::choose(profile, entropy);
        let own = share(profile, entropy);
        let ct = chosen.transport(profile, &keys.server, entropy)?;
        let client = [u8::try_from(client).unwrap_or(0)];
        let client = &client[..];
        let share = share_bytes(own.as_ref());
        let mut transcript = Transcript::new(&keys.server, &keys.own.public_key());
        for field in [&ct[..], share] {
            transcript.absorb(Side::Client, field);
        }
        let values = [("client", client), ("ct", &ct), ("share", share)];
        let frame = assemble(&setting.layout, "KEY", &values);
        Ok((Self { chosen, own, transcript }, frame))
    }

    /// Check the answer; the keys, and the frame that confirms them.
    pub(super) fn accept(
        &self,
        setting: &Setting,
        keys: &ClientKeys,
        echo: &Received,
    ) -> Result<(Keys, Vec<u8>), Reject> {
        let profile = setting.profile;
        let (ct, share) = (echo.field("ct"), echo.field("share"));
        let mut transcript = self.transcript;
        for field in [ct, share] {
            transcript.absorb(Side::Server, field);
        }
        let echoed = Key::receive(profile, &keys.own, ct)?;
        let challenged = !profile.has(Weakness::NoClientAuthentication);
        if !challenged && echoed != self.chosen {
            return Err(Reject::new(Check::Acknowledgement, "key"));
        }
        let from = Ingredients {
            chosen: &self.chosen,
            challenge: challenged.then_some(&echoed),
            agreement: self.own.as_ref().map(|own| (own, share)),
            transcript: &transcript,
        };
        let keys = Keys::derive(profile, &from)?;
        if !profile.has(Weakness::ConfirmationIgnored)
            && !keys.verifies(EXCHANGE, Side::Server, "ECHO", 0, echo.field("mac"))
        {
            return Err(Reject::new(Check::Mac, "mac"));
        }
        let mac = keys.mac(EXCHANGE, Side::Client, TRUE, 0);
        let confirmation = assemble(&setting.layout, "TRUE", &[("mac", &mac)]);
        Ok((keys, confirmation))
    }
}

/// Answer an offer. As built, the key goes back to whom it came from, encrypted for the one client there is: that
/// shows nothing of who sent it. Hardened, something new goes, and only the client's private key opens it.
pub(super) fn answer(
    setting: &Setting,
    keys: &ServerKeys,
    offer: &Received,
    entropy: &mut Entropy,
) -> Result<Answer, Reject> {
    let profile = setting.profile;
    let challenged = !profile.has(Weakness::NoClientAuthentication);
    let client =
        if challenged { u32::try_from(number(offer.field("client"))).unwrap_or(0) } else { 1 };
    let client_key = keys.client(client).ok_or(Reject::new(Check::Identity, "client"))?;
    let (ct, share) = (offer.field("ct"), offer.field("share"));
    let chosen = Key::receive(profile, &keys.own, ct)?;
    if profile.has(Weakness::StaticRsaTransport) && std::str::from_utf8(&chosen.0).is_err() {
        // The published program takes the key for text, and ends as it does where the padding is wrong.
        return Err(Reject::new(Check::Content, "key"));
    }
    let mut transcript = Transcript::new(&keys.own.public_key(), &client_key);
    for field in [ct, share] {
        transcript.absorb(Side::Client, field);
    }
    let own = self::share(profile, entropy);
    let challenge = challenged.then(|| Key::challenge(entropy));
    let echoed = challenge.as_ref().unwrap_or(&chosen);
    let echo_ct = echoed.transport(profile, &client_key, entropy)?;
    let own_share = share_bytes(own.as_ref());
    for field in [&echo_ct[..], own_share] {
        transcript.absorb(Side::Server, field);
    }
    let from = Ingredients {
        chosen: &chosen,
        challenge: challenge.as_ref(),
        agreement: own.as_ref().map(|own| (own, share)),
        transcript: &transcript,
    };
    let keys = Keys::derive(profile, &from)?;
    let mac = keys.mac(EXCHANGE, Side::Server, "ECHO", 0);
    let values = [("ct", &echo_ct[..]), ("share", own_share), ("mac", &mac)];
    let echo = assemble(&setting.layout, "ECHO", &values);
    Ok(Answer { client, keys, echo })
}

/// Check that the client has confirmed the keys.
pub(super) fn confirmed(keys: &Keys, confirmation: &Received) -> Result<(), Reject> {
    if keys.verifies(EXCHANGE, Side::Client, TRUE, 0, confirmation.field("mac")) {
        Ok(())
    } else {
        Err(Reject::new(Check::Mac, "mac"))
    }
}
