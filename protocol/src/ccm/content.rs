//! What stands inside a record: a message or the goodbye.
//!
//! The published program knows text only, and the text `Exit` is the goodbye. There, a file goes as a text of its own
//! form: `data:image;base64,…;name=…`. A text that would be taken for one of these cannot be sent. Where messages are
//! framed, a letter says what follows, and any text is a text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::ccm::wire::{EXIT, MAX_BODY, delimited};
use crate::endpoint::{Check, Kind, Message, Name, Reject};
use crate::weakness::Profile;

/// The longest file name accepted, in bytes.
const MAX_NAME: usize = 255;

const IMAGE: &str = "data:image;base64,";
const VIDEO: &str = "data:video;base64,";
const NAME: &str = ";name=";

/// The content of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// Something for the application.
    Message(Message),
    /// The last record of a client.
    Goodbye,
}

/// The goodbye, as it is encrypted.
pub(super) fn goodbye(profile: Profile) -> Vec<u8> {
    let letter = if delimited(profile) { "" } else { "X" };
    [letter, EXIT].concat().into_bytes()
}

/// A message, as it is encrypted: what stands in front of the body, and the body.
///
/// # Errors
/// `content` for what the system does not carry, `length` for what is too long.
pub(super) fn write(profile: Profile, message: &Message) -> Result<(Vec<u8>, Bytes), Reject> {
    let name = message.name.as_ref().map_or("", Name::as_str);
    if name.len() > MAX_NAME || message.body.len() > MAX_BODY {
        return Err(Reject::new(Check::Length, "message"));
    }
    let not_carried = Reject::new(Check::Content, "message");
    if delimited(profile) {
        let head = match message.kind {
            Kind::Text if is_special(&message.body) => return Err(not_carried),
            Kind::Text => return Ok((Vec::new(), message.body.clone())),
            Kind::Image => IMAGE,
            Kind::Video => VIDEO,
            Kind::Numbers | Kind::Aggregate => return Err(not_carried),
        };
        let text = [head, &STANDARD.encode(&message.body), NAME, name].concat();
        return Ok((text.into_bytes(), Bytes::new()));
    }
    let letter = match message.kind {
        Kind::Text => return Ok((b"T".to_vec(), message.body.clone())),
        Kind::Image => b'I',
        Kind::Video => b'V',
        Kind::Numbers | Kind::Aggregate => return Err(not_carried),
    };
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    Ok(([&[letter, length], name.as_bytes()].concat(), message.body.clone()))
}

/// Whether the published form has another meaning for this text.
fn is_special(text: &[u8]) -> bool {
    text == EXIT.as_bytes()
        || text.starts_with(IMAGE.as_bytes())
        || text.starts_with(VIDEO.as_bytes())
}

/// Read what a record carries.
///
/// # Errors
/// `content` for what is none of the forms.
pub(super) fn read(profile: Profile, plaintext: &Bytes) -> Result<Content, Reject> {
    let bad = |field| Reject::new(Check::Content, field);
    if delimited(profile) {
        let text = std::str::from_utf8(plaintext).map_err(|_| bad("text"))?;
        return if text == EXIT {
            Ok(Content::Goodbye)
        } else if let Some(file) = text.strip_prefix(IMAGE) {
            read_file(Kind::Image, file)
        } else if let Some(file) = text.strip_prefix(VIDEO) {
            read_file(Kind::Video, file)
        } else {
            Ok(Content::Message(Message::text(text)))
        };
    }
    let (letter, _) = plaintext.split_first().ok_or(bad("type"))?;
    let kind = match letter {
        b'X' if plaintext.get(1..) == Some(EXIT.as_bytes()) => return Ok(Content::Goodbye),
        b'T' => {
            let text = plaintext.slice(1..);
            std::str::from_utf8(&text).map_err(|_| bad("text"))?;
            let kind = Kind::Text;
            return Ok(Content::Message(Message { kind, name: None, body: text }));
        }
        b'I' => Kind::Image,
        b'V' => Kind::Video,
        _ => return Err(bad("type")),
    };
    let length = plaintext.get(1).copied().map(usize::from).ok_or(bad("name"))?;
    let name = plaintext.get(2..2 + length).ok_or(bad("name"))?;
    let name = std::str::from_utf8(name).map_err(|_| bad("name"))?;
    let body = plaintext.slice(2 + length..);
    Ok(Content::Message(Message { kind, name: Some(Name::from(name)), body }))
}

/// A file in the form of a text, behind its head. The name comes last, so it may hold anything.
fn read_file(kind: Kind, file: &str) -> Result<Content, Reject> {
    let (body, name) = file.split_once(NAME).ok_or(Reject::new(Check::Content, "name"))?;
    let body = STANDARD.decode(body).map_err(|_| Reject::new(Check::Content, "file"))?;
    let name = Some(Name::from(name));
    Ok(Content::Message(Message { kind, name, body: Bytes::from(body) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccm::SYSTEM;

    fn there_and_back(profile: Profile, message: &Message) -> Result<Content, Reject> {
        let (head, body) = write(profile, message)?;
        read(profile, &Bytes::from([&head[..], &body].concat()))
    }

    #[test]
    fn what_is_written_is_read() {
        for profile in [Profile::as_built(&SYSTEM), Profile::HARDENED] {
            for message in [
                Message::text(""),
                Message::text("pay bob 100"),
                Message::file("cat é;name=.png", Bytes::from_static(b"\x89PNG")),
                Message::file("clip.mp4", Bytes::new()),
            ] {
                assert_eq!(there_and_back(profile, &message), Ok(Content::Message(message)));
            }
            assert_eq!(read(profile, &Bytes::from(goodbye(profile))), Ok(Content::Goodbye));
        }
    }

    #[test]
    fn as_built_a_text_cannot_say_exit() {
        let exit = Message::text("Exit");
        let refused = Reject::new(Check::Content, "message");
        assert_eq!(there_and_back(Profile::as_built(&SYSTEM), &exit), Err(refused));
        assert_eq!(there_and_back(Profile::HARDENED, &exit), Ok(Content::Message(exit)));
    }

    #[test]
    fn other_content_is_refused() {
        let as_built = Profile::as_built(&SYSTEM);
        for bad in [&b"\xff"[..], b"data:image;base64,AA==", b"data:video;base64,?;name=x"] {
            assert!(read(as_built, &Bytes::from_static(bad)).is_err());
        }
        for bad in [&b""[..], b"T\xff", b"I", b"I\x04abc", b"Xexit", b"?"] {
            assert!(read(Profile::HARDENED, &Bytes::from_static(bad)).is_err());
        }
    }
}
