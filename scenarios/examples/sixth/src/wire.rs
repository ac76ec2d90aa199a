//! The frames as data. The attacker, reports, the dissector and both ends read this table.

use std::sync::Arc;

use protocol::crypto::{ccm, x25519};
use protocol::endpoint::Side;
use protocol::layout::{Field, FrameDecl, FrameOrder, FrameSpec, Layout, Role, Turn};
use protocol::weakness::{Profile, Weakness};

use crate::channel::MAX_RECORD;

/// The bytes of an HMAC-SHA256 tag.
const MAC: usize = 32;

const SHARE: Field = Field::new("share", Role::PublicKey, x25519::SHARE);
const CONFIRMATION: Field =
    Field::new("confirmation", Role::Mac, MAC).unless(Weakness::EcdhNotAuthenticated);
const NUMBER: Field = Field::new("number", Role::NUMBER, 8);
const TAG: Field = Field::new("tag", Role::Mac, ccm::TAG);

const fn opcode(letter: &'static [u8]) -> Field {
    Field::new("opcode", Role::Tag(letter), 1)
}

const FRAMES: &[FrameDecl] = &[
    FrameDecl {
        name: "HELLO",
        from: Some(Side::Client),
        fields: &[opcode(b"H"), SHARE],
        max: 1 + x25519::SHARE,
    },
    FrameDecl {
        name: "ACCEPT",
        from: Some(Side::Server),
        fields: &[opcode(b"A"), SHARE, CONFIRMATION],
        max: 1 + x25519::SHARE + MAC,
    },
    FrameDecl {
        name: "FINISH",
        from: Some(Side::Client),
        fields: &[opcode(b"F"), CONFIRMATION],
        max: 1 + MAC,
    },
    FrameDecl {
        name: "DATA",
        from: Some(Side::Client),
        fields: &[
            opcode(b"D"),
            Field::new("length", Role::LENGTH, 4),
            NUMBER,
            Field::rest("ct", Role::Ciphertext),
            TAG,
        ],
        max: MAX_RECORD,
    },
    FrameDecl {
        name: "BYE",
        from: Some(Side::Client),
        fields: &[
            opcode(b"B"),
            NUMBER.unless(Weakness::EndNotAuthenticated),
            TAG.unless(Weakness::EndNotAuthenticated),
        ],
        max: 1 + 8 + ccm::TAG,
    },
];

/// The frames under `profile`, and which can come when.
pub(crate) fn layout(profile: Profile) -> Layout {
    Layout {
        system: "sixth",
        frames: FRAMES.iter().map(|decl| Arc::new(FrameSpec::new(decl, profile))).collect(),
        turns: &[FrameOrder {
            client: &[Turn::One("HELLO"), Turn::One("FINISH"), Turn::Any(&["DATA", "BYE"])],
            server: &[Turn::One("ACCEPT")],
        }],
    }
}
