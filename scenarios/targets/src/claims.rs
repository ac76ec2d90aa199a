//! Claims as lines of JSON, the contract of `docs/claims.md`: what `serve --format json` writes, made precise. Whoever writes a program
//! for a target can check its lines with [`parse`].

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use files::diagnostic::{escape, list, near, quote};
use files::target_file::named_end;
use protocol::endpoint::{Check, Fact, Fingerprint, Kind, Message, Name, Reject};
use protocol::layout::intern;
use serde_json::{Map, Value};

/// What an object can say.
pub(super) const WORDS: &[&str] = &[
    "sent",
    "delivered",
    "acknowledged",
    "running",
    "established",
    "rejected",
    "ended",
    "logged",
    "not-implemented",
];

/// What may stand beside it.
const CIRCUMSTANCES: &[&str] = &["at", "connection", "local", "peer", "stored"];

/// The longest text that is kept for ever: fields of refusals, lines of logs. In characters.
const MAX_KEPT: usize = 200;

/// A line of a program.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    /// Something of its own.
    Own,
    /// A claim.
    Claim(Stated),
    /// What is wanted of it is not implemented.
    NotImplemented,
}

/// What a program states.
#[derive(Clone, PartialEq, Debug)]
pub struct Stated {
    /// The fact.
    pub fact: Fact,
    /// On which connection, if it says so.
    pub conn: Option<u32>,
    /// Who it says it is, if it does.
    pub local: Option<Name>,
    /// Whom it says it talks to, if it does.
    pub peer: Option<Name>,
    /// What the reader of a verdict should know of it.
    pub remark: Option<String>,
}

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Among {
    /// Other output of the program.
    Output,
    /// Nothing but claims.
    Claims,
}

/// What a line says.
///
/// # Errors
/// Why it is no claim, where it has to be one or almost is.
pub fn parse(line: &[u8], among: Among) -> Result<Line, String> {
    let line = line.trim_ascii();
    if among == Among::Output && line.first() != Some(&b'{') {
        return match claim_within(line) {
            Some(word) => Err(format!(
                "a claim ({word:?}) stands behind other text, and must be alone on its line: {}",
                shown(line)
            )),
            None => Ok(Line::Own),
        };
    }
    if line.is_empty() {
        return Ok(Line::Own);
    }
    let object = match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) if among == Among::Claims => {
            return Err(format!("{} is no JSON object", shown(line)));
        }
        Err(error) if among == Among::Claims => {
            return Err(format!("{} is no JSON: {error}", shown(line)));
        }
        Err(error) if claim_within(line).is_some() => {
            return Err(format!("{} begins like a claim, and is no JSON: {error}", shown(line)));
        }
        Ok(_) | Err(_) => return Ok(Line::Own),
    };
    let said: Vec<&str> = WORDS.iter().copied().filter(|word| object.contains_key(*word)).collect();
    let unknown = object
        .keys()
        .find(|key| !WORDS.contains(&key.as_str()) && !CIRCUMSTANCES.contains(&key.as_str()));
    match (said.as_slice(), unknown) {
        ([], Some(key)) => match near(key, WORDS) {
            Some(meant) => Err(format!("{} is no claim; did you mean `{meant}`?", quote(key))),
            None if among == Among::Claims => {
                Err(format!("{} is no claim; known: {}", quote(key), list(WORDS)))
            }
            None => Ok(Line::Own),
        },
        ([], None) if among == Among::Claims => {
            Err(format!("{} claims nothing; known: {}", shown(line), list(WORDS)))
        }
        ([], None) => Ok(Line::Own),
        (["not-implemented"], _) => Ok(Line::NotImplemented),
        ([word], _) => stated(word, &object).map(Line::Claim),
        ([one, two, ..], _) => Err(format!("one line claims both `{one}` and `{two}`")),
    }
}

