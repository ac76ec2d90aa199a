//! The frames of `suite` under each profile, and how a stream is cut into them.
//!
//! There are two shapes. The published one is a single frame, `MSG`, that holds everything and is never
//! answered. Wherever the server has something to say (a share, a fresh nonce, the outcome of a login), there
//! is a handshake, and every frame begins with a length and a letter. With `delimiter-framing` alone the
//! handshake has no lengths: fields are joined by `||`, and one read is one frame.

use std::ops::Range;
use std::sync::Arc;

use crate::crypto::ecdh::SHARE;
use crate::endpoint::{Check, Reject, Side};
use crate::inbox::{Inbox, Received, array};
use crate::layout::{Field, FrameOrder, FrameSpec, Layout, Role, Size, Turn};
use crate::weakness::{Profile, Weakness};

/// What one read returns at most, in bytes: the published server calls `recv(4096)`.
pub(super) const READ: usize = 4096;
/// What stands between two fields of the published frame.
pub(super) const DELIMITER: &[u8] = b"||";
/// The bytes of an RSA-2048 ciphertext or signature.
pub(super) const RSA: usize = 256;
/// The bytes of a nonce.
pub(super) const NONCE: usize = 32;
/// The largest file carried where lengths are sent, in bytes.
pub(super) const MAX_FILE: usize = 64 << 20;
/// The largest text carried where lengths are sent, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// What stands around content at most: header, name, padding, tag.
const AROUND: usize = 1024;
/// The largest frame of the handshake, in bytes, where lengths are sent.
const MAX_HANDSHAKE: usize = 16 << 10;

/// Whether the server has nothing to say: it agrees on no keys, promises no freshness and checks no
/// password. Then everything goes in one frame, as in the published program.
pub(super) fn one_way(profile: Profile) -> bool {
    profile.has(Weakness::StaticRsaTransport)
        && profile.has(Weakness::NoSequence)
        && profile.has(Weakness::ClientSideLogin)
}

/// The bytes of what ends a frame: an HMAC, or a hash in hexadecimal digits.
pub(super) fn tag_len(profile: Profile) -> usize {
    if profile.has(Weakness::UnkeyedHash) { 64 } else { 32 }
}

/// The name of what ends a frame, by which one can tell whether the frame is intact: a MAC, or a hash without a key.
pub(super) const INTEGRITY: &str = "integrity";

/// The frames under `profile`, and whose turn is when.
pub(super) fn layout(profile: Profile) -> Layout {
    let (frames, turns): (_, &[FrameOrder]) = if one_way(profile) {
        (vec![published()], &[FrameOrder { client: &[Turn::Any(&["MSG"])], server: &[] }])
    } else {
        let turns = &[FrameOrder {
            client: &[Turn::One("HELLO"), Turn::One("LOGIN"), Turn::Any(&["MSG", "FILE", "END"])],
            server: &[Turn::One("CERT"), Turn::One("WELCOME"), Turn::Any(&["ACK"])],
        }];
        (handshake(profile), turns)
    };
    let frames = frames.into_iter().map(Arc::new).collect();
    Layout { system: "suite", frames, turns }
}

/// The frame of the published program, as it honestly is. What the server makes of it is another matter.
fn published() -> FrameSpec {
    let delimiter = Field::new("delimiter", Role::Tag(DELIMITER), DELIMITER.len());
    let fields = vec![
        Field::new("key", Role::Ciphertext, RSA),
        delimiter,
        Field::new("username", Role::Ciphertext, RSA),
        delimiter,
        Field::rest("ct", Role::Ciphertext),
        delimiter,
        Field::new(INTEGRITY, Role::Mac, 64),
    ];
    FrameSpec::of("MSG", Some(Side::Client), fields, READ)
}

