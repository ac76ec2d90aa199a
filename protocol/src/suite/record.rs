//! The record layer where there is a handshake: AES-128-CBC, then HMAC-SHA256, in place in one buffer, with
//! whatever the profile leaves out left out. The server only ever authenticates.

use crate::count::Count;
use crate::crypto::checksum::hex;
use crate::crypto::{cbc, sha256};
use crate::endpoint::{Check, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::array;
use crate::layout::number;
use crate::suite::keys::Keys;
use crate::suite::wire::{INTEGRITY, Parts, Writer, tag_len};
use crate::weakness::{Profile, Weakness};

/// The initialization vector of the published program, for every message of everybody.
pub(super) const STATIC_IV: &[u8; 16] = b"RandomIV12345678";
/// A server believes the login.
pub(super) const WELCOME: u8 = 1;
/// A server does not believe the login.
pub(super) const DENIED: u8 = 0;

/// What a frame with a tag carries; the label is under the tag, so one cannot be passed off as another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Content {
    Login,
    Welcome,
    Text,
    File,
    Receipt,
    End,
}

impl Content {
    const fn from(self) -> Side {
        match self {
            Self::Login | Self::Text | Self::File | Self::End => Side::Client,
            Self::Welcome | Self::Receipt => Side::Server,
        }
    }

    const fn letter(self) -> u8 {
        match self {
            Self::Login => b'L',
            Self::Welcome => b'W',
            Self::Text => b'M',
            Self::File => b'F',
            Self::Receipt => b'A',
            Self::End => b'E',
        }
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Login => b"suite login",
            Self::Welcome => b"suite welcome",
            Self::Text => b"suite text",
            Self::File => b"suite file",
            Self::Receipt => b"suite receipt",
            Self::End => b"suite end",
        }
    }

    /// Whether it is one of the numbered records.
    const fn is_record(self) -> bool {
        matches!(self, Self::Text | Self::File)
    }
}

/// What names one record in its receipt: its number, and its tag, which stands for its content.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Receipt {
    sequence: u64,
    tag: Vec<u8>,
}

impl Receipt {
    /// What stands for the tag, of whatever length, in a receipt.
    fn hash(&self) -> [u8; 32] {
        sha256(&[&self.tag])
    }
}

/// A record that was opened.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    pub(super) plaintext: &'a [u8],
    pub(super) receipt: Receipt,
    /// Whether the tag fits. Only where a failure has no consequence can it be otherwise.
    pub(super) intact: bool,
}

/// One end of the record layer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Channel {
    pub(super) profile: Profile,
    pub(super) keys: Keys,
    /// The number of the next record.
    pub(super) sequence: u64,
}

impl Channel {
    pub(super) fn new(profile: Profile, keys: Keys) -> Self {
        Self { profile, keys, sequence: 0 }
    }

