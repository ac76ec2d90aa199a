//! The record layer of both directions: AES-256-CBC and HMAC-SHA256, in place in one buffer, with
//! whatever the profile leaves out left out.

use crate::count::Count;
use crate::crypto::cbc;
use crate::csr::keys::Schedule;
use crate::csr::wire::{DIGITS, END, MAC, body};
use crate::endpoint::{Check, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::{Received, array};
use crate::layout::number;
use crate::weakness::{Profile, Weakness};

/// What a record carries. It is under the MAC, so one cannot be passed off as another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Content {
    Text,
    Reply,
    Media,
}

impl Content {
    const fn from(self) -> Side {
        match self {
            Self::Text | Self::Media => Side::Client,
            Self::Reply => Side::Server,
        }
    }

    const fn letter(self) -> u8 {
        match self {
            Self::Text => b'T',
            Self::Reply => b'A',
            Self::Media => b'M',
        }
    }

    /// Says under a MAC what a record is and which way it goes.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Text => b"csr text, device to server",
            Self::Reply => b"csr reply, server to device",
            Self::Media => b"csr media, device to server",
        }
    }
}

/// Says under a MAC that something is the goodbye.
const END_LABEL: &[u8] = b"csr end, device to server";

/// One end of the record layer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Channel {
    pub(super) profile: Profile,
    pub(super) schedule: Schedule,
    /// How many it has sealed, and opened.
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Channel {
    pub(super) fn new(profile: Profile, schedule: Schedule) -> Self {
        Self { profile, schedule, sent: 0, received: 0 }
    }

    /// Make a record of the `len` bytes of plaintext that `write` appends to the frame.
    ///
    /// # Errors
    /// `exhausted` when no sequence number is left.
    pub(super) fn seal(
        &mut self,
        content: Content,
        len: usize,
        entropy: &mut Entropy,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Vec<u8>, Reject> {
        let next = self.sent.successor("sequence")?;
        let iv = if self.profile.has(Weakness::StaticIv) {
            self.schedule.keys.iv.0
        } else {
            entropy.bytes()
        };
        let share = self.schedule.renew(entropy);
        let share = share.as_ref().map_or(&[][..], |share| share);
        let frame = self.seal_under(&iv, content, len, share, write);
        self.sent = next;
        Ok(frame)
    }

    /// Make the next record under this initialization vector, with this share behind its content.
    pub(super) fn seal_under(
        &self,
        iv: &[u8; cbc::BLOCK],
        content: Content,
        len: usize,
        share: &[u8],
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<u8> {
        let profile = self.profile;
        let inside = profile.has(Weakness::MacThenEncrypt);
        let mac_inside = if inside { MAC } else { 0 };
        let ct_len = cbc::padded(len + share.len() + mac_inside);

        let mut fields = Vec::with_capacity(24);
        if !profile.has(Weakness::NoSequence) {
            fields.extend_from_slice(&self.sent.to_be_bytes());
        }
        if !profile.has(Weakness::StaticIv) {
            fields.extend_from_slice(iv);
        }
        let following = fields.len() + ct_len + MAC - mac_inside;
        let mut frame = Vec::with_capacity(DIGITS + following);
        head(profile, content, following, &mut frame);
        frame.extend_from_slice(&fields);

        let from = frame.len();
        write(&mut frame);
        frame.extend_from_slice(share);
        let keys = &self.schedule.keys;
        let (enc, mac) = (keys.enc(content.from()), keys.mac(content.from()));
        if inside {
            let (header, plaintext) = frame.split_at(from);
            let mac = mac.tag(&self.covered(content, header, plaintext));
            frame.extend_from_slice(&mac);
            cbc::encrypt(enc.ready(), iv, &mut frame, from);
        } else {
            let header = frame.get(..from).unwrap_or_default();
            let mut mac = mac.begin(&self.covered(content, header, &[]));
            cbc::encrypt_then_mac(enc.ready(), iv, &mut mac, &mut frame, from);
            frame.extend_from_slice(&mac.tag());
        }
        frame
    }

    /// Check a record and decrypt it in place. What the record was refused by leaves no trace here.
    pub(super) fn open<'a>(
        &mut self,
        content: Content,
        record: &'a mut Received,
    ) -> Result<&'a [u8], Reject> {
        let (plaintext, share) = self.unseal(content, record)?;
        let next = self.received.successor("sequence")?;
        self.schedule.learn(share)?;
        self.received = next;
        Ok(plaintext)
    }

    /// The initialization vector of a record with this field.
    pub(super) fn iv(&self, field: &[u8]) -> Result<[u8; cbc::BLOCK], Reject> {
        if self.profile.has(Weakness::StaticIv) {
            Ok(self.schedule.keys.iv.0)
        } else {
            array(field, "iv")
        }
    }

    /// Check a record and decrypt it in place: its content, and the share behind that.
    pub(super) fn unseal<'a>(
        &self,
        content: Content,
        record: &'a mut Received,
    ) -> Result<(&'a [u8], &'a [u8]), Reject> {
        let bad_mac = Reject::new(Check::Mac, "mac");
        let profile = self.profile;
        let inside = profile.has(Weakness::MacThenEncrypt);
        let keys = &self.schedule.keys;
        let (enc, key) = (keys.enc(content.from()), keys.mac(content.from()));
        let [number_at, iv_at, ct_at, mac_at] = record.places(["sequence", "iv", "ct", "mac"]);
        if !inside {
            let mac: [u8; MAC] = array(record.at(&mac_at), "mac")?;
            let header = record.at(&(0..ct_at.start));
            let parts = self.covered(content, header, record.at(&ct_at));
            if !key.verifies(&parts, &mac) {
                return Err(bad_mac);
            }
        }
        let iv = self.iv(record.at(&iv_at))?;
        let sequence = number(record.at(&number_at));
        let sequence_fits = profile.has(Weakness::NoSequence) || sequence == self.received;
        if !inside && !sequence_fits {
            return Err(Reject::new(Check::Sequence, "sequence"));
        }
        let (header, rest) = record
            .bytes
            .split_at_mut_checked(ct_at.start)
            .ok_or(Reject::new(Check::Layout, "ct"))?;
        let ct = rest.get_mut(..ct_at.len()).unwrap_or_default();
        let plaintext =
            cbc::decrypt(enc.ready(), &iv, ct).map_err(|_| Reject::new(Check::Padding, "ct"))?;
        let plaintext = if inside {
            let (plaintext, mac) = plaintext.split_last_chunk::<MAC>().ok_or(bad_mac)?;
            if !key.verifies(&self.covered(content, header, plaintext), mac) {
                return Err(bad_mac);
            }
            if !sequence_fits {
                return Err(Reject::new(Check::Sequence, "sequence"));
            }
            plaintext
        } else {
            plaintext
        };
        plaintext
            .len()
            .checked_sub(self.schedule.share_len())
            .and_then(|len| plaintext.split_at_checked(len))
            .ok_or(Reject::new(Check::Content, "share"))
    }

    /// The goodbye: how many records there were, under a MAC.
    pub(super) fn seal_end(&self) -> Vec<u8> {
        let body = [END, &self.sent.to_be_bytes()].concat();
        let mac = self.schedule.keys.mac(Side::Client).tag(&[END_LABEL, &body]);
        super::wire::framed(self.profile, [&body[..], &mac].concat())
    }

    /// Check a goodbye: that the device sent it, and that every record before it has come.
    pub(super) fn open_end(&self, end: &Received) -> Result<(), Reject> {
        let (body, mac) =
            body(end).split_last_chunk::<MAC>().ok_or(Reject::new(Check::Layout, "mac"))?;
        let key = self.schedule.keys.mac(Side::Client);
        if !key.verifies(&[END_LABEL, body], mac) {
            return Err(Reject::new(Check::Mac, "mac"));
        }
        // Replays make the server's count run ahead where records are not numbered.
        if !self.profile.has(Weakness::NoSequence) && number(end.field("count")) != self.received {
            return Err(Reject::new(Check::Sequence, "count"));
        }
        Ok(())
    }

    /// What the MAC of a record covers: the published program's covers the plaintext only.
    fn covered<'a>(&self, content: Content, header: &'a [u8], payload: &'a [u8]) -> [&'a [u8]; 3] {
        if self.profile.has(Weakness::MacThenEncrypt) && self.profile.has(Weakness::NoSequence) {
            [&[], &[], payload]
        } else {
            [content.label(), header, payload]
        }
    }
}

