//! One direction of a session in one round: its records are measured, and rewritten by somebody with the keys. What the secrets of a
//! session open is in `decrypt_recording.rs`, because every message changes the keys.

use std::sync::Arc;

use crate::channel;
use crate::endpoint::{Reject, Side};
use crate::entropy::Entropy;
use crate::inbox;
use crate::layout::{Layout, number};
use crate::ratchet::keys::{Chain, Keys};
use crate::ratchet::wire::{self, DATA, Received, Sealing};
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::weakness::Profile;

/// One direction of a session in one round.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) layout: Arc<Layout>,
    pub(super) chain: Chain,
    pub(super) round: u32,
    pub(super) from: Side,
}

impl channel::Channel for Channel {
    type Record = inbox::Received;

    const CIPHER: Option<Cipher> = Some(Cipher::Aes128Cbc);
    const REKEYS: bool = true;

    /// The share is a constant: an agreement is no part of a record.
    fn seal(
        &mut self,
        frame: &'static str,
        content: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject> {
        let spec = self.layout.frame(frame).ok_or(SHORT)?;
        let (from, round, share) = (self.from, self.round, Some([2; 32]));
        let (client_id, iv, plaintext) = (1, entropy.bytes(), content);
        let sealing = Sealing { spec, from, client_id, round, share, iv, plaintext };
        Some(sealing.seal(&self.chain)).filter(|frame| frame.len() <= spec.max).ok_or(SHORT)
    }

    fn open<'a>(&mut self, record: &'a mut inbox::Received) -> Result<&'a [u8], Reject> {
        let received = Received::cut(&record.spec, &record.bytes)?;
        record.bytes = received.open(&self.chain, self.round, self.from)?;
        Ok(&record.bytes)
    }

    fn expect(&mut self, record: &inbox::Received) {
        self.round = u32::try_from(number(record.field("round"))).unwrap_or(u32::MAX);
    }

    fn reseal(&self, record: &inbox::Received, content: &[u8], _: &mut Entropy) -> Option<Vec<u8>> {
        let (spec, from, round) = (&*record.spec, self.from, self.round);
        let Received { client_id, share, iv, .. } = Received::cut(spec, &record.bytes).ok()?;
        let sealing = Sealing { spec, from, client_id, round, share, iv, plaintext: content };
        Some(sealing.seal(&self.chain)).filter(|frame| frame.len() <= spec.max)
    }
}

/// Data of a client under constant keys, at round 0: nothing is mixed into the keys between two records.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let layout = Arc::new(wire::layout(profile));
    let (chain, from) = (Keys::from_master(&[1; 16]).c2s, Side::Client);
    let channel = Channel { layout: layout.clone(), chain, round: 0, from };
    let entropy = Entropy::new(1, "ratchet records");
    channel::measured(channel, DATA, entropy, move |inbox| inbox.next(layout.from_side(from)))
}
