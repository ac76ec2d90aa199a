//! The content of an `IMGX` record: JSON with the name, the base64 bytes and a signature.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::crypto::sha256;
use crate::endpoint::{Check, Message, Reject};
use crate::weakness::{Profile, Weakness};

/// The longest file name accepted, in bytes.
pub(super) const MAX_NAME: usize = 255;

/// What the device signs: the published program signs the bytes of the file only.
pub(super) fn signed(profile: Profile, session: &[u8; 32], name: &str, body: &[u8]) -> [u8; 32] {
    if profile.has(Weakness::SignatureNotBound) {
        return sha256(&[body]);
    }
    let name_length = (name.len() as u64).to_be_bytes();
    sha256(&[b"helo file", session, &name_length, name.as_bytes(), body])
}

/// The JSON around a file, ready to be written without an intermediate copy.
#[derive(Debug)]
pub(super) struct Content<'a> {
    head: String,
    body: &'a [u8],
    tail: String,
}

impl<'a> Content<'a> {
    pub(super) fn new(name: &str, body: &'a [u8], signature: &[u8]) -> Self {
        let head = format!(r#"{{"filename": {}, "image_data": ""#, quoted(name));
        let tail = format!(r#"", "signature": "{}"}}"#, STANDARD.encode(signature));
        Self { head, body, tail }
    }

    /// The size of the JSON in bytes.
    pub(super) fn len(&self) -> usize {
        self.head.len() + encoded_len(self.body.len()) + self.tail.len()
    }

    /// Append the JSON, encoding the body in place.
    pub(super) fn write(&self, frame: &mut Vec<u8>) {
        frame.extend_from_slice(self.head.as_bytes());
        let from = frame.len();
        frame.resize(from + encoded_len(self.body.len()), 0);
        let room = frame.get_mut(from..).unwrap_or_default();
        let written = STANDARD.encode_slice(self.body, room);
        debug_assert!(written.is_ok(), "there is room for the base64 text");
        frame.extend_from_slice(self.tail.as_bytes());
    }
}

/// No record of this message has more plaintext than this, in bytes: JSON may take six for one of a name (RFC 8259 section 7).
pub(super) fn most(message: &Message) -> usize {
    let name = message.name.as_ref().map_or(0, |name| name.as_str().len());
    encoded_len(message.body.len()).saturating_add(name.saturating_mul(6))
}

/// The base64 characters for `len` bytes.
pub(super) const fn encoded_len(len: usize) -> usize {
    len.div_ceil(3) * 4
}

/// A JSON string of ASCII only, as the published program writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for character in serde_json::Value::from(text).to_string().chars() {
        if character.is_ascii() {
            quoted.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(quoted, "\\u{unit:04x}");
            }
        }
    }
    quoted
}

#[derive(Deserialize)]
struct Json<'a> {
    #[serde(borrow)]
    filename: Cow<'a, str>,
    #[serde(borrow)]
    image_data: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
}

/// Read the content of a `SECX` record.
///
/// # Errors
/// `content` for what is no UTF-8.
pub(super) fn read_text(plaintext: &[u8]) -> Result<Message, Reject> {
    let text = std::str::from_utf8(plaintext).map_err(|_| Reject::new(Check::Content, "text"))?;
    Ok(Message::text(text))
}

/// Read a file and its signature.
///
/// # Errors
/// `content` for what is not JSON of this form, or a name that is too long.
pub(super) fn read(plaintext: &[u8]) -> Result<(Message, Vec<u8>), Reject> {
    let bad = |field| Reject::new(Check::Content, field);
    let json: Json<'_> = serde_json::from_slice(plaintext).map_err(|_| bad("json"))?;
    if json.filename.len() > MAX_NAME {
        return Err(bad("filename"));
    }
    let signature = STANDARD.decode(json.signature.as_bytes()).map_err(|_| bad("signature"))?;
    let body = STANDARD.decode(json.image_data.as_bytes()).map_err(|_| bad("image_data"))?;
    Ok((Message::file(&json.filename, Bytes::from(body)), signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_spelling() {
        let content = Content::new("é\u{1f600}\".png", b"abcd", &[0]);
        let mut json = Vec::new();
        content.write(&mut json);
        assert_eq!(json.len(), content.len());
        assert_eq!(
            String::from_utf8(json.clone()).unwrap(),
            r#"{"filename": "\u00e9\ud83d\ude00\".png", "image_data": "YWJjZA==", "signature": "AA=="}"#
        );
        let (message, signature) = read(&json).unwrap();
        let file = Message::file("é\u{1f600}\".png", Bytes::from_static(b"abcd"));
        assert_eq!((message, signature), (file, vec![0]));
    }

    #[test]
    fn any_json_of_the_form_is_read_and_nothing_else() {
        let json = br#"{"x":[],"signature":"","image_data":"","filename":""}"#;
        assert!(read(json).is_ok());
        let long = format!(
            r#"{{"filename": "{}", "image_data": "", "signature": ""}}"#,
            "x".repeat(MAX_NAME + 1)
        );
        assert_eq!(read(long.as_bytes()), Err(Reject::new(Check::Content, "filename")));
        for bad in [&b"pay bob 100"[..], b"", b"{}", b"\xff", b"[1]"] {
            assert_eq!(read(bad), Err(Reject::new(Check::Content, "json")));
        }
    }
}
