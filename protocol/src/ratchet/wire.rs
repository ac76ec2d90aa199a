//! The frames on the wire: declared layout, sealing and opening.

use std::sync::Arc;

use aes::Aes128;

use crate::crypto::key::Algorithm;
use crate::crypto::{Authenticator, cbc, hmac_sha256_verifies};
use crate::endpoint::{Check, Reject, Side};
use crate::layout::{Field, FrameDecl, FrameOrder, FrameSpec, Layout, Role, Turn, number};
use crate::ratchet::keys::Chain;
use crate::weakness::{Profile, Weakness};

/// The largest frame accepted, in bytes. The published client sends under 200.
pub(super) const MAX_FRAME: usize = 64 * 1024;
/// The bytes of the length field.
const LENGTH_SIZE: usize = 4;
/// The bytes of all fields but the ciphertext, with a share.
const OVERHEAD: usize = LENGTH_SIZE + 1 + 1 + 4 + 1 + 32 + cbc::BLOCK + 32;

pub(super) const HELLO: &str = "CLIENT_HELLO";
pub(super) const CHALLENGE: &str = "SERVER_CHALLENGE";
pub(super) const DATA: &str = "CLIENT_DATA";
pub(super) const RESPONSE: &str = "SERVER_AGGR_RESPONSE";
pub(super) const DESYNC: &str = "KEY_DESYNC_ERROR";
pub(super) const TERMINATE: &str = "TERMINATE";
const UNKNOWN: &str = "UNKNOWN";

/// The value of the direction byte.
pub(super) fn direction(from: Side) -> u8 {
    match from {
        Side::Client => 1,
        Side::Server => 2,
    }
}

const LENGTH: Field = Field::new("length", Role::LENGTH, LENGTH_SIZE);
const CLIENT_ID: Field = Field::new("client_id", Role::NUMBER, 1);
const ROUND: Field = Field::new("round", Role::NUMBER, 4);
const DIRECTION: Field = Field::new("direction", Role::NUMBER, 1);
const SHARE: Field =
    Field::new("share", Role::PublicKey, 32).unless(Weakness::RatchetFromPublicInput);
const IV: Field = Field::new("iv", Role::Iv, cbc::BLOCK);
const CT: Field = Field::rest("ct", Role::Ciphertext);
const MAC: Field = Field::new("mac", Role::Mac, 32);

const fn opcode(tag: &'static [u8]) -> Field {
    Field::new("opcode", Role::Tag(tag), 1)
}

const FRAMES: &[FrameDecl] = &[
    FrameDecl {
        name: HELLO,
        from: Some(Side::Client),
        fields: &[LENGTH, opcode(&[10]), CLIENT_ID, ROUND, DIRECTION, SHARE, IV, CT, MAC],
        max: MAX_FRAME,
    },
    FrameDecl {
        name: CHALLENGE,
        from: Some(Side::Server),
        fields: &[LENGTH, opcode(&[20]), CLIENT_ID, ROUND, DIRECTION, SHARE, IV, CT, MAC],
        max: MAX_FRAME,
    },
    FrameDecl {
        name: DATA,
        from: Some(Side::Client),
        fields: &[LENGTH, opcode(&[30]), CLIENT_ID, ROUND, DIRECTION, SHARE, IV, CT, MAC],
        max: MAX_FRAME,
    },
    FrameDecl {
        name: RESPONSE,
        from: Some(Side::Server),
        fields: &[LENGTH, opcode(&[40]), CLIENT_ID, ROUND, DIRECTION, SHARE, IV, CT, MAC],
        max: MAX_FRAME,
    },
    FrameDecl {
        name: DESYNC,
        from: Some(Side::Server),
        fields: &[LENGTH, opcode(&[50]), CLIENT_ID, ROUND, DIRECTION, IV, CT, MAC],
        max: MAX_FRAME,
    },
    FrameDecl {
        name: TERMINATE,
        from: None,
        fields: &[LENGTH, opcode(&[60]), CLIENT_ID, ROUND, DIRECTION, IV, CT, MAC],
        max: MAX_FRAME,
    },
    FrameDecl {
        name: UNKNOWN,
        from: None,
        fields: &[
            LENGTH,
            Field::new("opcode", Role::NUMBER, 1),
            CLIENT_ID,
            Field::rest("body", Role::Bytes),
        ],
        max: MAX_FRAME,
    },
];

/// The frames under `profile`.
pub(super) fn layout(profile: Profile) -> Layout {
    Layout {
        system: "ratchet",
        frames: FRAMES.iter().map(|decl| Arc::new(FrameSpec::new(decl, profile))).collect(),
        turns: &[FrameOrder {
            client: &[Turn::Any(&[HELLO, DATA, TERMINATE])],
            server: &[Turn::Any(&[CHALLENGE, RESPONSE, DESYNC, TERMINATE])],
        }],
    }
}

/// Whether a plaintext of `len` bytes fits the largest frame.
pub(super) const fn fits(len: usize) -> bool {
    len <= MAX_FRAME && OVERHEAD + cbc::padded(len) <= MAX_FRAME
}

/// What a sender decides about a frame.
#[derive(Debug)]
pub(super) struct Sealing<'a> {
    pub(super) spec: &'a FrameSpec,
    pub(super) from: Side,
    pub(super) client_id: u8,
    pub(super) round: u32,
    pub(super) share: Option<[u8; 32]>,
    pub(super) iv: [u8; 16],
    pub(super) plaintext: &'a [u8],
}

