//! A layout file as data.

use protocol::layout::Layout;

/// Somebody's own protocol.
#[derive(Clone, Debug)]
pub struct LayoutFile {
    /// Its frames. No turns are known: every frame can come at any time.
    pub layout: Layout,
    /// One line about it.
    pub about: String,
    /// One name for each port its server listens on, at least one.
    pub ports: Vec<String>,
}
