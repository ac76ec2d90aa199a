//! The content of records: a text, the reply to it, and a `MEDIA` record, which is JSON with the base64 bytes, a signature, and, where the signature
//! covers it, the name.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::crypto::sha256;
use crate::csr::wire::encoded_len;
use crate::endpoint::{Check, Kind, Message, Name, Reject};
use crate::weakness::{Profile, Weakness};

/// The longest file name accepted, in bytes.
pub(super) const MAX_NAME: usize = 255;

/// What the server replies to a text.
pub(super) fn acknowledgement(text: &[u8]) -> Vec<u8> {
    [b"ACK: Received '", text, b"'"].concat()
}

/// The message as it arrives: the published program sends no names, so its server stores every file
/// under the name of its kind.
pub(super) fn as_sent(profile: Profile, message: Message) -> Message {
    if profile.has(Weakness::SignatureNotBound) {
        return nameless(message.kind, message.body);
    }
    message
}

fn nameless(kind: Kind, body: Bytes) -> Message {
    Message { kind, name: Some(Name::from(kind.name())), body }
}

/// What the device signs: the published program signs the bytes of the file only.
pub(super) fn signed(profile: Profile, session: &[u8; 32], message: &Message) -> [u8; 32] {
    if profile.has(Weakness::SignatureNotBound) {
        return sha256(&[&message.body]);
    }
    let name = message.name.as_ref().map_or("", Name::as_str).as_bytes();
    let name_length = (name.len() as u64).to_be_bytes();
    let kind = message.kind.name().as_bytes();
    sha256(&[b"csr file", session, kind, &name_length, name, &message.body])
}

/// The JSON around a file, ready to be written without an intermediate copy.
#[derive(Debug)]
pub(super) struct Json<'a> {
    head: String,
    body: &'a [u8],
    tail: String,
}

impl<'a> Json<'a> {
    pub(super) fn new(profile: Profile, message: &'a Message, signature: &[u8]) -> Self {
        let head = format!(r#"{{"type": "{0}", "image": ""#, message.kind.name());
        let mut tail = format!(r#"", "signature": "{}""#, STANDARD.encode(signature));
        if !profile.has(Weakness::SignatureNotBound) {
            let name = message.name.as_ref().map_or("", Name::as_str);
            tail.push_str(r#", "filename": "#);
            tail.push_str(&serde_json::Value::from(name).to_string());
        }
        tail.push('}');
        Self { head, body: &message.body, tail }
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
        let written = STANDARD.encode_slice(self.body, frame.get_mut(from..).unwrap_or_default());
        debug_assert!(written.is_ok(), "there is room for the base64 text");
        frame.extend_from_slice(self.tail.as_bytes());
    }
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    image: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
    #[serde(borrow, default)]
    filename: Cow<'a, str>,
}

/// Read the content of a `TEXT` or `REPLY` record.
///
/// # Errors
/// `content` for what is no UTF-8.
pub(super) fn read_text(plaintext: &[u8]) -> Result<Message, Reject> {
    let text = std::str::from_utf8(plaintext).map_err(|_| Reject::new(Check::Content, "text"))?;
    Ok(Message::text(text))
}

/// Read a file and its signature. The published type is `image`; a video says `video`.
///
/// # Errors
/// `content` for what is not JSON of this form, or a name that is too long.
pub(super) fn read(profile: Profile, plaintext: &[u8]) -> Result<(Message, Vec<u8>), Reject> {
    let bad = |field| Reject::new(Check::Content, field);
    let json: Read<'_> = serde_json::from_slice(plaintext).map_err(|_| bad("json"))?;
    let kind = match &*json.r#type {
        "image" => Kind::Image,
        "video" => Kind::Video,
        _ => return Err(bad("type")),
    };
    if json.filename.len() > MAX_NAME {
        return Err(bad("filename"));
    }
    let signature = STANDARD.decode(json.signature.as_bytes()).map_err(|_| bad("signature"))?;
    let body = STANDARD.decode(json.image.as_bytes()).map_err(|_| bad("image"))?;
    let name = Some(Name::from(&*json.filename));
    Ok((as_sent(profile, Message { kind, name, body: Bytes::from(body) }), signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::SYSTEM;

    #[test]
    fn the_published_spelling_and_the_bound_one() {
        let file = Message::file("cat é.png", Bytes::from_static(b"abcd"));
        let published = r#"{"type": "image", "image": "YWJjZA==", "signature": "AA=="}"#;
        let bound = r#"{"type": "image", "image": "YWJjZA==", "signature": "AA==", "filename": "cat é.png"}"#;
        for (profile, expected) in
            [(Profile::as_built(&SYSTEM), published), (Profile::HARDENED, bound)]
        {
            let sent = as_sent(profile, file.clone());
            let json = Json::new(profile, &sent, &[0]);
            let mut bytes = Vec::new();
            json.write(&mut bytes);
            assert_eq!(bytes.len(), json.len());
            assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
            assert_eq!(read(profile, &bytes), Ok((sent, vec![0])));
        }
    }

    #[test]
    fn any_json_of_the_form_is_read_and_nothing_else() {
        let spaced = br#"{"x":[],"signature":"","image":"","type":"video"}"#;
        assert_eq!(read(Profile::HARDENED, spaced).unwrap().0.kind, Kind::Video);
        for bad in [&b"pay bob 100"[..], b"", b"{}", b"\xff", br#"{"type": "image"}"#] {
            let refused = Reject::new(Check::Content, "json");
            assert_eq!(read(Profile::HARDENED, bad), Err(refused));
        }
    }

    #[test]
    fn a_bound_signature_is_for_one_session_and_one_name() {
        let file = |name| Message::file(name, Bytes::from_static(b"abcd"));
        for profile in [Profile::HARDENED, Profile::only(Weakness::SignatureNotBound)] {
            let digest = signed(profile, &[1; 32], &file("a.png"));
            let free = profile.has(Weakness::SignatureNotBound);
            assert_eq!(digest == signed(profile, &[2; 32], &file("a.png")), free);
            assert_eq!(digest == signed(profile, &[1; 32], &file("b.png")), free);
        }
    }
}
