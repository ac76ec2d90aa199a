//! What the private keys of server and client open of a recorded session, and what the session's own keys do.

use crate::ccm::keyfiles::{Owned, owned};
use crate::ccm::keys::{Ingredients, Key, Keys, RECORDS, Transcript};
use crate::ccm::record::Channel;
use crate::channel::Channel as _;
use crate::compromise::{RecordedFrame, Secrets, Transport, each_frame, next_secret};
use crate::endpoint::{Message, Side};
use crate::inbox::Received;
use crate::keyfiles::{KeyFiles, KeySource};
use crate::layout::number;
use crate::weakness::{Profile, Weakness};

/// The key of each data connection.
pub(super) const SECRETS: Secrets = Secrets {
    labels: &[(RECORDS, "the AES key of everything on this data connection, 16, 24 or 32 bytes")],
    open: |profile, secrets, recording| {
        let Some(key) = next_secret(&mut secrets.iter(), RECORDS) else { return Vec::new() };
        each_frame(recording, |recorded| {
            let frame = Received::of(recorded.frame);
            (frame.spec.name == "MSG").then_some(())?;
            message(profile, &Key(key.to_vec()), frame)
        })
    },
};

/// The message in a record.
fn message(profile: Profile, key: &Key, mut record: Received) -> Option<Message> {
    let mut channel = Channel::new(profile, key.clone());
    let content = channel.open_unordered(&mut record).ok()?;
    channel.message("MSG", content)
}

/// How the chosen key travels.
pub(super) const TRANSPORT: Transport = Transport {
    public_key: "serverPK.pem",
    frame: "KEY",
    field: "ct",
    open: |profile, chosen, recording| {
        hear(profile, recording, |offer| Offered {
            chosen: Some(Key(chosen.to_vec())),
            // An echoed challenge is encrypted under another key.
            ..Offered::hear(profile, &KeyFiles::new(), offer)
        })
    },
};

/// The offer is encrypted for the server, the echo for the client. As built both hold the same key, so either private key is enough; where the echo
/// is a challenge, it takes both. Where there is an agreement as well, they are not enough.
pub(super) fn decrypt_recording(
    profile: Profile,
    source: &dyn KeySource,
    recording: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    hear(profile, recording, |offer| Offered::hear(profile, source, offer))
}

/// Everything that opens with what is made of the offer.
fn hear(
    profile: Profile,
    recording: &[RecordedFrame<'_>],
    offered: impl Fn(&Received) -> Offered,
) -> Vec<(usize, Message)> {
    let mut offer = None;
    let mut keys: Option<Keys> = None;
    each_frame(recording, |recorded| {
        let frame = Received::of(recorded.frame);
        match (recorded.from, frame.spec.name) {
            (Side::Client, "KEY") => offer = Some(offered(&frame)),
            (Side::Server, "ECHO") => keys = offer.take()?.answered(profile, &frame),
            (from, "MSG") => return message(profile, keys.as_ref()?.of(from), frame),
            _ => {}
        }
        None
    })
}

/// What an offer says to whoever has these keys.
struct Offered {
    chosen: Option<Key>,
    client: Owned,
    transcript: Transcript,
}

impl Offered {
    fn hear(profile: Profile, source: &dyn KeySource, offer: &Received) -> Self {
        // Where clients are not told apart there is one.
        let number = u32::try_from(number(offer.field("client"))).unwrap_or(0).max(1);
        let (server, client) =
            (owned(source, Side::Server, 0), owned(source, Side::Client, number));
        let chosen = server.private.as_ref();
        let chosen = chosen.and_then(|key| Key::receive(profile, key, offer.field("ct")).ok());
        // As built the transcript decides no key, so nobody needs to know whose public keys are in it.
        let publics = server.public.as_ref().zip(client.public.as_ref());
        let mut transcript =
            publics.map(|(server, client)| Transcript::new(server, client)).unwrap_or_default();
        for field in ["ct", "share"] {
            transcript.absorb(Side::Client, offer.field(field));
        }
        Self { chosen, client, transcript }
    }

    fn answered(self, profile: Profile, echo: &Received) -> Option<Keys> {
        let Self { chosen, client, mut transcript } = self;
        for field in ["ct", "share"] {
            transcript.absorb(Side::Server, echo.field(field));
        }
        let echoed = client.private.as_ref();
        let echoed = echoed.and_then(|key| Key::receive(profile, key, echo.field("ct")).ok());
        let (chosen, challenge) = if profile.has(Weakness::NoClientAuthentication) {
            (chosen.or(echoed)?, None)
        } else {
            (chosen?, Some(echoed?))
        };
        if !profile.has(Weakness::StaticRsaTransport) {
            // What the shares agree on is in no recording.
            return None;
        }
        let challenge = challenge.as_ref();
        let transcript = &transcript;
        Keys::derive(
            profile,
            &Ingredients { chosen: &chosen, challenge, agreement: None, transcript },
        )
        .ok()
    }
}
