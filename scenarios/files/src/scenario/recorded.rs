//! `[recorded.NAME]`: frames of an earlier recording that the attacker brings along. `inject` sends them by name.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{MAX_PAYLOAD, Payloads};
use crate::diagnostic::quote;
use crate::name::is_name;
use crate::toml_reader::{Node, Reader};

/// Read all frames.
pub(super) fn frames(
    reader: &mut Reader,
    node: &Node<'_>,
    payloads: &dyn Payloads,
) -> BTreeMap<String, Bytes> {
    let mut frames = BTreeMap::new();
    let Some(table) = reader.open_table(node, "recorded") else { return frames };
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        if !is_name(name) {
            let message = format!("{} cannot be the name of a frame", quote(name));
            let label = "small letters, digits and single hyphens, at most 100";
            reader.mistake(key.span(), message, label);
        }
        // One that is wrong is known all the same: a rule that names it is right.
        let bytes = frame(reader, node, name, payloads).unwrap_or_default();
        frames.insert(name.to_owned(), bytes);
    }
    frames
}

fn frame(
    reader: &mut Reader,
    node: &Node<'_>,
    name: &str,
    payloads: &dyn Payloads,
) -> Option<Bytes> {
    let table = reader.table(node, &format!("recorded.{name}"), &["hex", "file"])?;
    match (table.get("hex"), table.get("file")) {
        (Some(node), None) => {
            let text = reader.string(node, "hex")?;
            reader.hex(node, "hex", text).map(Bytes::from)
        }
        (None, Some(node)) => {
            let path = reader.text(node, "file")?;
            let wrong = match payloads.read(path) {
                Ok(bytes) if bytes.len() <= MAX_PAYLOAD => return Some(bytes),
                Ok(bytes) => format!("has {} bytes, at most {MAX_PAYLOAD}", bytes.len()),
                Err(why) => why,
            };
            reader.mistake(node.span(), format!("{} {wrong}", quote(path)), "the frame's bytes");
            None
        }
        _ => {
            let message = "a recorded frame has either `hex` or `file`".to_owned();
            reader.mistake(node.span(), message, "one of them");
            None
        }
    }
}
