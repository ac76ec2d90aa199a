//! The record layer as what the lab does with any channel: it is measured, rewritten, and opened when its secret is known.

use crate::ccm::content::{self, Content};
use crate::ccm::keys::Key;
use crate::ccm::record::Channel;
use crate::ccm::wire;
use crate::channel;
use crate::endpoint::{Message, Reject};
use crate::entropy::Entropy;
use crate::inbox::Received;
use crate::layout::number;
use crate::records::{Cipher, RecordLayer};
use crate::weakness::Profile;

/// How many nonces are tried for a record that is to have no delimiter in it. One in 55 is right for a record that
/// fills a read, so all but one in a hundred of those find one.
const TRIES: usize = 256;

impl channel::Channel for Channel {
    type Record = Received;

    const CIPHER: Option<Cipher> = Some(Cipher::Aes256Ccm);

    fn seal(
        &mut self,
        _: &'static str,
        content: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject> {
        self.seal(&[content], entropy)
    }

    fn open<'a>(&mut self, record: &'a mut Received) -> Result<&'a [u8], Reject> {
        let place = self.open_in_place(record)?;
        Ok(record.at(&place))
    }

    fn expect(&mut self, record: &Received) {
        self.count = number(record.field("sequence"));
    }

    /// Where a delimiter would spoil the record, it gets another nonce.
    fn reseal(&self, record: &Received, content: &[u8], entropy: &mut Entropy) -> Option<Vec<u8>> {
        let kept = self.seal_under(record.field("nonce"), &[content]).ok();
        let fresh = (0..TRIES).map_while(|_| self.clone().seal(&[content], entropy).ok());
        kept.into_iter().chain(fresh).find(|frame| {
            let sealed = Received { spec: record.spec.clone(), bytes: frame.clone() };
            let is_opened = || self.clone().open(sealed).is_ok_and(|it| it == content);
            frame.len() <= record.spec.max && is_opened()
        })
    }

    fn message(&self, _: &str, content: &[u8]) -> Option<Message> {
        match content::read(self.profile, &content.to_vec().into()).ok()? {
            Content::Message(message) => Some(message),
            Content::Goodbye => None,
        }
    }

    /// Its fields are where an honest sender's are: a delimiter in one of them misleads nobody who knows their sizes.
    fn open_unordered<'a>(&mut self, record: &'a mut Received) -> Result<&'a [u8], Reject> {
        let place = self.open_fields(record)?;
        Ok(record.at(&place))
    }
}

/// Messages of a client on its data connection, under a constant key.
pub(super) fn records(profile: Profile) -> Box<dyn RecordLayer> {
    let layout = wire::layout(profile);
    let entropy = Entropy::new(1, "ccm records");
    let channel = Channel::new(profile, Key(vec![1; 32]));
    channel::measured(channel, "MSG", entropy, move |inbox| {
        wire::next(&layout, profile, &["MSG"], inbox)
    })
}
