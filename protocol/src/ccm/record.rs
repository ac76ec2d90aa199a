//! The records of one direction: AES-CCM with a nonce made as the document says, in either framing.

use std::ops::Range;

use bytes::Bytes;

use crate::ccm::keys::Key;
use crate::ccm::wire::{DELIMITER, LONG_NONCE, NONCE, READ, delimited};
use crate::count::Count;
use crate::crypto::ccm::{self, TAG};
use crate::endpoint::{Check, Reject};
use crate::entropy::Entropy;
use crate::inbox::Received;
use crate::layout::number;
use crate::weakness::{Profile, Weakness};

/// What the published server meets with a crash: fewer than three parts.
pub(super) const CRASH: Reject = Reject::new(Check::Layout, "parts");

/// The nonce of a record: `random`, encrypted under the key with itself as nonce.
fn nonce<const N: usize>(key: &Key, random: [u8; N]) -> Result<[u8; N], Reject> {
    let mut nonce = random;
    ccm::seal(&key.0, &random, &[], &mut nonce).map_err(|_| unusable())?;
    Ok(nonce)
}

/// The published server takes a key of any size from a client, and finds out with the first message.
const fn unusable() -> Reject {
    Reject::new(Check::Length, "key")
}

/// One direction of a session: where its records are made, or where they are opened.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Channel {
    pub(super) profile: Profile,
    pub(super) key: Key,
    /// How many records there were.
    pub(super) count: u64,
}

impl Channel {
    /// Before the first record.
    pub(super) fn new(profile: Profile, key: Key) -> Self {
        Self { profile, key, count: 0 }
    }

