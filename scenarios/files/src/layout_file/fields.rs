//! One field of a frame type: what it is, and where it ends.

use std::ops::Range;

use protocol::layout::{Counts, Encoding, Field, Length, Role, Size, intern, intern_bytes};
use toml::de::DeValue;

use super::identifier::identifier;
use super::{LARGEST_MAX, MAX_TAG};
use crate::diagnostic::list;
use crate::toml_reader::{Node, Reader, Table};

const KEYS: &[&str] = &[
    "name", "tag", "length", "number", "role", "bytes", "rest", "until", "member", "json", "order",
    "counts", "plus",
];
const KINDS: &[&str] = &["tag", "length", "number", "role"];
const SIZES: &[&str] = &["bytes", "rest", "until", "member", "json"];
const NUMBERS: &[&str] = &["u8", "u16", "u24", "u32", "u40", "u48", "u56", "u64", "digits"];
const ROLES: &[(&str, Role)] = &[
    ("bytes", Role::Bytes),
    ("certificate", Role::Certificate),
    ("ciphertext", Role::Ciphertext),
    ("iv", Role::Iv),
    ("mac", Role::Mac),
    ("nonce", Role::Nonce),
    ("public-key", Role::PublicKey),
    ("signature", Role::Signature),
];

/// A field that is read, and what must be looked at again when all of its frame are.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) field: Field,
    pub(super) span: Range<usize>,
    pub(super) name_span: Range<usize>,
    /// The names of the fields a length counts, where it says so.
    pub(super) counts: Vec<(String, Range<usize>)>,
}

/// Read a field.
pub(super) fn field(reader: &mut Reader, node: &Node<'_>) -> Option<Draft> {
    let table = reader.table(node, "field", KEYS)?;
    reader.require(&table, "a field", &["name"]);
    let name = table.get("name").and_then(|node| identifier(reader, node, "name"));
    let kind = only_one(reader, &table, KINDS, "is two things").ok()?;
    let size = only_one(reader, &table, SIZES, "has two sizes").ok()?;
    let mut counts = Vec::new();
    let tag = match kind {
        Some("tag") => Some(bytes(reader, table.get("tag")?, "tag")?),
        _ => None,
    };
    let mut width = tag.map(<[u8]>::len);
    let role = match kind {
        Some("role") => role(reader, &table)?,
        Some(kind @ ("length" | "number")) => {
            let number = number(reader, &table, kind)?;
            width = number.width;
            if kind == "number" {
                Role::Number(number.encoding)
            } else {
                length(reader, &table, number.encoding, &mut counts)?
            }
        }
        _ => Role::Bytes,
    };
    let role = tag.map_or(role, Role::Tag);
    for (key, needs) in [("counts", "length"), ("plus", "length")] {
        if table.get(key).is_some() && kind != Some(needs) {
            let message = format!("`{key}` goes with `{needs}`");
            reader.mistake(table.key_span(key), message, "nothing is counted here");
        }
    }
    if table.get("order").is_some()
        && (!matches!(kind, Some("length" | "number")) || width.is_none())
    {
        let message = "`order` goes with `u16` to `u64`".to_owned();
        reader.mistake(table.key_span("order"), message, "there is no byte order here");
    }
    let size = self::size(reader, &table, kind, size, width)?;
    let span = node.span();
    let name_span = table.get("name").map_or(span.clone(), toml::Spanned::span);
    let field = Field::sized(intern(name?), role, size);
    Some(Draft { field, span, name_span, counts })
}

/// Whether a key is there that can only be `true`.
pub(super) fn is_set(reader: &mut Reader, table: &Table<'_>, key: &str) -> bool {
    let Some(node) = table.get(key) else { return false };
    let flag = reader.flag(node, key);
    if flag == Some(false) {
        let message = format!("`{key}` can only be `true`");
        reader.mistake(node.span(), message, "leave it out");
    }
    flag == Some(true)
}

/// Two keys are there of which one can be.
struct Two;

/// The key of these that is there, if any.
fn only_one<'k>(
    reader: &mut Reader,
    table: &Table<'_>,
    keys: &[&'k str],
    two: &str,
) -> Result<Option<&'k str>, Two> {
    let mut there = keys.iter().copied().filter(|key| table.get(key).is_some());
    let (first, second) = (there.next(), there.next());
    if let (Some(first), Some(second)) = (first, second) {
        let message = format!("a field {two}: `{first}` and `{second}`");
        reader.mistake(table.key_span(second), message, "one of them");
        return Err(Two);
    }
    Ok(first)
}

/// A number as it is written: `u8` to `u64`, or digits.
struct Number {
    encoding: Encoding,
    /// Its bytes, where its name says it.
    width: Option<usize>,
}

fn number(reader: &mut Reader, table: &Table<'_>, key: &str) -> Option<Number> {
    let word = reader.word(table.get(key)?, key, "kind of number", NUMBERS)?;
    let little = match table.get("order") {
        Some(node) => reader.word(node, "order", "byte order", &["big", "little"])? == "little",
        None => false,
    };
    let bits = word.strip_prefix('u').and_then(|bits| bits.parse::<usize>().ok());
    let encoding = match bits {
        None => Encoding::Digits,
        Some(_) if little => Encoding::Little,
        Some(_) => Encoding::Big,
    };
    Some(Number { encoding, width: bits.map(|bits| bits / 8) })
}

