//! The record layer without a session.

use crate::endpoint::{Reject, Side};
use crate::entropy::Entropy;
use crate::helo::keys::Keys;
use crate::helo::record::Channel;
use crate::helo::wire::{self, IMGX, MAX_RECORD};
use crate::inbox::Inbox;
use crate::layout::Layout;
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::weakness::Profile;

#[derive(Debug)]
struct Bare {
    layout: Layout,
    channel: Channel,
    entropy: Entropy,
}

/// Files of a device, under constant keys.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let channel = Channel::new(profile, Keys::derive(&[1; 32], &[2; 16], &[3; 16]));
    let entropy = Entropy::new(1, "helo records");
    Box::new(Bare { layout: wire::layout(profile), channel, entropy })
}

impl RecordLayer for Bare {
    fn cipher(&self) -> Option<Cipher> {
        Some(Cipher::Aes128Cbc)
    }

    fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Reject> {
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        let (frame, _) = self.channel.seal(IMGX, content.len(), &mut self.entropy, write)?;
        if frame.len() > MAX_RECORD { Err(SHORT) } else { Ok(frame) }
    }

    fn open(&mut self, received: Vec<u8>, read: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Reject> {
        let mut inbox = Inbox::from(received);
        let record = inbox.next_due(&self.layout, Side::Client, &["IMGX"])?;
        let mut record = record.ok_or(SHORT)?;
        read(self.channel.open_unordered(&mut record)?);
        Ok(record.bytes)
    }
}
