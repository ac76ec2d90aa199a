//! The record layer without a session. As built, a message goes with the key it is encrypted under; this is the message alone.

use crate::endpoint::Reject;
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::layout::Layout;
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::suite::keys::{Keys, Transcript};
use crate::suite::record::{Channel, Content};
use crate::suite::wire::{self, MAX_FILE};
use crate::weakness::{Profile, Weakness};

#[derive(Debug)]
struct Bare {
    layout: Layout,
    channel: Channel,
    entropy: Entropy,
}

/// Files of a client, under constant keys.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    // What lacks these is the published frame, key and all.
    let profile = profile.without(Weakness::ClientSideLogin).without(Weakness::DelimiterFraming);
    let channel = Channel::new(profile, Keys::derive(&[1; 32], &Transcript::default()));
    let entropy = Entropy::new(1, "suite records");
    Box::new(Bare { layout: wire::layout(profile), channel, entropy })
}

impl RecordLayer for Bare {
    fn cipher(&self) -> Option<Cipher> {
        Some(Cipher::Aes128Cbc)
    }

    fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Reject> {
        if content.len() > MAX_FILE {
            return Err(SHORT);
        }
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        let (carried, len) = (Content::File, content.len());
        Ok(self.channel.seal(carried, None, len, &mut self.entropy, write)?.0)
    }

    fn open(&mut self, received: Vec<u8>, read: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Reject> {
        let mut inbox = Inbox::from(received);
        let record = wire::next(&self.layout, self.channel.profile, &["FILE"], &mut inbox)?;
        let mut record = record.ok_or(SHORT)?;
        read(self.channel.open_unordered(Content::File, &mut record)?);
        Ok(record.into_bytes())
    }
}
