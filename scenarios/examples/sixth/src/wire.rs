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
const LENGTH: Field = Field::new("length", Role::LENGTH, 4);
const NUMBER: Field = Field::new("number", Role::NUMBER, 8);
const CT: Field = Field::rest("ct", Role::Ciphertext);
const TAG: Field = Field::new("tag", Role::Mac, ccm::TAG);

const fn opcode(letter: &'static [u8]) -> Field {
    Field::new("opcode", Role::Tag(letter), 1)
}

const fn from_client(name: &'static str, fields: &'static [Field], max: usize) -> FrameDecl {
    FrameDecl { name, from: Some(Side::Client), fields, max }
}

const FRAMES: &[FrameDecl] = &[
    from_client("HELLO", &[opcode(b"H"), SHARE], 1 + x25519::SHARE),
    FrameDecl {
        name: "ACCEPT",
        from: Some(Side::Server),
        fields: &[opcode(b"A"), SHARE, CONFIRMATION],
        max: 1 + x25519::SHARE + MAC,
    },
    from_client("FINISH", &[opcode(b"F"), CONFIRMATION], 1 + MAC),
    from_client("DATA", &[opcode(b"D"), LENGTH, NUMBER, CT, TAG], MAX_RECORD),
    from_client(
        "BYE",
        &[
            opcode(b"B"),
            NUMBER.unless(Weakness::EndNotAuthenticated),
            TAG.unless(Weakness::EndNotAuthenticated),
        ],
        1 + 8 + ccm::TAG,
    ),
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
