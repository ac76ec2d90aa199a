//! The top of a scenario file: its keys, and the order they are read in.

use std::sync::Arc;

use judge::Plan;
use protocol::registry::Registry;
use protocol::system::System;
use protocol::weakness::Weakness;

use super::head::{family, name, summary};
use super::vocabulary::Vocabulary;
use super::weaknesses::{is_weakness, weaknesses};
use super::{
    DEFAULT_SEED, Payloads, Scenario, expectations, keys, own, recorded, rules, steps, strategy,
};
use crate::diagnostic::{Diagnostic, list};
use crate::layout_file::LayoutFile;
use crate::load::MAX_FILE;
use crate::toml_reader::{self, Node, Reader, Table};

const KEYS: &[&str] = &[
    "name", "family", "summary", "teaches", "system", "seed", "needs", "script", "keys",
    "register", "recorded", "rule", "strategy", "expect",
];

const REQUIRED: &[&str] = &["name", "family", "summary", "teaches", "system", "script", "expect"];

/// Read a scenario. With a layout given, it is an attack on whoever speaks that.
///
/// # Errors
/// Every mistake, in the order of the file.
pub(super) fn scenario(
    path: &str,
    source: &str,
    payloads: &dyn Payloads,
    given: Option<&Arc<LayoutFile>>,
    registry: Registry,
) -> Result<Scenario, Vec<Diagnostic>> {
    let document = toml_reader::document(source, MAX_FILE)?;
    let mut reader = Reader::new(source, registry);
    let has = |key| document.get_ref().contains_key(key);
    let own = given.is_some() || has("layout") || has("target");
    let (keys, required) = match given {
        Some(_) => (own::KEYS, own::REQUIRED_OF_ATTACK),
        None if own && has("system") => (own::KEYS, own::REQUIRED_WITH_SYSTEM),
        None if own => (own::KEYS, own::REQUIRED),
        None => (KEYS, REQUIRED),
    };
    let root = reader.root(document.get_ref(), keys);
    reader.require(&root, "a scenario", required);
    let scenario = if own {
        own::scenario(&mut reader, &root, path, payloads, given)
    } else {
        read(&mut reader, &root, path, payloads)
    };
    match scenario {
        Some(scenario) if reader.mistakes.is_empty() => Ok(scenario),
        _ => Err(toml_reader::in_order(reader.mistakes)),
    }
}

/// Read everything before giving up on anything: that is how all mistakes are found.
fn read(
    reader: &mut Reader,
    root: &Table<'_>,
    path: &str,
    payloads: &dyn Payloads,
) -> Option<Scenario> {
    let name = root.get("name").and_then(|node| name(reader, node, path));
    let family = root.get("family").and_then(|node| family(reader, node));
    let summary = root.get("summary").and_then(|node| summary(reader, node));
    let teaches = root.get("teaches").and_then(|node| reader.text(node, "teaches"));
    let systems = root.get("system").map(|node| systems(reader, node)).unwrap_or_default();
    let seed = match root.get("seed") {
        Some(node) => reader.number(node, "seed", (0, u64::MAX)),
        None => Some(DEFAULT_SEED),
    };
    let needs = match root.get("needs") {
        Some(node) => needs(reader, node, &systems),
        None => Vec::new(),
    };
    let script = root.get("script");
    let scripts = script.map(|node| steps::scripts(reader, node, &systems, payloads));
    let vocabulary = Vocabulary::new(&systems);
    let sets = root.get("keys");
    let keys = sets.map(|node| keys::sets(reader, node, &systems, payloads)).unwrap_or_default();
    let registered =
        root.get("register").and_then(|node| keys::registration(reader, node, &systems));
    let frames = root.get("recorded").map(|node| recorded::frames(reader, node, payloads));
    let vocabulary = vocabulary.with_keys(keys.keys()).with_recorded(frames.unwrap_or_default());
    let rule = root.get("rule");
    let (mut rules, mut rule_lines) =
        rule.map(|node| rules::rules(reader, node, &vocabulary)).unwrap_or_default();
    let strategy = strategy::read(reader, root, &vocabulary).map(|(spec, when)| {
        if let Some((rule, line)) = when {
            rules.insert(0, rule);
            rule_lines.insert(0, line);
        }
        spec
    });
    let expect = root
        .get("expect")
        .and_then(|node| expectations::expect(reader, node, root.key_span("expect"), &systems));
    Some(Scenario {
        name: name?.to_owned(),
        family: family?,
        summary: summary?.to_owned(),
        teaches: teaches?.trim().to_owned(),
        systems,
        target_set: None,
        seed: seed?,
        needs,
        plan: Plan { scripts: scripts?, rules, rule_lines, strategy, keys, registered },
        expect: expect?,
        path: path.to_owned(),
        file: None,
        replaced: false,
        notes: Vec::new(),
    })
}

fn systems(reader: &mut Reader, node: &Node<'_>) -> Vec<&'static System> {
    let (registry, names) = (reader.registry, reader.registry.names());
    let mut found: Vec<&'static System> = Vec::new();
    for node in reader.one_or_more(node, "system").unwrap_or_default() {
        let word = reader.word(node, "system", "system", &names);
        let Some(system) = word.and_then(|name| registry.system(name)) else { continue };
        if found.iter().any(|other| other.name == system.name) {
            reader.mistake(node.span(), format!("`{}` is named twice", system.name), "again");
        } else {
            found.push(system);
        }
    }
    found
}

fn needs(reader: &mut Reader, node: &Node<'_>, systems: &[&'static System]) -> Vec<Weakness> {
    let mut found = Vec::new();
    let nodes = reader.array(node, "needs", "weaknesses").unwrap_or_default();
    for node in nodes {
        let Some(name) = reader.string(node, "needs") else { continue };
        let planted = weaknesses(systems).into_iter().find(|weakness| weakness.name() == name);
        match planted {
            Some(weakness) if found.contains(&weakness) => {
                reader.mistake(node.span(), format!("`{name}` is named twice"), "again");
            }
            Some(weakness) => found.push(weakness),
            None if systems.is_empty() && is_weakness(reader, name) => {}
            None => unknown_weakness(reader, node, name, systems),
        }
    }
    found
}

fn unknown_weakness(reader: &mut Reader, node: &Node<'_>, name: &str, systems: &[&'static System]) {
    let mut names: Vec<&str> = weaknesses(systems).iter().map(|one| one.name()).collect();
    if systems.is_empty() {
        names = reader.registry.weaknesses().iter().map(|weakness| weakness.name()).collect();
    }
    if is_weakness(reader, name) {
        let message = format!("no system of this scenario has the weakness `{name}`");
        let help = format!("allowed: {}", list(&names));
        reader.mistake_with_help(node.span(), message, "another system's", help);
    } else {
        reader.unknown(node.span(), "weakness", name, &names);
    }
}
