//! The frames of `ccm` as data, and cutting what arrives into them.
//!
//! As built, a message is what one read returns; an `@` stands between the parts of an encrypted one. Where messages
//! are framed, a 4-byte length stands in front of each and, on the data connections, a letter that says what it is.

use std::sync::Arc;

use crate::ccm::keys::{MAC, TOKEN};
use crate::ccm::lab::MODULUS;
use crate::crypto::ccm::TAG;
use crate::crypto::ecdh::SHARE;
use crate::endpoint::{Check, PortIndex, Reject, Side};
use crate::inbox::{Inbox, Received};
use crate::layout::{Field, FrameDecl, FrameOrder, FrameSpec, Layout, Measure, Role, Size, Turn};
use crate::weakness::{Profile, Weakness};

/// The port of the exchange, by its place in the table.
pub(super) const EXCHANGE: PortIndex = PortIndex(0);
/// The port of messages from client to server.
pub(super) const TO_SERVER: PortIndex = PortIndex(1);
/// The port of messages from server to client.
pub(super) const TO_CLIENT: PortIndex = PortIndex(2);

/// What one read returns at most, in bytes: the published program calls `recv(1024)`.
pub(super) const READ: usize = 1024;
/// The largest file or text where messages are framed, in bytes.
pub(super) const MAX_BODY: usize = 64 << 20;
/// The largest message that is no record, in bytes.
pub(super) const MAX_CONTROL: usize = 2048;
/// What stands around the body of a framed record at most, in bytes.
pub(super) const OVERHEAD: usize = 512;
/// The size of a published nonce in bytes.
pub(super) const NONCE: usize = 12;
/// The size of the nonce of a framed record in bytes. A nonce of 12 bytes leaves three for the length, and a record
/// could not have 16 MiB (SP 800-38C, A.2.1).
pub(super) const LONG_NONCE: usize = 11;
/// Tells the parts of a published record apart.
pub(super) const DELIMITER: u8 = b'@';
/// The goodbye, and the reply to it.
pub(super) const EXIT: &str = "Exit";
/// The confirmation of a key.
pub(super) const TRUE: &str = "True";
/// The bytes of an RSA-4096 ciphertext.
const RSA: usize = MODULUS / 8;

const LENGTH: Field = Field::new("length", Role::LENGTH, 4).unless(Weakness::DelimiterFraming);
const CLIENT: Field =
    Field::new("client", Role::NUMBER, 1).unless(Weakness::NoClientAuthentication);
const KEY: Field = Field::new("ct", Role::Ciphertext, RSA);
const OWN_SHARE: Field =
    Field::new("share", Role::PublicKey, SHARE).unless(Weakness::StaticRsaTransport);
const CONFIRMATION: Field = Field::new("mac", Role::Mac, MAC).unless(Weakness::ConfirmationIgnored);
const SEQUENCE: Field = Field::new("sequence", Role::NUMBER, 8).unless(Weakness::NoSequence);
const CT: Field = Field::rest("ct", Role::Ciphertext);
const AUTHENTICATOR: Field = Field::new("tag", Role::Mac, TAG);

const fn literal(name: &'static str, text: &'static [u8]) -> Field {
    Field::new(name, Role::Tag(text), text.len())
}

const fn kind(letter: &'static [u8]) -> Field {
    literal("type", letter).unless(Weakness::DelimiterFraming)
}

const fn frame(name: &'static str, from: Option<Side>, fields: &'static [Field]) -> FrameDecl {
    FrameDecl { name, from, fields, max: MAX_CONTROL }
}

const KEY_FRAME: FrameDecl = frame("KEY", Some(Side::Client), &[LENGTH, CLIENT, KEY, OWN_SHARE]);
const ECHO_FRAME: FrameDecl =
    frame("ECHO", Some(Side::Server), &[LENGTH, KEY, OWN_SHARE, CONFIRMATION]);
const TRUE_FRAME: FrameDecl =
    frame("TRUE", Some(Side::Client), &[LENGTH, literal("word", TRUE.as_bytes()), CONFIRMATION]);
const BIND_FRAME: FrameDecl = frame(
    "BIND",
    Some(Side::Client),
    &[
        LENGTH,
        literal("type", b"B"),
        Field::new("token", Role::Bytes, TOKEN),
        Field::new("mac", Role::Mac, MAC),
    ],
);
const RECEIPT_FRAME: FrameDecl = frame(
    "RCPT",
    None,
    &[
        LENGTH,
        literal("type", b"R"),
        Field::new("count", Role::NUMBER, 8),
        Field::new("mac", Role::Mac, MAC),
    ],
);
const EXIT_FRAME: FrameDecl = frame(
    "EXIT",
    None,
    &[
        LENGTH,
        literal("word", EXIT.as_bytes()),
        Field::new("count", Role::NUMBER, 8).unless(Weakness::PlaintextExit),
        Field::new("mac", Role::Mac, MAC).unless(Weakness::PlaintextExit),
    ],
);
const MESSAGE_FRAME: FrameDecl = FrameDecl {
    name: "MSG",
    from: None,
    fields: &[
        LENGTH,
        kind(b"M"),
        SEQUENCE,
        Field::new("nonce", Role::Nonce, LONG_NONCE),
        CT,
        AUTHENTICATOR,
    ],
    max: MAX_BODY + OVERHEAD,
};
const DELIMITED_FRAME: FrameDecl = FrameDecl {
    name: "MSG",
    from: None,
    fields: &[
        SEQUENCE,
        CT,
        literal("first @", b"@"),
        Field::new("nonce", Role::Nonce, NONCE),
        literal("second @", b"@"),
        AUTHENTICATOR,
    ],
    max: READ,
};

