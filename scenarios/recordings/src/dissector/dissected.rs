//! A protocol as the dissector has it.

use protocol::layout::Layout;

/// A protocol to dissect.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// Its name: the dissector's is `meddle.` and this.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// The server's ports: what for, and the number; 0 if only somebody who decodes can know it.
    pub ports: Vec<(String, u16)>,
    /// Its frames under each profile, by the profile's name. The first is taken unless told otherwise.
    pub profiles: Vec<(String, Layout)>,
}
