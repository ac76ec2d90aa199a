//! The record layer as what the lab does with any channel: it is measured, rewritten, and opened when its secret is known. As built, a
//! message goes with the key it is encrypted under; these are the records of sessions with a handshake.

use crate::channel::{self, Record};
use crate::endpoint::{Check, Message, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::Received;
use crate::layout::{Frame, number};
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::suite::content;
use crate::suite::keys::{HANDSHAKE, Keys, Transcript};
use crate::suite::record::{Channel, Content};
use crate::suite::wire::{self, MAX_FILE, Parts};
use crate::weakness::{Profile, Weakness};

/// What the client has encrypted in a frame of this type.
fn sealed(frame: &str) -> Result<Content, Reject> {
    match frame {
        "LOGIN" => Ok(Content::Login),
        "MSG" => Ok(Content::Text),
        "FILE" => Ok(Content::File),
        _ => Err(Reject::new(Check::Opcode, "type")),
    }
}

impl channel::Channel for Channel {
    type Record = Parts;

    const CIPHER: Option<Cipher> = Some(Cipher::Aes128Cbc);
    const SECRET: &'static str = HANDSHAKE;
    const BEGINS_WITH: &'static str = "LOGIN";
    const RECORDS: &'static [(Side, &'static str)] =
        &[(Side::Client, "MSG"), (Side::Client, "FILE")];

    fn seal(
        &mut self,
        frame: &'static str,
        content: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject> {
        if content.len() > MAX_FILE {
            return Err(SHORT);
        }
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        Ok(self.seal(sealed(frame)?, None, content.len(), entropy, write)?.0)
    }

    fn open<'a>(&mut self, record: &'a mut Parts) -> Result<&'a [u8], Reject> {
        self.open(sealed(record.name())?, record).map(|opened| opened.plaintext)
    }

    fn expect(&mut self, record: &Parts) {
        self.sequence = number(record.field("sequence"));
    }

    fn reseal(&self, record: &Parts, content: &[u8], _: &mut Entropy) -> Option<Vec<u8>> {
        let iv = self.iv(record.field("iv")).ok()?;
        let key = Some(record.field("key")).filter(|key| !key.is_empty());
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        let carried = sealed(record.name()).ok()?;
        let sealed = self.clone().seal_under(&iv, carried, key, content.len(), write);
        sealed.ok().map(|(frame, _)| frame)
    }

    fn from_secret(profile: Profile, handshake: &[(Side, Parts)], secret: &[u8]) -> Option<Self> {
        let mut transcript = Transcript::default();
        for (from, frame) in handshake {
            match (*from, frame.name()) {
                (Side::Client, "HELLO") => {
                    transcript = Transcript::default();
                    transcript.absorb(*from, &["nonce", "share"].map(|name| frame.field(name)));
                }
                (Side::Server, "CERT") => {
                    let said = ["certificate", "nonce", "share"].map(|name| frame.field(name));
                    transcript.absorb(*from, &said);
                }
                _ => {}
            }
        }
        Some(Self::new(profile, Keys::derive(secret.try_into().ok()?, &transcript)))
    }

    fn message(&self, frame: &str, content: &[u8]) -> Option<Message> {
        let read = if frame == "MSG" { content::read_text } else { content::read_file };
        read(content).ok()
    }
}

impl Record for Parts {
    /// Its fields are where an honest sender's are: a delimiter that stands in one of them by chance misleads nobody who knows
    /// their sizes.
    fn of(frame: &Frame) -> Self {
        Self { frame: Received::of(frame), split: None }
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn field(&self, name: &str) -> &[u8] {
        self.field(name)
    }

    fn into_bytes(self) -> Vec<u8> {
        self.frame.bytes
    }
}

/// Files of a client, under constant keys.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    // What lacks these is the published frame, key and all.
    let profile = profile.without(Weakness::ClientSideLogin).without(Weakness::DelimiterFraming);
    let channel = Channel::new(profile, Keys::derive(&[1; 32], &Transcript::default()));
    let layout = wire::layout(profile);
    let entropy = Entropy::new(1, "suite records");
    channel::measured(channel, "FILE", entropy, move |inbox| {
        wire::next(&layout, profile, &["FILE"], inbox)
    })
}