/// What stands before the fields of a record: length and type, or ten digits, or nothing.
fn head(profile: Profile, content: Content, following: usize, frame: &mut Vec<u8>) {
    if !profile.has(Weakness::NoFraming) {
        let length = u32::try_from(following + 1).unwrap_or(u32::MAX);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.push(content.letter());
    } else if content == Content::Media {
        frame.extend_from_slice(format!("{following:0DIGITS$}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::keys::tests::{hex, known};
    use crate::csr::tests::profiles;
    use crate::csr::{SYSTEM, wire};
    use crate::inbox::{Inbox, Received};

    fn channel(profile: Profile) -> Channel {
        Channel::new(profile, known(!profile.has(Weakness::UpdateFromSameSecret)))
    }

    fn seal(channel: &mut Channel, content: Content, text: &[u8]) -> Vec<u8> {
        let mut entropy = Entropy::new(1, "record");
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(text);
        channel.seal(content, text.len(), &mut entropy, write).unwrap()
    }

    fn received(profile: Profile, bytes: &[u8]) -> Received {
        let mut inbox = Inbox::default();
        inbox.push(bytes);
        let due = ["END", "MEDIA", "TEXT"];
        wire::next(&wire::layout(profile), profile, &due, &mut inbox).unwrap().unwrap()
    }

    /// Computed with another implementation (OpenSSL), from the keys of the known answer.
    #[test]
    fn the_published_record() {
        let profile = Profile::as_built(&SYSTEM);
        let record = seal(&mut channel(profile), Content::Text, b"pay bob 100");
        assert_eq!(hex(&record), OPENSSL_RECORD);
        let media = seal(&mut channel(profile), Content::Media, b"pay bob 100");
        assert_eq!(media, [b"0000000048", &record[..]].concat());
    }

    const OPENSSL_RECORD: &str = "5877d2af865238833e9edc66429403b5e4693d08969d754ba3c2bf1c721d5622\
         7fa7e98e2ba2d6e9cb725f5afc7b14f2";

    #[test]
    fn what_is_sealed_opens_under_every_profile() {
        for profile in profiles() {
            let (mut device, mut server) = (channel(profile), channel(profile));
            for text in [&b""[..], b"x", b"sixteen bytes 16"] {
                for content in [Content::Text, Content::Media] {
                    let record = seal(&mut device, content, text);
                    let mut record = received(profile, &record);
                    assert_eq!(server.open(content, &mut record), Ok(text), "{}", profile.name());
                }
            }
        }
    }

    #[test]
    fn every_changed_byte_of_a_hardened_record_is_refused() {
        let record = seal(&mut channel(Profile::HARDENED), Content::Text, b"pay bob 100");
        for at in 4..record.len() {
            let spec = wire::layout(Profile::HARDENED).frame("TEXT").unwrap().clone();
            let mut bytes = record.clone();
            bytes[at] ^= 1;
            let refused =
                channel(Profile::HARDENED).open(Content::Text, &mut Received { spec, bytes }).err();
            assert_eq!(refused, Some(Reject::new(Check::Mac, "mac")), "byte {at}");
        }
    }

    #[test]
    fn no_record_is_sealed_or_opened_under_the_last_number() {
        let end = Some(Reject::new(Check::Exhausted, "sequence"));
        for profile in profiles() {
            let (mut device, mut server) = (channel(profile), channel(profile));
            (device.sent, server.received) = (u64::MAX - 1, u64::MAX - 1);
            let record = seal(&mut device, Content::Text, b"the last");
            let mut record = received(profile, &record);
            assert_eq!(server.open(Content::Text, &mut record), Ok(&b"the last"[..]));
            let mut entropy = Entropy::new(1, "record");
            assert_eq!(device.seal(Content::Text, 0, &mut entropy, |_| {}).err(), end);
            // One that somebody with the keys sealed all the same.
            let forged = device.seal_under(
                &device.schedule.keys.iv.0,
                Content::Text,
                0,
                &share(&device),
                |_| {},
            );
            let mut forged = received(profile, &forged);
            assert_eq!(server.open(Content::Text, &mut forged).err(), end);
        }
    }

    /// A text and a file have the same keys: only the label tells them apart.
    #[test]
    fn what_a_record_is_and_its_header_are_under_the_mac_but_in_the_published_program() {
        let both = Profile::as_built(&SYSTEM);
        for profile in profiles() {
            let record = seal(&mut channel(profile), Content::Text, b"pay bob 100");
            let mut record = received(profile, &record);
            let opened = channel(profile).open(Content::Media, &mut record).map(<[u8]>::to_vec);
            let taken = profile == both;
            assert_eq!(opened.is_ok(), taken, "{}", profile.name());
        }
    }

    fn share(channel: &Channel) -> Vec<u8> {
        let share = crate::crypto::ecdh::Ephemeral::generate(&mut Entropy::new(1, "share"));
        share.share()[..channel.schedule.share_len()].to_vec()
    }
}
