//! The frames of `csr` as data, the JSON of the handshake, and cutting a stream into messages.
//!
//! What the published program calls `ecdh_pubkey` is two types here, `ECDH` for the device's and
//! `SECDH` for the server's, because one of them can be signed without the other. A 10-digit length
//! is at most 99,999,999 here, so it begins with two zeros: they tell media from text, whose first
//! bytes are ciphertext. (An honest text that happens to begin with two zeros is cut as `MEDIA` by an
//! attacker, one in 65,536; the server reads all ten digits and is not fooled.)

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::crypto::ecdh::SHARE;
use crate::csr::keys::NONCE;
use crate::endpoint::{Check, Reject, Side};
use crate::inbox::{Inbox, Received};
use crate::layout::{Field, FrameDecl, FrameOrder, FrameSpec, Layout, Role, Turn};
use crate::weakness::{Profile, Weakness};

/// What one read returns at most, in bytes: the published programs call `recv(4096)`.
pub(super) const READ: usize = 4096;
/// The digits in front of media.
pub(super) const DIGITS: usize = 10;
/// The largest media ciphertext, in bytes, with everything that stands around it.
pub(super) const MAX_MEDIA: usize = 99_999_999;
/// The largest other message where lengths are sent, in bytes.
pub(super) const MAX_MESSAGE: usize = 1 << 20;
/// The bytes of an HMAC-SHA256 tag.
pub(super) const MAC: usize = 32;
/// The bytes of an RSA-2048 signature.
pub(super) const RSA: usize = 256;

/// Says goodbye.
pub(super) const END: &[u8] = br#"{"type": "end"}"#;
/// Opens what an as-built server says about a record it refused.
pub(super) const ERROR: &[u8] = b"ERROR: ";

const LENGTH: Field = Field::new("length", Role::LENGTH, 4).unless(Weakness::NoFraming);
const SEQUENCE: Field = Field::new("sequence", Role::NUMBER, 8).unless(Weakness::NoSequence);
const IV: Field = Field::new("iv", Role::Iv, 16).unless(Weakness::StaticIv);
const CT: Field = Field::rest("ct", Role::Ciphertext);
const TAG: Field = Field::new("mac", Role::Mac, MAC).unless(Weakness::MacThenEncrypt);
const KEY: Field = Field::new("key", Role::PublicKey, encoded_len(SHARE));
const SIGNATURE: Field = Field::new("signature", Role::Signature, encoded_len(RSA));

const fn literal(name: &'static str, text: &'static [u8]) -> Field {
    Field::new(name, Role::Tag(text), text.len())
}

const fn kind(letter: &'static [u8]) -> Field {
    literal("type", letter).unless(Weakness::NoFraming)
}

const HELLO_HEAD: &[u8] = br#"{"type": "hello", "certificate": ""#;
const HELLO_MIDDLE: &[u8] = br#"", "nonce": ""#;
const SHARE_HEAD: &[u8] = br#"{"type": "ecdh_pubkey", "key": ""#;
const SHARE_MIDDLE: &[u8] = br#"", "signature": ""#;
const TAIL: &[u8] = br#""}"#;

const HELLO: FrameDecl = FrameDecl {
    name: "HELLO",
    from: None,
    fields: &[
        LENGTH,
        literal("head", HELLO_HEAD),
        Field::rest("certificate", Role::Certificate),
        literal("middle", HELLO_MIDDLE),
        Field::new("nonce", Role::Nonce, encoded_len(NONCE)),
        literal("tail", TAIL),
    ],
    max: 4 + READ,
};

const ECDH: FrameDecl = FrameDecl {
    name: "ECDH",
    from: Some(Side::Client),
    fields: &[
        LENGTH,
        literal("head", SHARE_HEAD),
        KEY,
        literal("middle", SHARE_MIDDLE).unless(Weakness::NoProofOfPossession),
        SIGNATURE.unless(Weakness::NoProofOfPossession),
        literal("tail", TAIL),
    ],
    max: 4 + READ,
};

const SECDH: FrameDecl = FrameDecl {
    name: "SECDH",
    from: Some(Side::Server),
    fields: &[
        LENGTH,
        literal("head", SHARE_HEAD),
        KEY,
        literal("middle", SHARE_MIDDLE),
        SIGNATURE,
        literal("tail", TAIL),
    ],
    max: 4 + READ,
};

const SECDH_UNSIGNED: FrameDecl = FrameDecl {
    name: "SECDH",
    from: Some(Side::Server),
    fields: &[LENGTH, literal("head", SHARE_HEAD), KEY, literal("tail", TAIL)],
    max: 4 + READ,
};

const TEXT: FrameDecl = FrameDecl {
    name: "TEXT",
    from: Some(Side::Client),
    fields: &[LENGTH, kind(b"T"), SEQUENCE, IV, CT, TAG],
    max: MAX_MEDIA,
};

const REPLY: FrameDecl = FrameDecl {
    name: "REPLY",
    from: Some(Side::Server),
    fields: &[LENGTH, kind(b"A"), SEQUENCE, IV, CT, TAG],
    max: MAX_MEDIA,
};

