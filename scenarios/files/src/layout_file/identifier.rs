//! The names of frames, fields and ports.

use protocol::layout::RAW;

use crate::diagnostic::quote;
use crate::toml_reader::{Node, Reader};

/// The name of a frame type or a field: rules write it, and JSON has it as a key.
pub(super) fn identifier<'t>(
    reader: &mut Reader,
    node: &'t Node<'t>,
    what: &str,
) -> Option<&'t str> {
    let name = reader.text(node, what)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name == RAW {
        let message = format!("`{RAW}` is what nobody could cut");
        reader.mistake(node.span(), message, "needs another name");
        return None;
    }
    if name.len() > 100 || !name.chars().all(plain) {
        let message = format!("{} cannot be a name", quote(name));
        reader.mistake(node.span(), message, "letters, digits, `_` and `-`, at most 100");
        return None;
    }
    Some(name)
}
