//! The record layer: what is in a record, how it is sealed and opened, and what a leaked key opens.

use bytes::Bytes;
use protocol::compromise::{Edit, RecordedFrame, Secrets, each_frame, next_secret};
use protocol::count::Count;
use protocol::crypto::{Secret, ccm};
use protocol::endpoint::{Check, Kind, Message, Name, Reject};
use protocol::inbox::Received;
use protocol::weakness::{Profile, Weakness};

use crate::SEQUENCE_NOT_CHECKED;

/// The largest record accepted, in bytes.
pub(crate) const MAX_RECORD: usize = 16 << 20;
/// What stands around the body of a message in its record at most, in bytes.
const OVERHEAD: usize = 512;
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
            is_data.then(|| channel.open(&record).and_then(|text| read(&text)).ok())?
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
        let length = u32::try_from(8 + text.len() + ccm::TAG).map_err(|_| TOO_LONG)?;
        let head = [&b"D"[..], &length.to_be_bytes(), &self.number.to_be_bytes()].concat();
        let tag = ccm::seal(&self.key.0, &nonce(self.number), &head, &mut text);
        self.number = self.number.successor("number")?;
        Ok([&head[..], &text, &tag.map_err(|_| TOO_LONG)?].concat())
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
        match ccm::seal(&self.key.0, &nonce(self.number), &head, &mut []) {
            Ok(tag) if !self.profile.has(Weakness::EndNotAuthenticated) => {
                [&head[..], &tag].concat()
            }
            _ => b"B".to_vec(),
        }
    }

    /// Check the goodbye.
    pub(crate) fn open_end(&self, end: &Received) -> Result<(), Reject> {
        if self.profile.has(Weakness::EndNotAuthenticated) {
            return Ok(());
        }
        match self.verify(end, end.before("tag"), &mut [])? {
            number if number == self.number => Ok(()),
            _ => Err(Reject::new(Check::Sequence, "number")),
        }
    }

    /// What somebody with this key makes of a record: `edit` changes the plaintext.
    pub(crate) fn rewrite(&self, record: &Received, edit: Edit<'_>) -> Option<Vec<u8>> {
        let mut text = self.clone().open(record).ok()?;
        edit(&mut text);
        let number = record.array("number").map(u64::from_be_bytes).ok()?;
        Self { number, ..self.clone() }.seal(text).ok()
    }

    /// Check the tag and decrypt `text` in place; the number.
    fn verify(&self, frame: &Received, head: &[u8], text: &mut [u8]) -> Result<u64, Reject> {
        let (number, tag) = (u64::from_be_bytes(frame.array("number")?), frame.array("tag")?);
        let opened = ccm::open(&self.key.0, &nonce(number), head, text, &tag);
        opened.map(|()| number).map_err(|_| Reject::new(Check::Mac, "tag"))
    }
}

/// A nonce of 12 bytes leaves room for records of less than 16 MiB (NIST SP 800-38C). The first four bytes are zero.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

const TOO_LONG: Reject = Reject::new(Check::Length, "message");

/// The plaintext of a message: a letter for its kind, the length of its name, the name, the body.
pub(crate) fn write(message: &Message) -> Result<Vec<u8>, Reject> {
    let name = message.name.as_ref().map_or("", Name::as_str);
    let length = u8::try_from(name.len()).map_err(|_| Reject::new(Check::Length, "name"))?;
    if message.body.len() > MAX_RECORD - OVERHEAD {
        return Err(TOO_LONG);
    }
    let letter = match message.kind {
        Kind::Text => b't',
        Kind::Image => b'i',
        Kind::Video => b'v',
        Kind::Numbers | Kind::Aggregate => return Err(Reject::new(Check::Content, "message")),
    };
    Ok([&[letter, length][..], name.as_bytes(), &message.body].concat())
}

/// The message in a plaintext.
pub(crate) fn read(text: &[u8]) -> Result<Message, Reject> {
    let bad = |field| Reject::new(Check::Content, field);
    let ([letter, length], rest) = text.split_first_chunk().ok_or(bad("message"))?;
    let (name, body) = rest.split_at_checked(usize::from(*length)).ok_or(bad("name"))?;
    let name = std::str::from_utf8(name).map_err(|_| bad("name"))?;
    let kind = match letter {
        b't' => {
            return std::str::from_utf8(body).map(Message::text).map_err(|_| bad("text"));
        }
        b'i' => Kind::Image,
        b'v' => Kind::Video,
        _ => return Err(bad("kind")),
    };
    Ok(Message { kind, name: Some(Name::from(name)), body: Bytes::copy_from_slice(body) })
}