    /// Make a record of the `len` bytes of plaintext that `write` appends, behind `key` if there is one.
    ///
    /// # Errors
    /// `exhausted` when no sequence number is left.
    pub(super) fn seal(
        &mut self,
        content: Content,
        key: Option<&[u8]>,
        len: usize,
        entropy: &mut Entropy,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(Vec<u8>, Receipt), Reject> {
        let iv = if self.profile.has(Weakness::StaticIv) { *STATIC_IV } else { entropy.bytes() };
        self.seal_under(&iv, content, key, len, write)
    }

    /// Make a record under this initialization vector.
    pub(super) fn seal_under(
        &mut self,
        iv: &[u8; cbc::BLOCK],
        content: Content,
        key: Option<&[u8]>,
        len: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(Vec<u8>, Receipt), Reject> {
        let profile = self.profile;
        let mut frame = Writer::new(profile, content.letter(), room(profile, len));
        if let Some(key) = key {
            frame.put(key);
        }
        let sequence = self.sequence;
        if content.is_record() {
            self.sequence = sequence.successor("sequence")?;
            if !profile.has(Weakness::NoSequence) {
                frame.put(&sequence.to_be_bytes());
            }
        }
        if !profile.has(Weakness::StaticIv) {
            frame.put(iv);
        }
        let buffer = frame.begin();
        let from = buffer.len();
        write(buffer);
        let len = buffer.len() - from;
        // A hash without a key is over the plaintext, which is gone once it is encrypted.
        let hash = self.unkeyed(&[buffer.get(from..).unwrap_or_default()]);
        let tag = if let Some(hash) = hash {
            cbc::encrypt(self.keys.client_enc.ready(), iv, buffer, from);
            frame.before_tag(tag_len(profile));
            hash
        } else {
            frame.declare(cbc::padded(len) - len + tag_len(profile));
            self.encrypt(content, iv, &mut frame, from).to_vec()
        };
        Ok((frame.finish_with(&tag), Receipt { sequence, tag }))
    }

    /// Encrypt what stands in the frame behind `from`; the tag over all of it, in the order of [`Channel::parts`].
    fn encrypt(
        &self,
        content: Content,
        iv: &[u8; cbc::BLOCK],
        frame: &mut Writer,
        from: usize,
    ) -> [u8; 32] {
        let enc = self.keys.client_enc.ready();
        let buffer = frame.buffer();
        let header = buffer.get(..from).unwrap_or_default();
        let [label, header, vector] = self.parts(content, header, &[iv, &[]]);
        // Where the header is covered, the vector comes last.
        let header_covered = !vector.is_empty();
        let mut mac = self.keys.mac(content.from()).begin(&[label, header]);
        cbc::encrypt_then_mac(enc, iv, &mut mac, buffer, from);
        let end = buffer.len();
        let delimiter = frame.before_tag(tag_len(self.profile)).get(end..).unwrap_or_default();
        if header_covered {
            mac.absorb(delimiter);
            mac.absorb(iv);
        }
        mac.tag()
    }

    /// Check a record and decrypt it in place. What it was refused by leaves no trace here.
    pub(super) fn open<'a>(
        &mut self,
        content: Content,
        record: &'a mut Parts,
    ) -> Result<Opened<'a>, Reject> {
        let profile = self.profile;
        let [number_at, iv_at, ct_at, tag_at] = record.places(["sequence", "iv", "ct", INTEGRITY]);
        let given = record.at(&tag_at).to_vec();
        let unkeyed = profile.has(Weakness::UnkeyedHash);
        let iv = self.iv(record.at(&iv_at))?;
        let mut intact = unkeyed || {
            let header = record.at(&(0..tag_at.start));
            let parts = self.parts(content, header, &[&iv, record.at(&ct_at)]);
            self.keys.mac(content.from()).verifies(&parts, &given)
        };
        let goes_on = content.is_record() && profile.has(Weakness::GoesOnAfterFailure);
        if !intact && !goes_on {
            return Err(Reject::new(Check::Mac, INTEGRITY));
        }
        let sequence = number(record.at(&number_at));
        let numbered = content.is_record() && !profile.has(Weakness::NoSequence);
        if numbered && sequence != self.sequence {
            return Err(Reject::new(Check::Sequence, "sequence"));
        }
        let ct = record.at_mut(ct_at);
        let plaintext = cbc::decrypt(self.keys.client_enc.ready(), &iv, ct)
            .map_err(|_| Reject::new(Check::Padding, "ct"))?;
        if let Some(hash) = self.unkeyed(&[plaintext]) {
            intact = hash == given;
        }
        if !intact && !goes_on {
            return Err(Reject::new(Check::Mac, INTEGRITY));
        }
        let receipt = Receipt { sequence: self.sequence, tag: given };
        if content.is_record() {
            self.sequence = self.sequence.successor("sequence")?;
        }
        Ok(Opened { plaintext, receipt, intact })
    }

    /// The initialization vector of a record with this field.
    pub(super) fn iv(&self, field: &[u8]) -> Result<[u8; cbc::BLOCK], Reject> {
        if self.profile.has(Weakness::StaticIv) { Ok(*STATIC_IV) } else { array(field, "iv") }
    }

    /// The outcome of a login.
    pub(super) fn seal_welcome(&self, status: u8) -> Vec<u8> {
        let mut frame = Writer::new(self.profile, Content::Welcome.letter(), 128);
        frame.put(&[status]);
        self.finish(Content::Welcome, frame, &[])
    }

    /// Check the outcome of a login: whether the server believes it.
    pub(super) fn open_welcome(&self, welcome: &Parts) -> Result<u8, Reject> {
        self.verify(Content::Welcome, welcome, &[])?;
        Ok(welcome.array::<1>("status")?[0])
    }

    /// The server has given this record to its application.
    pub(super) fn seal_receipt(&self, receipt: &Receipt) -> Vec<u8> {
        let mut frame = Writer::new(self.profile, Content::Receipt.letter(), 128);
        if !self.profile.has(Weakness::NoSequence) {
            frame.put(&receipt.sequence.to_be_bytes());
        }
        self.finish(Content::Receipt, frame, &[&receipt.hash()])
    }

    /// Check that a receipt is the one for this record.
    pub(super) fn open_receipt(&self, frame: &Parts, expected: &Receipt) -> Result<(), Reject> {
        self.verify(Content::Receipt, frame, &[&expected.hash()])?;
        let numbered = !self.profile.has(Weakness::NoSequence);
        if numbered && number(frame.field("sequence")) != expected.sequence {
            return Err(Reject::new(Check::Acknowledgement, "sequence"));
        }
        Ok(())
    }

    /// The goodbye: how many records there were.
    pub(super) fn seal_end(&self) -> Vec<u8> {
        let mut frame = Writer::new(self.profile, Content::End.letter(), 128);
        frame.put(&self.sequence.to_be_bytes());
        self.finish(Content::End, frame, &[])
    }

