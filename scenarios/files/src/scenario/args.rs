//! The arguments of an action, read by what the action declares of them.

use mitm_proxy::condition::FrameRef;
use mitm_proxy::params::{Arg, Args, Param, ParamKind, Template};
use protocol::layout::{Encoding, Field, Size};
use toml::de::DeValue;

use super::sides::side;
use super::vocabulary::{Raw, Vocabulary};
use crate::diagnostic::quote;
use crate::toml_reader::{Node, Reader, whole};

/// The word for a whole frame, where an action takes it.
const WHOLE: &str = "*";

/// Read the arguments of an action or a strategy; `others` are keys beside them. `None` if any is wrong.
pub(super) fn arguments(
    reader: &mut Reader,
    node: &Node<'_>,
    what: &str,
    params: &'static [Param],
    others: &[&str],
    frame_type: Option<&str>,
    vocabulary: &Vocabulary,
) -> Option<Args> {
    let before = reader.mistakes.len();
    let names = others.iter().copied().chain(params.iter().map(|param| param.name));
    let table = reader.table(node, what, &names.collect::<Vec<_>>())?;
    let mut args = Args::new();
    for param in params {
        let Some(node) = table.get(param.name) else { continue };
        let whole_frame = what == "flip" && node.get_ref().as_str() == Some(WHOLE);
        let arg = match param.kind {
            ParamKind::Field if whole_frame => Some(Arg::Text(WHOLE.to_owned())),
            ParamKind::Field => field(reader, node, param, frame_type, vocabulary),
            _ => argument(reader, node, param, vocabulary),
        };
        if let Some(arg) = arg {
            args.insert(param.name, arg);
        }
    }
    // A field taken out of a recorded frame has to be in that one, too.
    for param in params.iter().filter(|param| param.kind == ParamKind::Field) {
        let recorded = args.values().find_map(|arg| match arg {
            Arg::Frame(frame) => frame.frame_type.clone(),
            _ => None,
        });
        if let (Some(recorded), Some(node), Some(Arg::Text(_))) =
            (recorded, table.get(param.name), args.get(param.name))
        {
            field(reader, node, param, Some(&recorded), vocabulary);
        }
    }
    (reader.mistakes.len() == before).then_some(args)
}

fn field(
    reader: &mut Reader,
    node: &Node<'_>,
    param: &Param,
    frame_type: Option<&str>,
    vocabulary: &Vocabulary,
) -> Option<Arg> {
    let name = reader.string(node, param.name)?;
    let known = vocabulary.check_field(reader, node.span(), name, frame_type, |_| true);
    known.then(|| Arg::Text(name.to_owned()))
}

fn argument(
    reader: &mut Reader,
    node: &Node<'_>,
    param: &Param,
    vocabulary: &Vocabulary,
) -> Option<Arg> {
    match param.kind {
        ParamKind::Number(low, high) => {
            reader.number(node, param.name, (low, high)).map(Arg::Number)
        }
        ParamKind::Numbers => {
            let nodes = reader.array(node, param.name, "whole numbers")?;
            let numbers: Vec<Option<u64>> =
                nodes.iter().map(|node| reader.number(node, param.name, (0, u64::MAX))).collect();
            numbers.into_iter().collect::<Option<Vec<u64>>>().map(Arg::Numbers)
        }
        ParamKind::Hex => {
            let text = reader.string(node, param.name)?;
            reader.hex(node, param.name, text).map(Arg::Bytes)
        }
        ParamKind::Field | ParamKind::Text => {
            reader.string(node, param.name).map(|text| Arg::Text(text.to_owned()))
        }
        ParamKind::Word(words) => {
            let found = reader.string(node, param.name)?;
            if !words.contains(&found) {
                let message = format!("`{}` cannot be {}", param.name, quote(found));
                reader.refuse(node.span(), message, found, words);
                return None;
            }
            Some(Arg::Text(found.to_owned()))
        }
        ParamKind::Texts => {
            let nodes = reader.one_or_more(node, param.name)?;
            let texts: Vec<Option<String>> = nodes
                .iter()
                .map(|node| reader.string(node, param.name).map(str::to_owned))
                .collect();
            texts.into_iter().collect::<Option<Vec<String>>>().map(Arg::Texts)
        }
        ParamKind::Keys => {
            let known = vocabulary.keys();
            if known.is_empty() {
                let message = "the scenario has no `[keys]`".to_owned();
                let help = "add a table `[keys.<name>]` with the files the attacker has".to_owned();
                reader.mistake_with_help(node.span(), message, "which files?", help);
                return None;
            }
            let name = reader.word(node, param.name, "set of keys", &known)?;
            Some(Arg::Text(name.to_owned()))
        }
        ParamKind::Named => {
            let known: Vec<&str> = vocabulary.recorded().keys().map(String::as_str).collect();
            if known.is_empty() {
                let message = "the scenario has no `[recorded]`".to_owned();
                let help = "add a table `[recorded.<name>]` with `hex` or `file`".to_owned();
                reader.mistake_with_help(node.span(), message, "which frame?", help);
                return None;
            }
            let name = reader.word(node, param.name, "recorded frame", &known)?;
            vocabulary.recorded().get(name).map(|bytes| Arg::Bytes(bytes.to_vec()))
        }
        ParamKind::Flag => reader.flag(node, param.name).map(Arg::Flag),
        ParamKind::FrameType => {
            let name = vocabulary.frame_type(reader, node, None, Raw::Refused)?;
            Some(Arg::Text(name.to_owned()))
        }
        ParamKind::Frame => frame(reader, node, param.name, vocabulary).map(Arg::Frame),
        ParamKind::Template => template(reader, node, param.name, vocabulary).map(Arg::Template),
    }
}

