//! The record layer without a session. The share that a hardened record carries is made once, since its agreement is no
//! part of the record.

use crate::crypto::ecdh::Ephemeral;
use crate::csr::keys::{Nonces, Schedule};
use crate::csr::record::{Channel, Content};
use crate::csr::wire;
use crate::endpoint::Reject;
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::layout::Layout;
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::weakness::Profile;

#[derive(Debug)]
struct Bare {
    layout: Layout,
    channel: Channel,
    share: Vec<u8>,
    entropy: Entropy,
}

/// Media of a device, under constant keys.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let mut entropy = Entropy::new(1, "csr records");
    let nonces = Nonces { device: [1; 32], server: [2; 32] };
    let schedule = Schedule::told(profile, nonces, crate::crypto::Secret([3; 32]));
    let own = Ephemeral::generate(&mut entropy);
    let share = own.share().get(..schedule.share_len()).unwrap_or_default().to_vec();
    let channel = Channel::new(profile, schedule);
    Box::new(Bare { layout: wire::layout(profile), channel, share, entropy })
}

impl RecordLayer for Bare {
    fn cipher(&self) -> Option<Cipher> {
        Some(Cipher::Aes256Cbc)
    }

    fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Reject> {
        let iv = if self.channel.profile.has(crate::weakness::Weakness::StaticIv) {
            self.channel.schedule.keys.iv.0
        } else {
            self.entropy.bytes()
        };
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(content);
        Ok(self.channel.seal_under(&iv, Content::Media, content.len(), &self.share, write))
    }

    fn open(&mut self, received: Vec<u8>, read: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Reject> {
        let mut inbox = Inbox::from(received);
        let record = wire::next(&self.layout, self.channel.profile, &["MEDIA"], &mut inbox)?;
        let mut record = record.ok_or(SHORT)?;
        read(self.channel.unseal(Content::Media, &mut record)?.0);
        Ok(record.bytes)
    }
}
