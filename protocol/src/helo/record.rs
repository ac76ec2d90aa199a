//! The record layer, device to server: AES-128-CBC, then HMAC-SHA256, in place in one buffer.

use crate::count::Count;
use crate::crypto::cbc;
use crate::endpoint::{Check, Reject};
use crate::entropy::Entropy;
use crate::helo::keys::Keys;
use crate::helo::wire::{ENDD, HEAD, MAC};
use crate::inbox::{Received, array};
use crate::layout::number;
use crate::weakness::{Profile, Weakness};

/// Says which way a record goes, under its MAC.
const DIRECTION: &[u8] = b"helo device to server";

/// One end of the record layer: the device seals, the server opens.
#[derive(Clone, Hash, Debug)]
pub(super) struct Channel {
    pub(super) profile: Profile,
    pub(super) keys: Keys,
    /// The sequence number of the next record.
    pub(super) sequence: u64,
}

/// What names one record in its acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Receipt {
    sequence: u64,
    mac: [u8; MAC],
}

impl Channel {
    pub(super) fn new(profile: Profile, keys: Keys) -> Self {
        Self { profile, keys, sequence: 0 }
    }

    /// Make a record of the `len` bytes of plaintext that `write` appends to the frame.
    ///
    /// # Errors
    /// `exhausted` when no sequence number is left.
    pub(super) fn seal(
        &mut self,
        header: &[u8],
        len: usize,
        entropy: &mut Entropy,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(Vec<u8>, Receipt), Reject> {
        let iv =
            if self.profile.has(Weakness::StaticIv) { self.keys.iv.0 } else { entropy.bytes() };
        self.seal_under(&iv, header, len, write)
    }

    /// Make a record under this initialization vector.
    pub(super) fn seal_under(
        &mut self,
        iv: &[u8; cbc::BLOCK],
        header: &[u8],
        len: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(Vec<u8>, Receipt), Reject> {
        let sequence = self.sequence;
        self.sequence = sequence.successor("sequence")?;
        let mut frame = Vec::with_capacity(HEAD + 8 + cbc::BLOCK + cbc::padded(len) + MAC);
        frame.extend_from_slice(header);
        frame.extend_from_slice(&[0; 4]);
        if !self.profile.has(Weakness::NoSequence) {
            frame.extend_from_slice(&sequence.to_be_bytes());
        }
        if !self.profile.has(Weakness::StaticIv) {
            frame.extend_from_slice(iv);
        }
        let from = frame.len();
        write(&mut frame);
        let end = from + cbc::padded(frame.len() - from);
        let length = u32::try_from(end - HEAD + MAC).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(declared) = frame.get_mut(header.len()..HEAD) {
            declared.copy_from_slice(&length);
        }
        let before = self.covered(frame.get(..from).unwrap_or_default());
        let mut mac = self.keys.client_mac.begin(&before);
        cbc::encrypt_then_mac(self.keys.client_enc.ready(), iv, &mut mac, &mut frame, from);
        let mac = mac.tag();
        frame.extend_from_slice(&mac);
        Ok((frame, Receipt { sequence, mac }))
    }

    /// Check a record and decrypt it in place: MAC, then sequence number, then padding.
    pub(super) fn open<'a>(
        &mut self,
        record: &'a mut Received,
    ) -> Result<(Receipt, &'a [u8]), Reject> {
        let [number_at, iv_at, ct_at, mac_at] = record.places(["sequence", "iv", "ct", "mac"]);
        let mac = array(record.at(&mac_at), "mac")?;
        if !self.keys.client_mac.verifies(&self.covered(record.at(&(0..mac_at.start))), &mac) {
            return Err(Reject::new(Check::Mac, "mac"));
        }
        let sequence = self.sequence;
        let is_next = number(record.at(&number_at)) == sequence;
        if !self.profile.has(Weakness::NoSequence) && !is_next {
            return Err(Reject::new(Check::Sequence, "sequence"));
        }
        self.sequence = sequence.successor("sequence")?;
        let iv = self.iv(record.at(&iv_at))?;
        let ct = record.bytes.get_mut(ct_at).unwrap_or_default();
        let plaintext = cbc::decrypt(self.keys.client_enc.ready(), &iv, ct)
            .map_err(|_| Reject::new(Check::Padding, "ct"))?;
        Ok((Receipt { sequence, mac }, plaintext))
    }

    /// The initialization vector of a record with this field.
    pub(super) fn iv(&self, field: &[u8]) -> Result<[u8; cbc::BLOCK], Reject> {
        if self.profile.has(Weakness::StaticIv) { Ok(self.keys.iv.0) } else { array(field, "iv") }
    }

    /// The goodbye.
    pub(super) fn seal_end(&self) -> Vec<u8> {
        let mut frame = ENDD.to_vec();
        if !self.profile.has(Weakness::EndNotAuthenticated) {
            frame.extend_from_slice(&self.sequence.to_be_bytes());
            let mac = self.keys.client_mac.tag(&[DIRECTION, &frame]);
            frame.extend_from_slice(&mac);
        }
        frame
    }

    /// Check a goodbye: that the device sent it, and that every record before it has come.
    pub(super) fn open_end(&self, end: &Received) -> Result<(), Reject> {
        if self.profile.has(Weakness::EndNotAuthenticated) {
            return Ok(());
        }
        let parts = [DIRECTION, end.before("mac")];
        if !self.keys.client_mac.verifies(&parts, end.field("mac")) {
            return Err(Reject::new(Check::Mac, "mac"));
        }
        // Replays make the server's count run ahead where records are not numbered.
        if !self.profile.has(Weakness::NoSequence) && number(end.field("sequence")) != self.sequence
        {
            return Err(Reject::new(Check::Sequence, "sequence"));
        }
        Ok(())
    }

    /// What the MAC of a record covers: the published program's covers the ciphertext only.
    fn covered<'a>(&self, frame: &'a [u8]) -> [&'a [u8]; 2] {
        if self.profile.has(Weakness::HeaderNotAuthenticated) {
            [&[], frame.get(HEAD..).unwrap_or_default()]
        } else {
            [DIRECTION, frame]
        }
    }
}

