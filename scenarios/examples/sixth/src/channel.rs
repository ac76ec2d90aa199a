//! The record layer: what is in a record, how it is sealed and opened, and what a leaked key opens.

use protocol::compromise::{RecordedFrame, Secrets, each_frame, next_secret};
use protocol::count::Count;
use protocol::crypto::{Secret, ccm};
use protocol::endpoint::{Check, Reject};
use protocol::inbox::Received;
use protocol::message_bytes::from_bytes;
use protocol::weakness::{Profile, Weakness};

use crate::SEQUENCE_NOT_CHECKED;

/// The largest record in bytes: with a nonce of 12 bytes, CCM encrypts less than 16 MiB (NIST SP 800-38C).
pub(crate) const MAX_RECORD: usize = (16 << 20) + 1 + 4 + 8 + ccm::TAG;
/// The secret that both ends write into a key log.
pub(crate) const RECORD_KEY: &str = "record-key";

/// What that secret opens of a recorded connection: every record, whatever its number.
pub(crate) const SECRETS: Secrets = Secrets {
    labels: &[(RECORD_KEY, "the key of the records, 32 bytes")],
    open: |_, secrets, recording: &[RecordedFrame<'_>]| {
        let key = next_secret(&mut secrets.iter(), RECORD_KEY).and_then(|key| key.try_into().ok());
        let Some(key) = key.map(Secret) else { return Vec::new() };
        let mut channel = Channel::new(Profile::only(SEQUENCE_NOT_CHECKED), key);
        each_frame(recording, |recorded| {
            let record = Received::of(recorded.frame);
            let is_data = record.spec.name == "DATA";
            is_data.then(|| channel.open(&record).and_then(|text| from_bytes(&text)).ok())?
        })
    },
};

/// One end of the record layer: the client seals, the server opens.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Channel {
    profile: Profile,
    key: Secret<32>,
    /// The number of the next record: how many there have been.
    number: u64,
}

impl Channel {
    pub(crate) fn new(profile: Profile, key: Secret<32>) -> Self {
        Self { profile, key, number: 0 }
    }

    /// A record with this plaintext.
    pub(crate) fn seal(&mut self, mut text: Vec<u8>) -> Result<Vec<u8>, Reject> {
        let length = u32::try_from(8 + text.len() + ccm::TAG).unwrap_or(u32::MAX);
        let head = [&b"D"[..], &length.to_be_bytes(), &self.number.to_be_bytes()].concat();
        let tag = ccm::seal(&self.key.0, &nonce(self.number), &head, &mut text)?;
        self.number = self.number.successor("number")?;
        Ok([&head[..], &text, &tag].concat())
    }

    /// The plaintext of a record: the tag is checked first, then the number.
    pub(crate) fn open(&mut self, record: &Received) -> Result<Vec<u8>, Reject> {
        let mut text = record.field("ct").to_vec();
        let number = self.verify(record, record.before("ct"), &mut text)?;
        if number != self.number && !self.profile.has(SEQUENCE_NOT_CHECKED) {
            return Err(Reject::new(Check::Sequence, "number"));
        }
        self.number = self.number.successor("number")?;
        Ok(text)
    }

    /// The goodbye: the count of the records, sealed like a record without a text.
    pub(crate) fn seal_end(&self) -> Vec<u8> {
        let head = [&b"B"[..], &self.number.to_be_bytes()].concat();
        let tag = ccm::seal(&self.key.0, &nonce(self.number), &head, &mut []).unwrap_or_default();
        let is_bare = self.profile.has(Weakness::EndNotAuthenticated);
        if is_bare { b"B".to_vec() } else { [&head[..], &tag].concat() }
    }

    /// Check the goodbye.
    pub(crate) fn open_end(&self, end: &Received) -> Result<(), Reject> {
        if self.profile.has(Weakness::EndNotAuthenticated) {
            return Ok(());
        }
        let is_all = self.verify(end, end.before("tag"), &mut [])? == self.number;
        is_all.then_some(()).ok_or(Reject::new(Check::Sequence, "number"))
    }

    /// Check the tag and decrypt `text` in place; the number.
    fn verify(&self, frame: &Received, head: &[u8], text: &mut [u8]) -> Result<u64, Reject> {
        let (number, tag) = (u64::from_be_bytes(frame.array("number")?), frame.array("tag")?);
        ccm::open(&self.key.0, &nonce(number), head, text, &tag)?;
        Ok(number)
    }
}

/// Four zero bytes and the number.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}