fn handshake(profile: Profile) -> Vec<FrameSpec> {
    let agreed = !profile.has(Weakness::StaticRsaTransport);
    let numbered = !profile.has(Weakness::NoSequence);
    let random = !profile.has(Weakness::StaticIv);
    let share = agreed.then_some(Field::new("share", Role::PublicKey, SHARE));
    let key = (!agreed).then_some(Field::new("key", Role::Ciphertext, RSA));
    let nonce = Some(Field::new("nonce", Role::Nonce, NONCE));
    let sequence = numbered.then_some(Field::new("sequence", Role::NUMBER, 8));
    let iv = random.then_some(Field::new("iv", Role::Iv, 16));
    let ct = Some(Field::rest("ct", Role::Ciphertext));
    let tag = Some(Field::new(INTEGRITY, Role::Mac, tag_len(profile)));
    let certificate = Some(Field::rest("certificate", Role::Certificate));
    let signature = Some(Field::new("signature", Role::Signature, RSA));
    let status = Some(Field::new("status", Role::NUMBER, 1));
    let count = Some(Field::new("count", Role::NUMBER, 8));
    let make = |name, letter: &'static [u8], from, fields: &[Option<Field>], max| {
        spec(profile, name, letter, from, fields, max)
    };
    let (client, server) = (Side::Client, Side::Server);
    let mut frames = vec![
        make("HELLO", b"H", client, &[nonce, share], MAX_HANDSHAKE),
        make("CERT", b"C", server, &[certificate, nonce, share, signature], MAX_HANDSHAKE),
        make("LOGIN", b"L", client, &[key, iv, ct, tag], MAX_HANDSHAKE),
        make("WELCOME", b"W", server, &[status, tag], MAX_HANDSHAKE),
        make("MSG", b"M", client, &[sequence, iv, ct, tag], MAX_TEXT + AROUND),
        make("FILE", b"F", client, &[sequence, iv, ct, tag], MAX_FILE + AROUND),
        make("ACK", b"A", server, &[sequence, tag], MAX_HANDSHAKE),
    ];
    if !profile.has(Weakness::EndNotAuthenticated) {
        frames.push(make("END", b"E", client, &[count, tag], MAX_HANDSHAKE));
    }
    frames
}

fn spec(
    profile: Profile,
    name: &'static str,
    letter: &'static [u8],
    from: Side,
    body: &[Option<Field>],
    max: usize,
) -> FrameSpec {
    let kind = Field::new("type", Role::Tag(letter), 1);
    let body = body.iter().flatten().copied();
    if profile.has(Weakness::DelimiterFraming) {
        let delimiter = Field::new("delimiter", Role::Tag(DELIMITER), DELIMITER.len());
        let fields = std::iter::once(kind).chain(body.flat_map(|field| [delimiter, field]));
        return FrameSpec::of(name, Some(from), fields.collect(), READ);
    }
    let head = [Field::new("length", Role::LENGTH, 4), kind];
    FrameSpec::of(name, Some(from), head.into_iter().chain(body).collect(), max)
}

/// A received frame and where its fields lie.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) frame: Received,
    /// Where it was split, if it was: there its fields are, wherever an honest sender's would be.
    pub(super) split: Option<Vec<(&'static str, Range<usize>)>>,
}

impl Parts {
    /// The name of its type.
    pub(super) fn name(&self) -> &'static str {
        self.frame.spec.name
    }

    /// Where several fields lie; nowhere what the profile does not have.
    pub(super) fn places<const N: usize>(&self, names: [&str; N]) -> [Range<usize>; N] {
        let Some(split) = &self.split else { return self.frame.places(names) };
        let place = |name| {
            let mut fields = split.iter();
            let found = fields.find(|(field, _)| *field == name);
            found.map(|(_, range)| range.clone()).unwrap_or_default()
        };
        names.map(place)
    }

    /// What lies there.
    pub(super) fn at(&self, place: &Range<usize>) -> &[u8] {
        self.frame.at(place)
    }

    /// What lies there, to be changed in place.
    pub(super) fn at_mut(&mut self, place: Range<usize>) -> &mut [u8] {
        self.frame.bytes.get_mut(place).unwrap_or_default()
    }

    /// The bytes of a field; nothing where the profile has no such field.
    pub(super) fn field(&self, name: &str) -> &[u8] {
        let [place] = self.places([name]);
        self.at(&place)
    }

    /// A field of exactly `N` bytes.
    pub(super) fn array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], Reject> {
        array(self.field(name), name)
    }

    /// Everything that stands before a field.
    pub(super) fn before(&self, name: &str) -> &[u8] {
        let [place] = self.places([name]);
        self.at(&(0..place.start))
    }
}