impl Receipt {
    /// What the MAC of an acknowledgement covers, with the word. The record's own MAC stands for
    /// its content.
    pub(super) fn covered(&self) -> [u8; 8 + MAC] {
        let mut covered = [0; 8 + MAC];
        let bytes = self.sequence.to_be_bytes().into_iter().chain(self.mac);
        covered.iter_mut().zip(bytes).for_each(|(covered, byte)| *covered = byte);
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helo::wire::{SECX, layout};
    use crate::helo::{SYSTEM, tests::profiles};

    fn counting<const N: usize>(from: u8) -> [u8; N] {
        let mut next = from;
        [0; N].map(|_: u8| (next, next += 1).0)
    }

    fn channel(profile: Profile) -> Channel {
        Channel::new(profile, Keys::derive(&counting(0), &counting(0), &counting(16)))
    }

    fn seal(channel: &mut Channel, text: &[u8]) -> Received {
        let mut entropy = Entropy::new(1, "record");
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(text);
        let (bytes, _) = channel.seal(SECX, text.len(), &mut entropy, write).unwrap();
        let spec = layout(channel.profile).frame("SECX").unwrap().clone();
        Received { spec, bytes }
    }

    /// Computed with another implementation of AES-CBC and HMAC, from the keys of the known answer.
    #[test]
    fn the_published_record() {
        let record = seal(&mut channel(Profile::as_built(&SYSTEM)), b"pay bob 100");
        let sealed = [
            0xf8d2_6a0b_abed_bb5b_10f4_f775_4c11_912d_u128,
            0xb745_4105_9c55_d884_482b_1143_a67c_55f7,
            0x9dc7_9240_c6e3_ae28_aa1a_36b1_ba15_73db,
        ];
        let mut expected = b"<SECX>\0\0\0\x30".to_vec();
        expected.extend(sealed.iter().flat_map(|part| part.to_be_bytes()));
        assert_eq!(record.bytes, expected);
    }

    #[test]
    fn what_is_sealed_opens_under_every_profile() {
        for profile in profiles() {
            let (mut device, mut server) = (channel(profile), channel(profile));
            for text in [&b""[..], b"x", b"sixteen bytes 16"] {
                let mut record = seal(&mut device, text);
                assert_eq!(server.open(&mut record).unwrap().1, text);
            }
        }
    }

    #[test]
    fn every_changed_byte_of_a_hardened_record_is_refused() {
        let record = seal(&mut channel(Profile::HARDENED), b"pay bob 100").bytes;
        for at in 0..record.len() {
            let spec = layout(Profile::HARDENED).frame("SECX").unwrap().clone();
            let mut bytes = record.clone();
            bytes[at] ^= 1;
            let refused = channel(Profile::HARDENED).open(&mut Received { spec, bytes }).err();
            assert_eq!(refused, Some(Reject::new(Check::Mac, "mac")), "byte {at}");
        }
    }

    #[test]
    fn no_record_is_sealed_or_opened_under_the_last_number() {
        for profile in profiles() {
            let mut device = channel(profile);
            device.sequence = u64::MAX - 1;
            let mut server = device.clone();
            let mut record = seal(&mut device, b"the last");
            assert_eq!(server.open(&mut record).unwrap().1, b"the last");
            let end = Reject::new(Check::Exhausted, "sequence");
            let seal = |channel: &mut Channel| {
                channel.seal(SECX, 0, &mut Entropy::new(1, "record"), |_| {}).err()
            };
            assert_eq!(seal(&mut device), Some(end));
            assert_eq!(device.sequence, u64::MAX, "it stays at the end");
            // One that somebody with the keys sealed all the same.
            device.sequence = 0;
            let mut record = self::seal(&mut device, b"one more");
            let unnumbered = profile.has(Weakness::NoSequence);
            let expected = if unnumbered { end.check } else { Check::Sequence };
            assert_eq!(server.open(&mut record).err().map(|reject| reject.check), Some(expected));
        }
    }

    #[test]
    fn a_receipt_stands_for_one_number_and_one_mac() {
        let mac: [u8; MAC] = counting(1);
        let covered = Receipt { sequence: 0x0102, mac }.covered();
        assert_eq!(covered[..8], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(covered[8..], mac);
        let mut channel = channel(Profile::HARDENED);
        let mut entropy = Entropy::new(1, "record");
        let receipts = [(); 2].map(|()| channel.seal(SECX, 0, &mut entropy, |_| {}).unwrap().1);
        assert_ne!(receipts[0].covered(), receipts[1].covered());
    }
}
