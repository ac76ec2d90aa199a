//! Sides by name.

use protocol::endpoint::Side;

use crate::toml_reader::{Node, Reader};

/// `client` or `server`.
pub(super) fn side(reader: &mut Reader, node: &Node<'_>, key: &str) -> Option<Side> {
    match reader.word(node, key, "side", &["client", "server"])? {
        "client" => Some(Side::Client),
        _ => Some(Side::Server),
    }
}