const MEDIA: FrameDecl = FrameDecl {
    name: "MEDIA",
    from: Some(Side::Client),
    fields: &[LENGTH, kind(b"M"), SEQUENCE, IV, CT, TAG],
    max: DIGITS + MAX_MEDIA,
};

const MEDIA_DIGITS: FrameDecl = FrameDecl {
    name: "MEDIA",
    from: Some(Side::Client),
    fields: &[
        literal("zeros", b"00"),
        Field::new("length", Role::DIGITS, DIGITS - 2),
        SEQUENCE,
        IV,
        CT,
        TAG,
    ],
    max: DIGITS + MAX_MEDIA,
};

const GOODBYE: FrameDecl = FrameDecl {
    name: "END",
    from: Some(Side::Client),
    fields: &[
        LENGTH,
        literal("head", END),
        Field::new("count", Role::NUMBER, 8),
        Field::new("mac", Role::Mac, MAC),
    ],
    max: 4 + READ,
};

const REFUSAL: FrameDecl = FrameDecl {
    name: "ERROR",
    from: Some(Side::Server),
    fields: &[LENGTH, literal("head", ERROR), Field::rest("word", Role::Bytes)],
    max: 4 + READ,
};

/// Whether the server signs its share: only the published program, which has neither defence, sends
/// no signature at all.
pub(super) fn server_signs(profile: Profile) -> bool {
    !(profile.has(Weakness::EcdhNotAuthenticated) && profile.has(Weakness::NoProofOfPossession))
}

/// The frames under `profile`, and whose turn is when.
pub(super) fn layout(profile: Profile) -> Layout {
    let media = if profile.has(Weakness::NoFraming) { &MEDIA_DIGITS } else { &MEDIA };
    let share = if server_signs(profile) { &SECDH } else { &SECDH_UNSIGNED };
    let mut decls = vec![&HELLO, &ECDH, share, media, &TEXT, &REPLY];
    let goodbye = !profile.has(Weakness::EndNotAuthenticated);
    let errors = profile.has(Weakness::DistinguishableErrors);
    decls.extend(goodbye.then_some(&GOODBYE));
    decls.extend(errors.then_some(&REFUSAL));
    Layout {
        system: "csr",
        frames: decls.into_iter().map(|decl| Arc::new(FrameSpec::new(decl, profile))).collect(),
        turns: &[FrameOrder {
            client: &[
                Turn::One("HELLO"),
                Turn::One("ECDH"),
                // A text has no tag where nothing is framed: it comes last.
                Turn::Any(&["END", "MEDIA", "TEXT"]),
            ],
            server: &[Turn::One("HELLO"), Turn::One("SECDH"), Turn::Any(&["ERROR", "REPLY"])],
        }],
    }
}

/// Everything behind the length, if there is one in front.
pub(super) fn body(received: &Received) -> &[u8] {
    let length = received.spec.field("length").map_or(0, |_| 4);
    received.bytes.get(length..).unwrap_or_default()
}

/// Take the next message out of the inbox, if it is whole, provided it is one of `due`. Without
/// framing, a message is what one read returns, but for media, which say how long they are.
///
/// # Errors
/// `length` for a length that cannot be, `opcode` for a message that is none of `due`.
pub(super) fn next(
    layout: &Layout,
    profile: Profile,
    due: &[&str],
    inbox: &mut Inbox,
) -> Result<Option<Received>, Reject> {
    let framed = !profile.has(Weakness::NoFraming);
    let media = due.contains(&"MEDIA");
    let waiting = inbox.waiting();
    let len = if waiting.is_empty() {
        None
    } else if framed {
        framed_len(waiting, if media { MAX_MEDIA } else { MAX_MESSAGE })?
    } else {
        match waiting.get(..DIGITS).filter(|_| media).and_then(digits) {
            Some(declared) if declared > MAX_MEDIA => return Err(bad_length()),
            Some(declared) => Some(declared + DIGITS).filter(|len| waiting.len() >= *len),
            None => Some(waiting.len().min(READ)),
        }
    };
    let Some(len) = len else { return Ok(None) };
    let bytes = inbox.take(len);
    let body = if framed { bytes.get(4..).unwrap_or_default() } else { &bytes[..] };
    let fits = |name: &&&str| match (**name, framed) {
        ("END", _) => body.starts_with(END),
        ("ERROR", _) => body.starts_with(ERROR),
        ("MEDIA", true) => body.starts_with(b"M"),
        ("MEDIA", false) => body.get(..DIGITS).and_then(digits).is_some(),
        ("TEXT", true) => body.starts_with(b"T"),
        ("REPLY", true) => body.starts_with(b"A"),
        // The handshake is JSON, and says what it is; an unframed text has nothing that tells.
        _ => true,
    };
    let spec = due.iter().filter(|name| layout.frame(name).is_some()).find(fits);
    let spec = spec.and_then(|name| layout.frame(name));
    let spec = spec.cloned().ok_or(Reject::new(Check::Opcode, "type"))?;
    Ok(Some(Received { spec, bytes }))
}