/// The word of the first claim that seems to begin within a line: an opening brace, and the word in quotes.
fn claim_within(line: &[u8]) -> Option<&'static str> {
    let begins = |at: usize| {
        let rest = line.get(at + 1..)?.trim_ascii_start().strip_prefix(b"\"")?;
        let is_first = |word: &&&str| {
            let rest = rest.strip_prefix(word.as_bytes()).and_then(|rest| rest.strip_prefix(b"\""));
            rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
        };
        WORDS.iter().find(is_first).copied()
    };
    memchr::memchr_iter(b'{', line).find_map(begins)
}

fn shown(line: &[u8]) -> String {
    quote(&String::from_utf8_lossy(line.get(..200).unwrap_or(line)))
}

fn stated(word: &str, object: &Map<String, Value>) -> Result<Stated, String> {
    let detail = object.get(word).unwrap_or(&Value::Null);
    let mut remark = None;
    let mut peer = name(object, "peer")?;
    let fact = match word {
        "sent" => Fact::Sent(message(word, detail, &mut remark)?),
        "delivered" => Fact::Delivered(message(word, detail, &mut remark)?),
        "acknowledged" => Fact::Acknowledged(message(word, detail, &mut remark)?),
        "running" | "established" => {
            let session = match detail {
                Value::Object(detail) => {
                    peer = name(detail, "with")?.or(peer);
                    detail.get("session")
                }
                plain => Some(plain),
            };
            let session = session.and_then(Value::as_str);
            let session = session.ok_or_else(|| {
                format!("`{word}` needs what both ends agree on: {{\"session\": \"…\"}}")
            })?;
            let session = fingerprint(session);
            if word == "running" { Fact::Running(session) } else { Fact::Established(session) }
        }
        "rejected" => Fact::Rejected(rejected(detail, &mut remark)?),
        "ended" => Fact::Ended(named_end(detail.as_str().unwrap_or_default())?),
        _ => match detail {
            Value::String(text) => Fact::Logged(kept(text)),
            _ => return Err(format!("`{word}` needs a string")),
        },
    };
    let conn = match object.get("connection") {
        None | Some(Value::Null) => None,
        Some(number) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
            let number = number.filter(|number| *number > 0);
            Some(number.ok_or("`connection` must be a whole number from 1")?)
        }
    };
    Ok(Stated { fact, conn, local: name(object, "local")?, peer, remark })
}

fn name(object: &Map<String, Value>, key: &str) -> Result<Option<Name>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if !name.is_empty() && name.chars().count() <= MAX_KEPT => {
            Ok(Some(Name::from(name.as_str())))
        }
        Some(_) => Err(format!("`{key}` must be a name of at most {MAX_KEPT} characters")),
    }
}

fn message(word: &str, detail: &Value, remark: &mut Option<String>) -> Result<Message, String> {
    if let Value::String(text) = detail {
        return Ok(Message::text(text.as_str()));
    }
    let needs = || format!("`{word}` needs a message: {{\"text\": \"…\"}}, or `hex`, or `base64`");
    let detail = detail.as_object().ok_or_else(needs)?;
    let string = |key: &str| match detail.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("`{key}` of `{word}` must be a string")),
    };
    let name = name(detail, "name")?;
    let body = match (string("text")?, string("hex")?, string("base64")?) {
        (Some(text), None, None) => Bytes::from(text.to_owned()),
        (None, Some(digits), None) => hex::decode(digits)
            .ok()
            .map(Bytes::from)
            .ok_or_else(|| format!("`hex` of `{word}` must be pairs of hex digits"))?,
        (None, None, Some(text)) => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|error| format!("`base64` of `{word}`: {error}"))?,
        (None, None, None) => {
            // What our own programs say of files.
            let bytes = detail.get("bytes").and_then(Value::as_u64).ok_or_else(needs)?;
            *remark = Some("of some messages only the size is known".to_owned());
            Bytes::from(format!("{bytes} bytes, content unknown"))
        }
        _ => return Err(format!("`{word}` has more than one of `text`, `hex` and `base64`")),
    };
    let of_name = || name.as_ref().map_or(Kind::Text, |name| Kind::of_file(name.as_str()));
    let kinds = [Kind::Text, Kind::Image, Kind::Video, Kind::Numbers, Kind::Aggregate];
    let kind = match string("kind")? {
        None => of_name(),
        Some(word) => kinds.into_iter().find(|kind| kind.name() == word).ok_or_else(|| {
            let known: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            format!("{} is no kind; known: {}", quote(word), list(&known))
        })?,
    };
    Ok(Message { kind, name, body })
}

