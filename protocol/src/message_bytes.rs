//! A message as bytes, for systems that have no format of their own: a letter for its kind, the length of its name in a byte, the
//! name, and the body.

use bytes::Bytes;

use crate::endpoint::{Check, Kind, Message, Name, Reject};

const KINDS: [(u8, Kind); 5] = [
    (b't', Kind::Text),
    (b'i', Kind::Image),
    (b'v', Kind::Video),
    (b'n', Kind::Numbers),
    (b'a', Kind::Aggregate),
];

/// The bytes of a message: those of its body, and at most [`OVERHEAD`] more.
///
/// ```
/// use protocol::endpoint::Message;
/// use protocol::message_bytes::{from_bytes, to_bytes};
///
/// let bytes = to_bytes(&Message::text("pay bob 100")).unwrap();
/// assert_eq!(bytes, b"t\0pay bob 100");
/// assert_eq!(from_bytes(&bytes), Ok(Message::text("pay bob 100")));
/// ```
///
/// # Errors
/// `length` for a name of more than 255 bytes.
pub fn to_bytes(message: &Message) -> Result<Vec<u8>, Reject> {
    let name = message.name.as_ref().map_or("", Name::as_str);
    let length = u8::try_from(name.len()).map_err(|_| Reject::new(Check::Length, "name"))?;
    let letter = KINDS.iter().find(|(_, kind)| *kind == message.kind).map_or(0, |(byte, _)| *byte);
    Ok([&[letter, length][..], name.as_bytes(), &message.body].concat())
}

/// The most bytes that stand around a body.
pub const OVERHEAD: usize = 2 + 255;

/// The message that these bytes stand for. Files have a name, and nothing else has one. All but the body of a file is UTF-8.
///
/// # Errors
/// `content` for anything else.
pub fn from_bytes(bytes: &[u8]) -> Result<Message, Reject> {
    let bad = |field| Reject::new(Check::Content, field);
    let ([letter, length], rest) = bytes.split_first_chunk().ok_or(bad("message"))?;
    let (name, body) = rest.split_at_checked(usize::from(*length)).ok_or(bad("name"))?;
    let kind = KINDS.iter().find(|(byte, _)| byte == letter).map(|(_, kind)| *kind);
    let kind = kind.ok_or(bad("kind"))?;
    let name = std::str::from_utf8(name).map_err(|_| bad("name"))?;
    let is_file = matches!(kind, Kind::Image | Kind::Video);
    if is_file == name.is_empty() {
        return Err(bad("name"));
    }
    if !is_file && std::str::from_utf8(body).is_err() {
        return Err(bad("text"));
    }
    let name = is_file.then(|| Name::from(name));
    Ok(Message { kind, name, body: Bytes::copy_from_slice(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_and_nothing_else_is_read() {
        let body = Bytes::from_static(b"\xff\0");
        let files =
            ["a.png", "b.mp4", &"x".repeat(255)].map(|name| Message::file(name, body.clone()));
        let texts = [Message::text("é"), Message::numbers("1,2"), Message::aggregate("1.5")];
        for message in files.iter().chain(&texts) {
            let bytes = to_bytes(message).unwrap();
            assert!(bytes.len() <= message.body.len() + OVERHEAD);
            assert_eq!(from_bytes(&bytes).as_ref(), Ok(message));
        }
        let long = Message::file(&"x".repeat(256), Bytes::new());
        assert_eq!(to_bytes(&long), Err(Reject::new(Check::Length, "name")));
        for (bad, field) in [
            (&b""[..], "message"),
            (b"t", "message"),
            (b"i\x05a.pn", "name"),
            (b"i\0body", "name"),
            (b"t\x01xbody", "name"),
            (b"i\x01\xffbody", "name"),
            (b"t\0\xff", "text"),
            (b"x\0", "kind"),
        ] {
            assert_eq!(from_bytes(bad), Err(Reject::new(Check::Content, field)), "{bad:?}");
        }
    }
}
