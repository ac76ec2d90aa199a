//! Placeholders in the commands of a target: `{port}`, `{host}`, `{port:NAME}` and so on.

use super::Channel;
use crate::diagnostic::near;
use crate::toml_reader::{Node, Reader};

/// What stands before the name of a port: `{port:data}`.
const PORT_NAMED: &str = "port:";
const PLACEHOLDERS: &[&str] = &["host", "port", "port2", "claims", "target"];

/// Whether this placeholder is replaced by a port that the program has to listen on or connect to.
pub(super) fn is_port(name: &str) -> bool {
    name == "port" || name.starts_with(PORT_NAMED)
}

pub(super) fn check(reader: &mut Reader, node: &Node<'_>, found: &str, claims: Option<Channel>) {
    if is_placeholder(found) {
        if found == "claims" && claims != Some(Channel::File) {
            let message = "`{claims}` is the path of a file".to_owned();
            reader.mistake(node.span(), message, "only there with `claims = \"file\"`");
        }
    } else if let Some(meant) = near(found, PLACEHOLDERS) {
        // Anything else in braces is the program's business.
        let message = format!("unknown placeholder `{{{found}}}`");
        let help = "allowed: `{host}`, `{port}`, `{port2}` and so on, `{port:NAME}`, `{claims}`, `{target}`";
        let label = format!("did you mean `{{{meant}}}`?");
        reader.mistake_with_help(node.span(), message, &label, help.to_owned());
    }
}

/// What stands in braces and where, but for `${…}`, which is a shell's.
pub(super) fn placeholders(word: &str) -> impl Iterator<Item = (usize, &str)> {
    word.match_indices('{').filter_map(|(at, _)| {
        let before = word.get(..at).unwrap_or_default();
        let rest = word.get(at + 1..).unwrap_or_default();
        let name = rest.split_once('}').map(|(name, _)| name)?;
        let word = name.strip_prefix(PORT_NAMED).unwrap_or(name);
        // The names of ports may have blanks and hyphens.
        let part =
            |b: u8| b.is_ascii_alphanumeric() || (word.len() < name.len() && b" -_".contains(&b));
        let plain = !word.is_empty() && word.bytes().all(part);
        (plain && !before.ends_with('$')).then_some((at, name))
    })
}

/// The word with everything in its place. Names that have no value stay as they are.
pub fn fill(word: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(word.len());
    let mut from = 0;
    for (at, name) in placeholders(word) {
        let Some(value) = value(name) else { continue };
        filled.push_str(word.get(from..at).unwrap_or_default());
        filled.push_str(&value);
        from = at + name.len() + 2;
    }
    filled.push_str(word.get(from..).unwrap_or_default());
    filled
}

/// Whether this is replaced: the names above, any port from 2 to 9, and any port by name.
pub fn is_placeholder(name: &str) -> bool {
    let port = || matches!(name.strip_prefix("port").map(str::as_bytes), Some([b'2'..=b'9']));
    PLACEHOLDERS.contains(&name) || name.starts_with(PORT_NAMED) || port()
}