fn length(
    reader: &mut Reader,
    table: &Table<'_>,
    encoding: Encoding,
    names: &mut Vec<(String, Range<usize>)>,
) -> Option<Role> {
    let counts = match table.get("counts") {
        None => Counts::Following,
        Some(node) => match node.get_ref() {
            DeValue::Array(nodes) if !nodes.is_empty() => {
                for node in nodes {
                    names.push((reader.string(node, "counts")?.to_owned(), node.span()));
                }
                Counts::Following
            }
            DeValue::String(_) => {
                match reader.word(node, "counts", "count", &["rest", "frame"])? {
                    "frame" => Counts::Frame,
                    _ => Counts::Following,
                }
            }
            _ => {
                let message = "`counts` must be a word or an array of field names".to_owned();
                let help = "allowed: `rest`, `frame`, or fields, as in `[\"body\"]`".to_owned();
                reader.mistake_with_help(node.span(), message, "what does it count?", help);
                return None;
            }
        },
    };
    let plus = match table.get("plus") {
        Some(node) => plus(reader, node)?,
        None => 0,
    };
    Some(Role::Length(Length { encoding, counts, plus }))
}

/// A whole number that may be negative, no larger than a frame.
fn plus(reader: &mut Reader, node: &Node<'_>) -> Option<i64> {
    let most = i64::try_from(LARGEST_MAX).unwrap_or(i64::MAX);
    let integer = node.get_ref().as_integer();
    let number = integer.and_then(|it| i64::from_str_radix(it.as_str(), it.radix()).ok());
    let number = number.filter(|number| number.abs() <= most);
    if number.is_none() {
        let message = "`plus` must be a whole number of bytes".to_owned();
        reader.mistake(node.span(), message, &format!("at least -{most}, at most {most}"));
    }
    number
}

fn role(reader: &mut Reader, table: &Table<'_>) -> Option<Role> {
    let names: Vec<&str> = ROLES.iter().map(|(name, _)| *name).collect();
    let word = reader.word(table.get("role")?, "role", "role", &names)?;
    ROLES.iter().find(|(name, _)| *name == word).map(|(_, role)| *role)
}

fn size(
    reader: &mut Reader,
    table: &Table<'_>,
    kind: Option<&str>,
    size: Option<&str>,
    width: Option<usize>,
) -> Option<Size> {
    let Some(key) = size else {
        if let Some(width) = width {
            return Some(Size::Fixed(width));
        }
        // A key that is misspelt is one mistake, not an unknown key and a missing one.
        if KINDS.iter().chain(SIZES).any(|key| table.has(key) && table.get(key).is_none()) {
            return None;
        }
        let message = "nothing says where this field ends".to_owned();
        let help = match kind {
            Some("length") => "add `bytes` or `until`".to_owned(),
            Some("number") => "add `bytes`, `until` or `member`".to_owned(),
            _ => format!("add one of {}", list(SIZES)),
        };
        reader.mistake_with_help(table.span.clone(), message, "how long is it?", help);
        return None;
    };
    let binary = matches!(kind, Some("length" | "number")) && width.is_some();
    let useless = match (kind, key) {
        _ if binary => Some("a binary number has its size already"),
        (Some("tag"), "bytes" | "rest" | "json") => Some("a tag is as long as it is"),
        (Some("length"), "rest" | "member" | "json") => Some("a length has `bytes` or `until`"),
        (Some("number"), "rest" | "json") => Some("a number has `bytes`, `until` or `member`"),
        _ => None,
    };
    if let Some(why) = useless {
        let message = format!("`{key}` does not go with `{}`", kind.unwrap_or_default());
        reader.mistake(table.key_span(key), message, why);
        return None;
    }
    let node = table.get(key)?;
    match key {
        "bytes" => {
            // Digits of a number that fits into 64 bits.
            let most =
                if kind.is_some_and(|kind| kind != "role") { 20 } else { LARGEST_MAX as u64 };
            let bytes = reader.number(node, "bytes", (1, most))?;
            Some(Size::Fixed(usize::try_from(bytes).unwrap_or(LARGEST_MAX)))
        }
        "until" => Some(Size::Until(bytes(reader, node, "until")?)),
        "member" => reader.text(node, "member").map(|key| Size::Member(intern(key))),
        "rest" => is_set(reader, table, "rest").then_some(Size::Rest),
        _ => is_set(reader, table, "json").then_some(Size::Object),
    }
}

/// Bytes that are written as text, or as hexadecimal digits: `{ hex = "0d0a" }`.
fn bytes(reader: &mut Reader, node: &Node<'_>, what: &str) -> Option<&'static [u8]> {
    let bytes = if let DeValue::Table(_) = node.get_ref() {
        let table = reader.table(node, what, &["hex"])?;
        reader.require(&table, "this", &["hex"]);
        let hex = table.get("hex")?;
        let digits = reader.string(hex, "hex")?;
        reader.hex(hex, "hex", digits)?
    } else {
        reader.string(node, what)?.as_bytes().to_vec()
    };
    if bytes.is_empty() {
        reader.mistake(node.span(), format!("`{what}` is empty"), "at least one byte");
        return None;
    }
    if bytes.len() > MAX_TAG {
        let message = format!("`{what}` has {} bytes", bytes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_TAG}"));
        return None;
    }
    Some(intern_bytes(&bytes))
}