/// Take the next frame out of the inbox, if it is whole, provided it is one of `due`.
///
/// # Errors
/// `length` for a length that cannot be, `opcode` for a frame that is none of `due`, `layout` for one that
/// does not split into its fields.
pub(super) fn next(
    layout: &Layout,
    profile: Profile,
    due: &[&str],
    inbox: &mut Inbox,
) -> Result<Option<Parts>, Reject> {
    if inbox.waiting().is_empty() {
        return Ok(None);
    }
    let mut specs = due.iter().filter_map(|name| layout.frame(name));
    if profile.has(Weakness::DelimiterFraming) {
        let len = inbox.waiting().len().min(READ);
        return split(profile, specs, inbox.take(len)).map(Some);
    }
    Ok(inbox.next(&mut specs)?.map(|frame| Parts { frame, split: None }))
}

/// Split one read at every delimiter, also at those that stand in a field by chance.
fn split<'a>(
    profile: Profile,
    mut specs: impl Iterator<Item = &'a Arc<FrameSpec>>,
    bytes: Vec<u8>,
) -> Result<Parts, Reject> {
    let bad = Reject::new(Check::Layout, "delimiter");
    let found = pieces(&bytes);
    let piece = |at: usize| found.get(at).and_then(|range| bytes.get(range.clone()));
    // Only the published frame has no letter in front.
    let lettered = !one_way(profile);
    let is_it = |spec: &&Arc<FrameSpec>| {
        let tag = spec.fields.first().map(|field| field.role);
        !lettered || matches!(tag, Some(Role::Tag(letter)) if piece(0) == Some(letter))
    };
    let spec = specs.find(is_it).ok_or(Reject::new(Check::Opcode, "type"))?;
    let fields = spec.fields.iter().filter(|field| field.name != "delimiter");
    let split: Vec<_> = fields.clone().map(|field| field.name).zip(found.clone()).collect();
    // Python's `split` counts the pieces and nothing else; what stands in them is for later.
    let fits = fields.clone().count() == found.len()
        && (!lettered
            || fields.zip(&found).all(|(field, range)| match field.size {
                Size::Fixed(size) => range.len() == size,
                _ => true,
            }));
    let frame = Received { spec: spec.clone(), bytes };
    if fits { Ok(Parts { frame, split: Some(split) }) } else { Err(bad) }
}

/// Where the pieces between delimiters lie, the leftmost delimiter first.
fn pieces(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut from, mut at) = (Vec::new(), 0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(DELIMITER) {
            found.push(from..at);
            at += DELIMITER.len();
            from = at;
        } else {
            at += 1;
        }
    }
    found.push(from..bytes.len());
    found
}

/// A frame of the handshake shape in the making.
#[derive(Debug)]
pub(super) struct Writer {
    delimited: bool,
    frame: Vec<u8>,
}

impl Writer {
    /// Begin a frame of this type, with room for `room` bytes.
    pub(super) fn new(profile: Profile, letter: u8, room: usize) -> Self {
        let delimited = profile.has(Weakness::DelimiterFraming);
        let mut frame = Vec::with_capacity(room + 8);
        if !delimited {
            frame.extend_from_slice(&[0; 4]);
        }
        frame.push(letter);
        Self { delimited, frame }
    }

    /// Append a field.
    pub(super) fn put(&mut self, field: &[u8]) {
        self.begin();
        self.frame.extend_from_slice(field);
    }

    /// Begin a field, to be appended to what is returned.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        if self.delimited {
            self.frame.extend_from_slice(DELIMITER);
        }
        &mut self.frame
    }

    /// Everything so far.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.frame
    }

    /// Everything so far, with the length as it will be when one more field of `following` bytes has been
    /// put: what a tag covers. The tag's own delimiter is part of it.
    pub(super) fn before_tag(&mut self, following: usize) -> &[u8] {
        self.begin();
        self.declare(following);
        &self.frame
    }

    /// Append the tag and give the frame away.
    pub(super) fn finish_with(mut self, tag: &[u8]) -> Vec<u8> {
        self.frame.extend_from_slice(tag);
        self.frame
    }

    /// Give the frame away.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.declare(0);
        self.frame
    }

    /// Write the length as it will be when so many bytes have been put.
    pub(super) fn declare(&mut self, following: usize) {
        let length = (self.frame.len() + following).saturating_sub(4);
        if !self.delimited
            && let Some(field) = self.frame.get_mut(..4)
        {
            field.copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
}