const fn bad_length() -> Reject {
    Reject::new(Check::Length, "length")
}

fn framed_len(waiting: &[u8], max: usize) -> Result<Option<usize>, Reject> {
    let Some(declared) = waiting.first_chunk().map(|length| u32::from_be_bytes(*length)) else {
        return Ok(None);
    };
    match usize::try_from(declared) {
        Ok(declared) if (1..=max).contains(&declared) => {
            Ok(Some(declared + 4).filter(|len| waiting.len() >= *len))
        }
        _ => Err(bad_length()),
    }
}

fn digits(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Put the length in front of a message that is no record.
pub(super) fn framed(profile: Profile, body: Vec<u8>) -> Vec<u8> {
    if profile.has(Weakness::NoFraming) {
        return body;
    }
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[..], &body].concat()
}

/// The base64 characters for `len` bytes.
pub(super) const fn encoded_len(len: usize) -> usize {
    len.div_ceil(3) * 4
}

/// A hello: certificate and nonce.
pub(super) fn hello(certificate: &str, nonce: &[u8; NONCE]) -> Vec<u8> {
    let (certificate, nonce) = (STANDARD.encode(certificate), STANDARD.encode(nonce));
    let parts = [HELLO_HEAD, certificate.as_bytes(), HELLO_MIDDLE, nonce.as_bytes(), TAIL];
    parts.concat()
}

/// A share, signed or not.
pub(super) fn share(share: &[u8; SHARE], signature: Option<&[u8]>) -> Vec<u8> {
    let share = STANDARD.encode(share);
    match signature.map(|signature| STANDARD.encode(signature)) {
        None => [SHARE_HEAD, share.as_bytes(), TAIL].concat(),
        Some(signature) => {
            [SHARE_HEAD, share.as_bytes(), SHARE_MIDDLE, signature.as_bytes(), TAIL].concat()
        }
    }
}

/// How a read is no message of a handshake, where one read should be one: what is said where it has more, or less.
pub(super) type Misread = (&'static str, &'static str);
/// Of a hello.
pub(super) const HELLO_MISREAD: Misread =
    ("HELLO and more in one read", "a part of HELLO in one read");
/// Of the device's share.
pub(super) const ECDH_MISREAD: Misread =
    ("ECDH and more in one read", "a part of ECDH in one read");
/// Of the server's share.
pub(super) const SECDH_MISREAD: Misread =
    ("SECDH and more in one read", "a part of SECDH in one read");

/// Check that a read is one JSON message, where nothing is framed: the published program takes it for one.
///
/// # Errors
/// `layout`, with what the read is instead.
pub(super) fn is_one(profile: Profile, body: &[u8], (more, less): Misread) -> Result<(), Reject> {
    if !profile.has(Weakness::NoFraming) {
        return Ok(());
    }
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
    let first = values.next();
    let rest = body.get(values.byte_offset()..).unwrap_or_default().trim_ascii();
    match first {
        Some(Ok(_)) if !rest.is_empty() => Err(Reject::new(Check::Layout, more)),
        Some(Err(error)) if error.is_eof() => Err(Reject::new(Check::Layout, less)),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct HelloJson {
    r#type: String,
    certificate: String,
    nonce: String,
}

#[derive(Deserialize)]
struct ShareJson {
    r#type: String,
    key: String,
    #[serde(default)]
    signature: String,
}

/// Read a hello, however it is spaced: the certificate as PEM, and the nonce.
///
/// # Errors
/// `layout` for what is no such JSON, `opcode` for another type.
pub(super) fn read_hello(body: &[u8]) -> Result<(String, [u8; NONCE]), Reject> {
    let bad = |field| Reject::new(Check::Layout, field);
    let json: HelloJson = serde_json::from_slice(body).map_err(|_| bad("json"))?;
    if json.r#type != "hello" {
        return Err(Reject::new(Check::Opcode, "type"));
    }
    let pem = STANDARD.decode(json.certificate).map_err(|_| bad("certificate"))?;
    let pem = String::from_utf8(pem).map_err(|_| bad("certificate"))?;
    let nonce = STANDARD.decode(json.nonce).map_err(|_| bad("nonce"))?;
    Ok((pem, nonce.try_into().map_err(|_| bad("nonce"))?))
}

/// Read a share and its signature, which is empty if there is none.
///
/// # Errors
/// `layout` for what is no such JSON, `opcode` for another type.
pub(super) fn read_share(body: &[u8]) -> Result<([u8; SHARE], Vec<u8>), Reject> {
    let bad = |field| Reject::new(Check::Layout, field);
    let json: ShareJson = serde_json::from_slice(body).map_err(|_| bad("json"))?;
    if json.r#type != "ecdh_pubkey" {
        return Err(Reject::new(Check::Opcode, "type"));
    }
    let share = STANDARD.decode(json.key).map_err(|_| bad("key"))?;
    let signature = STANDARD.decode(json.signature).map_err(|_| bad("signature"))?;
    Ok((share.try_into().map_err(|_| bad("key"))?, signature))
}
