//! The record layer as what the lab does with any channel: it is measured and rewritten. What the secrets of a session open is in
//! `decrypt_recording.rs`, because a session has one for every epoch.

use crate::channel;
use crate::crypto::Secret;
use crate::csr::file;
use crate::csr::keys::{Nonces, Schedule};
use crate::csr::record::{Channel, Content};
use crate::csr::wire;
use crate::endpoint::{Check, Message, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::Received;
use crate::layout::number;
use crate::records::{Cipher, RecordLayer};
use crate::weakness::{Profile, Weakness};

/// What a frame of this type carries.
pub(super) fn carried(frame: &str) -> Result<Content, Reject> {
    match frame {
        "TEXT" => Ok(Content::Text),
        "MEDIA" => Ok(Content::Media),
        "REPLY" => Ok(Content::Reply),
        _ => Err(Reject::new(Check::Opcode, "type")),
    }
}

impl channel::Channel for Channel {
    type Record = Received;

    const CIPHER: Option<Cipher> = Some(Cipher::Aes256Cbc);
    const RECORDS: &'static [(Side, &'static str)] =
        &[(Side::Client, "TEXT"), (Side::Client, "MEDIA"), (Side::Server, "REPLY")];

    /// The share behind the content is the one there is: an agreement is no part of a record.
    fn seal(
        &mut self,
        frame: &'static str,
        content: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject> {
        let iv = if self.profile.has(Weakness::StaticIv) {
            self.schedule.keys.iv.0
        } else {
            entropy.bytes()
        };
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        let share = self.schedule.share().unwrap_or_default();
        Ok(self.seal_under(&iv, carried(frame)?, content.len(), share, write))
    }

    fn open<'a>(&mut self, record: &'a mut Received) -> Result<&'a [u8], Reject> {
        self.open(carried(record.spec.name)?, record)
    }

    fn expect(&mut self, record: &Received) {
        self.received = number(record.field("sequence"));
    }

    /// The sender's share stays behind the content.
    fn reseal(&self, record: &Received, content: &[u8], _: &mut Entropy) -> Option<Vec<u8>> {
        let iv = self.iv(record.field("iv")).ok()?;
        let (carried, mut opened) = (carried(record.spec.name).ok()?, record.clone());
        let (_, share) = self.unseal(carried, &mut opened).ok()?;
        let sender = Self { sent: self.received, ..self.clone() };
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        Some(sender.seal_under(&iv, carried, content.len(), share, write))
    }

    /// A device claims nothing of a reply, which is a text all the same.
    fn message(&self, frame: &str, content: &[u8]) -> Option<Message> {
        if frame == "MEDIA" {
            return file::read(self.profile, content).ok().map(|(message, _)| message);
        }
        file::read_text(content).ok()
    }
}

/// Media of a device, under constant keys.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let nonces = Nonces { device: [1; 32], server: [2; 32] };
    let channel = Channel::new(profile, Schedule::told(profile, nonces, Secret([3; 32])));
    let layout = wire::layout(profile);
    let entropy = Entropy::new(1, "csr records");
    channel::measured(channel, "MEDIA", entropy, move |inbox| {
        wire::next(&layout, profile, &["MEDIA"], inbox)
    })
}