const EXCHANGE_TURNS: FrameOrder =
    FrameOrder { client: &[Turn::One("KEY"), Turn::One("TRUE")], server: &[Turn::One("ECHO")] };
const CONTROL: Turn = Turn::Any(&["RCPT", "EXIT"]);
// An unframed record has nothing that tells it: it comes last.
const MESSAGES: Turn = Turn::Any(&["EXIT", "MSG"]);

const BOUND: &[FrameOrder] = &[
    EXCHANGE_TURNS,
    FrameOrder { client: &[Turn::One("BIND"), MESSAGES], server: &[CONTROL] },
    FrameOrder { client: &[Turn::One("BIND"), CONTROL], server: &[MESSAGES] },
];
const UNBOUND: &[FrameOrder] = &[
    EXCHANGE_TURNS,
    FrameOrder { client: &[MESSAGES], server: &[CONTROL] },
    FrameOrder { client: &[CONTROL], server: &[MESSAGES] },
];

/// Whether a data connection says which session it belongs to.
pub(super) fn binds(profile: Profile) -> bool {
    !profile.has(Weakness::SessionNotBoundToConnection)
}

/// Whether a message is what one read returns.
pub(super) fn delimited(profile: Profile) -> bool {
    profile.has(Weakness::DelimiterFraming)
}

/// The frames under `profile`, and whose turn is when.
pub(super) fn layout(profile: Profile) -> Layout {
    layout_for(profile, RSA)
}

/// The same with RSA keys of that many bytes.
pub(super) fn layout_for(profile: Profile, rsa: usize) -> Layout {
    let message = if delimited(profile) { &DELIMITED_FRAME } else { &MESSAGE_FRAME };
    let mut decls = vec![&KEY_FRAME, &ECHO_FRAME, &TRUE_FRAME, &EXIT_FRAME, message];
    decls.extend(binds(profile).then_some(&BIND_FRAME));
    decls.extend((!profile.has(Weakness::NoSequence)).then_some(&RECEIPT_FRAME));
    let spec = |decl: &FrameDecl| {
        let FrameSpec { name, from, mut fields, max, .. } = FrameSpec::new(decl, profile);
        for field in fields.iter_mut().filter(|field| field.size == KEY.size) {
            field.size = Size::Fixed(rsa);
        }
        Arc::new(FrameSpec::of(name, from, fields, max))
    };
    Layout {
        system: "ccm",
        frames: decls.into_iter().map(spec).collect(),
        turns: if binds(profile) { BOUND } else { UNBOUND },
    }
}

/// Take the next message out of the inbox, if it is whole, provided it is one of `due`. Without framing, a message
/// is what one read returns.
///
/// # Errors
/// `length` for a length that cannot be, `opcode` for a message that is none of `due`.
pub(super) fn next(
    layout: &Layout,
    profile: Profile,
    due: &[&str],
    inbox: &mut Inbox,
) -> Result<Option<Received>, Reject> {
    let waiting = inbox.waiting();
    let specs = || due.iter().filter_map(|name| layout.frame(name));
    let len = if waiting.is_empty() {
        return Ok(None);
    } else if delimited(profile) {
        waiting.len().min(READ)
    } else {
        let most = specs().map(|spec| spec.max).max().unwrap_or(MAX_CONTROL);
        match framed_len(waiting, most)? {
            Some(len) => len,
            None => return Ok(None),
        }
    };
    let bytes = inbox.take(len);
    let whole = |spec: &&Arc<FrameSpec>| {
        // A delimited record is taken apart by what is in it, not by where it stands.
        let record = delimited(profile) && spec.name == "MSG";
        record || spec.measure(&bytes) == Measure::Whole(bytes.len())
    };
    match specs().find(whole).cloned() {
        Some(spec) => Ok(Some(Received { spec, bytes })),
        None => Err(Reject::new(Check::Opcode, "message")),
    }
}

fn framed_len(waiting: &[u8], most: usize) -> Result<Option<usize>, Reject> {
    let Some(declared) = waiting.first_chunk().map(|length| u32::from_be_bytes(*length)) else {
        return Ok(None);
    };
    match usize::try_from(declared) {
        Ok(declared) if declared > 0 && declared <= most - 4 => {
            Ok(Some(declared + 4).filter(|len| waiting.len() >= *len))
        }
        _ => Err(Reject::new(Check::Length, "length")),
    }
}

/// Build a frame of this type. Fields that the profile does not have are left out.
pub(super) fn assemble(layout: &Layout, name: &str, values: &[(&str, &[u8])]) -> Vec<u8> {
    let Some(spec) = layout.frame(name) else { return Vec::new() };
    let exists = |(name, _): &&(&str, &[u8])| spec.field(name).is_some();
    let values: Vec<(&str, &[u8])> = values.iter().filter(exists).copied().collect();
    let frame = spec.assemble(&values);
    debug_assert!(frame.is_ok(), "{name}: {frame:?}");
    frame.unwrap_or_default()
}
