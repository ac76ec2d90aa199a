//! JSON objects in frames: where one ends, and where the values of its members lie. Nothing is decoded: what the
//! attacker sees and changes are the bytes (RFC 8259).

use std::ops::Range;

use memchr::{memchr2, memchr3};

/// The search for the brace that closes an object. It goes on where it stopped, so that an object in many segments
/// is looked at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Where the object ends, if that is in `bytes`: the next ones of the text that begins with its first brace.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if std::mem::take(&mut self.escaped) {
                at += 1;
                continue;
            }
            let next = if self.in_string {
                memchr2(b'"', b'\\', rest)?
            } else {
                memchr3(b'"', b'{', b'}', rest)?
            };
            match (rest.get(next), self.in_string) {
                (Some(b'"'), _) => self.in_string = !self.in_string,
                (Some(b'\\'), _) => self.escaped = true,
                (Some(b'{'), _) => self.depth += 1,
                _ => self.depth = self.depth.saturating_sub(1),
            }
            at += next + 1;
            if self.depth == 0 && !self.in_string {
                return Some(at);
            }
        }
        None
    }
}

/// Where the value of a top-level member lies: what stands between the quotes of a string, all of anything else.
/// Where the key is there twice the last one counts, as in most parsers.
pub(super) fn member(object: &[u8], key: &str) -> Option<Range<usize>> {
    let mut cursor = Cursor { text: object, at: 0 };
    cursor.expect(b'{')?;
    let mut found = None;
    while cursor.peek() == Some(b'"') {
        let name = cursor.string()?;
        cursor.expect(b':')?;
        let value = cursor.value()?;
        if object.get(name).is_some_and(|name| is_key(name, key)) {
            found = Some(value);
        }
        if cursor.expect(b',').is_none() {
            break;
        }
    }
    found
}

/// Whether what stands between the quotes is that key. Most have no escapes.
fn is_key(name: &[u8], key: &str) -> bool {
    if !name.contains(&b'\\') {
        return name == key.as_bytes();
    }
    let quoted = [b"\"", name, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).is_ok_and(|name| name == key)
}

/// Give a member a value: in the place of the one it has, or behind the others. A new one that reads as a number,
/// a literal, an array or an object is written as it is, everything else as a string.
pub(super) fn set(object: &mut Vec<u8>, key: &str, value: &[u8]) {
    if let Some(range) = member(object, key) {
        object.splice(range, value.iter().copied());
        return;
    }
    let text = String::from_utf8_lossy(value);
    let plain = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|it| !it.is_string());
    let value = if plain { text.into_owned() } else { quoted(&text) };
    let end = object.iter().rposition(|byte| *byte == b'}').unwrap_or(object.len());
    let first = object.get(..end).is_some_and(|front| front.trim_ascii().ends_with(b"{"));
    let member = format!("{}{}: {value}", if first { "" } else { ", " }, quoted(key));
    object.splice(end..end, member.into_bytes());
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// What stands between the quotes of the string that begins here.
    fn string(&mut self) -> Option<Range<usize>> {
        self.expect(b'"')?;
        let from = self.at;
        loop {
            let next = memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            self.at += next;
            if self.text.get(self.at) == Some(&b'"') {
                self.at += 1;
                return Some(from..self.at - 1);
            }
            self.at += 2;
        }
    }

    fn value(&mut self) -> Option<Range<usize>> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => {
                let (from, mut depth) = (self.at, 0usize);
                loop {
                    match self.peek()? {
                        b'"' => {
                            self.string()?;
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        return Some(from..self.at);
                    }
                }
            }
            _ => {
                let rest = self.text.get(self.at..)?;
                let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}');
                let from = self.at;
                self.at += rest.iter().position(ends)?;
                Some(from..self.at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(object: &'a str, key: &str) -> Option<&'a str> {
        member(object.as_bytes(), key).map(|range| &object[range])
    }

    #[test]
    fn an_object_ends_at_the_brace_that_closes_it() {
        for object in [r"{}", r#"{"a": {"b": "}\\\"}"}, "c": "{"}"#, r#"{ "\"" : [{}] }"#] {
            let stream = [object, "{}"].concat();
            assert_eq!(Scan::default().end(stream.as_bytes()), Some(object.len()), "{object}");
            for cut in 0..object.len() {
                let mut scan = Scan::default();
                let (one, two) = stream.as_bytes().split_at(cut);
                assert_eq!(scan.end(one), None);
                assert_eq!(scan.end(two), Some(object.len() - cut), "{object} at {cut}");
            }
        }
    }

    #[test]
    fn a_member_is_found_at_the_top_only() {
        let object = r#" {"n": {"seq": 1, "s": "]}"}, "seq" :  7, "text": "a \" b", "x": [1, {"y": 2}],"k\u0065y":null}"#;
        assert_eq!(value(object, "seq"), Some("7"));
        assert_eq!(value(object, "text"), Some(r#"a \" b"#));
        assert_eq!(value(object, "x"), Some(r#"[1, {"y": 2}]"#));
        assert_eq!(value(object, "n"), Some(r#"{"seq": 1, "s": "]}"}"#));
        assert_eq!(value(object, "key"), Some("null"));
        assert_eq!(value(object, "y"), None);
        assert_eq!(value(r#"{"a": 1, "a": 2}"#, "a"), Some("2"));
        for broken in
            ["", "{", "[1]", r#"{"a"#, r#"{"a": "#, r#"{"a": [1"#, r#"{"a": "\"#, "{a: 1}"]
        {
            assert_eq!(value(broken, "a"), None, "{broken}");
        }
    }

    #[test]
    fn a_member_is_set_in_its_place_or_behind_the_others() {
        let mut object = b"{}".to_vec();
        set(&mut object, "seq", b"7");
        set(&mut object, "text", b"a\"b");
        set(&mut object, "seq", b"10");
        assert_eq!(String::from_utf8(object).unwrap(), r#"{"seq": 10, "text": "a\"b"}"#);
    }
}
