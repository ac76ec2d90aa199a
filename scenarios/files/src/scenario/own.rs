//! A scenario for somebody's own programs: a layout in place of a system, and targets in place of profiles.

use std::path::Path;
use std::sync::Arc;

use judge::Plan;
use judge::expect::Expect;

use super::vocabulary::Vocabulary;
use super::{DEFAULT_SEED, Payloads, Scenario, TargetSet, expectations, head, recorded, rules};
use crate::diagnostic::quote;
use crate::layout_file::{BUILTIN, LayoutFile};
use crate::target_file::{self, Found, read_scope};
use crate::toml_reader::{Node, Reader, Table};

/// The keys of such a scenario.
pub(super) const KEYS: &[&str] = &[
    "name", "family", "summary", "teaches", "layout", "system", "recorded", "rule", "target",
    "expect", "scope", "honest",
];

/// Those it must have.
pub(super) const REQUIRED: &[&str] =
    &["name", "family", "summary", "teaches", "layout", "target", "expect"];

/// Those it must have where the programs speak like one of the five systems.
pub(super) const REQUIRED_WITH_SYSTEM: &[&str] =
    &["name", "family", "summary", "teaches", "system", "target", "expect"];

/// Those it must have where somebody else gives the layout and the targets.
pub(super) const REQUIRED_OF_ATTACK: &[&str] = &["name", "family", "summary", "teaches", "rule"];

/// Read such a scenario. `given` is the layout where somebody else gives it.
pub(super) fn scenario(
    reader: &mut Reader,
    root: &Table<'_>,
    path: &str,
    payloads: &dyn Payloads,
    given: Option<&Arc<LayoutFile>>,
) -> Option<Scenario> {
    let name = root.get("name").and_then(|node| head::name(reader, node, path));
    let family = root.get("family").and_then(|node| head::family(reader, node));
    let summary = root.get("summary").and_then(|node| head::summary(reader, node));
    let teaches = root.get("teaches").and_then(|node| reader.text(node, "teaches"));
    let layout = given.cloned().or_else(|| frames_of(reader, root, payloads).map(Arc::new));
    let frames = root.get("recorded").map(|node| recorded::frames(reader, node, payloads));
    let (rules, rule_lines) = match (root.get("rule"), &layout) {
        (Some(node), Some(file)) => {
            let vocabulary = Vocabulary::of_layout(&file.layout).with_ports(&file.ports);
            rules::rules(reader, node, &vocabulary.with_recorded(frames.unwrap_or_default()))
        }
        _ => Default::default(),
    };
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let found = root.get("target").map(|node| target_file::read(reader, node, folder));
    let Found { targets, broken } = found.unwrap_or_default();
    let names = targets.iter().map(|target| target.name.as_str());
    let names: Vec<&str> = names.chain(broken.iter().map(String::as_str)).collect();
    let expect = match root.get("expect") {
        Some(node) => expectations::of_targets(reader, node, root.key_span("expect"), &names),
        None => Some(Expect::default()),
    };
    Some(Scenario {
        name: name?.to_owned(),
        family: family?,
        summary: summary?.to_owned(),
        teaches: teaches?.trim().to_owned(),
        systems: Vec::new(),
        target_set: Some(TargetSet { layout: layout?, targets, scope: read_scope(reader, root) }),
        seed: DEFAULT_SEED,
        needs: Vec::new(),
        plan: Plan { rules, rule_lines, ..Plan::default() },
        expect: expect?,
        path: path.to_owned(),
        file: None,
        replaced: false,
        notes: Vec::new(),
    })
}

/// Which frames there are: those of a layout file, or of one of the five systems.
fn frames_of(reader: &mut Reader, root: &Table<'_>, payloads: &dyn Payloads) -> Option<LayoutFile> {
    match (root.get("layout"), root.get("system")) {
        (Some(_), Some(node)) => {
            let message = "`system` and `layout` both say which frames there are".to_owned();
            reader.mistake(node.span(), message, "leave out one of them");
            None
        }
        (Some(node), None) => layout(reader, node, payloads),
        (None, Some(node)) => {
            let name = reader.text(node, "system")?;
            builtin(reader, node, name)
        }
        (None, None) => None,
    }
}

/// The layout of one of the five systems.
fn builtin(reader: &mut Reader, node: &Node<'_>, name: &str) -> Option<LayoutFile> {
    let found = LayoutFile::builtin(name, reader.registry);
    if found.is_none() {
        let names = reader.registry.names();
        let (system, _) = name.split_once('/').unwrap_or((name, ""));
        if names.contains(&system) {
            let message = format!("`{system}` has no such profile: {}", quote(name));
            reader.mistake(node.span(), message, "a profile of the system, such as `hardened`");
        } else {
            reader.unknown(node.span(), "system", system, &names);
        }
    }
    found
}

/// The layout file beside the scenario.
fn layout(reader: &mut Reader, node: &Node<'_>, payloads: &dyn Payloads) -> Option<LayoutFile> {
    let path = reader.text(node, "layout")?;
    if let Some(name) = path.strip_prefix(BUILTIN) {
        return builtin(reader, node, name);
    }
    let content = match payloads.read(path) {
        Ok(content) => content,
        Err(why) => {
            reader.mistake(node.span(), format!("{} {why}", quote(path)), "the layout file");
            return None;
        }
    };
    let Ok(source) = std::str::from_utf8(&content) else {
        reader.mistake(node.span(), format!("{} is not UTF-8", quote(path)), "the layout file");
        return None;
    };
    match LayoutFile::parse(path, source) {
        Ok(file) => Some(file),
        Err(mistakes) => {
            let message = format!("{} has mistakes", quote(path));
            let first = mistakes.list.first().map_or("", |mistake| mistake.message.as_str());
            let help = format!("`scenarios layout check` shows all; the first: {first}");
            reader.mistake_with_help(node.span(), message, "the layout file", help);
            None
        }
    }
}
