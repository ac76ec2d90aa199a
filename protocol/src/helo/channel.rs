//! The record layer as what the lab does with any channel: it is measured, rewritten, and opened when its secret is known.

use crate::channel;
use crate::endpoint::{Message, Reject, Side};
use crate::entropy::Entropy;
use crate::helo::file;
use crate::helo::keys::{Keys, MASTER, NONCE};
use crate::helo::record::Channel;
use crate::helo::wire::{self, IMGX, MAX_RECORD, SECX};
use crate::inbox::Received;
use crate::layout::number;
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::weakness::Profile;

impl channel::Channel for Channel {
    type Record = Received;

    const CIPHER: Option<Cipher> = Some(Cipher::Aes128Cbc);
    const SECRET: &'static str = MASTER;
    const BEGINS_WITH: &'static str = "PREM";
    const RECORDS: &'static [(Side, &'static str)] =
        &[(Side::Client, "SECX"), (Side::Client, "IMGX")];

    fn seal(
        &mut self,
        frame: &'static str,
        content: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject> {
        let header = if frame == "IMGX" { IMGX } else { SECX };
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        let (frame, _) = self.seal(header, content.len(), entropy, write)?;
        if frame.len() > MAX_RECORD { Err(SHORT) } else { Ok(frame) }
    }

    fn open<'a>(&mut self, record: &'a mut Received) -> Result<&'a [u8], Reject> {
        self.open(record).map(|(_, plaintext)| plaintext)
    }

    fn expect(&mut self, record: &Received) {
        self.sequence = number(record.field("sequence"));
    }

    fn reseal(&self, record: &Received, content: &[u8], _: &mut Entropy) -> Option<Vec<u8>> {
        let iv = self.iv(record.field("iv")).ok()?;
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        let header = record.field("header");
        self.clone().seal_under(&iv, header, content.len(), write).ok().map(|(frame, _)| frame)
    }

    fn from_secret(
        profile: Profile,
        handshake: &[(Side, Received)],
        master: &[u8],
    ) -> Option<Self> {
        let (mut device, mut server) = ([0; NONCE], [0; NONCE]);
        for (from, frame) in handshake {
            match (from, frame.spec.name) {
                (Side::Client, "NONCE") => device = frame.array("nonce").ok()?,
                (Side::Server, "SNONCE") => server = frame.array("nonce").ok()?,
                _ => {}
            }
        }
        Some(Self::new(profile, Keys::derive(master.try_into().ok()?, &device, &server)))
    }

    fn message(&self, frame: &str, content: &[u8]) -> Option<Message> {
        if frame == "SECX" {
            return file::read_text(content).ok();
        }
        file::read(content).ok().map(|(message, _)| message)
    }
}

/// Files of a device, under constant keys.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let channel = Channel::new(profile, Keys::derive(&[1; 32], &[2; 16], &[3; 16]));
    let layout = wire::layout(profile);
    let entropy = Entropy::new(1, "helo records");
    channel::measured(channel, "IMGX", entropy, move |inbox| {
        inbox.next_due(&layout, Side::Client, &["IMGX"])
    })
}
