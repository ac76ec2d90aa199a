//! The record layer without a session.

use crate::ccm::keys::Key;
use crate::ccm::record::{Opener, Sealer};
use crate::ccm::wire;
use crate::endpoint::Reject;
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::layout::{Layout, number};
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::weakness::Profile;

#[derive(Debug)]
struct Bare {
    layout: Layout,
    sealer: Sealer,
    opener: Opener,
    entropy: Entropy,
}

/// Messages of a client on its data connection, under a constant key.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let entropy = Entropy::new(1, "ccm records");
    let key = Key(vec![1; 32]);
    let sealer = Sealer { profile, key: key.clone(), sent: 0 };
    let opener = Opener { profile, key, received: 0 };
    Box::new(Bare { layout: wire::layout(profile), sealer, opener, entropy })
}

impl RecordLayer for Bare {
    fn cipher(&self) -> Option<Cipher> {
        Some(Cipher::Aes256Ccm)
    }

    fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Reject> {
        self.sealer.seal(&[content], &mut self.entropy)
    }

    fn open(&mut self, received: Vec<u8>, read: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Reject> {
        let (profile, mut inbox) = (self.opener.profile, Inbox::from(received));
        let record = wire::next(&self.layout, profile, &["MSG"], &mut inbox)?.ok_or(SHORT)?;
        self.opener.received = number(record.field("sequence"));
        read(&self.opener.open(record)?);
        Ok(Vec::new())
    }
}