impl Sealing<'_> {
    /// Encrypt, then MAC. The result is the whole frame, made field by field in one buffer.
    pub(super) fn seal(&self, chain: &Chain) -> Vec<u8> {
        let mut frame = Vec::with_capacity(OVERHEAD + cbc::padded(self.plaintext.len()));
        let mut tag = None;
        for field in &self.spec.fields {
            match (field.name, field.role) {
                (_, Role::Tag(tag)) => frame.extend_from_slice(tag),
                ("length", _) => frame.extend_from_slice(&[0; LENGTH_SIZE]),
                ("client_id", _) => frame.push(self.client_id),
                ("round", _) => frame.extend_from_slice(&self.round.to_be_bytes()),
                ("direction", _) => frame.push(direction(self.from)),
                ("share", _) => frame.extend_from_slice(&self.share.unwrap_or_default()),
                ("iv", _) => frame.extend_from_slice(&self.iv),
                ("ct", _) => {
                    let from = frame.len();
                    let signed = frame.get(LENGTH_SIZE..).unwrap_or_default();
                    let mut mac = Authenticator::new(&chain.mac.0, &[signed]);
                    frame.extend_from_slice(self.plaintext);
                    let cipher = Aes128::under(&chain.enc.0);
                    cbc::encrypt_then_mac(&cipher, &self.iv, &mut mac, &mut frame, from);
                    tag = Some(mac.tag());
                }
                // The MAC covers everything between the length and itself, and the ciphertext stands right before it.
                ("mac", _) => frame.extend_from_slice(&tag.unwrap_or_default()),
                _ => debug_assert!(false, "sealed frames have no field {}", field.name),
            }
        }
        let following = frame.len().saturating_sub(LENGTH_SIZE);
        let length = u32::try_from(following).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(declared) = frame.first_chunk_mut() {
            *declared = length;
        }
        frame
    }
}

/// A received frame, cut into its fields. Nothing is verified yet.
#[derive(Debug)]
pub(super) struct Received<'a> {
    pub(super) client_id: u8,
    pub(super) round: u32,
    pub(super) direction: u8,
    pub(super) share: Option<[u8; 32]>,
    pub(super) iv: [u8; 16],
    pub(super) ct: &'a [u8],
    signed: &'a [u8],
    mac: &'a [u8],
}

impl<'a> Received<'a> {
    /// Cut `frame`, which was measured as a whole `spec`.
    ///
    /// # Errors
    /// [`Check::Opcode`] for a type that has no sealed content.
    pub(super) fn cut(spec: &FrameSpec, frame: &'a [u8]) -> Result<Self, Reject> {
        let mut received = Self {
            client_id: 0,
            round: 0,
            direction: 0,
            share: None,
            iv: [0; 16],
            ct: &[],
            signed: &[],
            mac: &[],
        };
        for (field, range) in spec.ranges(frame) {
            let start = range.start;
            let bytes = frame.get(range).unwrap_or_default();
            match field.name {
                "client_id" => received.client_id = bytes.first().copied().unwrap_or(0),
                "round" => received.round = u32::try_from(number(bytes)).unwrap_or(u32::MAX),
                "direction" => received.direction = bytes.first().copied().unwrap_or(0),
                "share" => received.share = bytes.try_into().ok(),
                "iv" => received.iv = bytes.try_into().unwrap_or_default(),
                "ct" => received.ct = bytes,
                "mac" => {
                    received.mac = bytes;
                    received.signed = frame.get(LENGTH_SIZE..start).unwrap_or_default();
                }
                _ => {}
            }
        }
        if received.mac.is_empty() {
            return Err(Reject::new(Check::Opcode, "opcode"));
        }
        Ok(received)
    }

    /// Verify MAC, round and direction, then decrypt: the order of the published program.
    ///
    /// # Errors
    /// The first check that fails: [`Check::Mac`], [`Check::Round`], [`Check::Direction`],
    /// [`Check::Padding`].
    pub(super) fn open(&self, chain: &Chain, round: u32, from: Side) -> Result<Vec<u8>, Reject> {
        if !hmac_sha256_verifies(&chain.mac.0, &[self.signed], self.mac) {
            return Err(Reject::new(Check::Mac, "mac"));
        }
        if self.round != round {
            return Err(Reject::new(Check::Round, "round"));
        }
        if self.direction != direction(from) {
            return Err(Reject::new(Check::Direction, "direction"));
        }
        let mut plaintext = self.ct.to_vec();
        let len = cbc::decrypt(&Aes128::under(&chain.enc.0), &self.iv, &mut plaintext)
            .map_err(|_| Reject::new(Check::Padding, "ct"))?
            .len();
        plaintext.truncate(len);
        Ok(plaintext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;
    use crate::entropy::Entropy;

    #[test]
    fn a_frame_is_as_large_as_its_ciphertext_and_the_overhead() {
        let layout = layout(Profile::HARDENED);
        let mut entropy = Entropy::new(1, "frame");
        let chain = Chain { enc: Secret(entropy.bytes()), mac: Secret(entropy.bytes()) };
        let sealing = |plaintext: &[u8]| {
            let spec = layout.frame(DATA).unwrap();
            let (share, iv) = (Some([0; 32]), [0; 16]);
            let from = Side::Client;
            Sealing { spec, from, client_id: 1, round: 0, share, iv, plaintext }.seal(&chain).len()
        };
        for plaintext in [&b""[..], b"sixteen bytes 16"] {
            assert_eq!(sealing(plaintext), OVERHEAD + cbc::padded(plaintext.len()));
        }
    }

    #[test]
    fn what_fits_is_what_makes_no_larger_frame_than_is_accepted() {
        let largest = (0..MAX_FRAME).rev().find(|len| OVERHEAD + cbc::padded(*len) <= MAX_FRAME);
        let largest = largest.unwrap();
        assert!(fits(0) && fits(largest));
        assert!(!fits(largest + 1) && !fits(MAX_FRAME + 1) && !fits(usize::MAX));
    }
}
