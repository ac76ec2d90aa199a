//! What stands inside a record: a login, a text as it is, and a file with its name.
//!
//! Where frames have a letter, `FILE` says what it is, and holds the length of the name (2 bytes), the name and
//! the bytes. The published frame has no type, and its server decodes everything as UTF-8 text; there a file
//! goes as a text of its own form, JSON with the bytes in base64, which a published server shows as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::endpoint::{Check, Kind, Message, Name, Reject};
use crate::keyfiles::Account;
use crate::pki::users::MAX_PASSWORD;
use crate::suite::wire::{self, DELIMITER, MAX_FILE, MAX_TEXT, READ, RSA};
use crate::weakness::{Profile, Weakness};

/// The longest file name accepted, in bytes.
pub(super) const MAX_NAME: usize = 255;

/// The largest plaintext that fits one read with the fields of a record around it, in bytes.
const MAX_READ: usize = wire::READ - 256;

/// What stands in a published frame beside the ciphertext, in bytes: key, name, hash and the delimiters between the four.
pub(super) const AROUND: usize = 2 * RSA + 64 + 3 * DELIMITER.len();
/// The largest plaintext of one published frame, in bytes: what is left of one read, less the padding.
pub(super) const MAX_PLAINTEXT: usize = (READ - AROUND) / 16 * 16 - 1;

/// Whether a message fits what a profile can send.
///
/// # Errors
/// `length` for what is too long, `content` for what would arrive as something else.
pub(super) fn can_carry(profile: Profile, message: &Message) -> Result<(), Reject> {
    let one_way = wire::one_way(profile);
    let too_long = Reject::new(Check::Length, "message");
    let file = match message.kind {
        Kind::Text => false,
        Kind::Image | Kind::Video => true,
        Kind::Numbers | Kind::Aggregate => return Err(Reject::new(Check::Content, "message")),
    };
    if message.name.as_ref().is_some_and(|name| name.as_str().len() > MAX_NAME) {
        return Err(too_long);
    }
    let (size, room) = match (one_way, file) {
        // Base64 takes more than the bytes, so what is too long already need not be made.
        (true, true) if message.body.len() > MAX_PLAINTEXT => return Err(too_long),
        (true, true) => (file_as_text(message).len(), MAX_PLAINTEXT),
        (true, false) => (message.body.len(), MAX_PLAINTEXT),
        (false, _) if profile.has(Weakness::DelimiterFraming) => (file_len(message), MAX_READ),
        (false, true) => (message.body.len(), MAX_FILE),
        (false, false) => (message.body.len(), MAX_TEXT),
    };
    if size > room {
        return Err(too_long);
    }
    // A text that reads as a file would arrive as one.
    let read = read_either(&message.body);
    let mistaken = read.is_ok_and(|read| read.kind != Kind::Text);
    let mistaken = one_way && !file && mistaken;
    if mistaken { Err(Reject::new(Check::Content, "message")) } else { Ok(()) }
}

/// What a `LOGIN` holds: the length of the name (1 byte), the name and the password.
///
/// # Errors
/// `length` for a name or a password that is too long.
pub(super) fn write_login(profile: Profile, me: &Account) -> Result<Vec<u8>, Reject> {
    let (name, password) = (me.name.as_bytes(), me.password().as_bytes());
    // Where the client has checked the password, the server never sees it.
    let password = if profile.has(Weakness::ClientSideLogin) { &[] } else { password };
    let length = u8::try_from(name.len()).map_err(|_| Reject::new(Check::Length, "username"))?;
    if password.len() > MAX_PASSWORD {
        return Err(Reject::new(Check::Length, "password"));
    }
    Ok([&[length], name, password].concat())
}

/// The name and the password in a `LOGIN`.
///
/// # Errors
/// `content` for what has not this form.
pub(super) fn read_login(plaintext: &[u8]) -> Result<(&str, &[u8]), Reject> {
    let bad = Reject::new(Check::Content, "username");
    let (length, rest) = plaintext.split_first().ok_or(bad)?;
    let (name, password) = rest.split_at_checked(usize::from(*length)).ok_or(bad)?;
    let name = std::str::from_utf8(name).map_err(|_| bad)?;
    Ok((name, password))
}

/// How many bytes a message takes in its record, `MSG` for a text and `FILE` for a file.
pub(super) fn len(message: &Message) -> usize {
    if message.kind == Kind::Text { message.body.len() } else { file_len(message) }
}

fn file_len(message: &Message) -> usize {
    2 + name(message).len() + message.body.len()
}

/// Append a message as its record has it.
pub(super) fn write(message: &Message, frame: &mut Vec<u8>) {
    if message.kind == Kind::Text {
        return frame.extend_from_slice(&message.body);
    }
    let name = name(message).as_bytes();
    frame.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend_from_slice(name);
    frame.extend_from_slice(&message.body);
}

/// Read a file from a `FILE` record.
///
/// # Errors
/// `content` for a name that is too long, not there or no text.
pub(super) fn read_file(plaintext: &[u8]) -> Result<Message, Reject> {
    let bad = Reject::new(Check::Content, "filename");
    let (length, rest) = plaintext.split_first_chunk().ok_or(bad)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (name, body) = rest.split_at_checked(length).filter(|_| length <= MAX_NAME).ok_or(bad)?;
    let name = std::str::from_utf8(name).map_err(|_| bad)?;
    Ok(Message::file(name, Bytes::copy_from_slice(body)))
}

/// Read a text.
///
/// # Errors
/// `content` for what is no UTF-8.
pub(super) fn read_text(plaintext: &[u8]) -> Result<Message, Reject> {
    let text = std::str::from_utf8(plaintext).map_err(|_| Reject::new(Check::Content, "text"))?;
    Ok(Message::text(text))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    filename: String,
    data: String,
}

/// A file as the published frame can carry it.
pub(super) fn file_as_text(message: &Message) -> String {
    let json = Json { filename: name(message).to_owned(), data: STANDARD.encode(&message.body) };
    serde_json::to_string(&json).unwrap_or_default()
}

/// What a published frame carries: a file if it reads as one, or else a text.
///
/// # Errors
/// `content` for what is no UTF-8.
pub(super) fn read_either(plaintext: &[u8]) -> Result<Message, Reject> {
    let file = serde_json::from_slice::<Json>(plaintext).ok().and_then(|json| {
        let body = STANDARD.decode(json.data).ok()?;
        (json.filename.len() <= MAX_NAME).then(|| Message::file(&json.filename, Bytes::from(body)))
    });
    file.map_or_else(|| read_text(plaintext), Ok)
}

fn name(message: &Message) -> &str {
    message.name.as_ref().map_or("", Name::as_str)
}