/// A recorded frame: `{ link, from, type, nth }`.
fn frame(
    reader: &mut Reader,
    node: &Node<'_>,
    what: &str,
    vocabulary: &Vocabulary,
) -> Option<FrameRef> {
    let table = reader.table(node, what, &["link", "from", "type", "nth"])?;
    let from = table.get("from").and_then(|node| side(reader, node, "from"));
    let frame_type =
        table.get("type").and_then(|node| vocabulary.frame_type(reader, node, from, Raw::Allowed));
    let nth = match table.get("nth") {
        Some(node) => reader.ordinal(node, "nth"),
        None => Some(1),
    };
    Some(FrameRef {
        link: table.get("link").and_then(|node| reader.ordinal(node, "link")),
        from,
        frame_type: frame_type.map(str::to_owned),
        nth: nth?,
    })
}

/// A new frame: `{ type, fields… }`.
fn template(
    reader: &mut Reader,
    node: &Node<'_>,
    what: &str,
    vocabulary: &Vocabulary,
) -> Option<Template> {
    let open = reader.open_table(node, what)?;
    let Some(type_node) = open.get("type") else {
        reader.require(&open, "a new frame", &["type"]);
        return None;
    };
    let frame_type = vocabulary.frame_type(reader, type_node, None, Raw::Refused)?;
    if vocabulary.is_empty() {
        return None;
    }
    let mut allowed = vec!["type"];
    allowed.extend(vocabulary.fields(Some(frame_type), |_| true));
    let table = reader.table(node, what, &allowed)?;
    let mut fields = Vec::new();
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        let declared = vocabulary.field(Some(frame_type), name);
        if name == "type" || declared.is_empty() {
            continue;
        }
        if let Some(bytes) = value(reader, node, name, &declared) {
            fields.push((name.to_owned(), bytes));
        }
    }
    Some(Template { frame_type: frame_type.to_owned(), fields })
}

/// The bytes of a field: an integer, written as the field is declared, or hexadecimal digits.
fn value(reader: &mut Reader, node: &Node<'_>, name: &str, declared: &[&Field]) -> Option<Vec<u8>> {
    let sizes = || {
        declared.iter().filter_map(|field| match field.size {
            Size::Fixed(size) => Some(size),
            _ => None,
        })
    };
    match node.get_ref() {
        DeValue::Integer(integer) => {
            let encoding = declared.iter().find_map(|field| field.role.encoding());
            let encoding = encoding.unwrap_or(Encoding::Big);
            let wide = match (sizes().next(), encoding) {
                (None, Encoding::Digits) => Some(0),
                (Some(wide), Encoding::Digits) => Some(wide),
                (wide, _) => wide.filter(|wide| *wide <= 8),
            };
            let Some(wide) = wide else {
                let message = format!("`{name}` is not a number");
                reader.mistake(node.span(), message, "expected a string of hexadecimal digits");
                return None;
            };
            let largest = if wide == 0 { u64::MAX } else { encoding.largest(wide) };
            let Some(number) = whole(integer).filter(|number| *number <= largest) else {
                let message = format!("`{name}` is out of bounds");
                let label = format!("{}, at most {largest}", has(wide));
                reader.mistake(node.span(), message, &label);
                return None;
            };
            Some(encoding.write(number, wide))
        }
        DeValue::String(text) => {
            let bytes = reader.hex(node, name, text)?;
            if let Some(size) = sizes().find(|size| *size != bytes.len()) {
                let message = format!("`{name}` {}", has(size));
                reader.mistake(node.span(), message, &format!("these are {}", bytes.len()));
                return None;
            }
            Some(bytes)
        }
        _ => {
            let message = format!("`{name}` must be a whole number or hexadecimal digits");
            reader.mistake(node.span(), message, "expected a number or a string");
            None
        }
    }
}

fn has(bytes: usize) -> String {
    if bytes == 1 { "has 1 byte".to_owned() } else { format!("has {bytes} bytes") }
}
