//! The top of a layout file, and its frame types.

use std::ops::Range;
use std::sync::Arc;

use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Field, FrameSpec, Layout, Role, Size, intern};
use protocol::registry::Registry;
use toml::de::DeValue;

use super::check::{self, Drafted};
use super::fields::{self, Draft};
use super::identifier::identifier;
use super::{DEFAULT_MAX, LARGEST_MAX, LayoutFile, MAX_FIELDS, MAX_FRAMES, MAX_PORTS};
use crate::diagnostic::{Diagnostic, quote};
use crate::load::MAX_FILE;
use crate::name::is_name;
use crate::toml_reader::{self, Node, Reader, Table};

const KEYS: &[&str] = &["name", "about", "ports", "frame"];
const FRAME: &[&str] = &["name", "from", "port", "max", "json", "one-read", "fields"];

/// Read a layout file.
///
/// # Errors
/// Every mistake, in the order of the file.
pub(super) fn layout_file(source: &str) -> Result<LayoutFile, Vec<Diagnostic>> {
    let document = toml_reader::document(source, MAX_FILE)?;
    let mut reader = Reader::new(source, Registry::BUILTIN);
    let root = reader.root(document.get_ref(), KEYS);
    reader.require(&root, "a layout", &["name", "frame"]);
    match file(&mut reader, &root) {
        Some(file) if reader.mistakes.is_empty() => Ok(file),
        _ => Err(toml_reader::in_order(reader.mistakes)),
    }
}

fn file(reader: &mut Reader, root: &Table<'_>) -> Option<LayoutFile> {
    let name = root.get("name").and_then(|node| name(reader, node));
    let about = match root.get("about") {
        Some(node) => reader.text(node, "about").map(str::to_owned),
        None => Some(String::new()),
    };
    let ports = match root.get("ports") {
        Some(node) => ports(reader, node),
        None => vec!["main".to_owned()],
    };
    let frames = root.get("frame").map(|node| frames(reader, node, &ports)).unwrap_or_default();
    let system = intern(name?);
    let layout = Layout { system, frames, turns: &[] };
    Some(LayoutFile { layout, about: about?, ports })
}

fn name<'t>(reader: &mut Reader, node: &'t Node<'t>) -> Option<&'t str> {
    let name = reader.text(node, "name")?;
    if is_name(name) {
        return Some(name);
    }
    let label = "small letters, digits and single hyphens, at most 100";
    reader.mistake(node.span(), format!("{} cannot be a name", quote(name)), label);
    None
}

fn ports(reader: &mut Reader, node: &Node<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let nodes = reader.one_or_more(node, "ports").unwrap_or_default();
    if let Some(node) = nodes.get(MAX_PORTS) {
        let message = format!("{} ports are too many", nodes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_PORTS}"));
        return names;
    }
    for node in nodes {
        let Some(name) = self::name(reader, node) else { continue };
        if names.iter().any(|other| other == name) {
            reader.mistake(node.span(), format!("`{name}` is named twice"), "again");
        } else {
            names.push(name.to_owned());
        }
    }
    names
}

fn frames(reader: &mut Reader, node: &Node<'_>, ports: &[String]) -> Vec<Arc<FrameSpec>> {
    let DeValue::Array(nodes) = node.get_ref() else {
        let message = "`frame` must be an array of tables".to_owned();
        let help = "begin every frame type with `[[frame]]`".to_owned();
        reader.mistake_with_help(node.span(), message, "expected `[[frame]]`", help);
        return Vec::new();
    };
    if nodes.is_empty() {
        reader.mistake(node.span(), "there are no frames".to_owned(), "declare at least one");
    }
    if let Some(node) = nodes.get(MAX_FRAMES) {
        let message = format!("{} frame types are too many", nodes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_FRAMES}"));
        return Vec::new();
    }
    let mut known: Vec<(FrameSpec, Range<usize>)> = Vec::new();
    for node in nodes {
        let Some((spec, span)) = frame(reader, node, ports) else { continue };
        if known.iter().any(|(other, _)| other.name == spec.name) {
            reader.mistake(span, format!("`{}` is declared twice", spec.name), "again");
        } else {
            known.push((spec, span));
        }
    }
    check::hidden(reader, &known);
    known.into_iter().map(|(spec, _)| Arc::new(spec)).collect()
}

fn frame(
    reader: &mut Reader,
    node: &Node<'_>,
    ports: &[String],
) -> Option<(FrameSpec, Range<usize>)> {
    let before = reader.mistakes.len();
    let table = reader.table(node, "frame", FRAME)?;
    reader.require(&table, "a frame", &["name", "fields"]);
    let name = table.get("name").and_then(|node| identifier(reader, node, "name"));
    let from = table.get("from").and_then(|node| side(reader, node));
    let port = table.get("port").and_then(|node| port(reader, node, ports));
    let max = match table.get("max") {
        Some(node) => reader.number(node, "max", (1, LARGEST_MAX as u64)),
        None => Some(DEFAULT_MAX as u64),
    };
    let json = fields::is_set(reader, &table, "json");
    let one_read = fields::is_set(reader, &table, "one-read");
    let mut drafts = table.get("fields").map(|node| field_list(reader, node)).unwrap_or_default();
    if json {
        let span = table.key_span("json");
        let field = Field::sized("object", Role::Bytes, Size::Object);
        drafts.insert(0, Draft { field, span: span.clone(), name_span: span, counts: Vec::new() });
    }
    let max = usize::try_from(max?).unwrap_or(LARGEST_MAX);
    // What does not add up is told of fields that could be read.
    if reader.mistakes.len() == before {
        let frame = Drafted { table: &table, one_read, max };
        check::fields(reader, &frame, &mut drafts);
    }
    let fields: Vec<Field> = drafts.into_iter().map(|draft| draft.field).collect();
    let spec = FrameSpec::of(intern(name?), from, fields, max);
    let spec = match port {
        Some(port) => spec.on(port),
        None => spec,
    };
    let span = table.get("name").map_or(table.span.clone(), toml::Spanned::span);
    (reader.mistakes.len() == before).then_some((spec, span))
}

fn field_list(reader: &mut Reader, node: &Node<'_>) -> Vec<Draft> {
    let nodes = reader.array(node, "fields", "tables").unwrap_or_default();
    if let Some(node) = nodes.get(MAX_FIELDS) {
        let message = format!("{} fields in one frame", nodes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_FIELDS}"));
        return Vec::new();
    }
    nodes.iter().filter_map(|node| fields::field(reader, node)).collect()
}

fn side(reader: &mut Reader, node: &Node<'_>) -> Option<Side> {
    match reader.word(node, "from", "side", &["client", "server"])? {
        "client" => Some(Side::Client),
        _ => Some(Side::Server),
    }
}

/// The port that a frame type is sent on, of those that the file names.
fn port(reader: &mut Reader, node: &Node<'_>, ports: &[String]) -> Option<PortIndex> {
    let names: Vec<&str> = ports.iter().map(String::as_str).collect();
    let name = reader.word(node, "port", "port", &names)?;
    let place = names.iter().position(|known| *known == name)?;
    u8::try_from(place).ok().map(PortIndex)
}
