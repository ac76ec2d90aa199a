//! A file of rules and nothing else, for a live proxy.

use mitm_proxy::rule::Rule;
use protocol::layout::Layout;
use protocol::registry::Registry;
use protocol::system::System;

use super::rules;
use super::vocabulary::Vocabulary;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::layout_file::LayoutFile;
use crate::load::MAX_FILE;
use crate::toml_reader::{self, Reader};

/// What frames rules can speak of.
#[derive(Clone, Copy, Debug)]
pub enum Frames<'a> {
    /// Those of a system.
    System(&'static System),
    /// Those of somebody's own protocol.
    Own(&'a LayoutFile),
    /// Those of a layout whose ports have no names.
    Layout(&'a Layout),
}

/// Rules, and the line each begins in, from 1.
#[derive(Clone, Debug, Default)]
pub struct RuleFile {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Their lines.
    pub lines: Vec<usize>,
}

impl RuleFile {
    /// Read `[[rule]]` tables. `path` is for messages.
    ///
    /// # Errors
    /// Every mistake in `source`.
    pub fn parse(path: &str, source: &str, frames: Frames<'_>) -> Result<Self, Diagnostics> {
        let wrong = |list| Diagnostics { path: path.to_owned(), source: source.to_owned(), list };
        read(source, frames).map_err(wrong)
    }
}

fn read(source: &str, frames: Frames<'_>) -> Result<RuleFile, Vec<Diagnostic>> {
    let document = toml_reader::document(source, MAX_FILE)?;
    let mut reader = Reader::new(source, Registry::BUILTIN);
    let root = reader.root(document.get_ref(), &["rule"]);
    let vocabulary = match frames {
        Frames::System(system) => Vocabulary::new(&[system]).of_programs(),
        Frames::Own(file) => Vocabulary::of_layout(&file.layout).with_ports(&file.ports),
        Frames::Layout(layout) => Vocabulary::of_layout(layout),
    };
    let node = root.get("rule");
    let (rules, lines) =
        node.map(|node| rules::rules(&mut reader, node, &vocabulary)).unwrap_or_default();
    if reader.mistakes.is_empty() {
        Ok(RuleFile { rules, lines })
    } else {
        Err(toml_reader::in_order(reader.mistakes))
    }
}
