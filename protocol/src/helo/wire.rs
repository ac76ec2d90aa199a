//! The frames of `helo` as data.
//!
//! Nonces and acknowledgements have no header: only their turn tells what they are. What the
//! published program calls an acknowledgement is two types here, because those sent before there
//! are keys (`HACK`, handshake acknowledgement) can carry no MAC and the later ones (`ACK`) can;
//! with `ack-not-authenticated` both are the same 256 bytes. The server's nonce is `SNONCE`,
//! because the hardened one carries more than the device's `NONCE`.

use std::sync::Arc;

use crate::endpoint::Side;
use crate::layout::{Field, FrameDecl, FrameOrder, FrameSpec, Layout, Role, Turn};
use crate::weakness::{Profile, Weakness};

/// The bytes of a header such as `<HELO>`.
const HEADER: usize = 6;
/// The bytes before the first declared field: header and length.
pub(super) const HEAD: usize = HEADER + 4;
/// The bytes of an HMAC-SHA256 tag.
pub(super) const MAC: usize = 32;
/// The bytes of an RSA-2048 ciphertext or signature.
pub(super) const RSA: usize = 256;
/// The largest certificate accepted, in bytes.
pub(super) const MAX_CERTIFICATE: usize = 64 << 10;
/// The largest record accepted, in bytes, header included.
pub(super) const MAX_RECORD: usize = 256 << 20;

/// Opens a certificate.
pub(super) const HELO: &[u8] = b"<HELO>";
/// Opens the key transport.
pub(super) const PREM: &[u8] = b"<PREM>";
/// Opens an encrypted text.
pub(super) const SECX: &[u8] = b"<SECX>";
/// Opens an encrypted image or video.
pub(super) const IMGX: &[u8] = b"<IMGX>";
/// Ends the session.
pub(super) const ENDD: &[u8] = b"<ENDD>";

const LENGTH: Field = Field::new("length", Role::LENGTH, 4);
const SHARE: Field = Field::new("share", Role::PublicKey, 32).unless(Weakness::StaticRsaTransport);
const SEQUENCE: Field = Field::new("sequence", Role::NUMBER, 8).unless(Weakness::NoSequence);
const IV: Field = Field::new("iv", Role::Iv, 16).unless(Weakness::StaticIv);
const CT: Field = Field::rest("ct", Role::Ciphertext);
const WORD: Field = Field::new("word", Role::Ciphertext, RSA);

const fn header(tag: &'static [u8]) -> Field {
    Field::new("header", Role::Tag(tag), HEADER)
}

const FRAMES: &[FrameDecl] = &[
    FrameDecl {
        name: "HELO",
        from: None,
        fields: &[header(HELO), LENGTH, Field::rest("certificate", Role::Certificate)],
        max: HEAD + MAX_CERTIFICATE,
    },
    FrameDecl {
        name: "NONCE",
        from: Some(Side::Client),
        fields: &[Field::new("nonce", Role::Nonce, 16)],
        max: 16,
    },
    FrameDecl {
        name: "SNONCE",
        from: Some(Side::Server),
        fields: &[
            Field::new("nonce", Role::Nonce, 16),
            SHARE,
            Field::new("signature", Role::Signature, RSA).unless(Weakness::StaticRsaTransport),
        ],
        max: 16 + 32 + RSA,
    },
    FrameDecl { name: "HACK", from: None, fields: &[WORD], max: RSA },
    FrameDecl {
        name: "PREM",
        from: Some(Side::Client),
        fields: &[
            header(PREM),
            LENGTH,
            Field::new("premaster", Role::Ciphertext, RSA),
            SHARE,
            Field::new("signature", Role::Signature, RSA).unless(Weakness::NoProofOfPossession),
        ],
        max: HEAD + RSA + 32 + RSA,
    },
    FrameDecl {
        name: "SECX",
        from: Some(Side::Client),
        fields: &[header(SECX), LENGTH, SEQUENCE, IV, CT, Field::new("mac", Role::Mac, MAC)],
        max: MAX_RECORD,
    },
    FrameDecl {
        name: "IMGX",
        from: Some(Side::Client),
        fields: &[header(IMGX), LENGTH, SEQUENCE, IV, CT, Field::new("mac", Role::Mac, MAC)],
        max: MAX_RECORD,
    },
    FrameDecl {
        name: "ENDD",
        from: Some(Side::Client),
        fields: &[
            header(ENDD),
            Field::new("sequence", Role::NUMBER, 8).unless(Weakness::EndNotAuthenticated),
            Field::new("mac", Role::Mac, MAC).unless(Weakness::EndNotAuthenticated),
        ],
        max: HEADER + 8 + MAC,
    },
    FrameDecl {
        name: "ACK",
        from: Some(Side::Server),
        fields: &[WORD, Field::new("mac", Role::Mac, MAC).unless(Weakness::AckNotAuthenticated)],
        max: RSA + MAC,
    },
];

/// The frames under `profile`, and whose turn is when.
pub(super) fn layout(profile: Profile) -> Layout {
    Layout {
        system: "helo",
        frames: FRAMES.iter().map(|decl| Arc::new(FrameSpec::new(decl, profile))).collect(),
        turns: &[FrameOrder {
            client: &[
                Turn::One("HELO"),
                Turn::One("NONCE"),
                Turn::One("HACK"),
                Turn::One("HACK"),
                Turn::Any(&["PREM", "SECX", "IMGX", "ENDD"]),
            ],
            server: &[
                Turn::One("HACK"),
                Turn::One("HACK"),
                Turn::One("HELO"),
                Turn::One("SNONCE"),
                Turn::Any(&["ACK"]),
            ],
        }],
    }
}

/// A frame of header, length and these parts.
pub(super) fn tagged(header: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = Vec::with_capacity(HEAD + length);
    frame.extend_from_slice(header);
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame
}