    /// Make a record of the concatenation of `parts`.
    ///
    /// # Errors
    /// `length` for what does not fit into one read where a read is a message, or a key of no size of AES; `exhausted` when no
    /// sequence number is left.
    pub(super) fn seal(
        &mut self,
        parts: &[&[u8]],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject> {
        let next = self.count.successor("sequence")?;
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let frame = if delimited(self.profile) {
            let sequence = if self.profile.has(Weakness::NoSequence) { 0 } else { 8 };
            if sequence + len + 1 + NONCE + 1 + TAG > READ {
                return Err(Reject::new(Check::Length, "message"));
            }
            self.seal_under(&nonce::<NONCE>(&self.key, entropy.bytes())?, parts)?
        } else {
            self.seal_under(&nonce::<LONG_NONCE>(&self.key, entropy.bytes())?, parts)?
        };
        self.count = next;
        Ok(frame)
    }

    /// Make the next record under this nonce, which has the size that the framing asks for.
    pub(super) fn seal_under(&self, nonce: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, Reject> {
        let sequence = self.count.to_be_bytes();
        let sequence = if self.profile.has(Weakness::NoSequence) { &[][..] } else { &sequence[..] };
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let frame = if delimited(self.profile) {
            let (mut frame, tag) = self.encrypt(sequence.to_vec(), nonce, parts)?;
            frame.push(DELIMITER);
            frame.extend_from_slice(nonce);
            frame.push(DELIMITER);
            frame.extend_from_slice(&tag);
            frame
        } else {
            let following = 1 + sequence.len() + nonce.len() + len + TAG;
            let length = u32::try_from(following).unwrap_or(u32::MAX).to_be_bytes();
            let mut frame = Vec::with_capacity(4 + following);
            for part in [&length[..], b"M", sequence, nonce] {
                frame.extend_from_slice(part);
            }
            let (mut frame, tag) = self.encrypt(frame, nonce, parts)?;
            frame.extend_from_slice(&tag);
            frame
        };
        Ok(frame)
    }

    /// Append `parts`, encrypted, to the header they are authenticated with.
    fn encrypt(
        &self,
        mut frame: Vec<u8>,
        nonce: &[u8],
        parts: &[&[u8]],
    ) -> Result<(Vec<u8>, [u8; TAG]), Reject> {
        let from = frame.len();
        for part in parts {
            frame.extend_from_slice(part);
        }
        let (header, message) = frame.split_at_mut(from);
        let tag = ccm::seal(&self.key.0, nonce, header, message).map_err(|_| unusable())?;
        Ok((frame, tag))
    }

    /// Check a record and decrypt it. What is refused leaves no trace here.
    ///
    /// # Errors
    /// [`CRASH`], `layout`, `mac`, `sequence`, or `length` for a key of no size of AES.
    pub(super) fn open(&mut self, mut record: Received) -> Result<Bytes, Reject> {
        let place = self.open_in_place(&mut record)?;
        Ok(Bytes::from(record.bytes).slice(place))
    }

    /// The same; where the plaintext then stands.
    pub(super) fn open_in_place(&mut self, record: &mut Received) -> Result<Range<usize>, Reject> {
        let sequence = number(record.field("sequence"));
        let place = if delimited(self.profile) {
            self.open_delimited(record)
        } else {
            self.open_fields(record)
        };
        let place = place?;
        if !self.profile.has(Weakness::NoSequence) && sequence != self.count {
            return Err(Reject::new(Check::Sequence, "sequence"));
        }
        self.count = self.count.successor("sequence")?;
        Ok(place)
    }

    /// Decrypt what lies in the fields of a record, whichever number it has.
    pub(super) fn open_fields(&self, record: &mut Received) -> Result<Range<usize>, Reject> {
        let nonce = record.field("nonce").to_vec();
        let tag: [u8; TAG] = record.array("tag")?;
        let place = record.spec.range("ct", &record.bytes);
        let place = place.ok_or(Reject::new(Check::Layout, "ct"))?;
        self.decrypt(&nonce, record, place, &tag)
    }

    /// As the published program does it: split at every delimiter, and take the first three parts. A delimiter in
    /// ciphertext, nonce or tag makes them the wrong ones.
    fn open_delimited(&self, record: &mut Received) -> Result<Range<usize>, Reject> {
        let sequence = if self.profile.has(Weakness::NoSequence) { 0 } else { 8 };
        let rest = record.bytes.get(sequence..).ok_or(CRASH)?;
        let mut parts = rest.split(|byte| *byte == DELIMITER);
        let (Some(message), Some(nonce), Some(tag)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(CRASH);
        };
        let nonce: [u8; NONCE] =
            nonce.try_into().map_err(|_| Reject::new(Check::Layout, "nonce"))?;
        let tag: [u8; TAG] = tag.try_into().map_err(|_| Reject::new(Check::Mac, "tag"))?;
        let place = sequence..sequence + message.len();
        self.decrypt(&nonce, record, place, &tag)
    }

    /// Decrypt what lies there; the header before it is authenticated.
    fn decrypt(
        &self,
        nonce: &[u8],
        record: &mut Received,
        place: Range<usize>,
        tag: &[u8; TAG],
    ) -> Result<Range<usize>, Reject> {
        let missing = Reject::new(Check::Layout, "ct");
        let (header, rest) = record.bytes.split_at_mut_checked(place.start).ok_or(missing)?;
        let message = rest.get_mut(..place.len()).ok_or(missing)?;
        match ccm::open(&self.key.0, nonce, header, message, tag) {
            Ok(()) => Ok(place),
            Err(ccm::CcmError::Tag) => Err(Reject::new(Check::Mac, "tag")),
            Err(ccm::CcmError::Key | ccm::CcmError::Size) => Err(unusable()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ccm::{SYSTEM, wire};

    const TEXT: &[u8] = b"twenty bytes of text";

    fn as_built() -> Profile {
        Profile::as_built(&SYSTEM)
    }

    fn ends(profile: Profile) -> (Channel, Channel) {
        let key = Key(b"a randome key ha".to_vec());
        let channel = Channel::new(profile, key);
        (channel.clone(), channel)
    }

    fn received(profile: Profile, bytes: &[u8]) -> Received {
        let layout = wire::layout(profile);
        let spec = layout.frame("MSG").cloned();
        Received {
            spec: spec.unwrap_or_else(|| Arc::new(crate::layout::FrameSpec::raw())),
            bytes: bytes.to_vec(),
        }
    }

    fn counting<const N: usize>() -> [u8; N] {
        let mut next = 0;
        [0; N].map(|_: u8| (next, next += 1).0)
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn the_published_nonce_and_record() {
        let (sealer, mut opener) = ends(as_built());
        let derived = nonce::<NONCE>(&sealer.key, counting()).unwrap();
        assert_eq!(hex(&derived), "3b643604ff4565c5cab67d0c");
        let (ct, tag) = sealer.encrypt(Vec::new(), &counting::<NONCE>(), &[b"hello"]).unwrap();
        let frame = [&ct[..], b"@", &counting::<NONCE>(), b"@", &tag].concat();
        assert_eq!(
            hex(&frame),
            "5300586b94\
             40000102030405060708090a0b40\
             4530abc1e583b54b4be4342d32e20fa0"
        );
        assert_eq!(opener.open(received(as_built(), &frame)).as_deref(), Ok(&b"hello"[..]));
    }

    #[test]
    fn what_is_sealed_opens_once_and_in_order_where_records_are_numbered() {
        for profile in [Profile::HARDENED, Profile::only(Weakness::NoSequence)] {
            let mut entropy = Entropy::new(1, "record");
            let (mut sealer, mut opener) = ends(profile);
            let first = sealer.seal(&[b"a", TEXT], &mut entropy).unwrap();
            let second = sealer.seal(&[], &mut entropy).unwrap();
            let result = opener.open(received(profile, &second)).is_ok();
            assert_eq!(result, profile.has(Weakness::NoSequence));
            assert!(opener.open(received(profile, &first)).is_ok());
            let again = opener.open(received(profile, &first)).is_ok();
            assert_eq!(again, profile.has(Weakness::NoSequence));
        }
    }

    #[test]
    fn every_changed_byte_of_a_hardened_record_is_refused() {
        let (mut sealer, mut opener) = ends(Profile::HARDENED);
        let record = sealer.seal(&[TEXT], &mut Entropy::new(1, "record")).unwrap();
        for at in 0..record.len() {
            let mut changed = received(Profile::HARDENED, &record);
            changed.bytes[at] ^= 1;
            assert_eq!(opener.open(changed), Err(Reject::new(Check::Mac, "tag")), "byte {at}");
        }
    }

    /// 48 bytes of ciphertext, nonce and tag: each is the delimiter with a probability of 1 in 256, and
    /// 1 - (255/256)^48 is 17.1 %.
    #[test]
    fn about_one_honest_message_in_six_is_lost_to_the_delimiter() {
        let (mut sealer, mut opener) = ends(as_built());
        let mut entropy = Entropy::new(1, "delimiter");
        let mut lost = 0;
        for _ in 0..10_000 {
            let record = sealer.seal(&[TEXT], &mut entropy).unwrap();
            lost += usize::from(opener.open(received(as_built(), &record)).is_err());
        }
        assert!((1600..1830).contains(&lost), "{lost} of 10,000");
    }

    #[test]
    fn what_has_too_few_parts_is_what_crashes_the_published_server() {
        let (_, mut opener) = ends(as_built());
        for bad in [&b"Exit"[..], b"", b"a@b"] {
            assert_eq!(opener.open(received(as_built(), bad)), Err(CRASH));
        }
        let short = opener.open(received(as_built(), b"ct@nonce@tag"));
        assert_eq!(short, Err(Reject::new(Check::Layout, "nonce")));
    }

    #[test]
    fn one_read_is_the_limit_as_built_and_sixteen_mebibytes_are_none_hardened() {
        let mut entropy = Entropy::new(1, "long");
        let (mut sealer, _) = ends(as_built());
        assert_eq!(sealer.seal(&[&[0; 994]], &mut entropy).unwrap().len(), READ);
        let refused = Reject::new(Check::Length, "message");
        assert_eq!(sealer.seal(&[&[0; 995]], &mut entropy), Err(refused));
        let (mut sealer, mut opener) = ends(Profile::HARDENED);
        let record = sealer.seal(&[&vec![7; 17 << 20]], &mut entropy).unwrap();
        assert_eq!(opener.open(received(Profile::HARDENED, &record)).unwrap().len(), 17 << 20);
    }

    #[test]
    fn no_record_is_sealed_or_opened_under_the_last_number() {
        let end = Some(Reject::new(Check::Exhausted, "sequence"));
        for profile in [as_built(), Profile::HARDENED] {
            let (mut sealer, mut opener) = ends(profile);
            (sealer.count, opener.count) = (u64::MAX - 1, u64::MAX - 1);
            let mut entropy = Entropy::new(1, "record");
            let record = sealer.seal(&[TEXT], &mut entropy).unwrap();
            assert_eq!(opener.open(received(profile, &record)).as_deref(), Ok(TEXT));
            assert_eq!(sealer.seal(&[TEXT], &mut entropy).err(), end);
            // One that somebody with the key sealed all the same.
            let size = if delimited(profile) { NONCE } else { LONG_NONCE };
            let forged = sealer.seal_under(&vec![9; size], &[TEXT]).unwrap();
            assert_eq!(opener.open(received(profile, &forged)).err(), end);
        }
    }
}
