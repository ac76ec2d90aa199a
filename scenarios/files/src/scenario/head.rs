//! What every scenario says of itself: name, family, summary.

use std::path::Path;

use crate::diagnostic::quote;
use crate::family::Family;
use crate::name::is_name;
use crate::toml_reader::{Node, Reader};

pub(super) fn name<'t>(reader: &mut Reader, node: &'t Node<'t>, path: &str) -> Option<&'t str> {
    let name = reader.text(node, "name")?;
    if !is_name(name) {
        let message = format!("{} cannot be a name", quote(name));
        let label = "small letters, digits and single hyphens, at most 100";
        reader.mistake(node.span(), message, label);
        return None;
    }
    let path = Path::new(path);
    let toml = path.extension().is_some_and(|extension| extension == "toml");
    let stem = path.file_stem().filter(|_| toml).map(|stem| stem.to_string_lossy());
    if let Some(stem) = stem.filter(|stem| stem != name) {
        let message = format!("the name is {}, the file is {}", quote(name), quote(&stem));
        let label = "must be the file name without `.toml`";
        reader.mistake(node.span(), message, label);
    }
    Some(name)
}

pub(super) fn family(reader: &mut Reader, node: &Node<'_>) -> Option<Family> {
    let names: Vec<&str> = Family::ALL.iter().map(|family| family.name()).collect();
    reader.word(node, "family", "family", &names).and_then(Family::named)
}

pub(super) fn summary<'t>(reader: &mut Reader, node: &'t Node<'t>) -> Option<&'t str> {
    let summary = reader.text(node, "summary")?;
    if summary.contains(['\n', '\r']) {
        let message = "`summary` has more than one line".to_owned();
        reader.mistake(node.span(), message, "one line; the rest goes into `teaches`");
        return None;
    }
    Some(summary)
}