fn rejected(detail: &Value, remark: &mut Option<String>) -> Result<Reject, String> {
    let needs = "`rejected` needs the check that failed: {\"check\": \"mac\"}";
    let (check, field) = match detail {
        Value::String(check) => (check.as_str(), None),
        Value::Object(detail) => {
            let text = |key: &str| detail.get(key).and_then(Value::as_str);
            (text("check").ok_or(needs)?, text("field"))
        }
        _ => return Err(needs.to_owned()),
    };
    if let Some(known) = Check::named(check) {
        return Ok(Reject { check: known, field: kept(field.unwrap_or("frame")) });
    }
    let said = quote(check);
    *remark = Some(format!("{said} is no check known here; it counts as `content`"));
    Ok(Reject { check: Check::Content, field: kept(field.unwrap_or(check)) })
}

/// What two ends agree on, in 8 bytes: these, or a hash of anything else.
pub(super) fn fingerprint(session: &str) -> Fingerprint {
    let bytes = hex::decode(session).ok().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    Fingerprint(bytes.unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        session.hash(&mut hasher);
        hasher.finish().to_be_bytes()
    }))
}

/// The same text forever, on one line and not too long: there are few of them, and [`super::MAX_CLAIMS`] at most.
fn kept(text: &str) -> &'static str {
    let text: String = text.chars().take(MAX_KEPT).collect();
    intern(&escape(&text))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use protocol::endpoint::{Claim, Conn};

    use protocol::endpoint::End;

    use super::*;
    use crate::endpoint_programs::journal::claim_json;

    fn claim(line: &str) -> Stated {
        match parse(line.as_bytes(), Among::Claims) {
            Ok(Line::Claim(stated)) => stated,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refusal(line: &str) -> String {
        parse(line.as_bytes(), Among::Claims).unwrap_err()
    }

    #[test]
    fn what_our_own_programs_write_is_read_back() {
        let (local, peer) = (Name::from("device"), Name::from("server"));
        let facts = [
            Fact::Running(Fingerprint([1; 8])),
            Fact::Established(Fingerprint([0xab; 8])),
            Fact::Sent(Message::text("pay bob \"100\"\n")),
            Fact::Delivered(Message::numbers("1,2")),
            Fact::Acknowledged(Message::aggregate("mean 2")),
            Fact::Rejected(Reject::new(Check::Mac, "record")),
            Fact::Ended(End::Clean),
            Fact::Ended(End::AbortedByPeer),
            Fact::Logged("hello"),
        ];
        for fact in facts {
            let written = Claim { conn: Conn(3), local: local.clone(), peer: peer.clone(), fact };
            let line = Value::Object(claim_json(SystemTime::UNIX_EPOCH, &written)).to_string();
            let read = claim(&line);
            assert_eq!(read.fact, written.fact, "{line}");
            assert_eq!(
                (read.conn, read.local, read.peer),
                (Some(3), Some(local.clone()), Some(peer.clone()))
            );
            assert_eq!(read.remark, None);
        }
        let cat = Message::file("cat.png", Bytes::from_static(b"123"));
        let written = Claim { conn: Conn(1), local, peer, fact: Fact::Sent(cat) };
        let read = claim(&Value::Object(claim_json(SystemTime::UNIX_EPOCH, &written)).to_string());
        let Fact::Sent(message) = read.fact else { panic!() };
        assert_eq!((message.kind, message.body), (Kind::Image, "3 bytes, content unknown".into()));
        assert!(read.remark.is_some());
    }

    #[test]
    fn little_is_enough() {
        let hello = Fact::Delivered(Message::text("hé"));
        for line in [
            r#"{"delivered": {"text": "hé"}}"#,
            r#"{"delivered": "hé"}"#,
            r#"{"delivered": {"hex": "68c3A9"}, "mood": "fine"}"#,
            r#" {"delivered": {"base64": "aMOp", "kind": "text"}} "#,
        ] {
            assert_eq!(claim(line).fact, hello, "{line}");
        }
        let with = claim(r#"{"established": {"session": "abc", "with": "bob"}}"#);
        assert_eq!(with.peer, Some(Name::from("bob")));
        assert_eq!(with.fact, Fact::Established(fingerprint("abc")));
        assert_eq!(claim(r#"{"ended": "clean"}"#).fact, Fact::Ended(End::Clean));
        let strange = claim(r#"{"rejected": {"check": "bad_tag"}}"#);
        assert_eq!(strange.fact, Fact::Rejected(Reject::new(Check::Content, "bad_tag")));
        assert!(strange.remark.unwrap().contains("`bad_tag` is no check"));
    }

    #[test]
    fn among_other_output_only_what_is_almost_a_claim_is_wrong() {
        let own = [
            "",
            "hello",
            "[1]",
            "{",
            r#"{"level": "info"}"#,
            "{}",
            "\u{1b}[0m",
            "{nonsense}",
            "DEBUG {a: 1}",
        ];
        for line in own {
            assert_eq!(parse(line.as_bytes(), Among::Output), Ok(Line::Own), "{line}");
        }
        assert_eq!(parse(b"\xff\xfe{", Among::Output), Ok(Line::Own));
        let wrong = parse(br#"{"delivred": {"text": "a"}}"#, Among::Output).unwrap_err();
        assert_eq!(wrong, "`delivred` is no claim; did you mean `delivered`?");
        assert_eq!(parse(br#"{"not-implemented": true}"#, Among::Output), Ok(Line::NotImplemented));
    }

    #[test]
    fn a_file_has_nothing_but_claims() {
        assert!(refusal("hello").starts_with("`hello` is no JSON:"));
        assert!(refusal("3").contains("no JSON object"));
        assert!(refusal("{}").contains("claims nothing"));
        assert!(refusal(r#"{"level": 3}"#).contains("`level` is no claim; known: `sent`"));
        assert!(refusal(r#"{"sent": "a", "delivered": "a"}"#).contains("both"));
        assert!(refusal(r#"{"sent": 3}"#).contains("needs a message"));
        assert!(refusal(r#"{"sent": {"hex": "abc"}}"#).contains("hex digits"));
        assert!(refusal(r#"{"sent": {"hex": "ä"}}"#).contains("hex digits"));
        assert!(refusal(r#"{"sent": {"base64": "?"}}"#).contains("base64"));
        assert!(refusal(r#"{"sent": {"text": "a", "hex": "61"}}"#).contains("more than one"));
        assert!(refusal(r#"{"sent": {"text": "a", "kind": "smell"}}"#).contains("no kind"));
        assert!(refusal(r#"{"sent": "a", "connection": 0}"#).contains("from 1"));
        assert!(refusal(r#"{"sent": "a", "peer": 3}"#).contains("name"));
        assert!(refusal(r#"{"rejected": 3}"#).contains("needs the check"));
        assert!(refusal(r#"{"established": {}}"#).contains("agree"));
        assert!(refusal(r#"{"ended": "badly"}"#).contains("truncated"));
        assert!(refusal(r#"{"logged": 3}"#).contains("string"));
        let deep = "[".repeat(100_000);
        assert!(refusal(&deep).contains("no JSON"));
        assert_eq!(parse(b"  ", Among::Claims), Ok(Line::Own));
    }
}
