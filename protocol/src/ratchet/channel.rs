//! The record layer without a session, at round 0: nothing is mixed into the keys between two records.

use crate::endpoint::{Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::{Cut, Inbox};
use crate::layout::Layout;
use crate::ratchet::keys::Keys;
use crate::ratchet::wire::{self, DATA, Received, Sealing};
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::weakness::Profile;

#[derive(Debug)]
struct Bare {
    layout: Layout,
    keys: Keys,
    entropy: Entropy,
}

/// Data of a client, under constant keys.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let (keys, entropy) = (Keys::from_master(&[1; 16]), Entropy::new(1, "ratchet records"));
    Box::new(Bare { layout: wire::layout(profile), keys, entropy })
}

impl RecordLayer for Bare {
    fn cipher(&self) -> Option<Cipher> {
        Some(Cipher::Aes128Cbc)
    }

    fn rekeys(&self) -> bool {
        true
    }

    fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Reject> {
        let spec = self.layout.frame(DATA).ok_or(SHORT)?;
        let iv = self.entropy.bytes();
        let sealing = Sealing {
            spec,
            from: Side::Client,
            client_id: 1,
            round: 0,
            share: Some([2; 32]),
            iv,
            plaintext: content,
        };
        let frame = sealing.seal(&self.keys.c2s);
        if frame.len() > spec.max { Err(SHORT) } else { Ok(frame) }
    }

    fn open(&mut self, received: Vec<u8>, read: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Reject> {
        let (spec, frame) = match Inbox::from(received).cut(self.layout.from_side(Side::Client)) {
            Cut::Whole(spec, frame) => (spec, frame),
            Cut::Bad(reject) => return Err(reject),
            Cut::Short => return Err(SHORT),
        };
        read(&Received::cut(&spec, &frame)?.open(&self.keys.c2s, 0, Side::Client)?);
        Ok(frame)
    }
}