    /// Check a goodbye: that the client sent it, and that every record before it has come.
    pub(super) fn open_end(&self, end: &Parts) -> Result<(), Reject> {
        self.verify(Content::End, end, &[])?;
        // Replays make the server's count run ahead where records are not numbered.
        if !self.profile.has(Weakness::NoSequence) && number(end.field("count")) != self.sequence {
            return Err(Reject::new(Check::Sequence, "count"));
        }
        Ok(())
    }

    fn finish(&self, content: Content, mut frame: Writer, more: &[&[u8]]) -> Vec<u8> {
        let covered = frame.before_tag(tag_len(self.profile));
        let tag = self.tag(content, covered, more);
        frame.finish_with(&tag)
    }

    fn verify(&self, content: Content, frame: &Parts, more: &[&[u8]]) -> Result<(), Reject> {
        let header = frame.before(INTEGRITY);
        let given = frame.field(INTEGRITY);
        let fits = if self.profile.has(Weakness::UnkeyedHash) {
            self.tag(content, header, more) == given
        } else {
            let mut parts = vec![content.label(), header];
            parts.extend(more);
            self.keys.mac(content.from()).verifies(&parts, given)
        };
        if fits { Ok(()) } else { Err(Reject::new(Check::Mac, INTEGRITY)) }
    }

    /// The tag of a frame that is no record.
    fn tag(&self, content: Content, header: &[u8], more: &[&[u8]]) -> Vec<u8> {
        let mut parts = vec![content.label(), header];
        parts.extend(more);
        let unkeyed = self.unkeyed(&parts);
        unkeyed.unwrap_or_else(|| self.keys.mac(content.from()).tag(&parts).to_vec())
    }

    /// What the tag of a record covers: type, length and number are in the header.
    fn parts<'a>(
        &self,
        content: Content,
        header: &'a [u8],
        [iv, ct]: &[&'a [u8]; 2],
    ) -> [&'a [u8]; 3] {
        if content.is_record() && self.profile.has(Weakness::HeaderNotAuthenticated) {
            [b"suite record", iv, ct]
        } else {
            // The header ends where the tag begins, so vector and ciphertext are in it, in their place.
            [content.label(), header, iv]
        }
    }

    /// The published program's idea of integrity, where it is used.
    fn unkeyed(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        self.profile.has(Weakness::UnkeyedHash).then(|| hex(&sha256(parts)).into_bytes())
    }
}

/// How much memory to take for a record of `len` bytes of plaintext, so that it need not grow: a hint.
fn room(profile: Profile, len: usize) -> usize {
    512 + cbc::padded(len) + tag_len(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Inbox;
    use crate::suite::keys::Transcript;
    use crate::suite::wire;

    #[test]
    fn no_record_is_sealed_or_opened_under_the_last_number() {
        let profile = Profile::HARDENED;
        let end = Some(Reject::new(Check::Exhausted, "sequence"));
        let keys = Keys::derive(&[1; 32], &Transcript::default());
        let mut client = Channel { profile, keys, sequence: u64::MAX - 1 };
        let mut server = client.clone();
        let mut entropy = Entropy::new(1, "record");
        let layout = wire::layout(profile);
        let received = |frame: &[u8]| {
            wire::next(&layout, profile, &["MSG"], &mut Inbox::of(frame)).unwrap().unwrap()
        };
        let (last, _) = client.seal(Content::Text, None, 0, &mut entropy, |_| {}).unwrap();
        assert!(server.open(Content::Text, &mut received(&last)).is_ok());
        assert_eq!(client.seal(Content::Text, None, 0, &mut entropy, |_| {}).err(), end);
        // Logins and the goodbye have no number, and are still possible.
        assert!(client.seal(Content::Login, None, 0, &mut entropy, |_| {}).is_ok());
    }

    fn channel(profile: Profile, sequence: u64) -> Channel {
        Channel { profile, keys: Keys::derive(&[1; 32], &Transcript::default()), sequence }
    }

    #[test]
    fn each_content_has_tags_of_its_own() {
        let channel = channel(Profile::HARDENED, 0);
        let all = [
            Content::Login,
            Content::Welcome,
            Content::Text,
            Content::File,
            Content::Receipt,
            Content::End,
        ];
        let tags: std::collections::BTreeSet<_> =
            all.map(|content| channel.tag(content, b"header", &[])).into_iter().collect();
        assert_eq!(tags.len(), all.len());
    }

    #[test]
    fn a_goodbye_tells_how_many_records_there_were_where_they_are_numbered() {
        let unnumbered = Profile::only(Weakness::NoSequence);
        for (profile, missed) in
            [(Profile::HARDENED, Err(Reject::new(Check::Sequence, "count"))), (unnumbered, Ok(()))]
        {
            let goodbye = channel(profile, 3).seal_end();
            let layout = wire::layout(profile);
            let due = &["MSG", "FILE", "END"];
            let end = wire::next(&layout, profile, due, &mut Inbox::of(&goodbye)).unwrap().unwrap();
            assert_eq!(channel(profile, 3).open_end(&end), Ok(()), "{}", profile.name());
            assert_eq!(channel(profile, 2).open_end(&end), missed, "{}", profile.name());
        }
    }
}
