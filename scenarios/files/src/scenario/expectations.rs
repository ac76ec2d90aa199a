//! `expect`: what the judge should say, by profile, or by system and profile.

use std::collections::BTreeMap;
use std::ops::Range;

use judge::expect::{BlockedBy, Expect, Expectation, NOTHING};
use judge::property::{Outcome, Property};
use protocol::endpoint::Check;
use protocol::system::System;
use protocol::weakness::Profile;

use super::CORRECT;
use super::weaknesses::{is_weakness, weaknesses};
use crate::diagnostic::{list, near, quote};
use crate::toml_reader::{Node, Reader};

/// The word for a verdict that may be anything.
const ANY: &str = "any";

/// The profiles every scenario must speak of.
const REQUIRED: &[&str] = &["as-built", "hardened"];

/// Read all expectations.
pub(super) fn expect(
    reader: &mut Reader,
    node: &Node<'_>,
    key: Range<usize>,
    systems: &[&'static System],
) -> Option<Expect> {
    let table = reader.open_table(node, "expect")?;
    let mut expect = Expect::default();
    let mut misspelt: Vec<&str> = Vec::new();
    let mut allowed = profiles(systems);
    allowed.extend(systems.iter().map(|system| system.name));
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        let system = systems.iter().find(|system| system.name == name);
        if let Some(system) = system {
            let own = of_system(reader, node, system, &mut misspelt);
            expect.systems.insert(system.name.to_owned(), own);
        } else {
            if !is_profile(name, systems) {
                let message = if reader.registry.system(name).is_some() {
                    format!("`{name}` is not a system of this scenario")
                } else if is_weakness(reader, name) {
                    format!("no system of this scenario has the weakness `{name}`")
                } else {
                    format!("unknown profile {}", quote(name))
                };
                reader.refuse(key.span(), message, name, &allowed);
                let Some(meant) = near(name, &allowed) else { continue };
                misspelt.push(meant);
            }
            let expectation = expectation(reader, node, name, systems);
            expect.profiles.insert(name.to_owned(), expectation);
        }
    }
    require(reader, &expect, key, systems, &misspelt);
    Some(expect)
}

/// Read what is expected of somebody's own programs, by target. Where no target is named, any may be.
pub(super) fn of_targets(
    reader: &mut Reader,
    node: &Node<'_>,
    key: Range<usize>,
    targets: &[&str],
) -> Option<Expect> {
    let table = reader.open_table(node, "expect")?;
    let mut expect = Expect::default();
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        if !targets.is_empty() && !targets.contains(&name) && name != CORRECT {
            reader.unknown(key.span(), "target", name, targets);
        }
        let expectation = expectation(reader, node, name, &[]);
        expect.profiles.insert(name.to_owned(), expectation);
    }
    let spoken_of = |target: &str| {
        expect.profiles.contains_key(target) || expect.profiles.contains_key(CORRECT)
    };
    for target in targets.iter().filter(|target| !spoken_of(target)) {
        let message = format!("nothing is expected of the target {}", quote(target));
        let help = format!("add a table `[expect.{target}]`");
        reader.mistake_with_help(key.clone(), message, "every scenario says what it expects", help);
    }
    Some(expect)
}

fn require(
    reader: &mut Reader,
    expect: &Expect,
    key: Range<usize>,
    systems: &[&'static System],
    misspelt: &[&str],
) {
    for profile in REQUIRED {
        let open = |system: &&&'static System| expect.of(system.name, profile).is_none();
        let lacking: Vec<&str> = systems.iter().filter(open).map(|system| system.name).collect();
        let lacking_at_all = systems.is_empty() && !expect.profiles.contains_key(*profile);
        if (lacking.is_empty() && !lacking_at_all) || misspelt.contains(profile) {
            continue;
        }
        let message = if lacking.len() == systems.len() {
            format!("nothing is expected of `{profile}`")
        } else {
            format!("nothing is expected of `{profile}` for {}", list(&lacking))
        };
        let help = format!(
            "add a table `[expect.{profile}]`; a property it does not name is expected to be held"
        );
        reader.mistake_with_help(key.clone(), message, "every scenario says what it expects", help);
    }
}

fn of_system<'t>(
    reader: &mut Reader,
    node: &'t Node<'t>,
    system: &'static System,
    misspelt: &mut Vec<&'static str>,
) -> BTreeMap<String, Expectation> {
    let mut found = BTreeMap::new();
    let Some(table) = reader.open_table(node, system.name) else { return found };
    let allowed = profiles(&[system]);
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        if !is_profile(name, &[system]) {
            let message = format!("`{}` has no profile {}", system.name, quote(name));
            reader.refuse(key.span(), message, name, &allowed);
            misspelt.extend(near(name, &allowed));
        }
        let expectation = expectation(reader, node, name, &[system]);
        found.insert(name.to_owned(), expectation);
    }
    found
}

/// Every profile of any of these systems.
fn profiles(systems: &[&'static System]) -> Vec<&'static str> {
    let mut names = REQUIRED.to_vec();
    names.extend(weaknesses(systems).iter().map(|weakness| weakness.name()));
    names
}

fn is_profile(name: &str, systems: &[&'static System]) -> bool {
    REQUIRED.contains(&name) || systems.iter().any(|system| Profile::named(system, name).is_some())
}

fn expectation(
    reader: &mut Reader,
    node: &Node<'_>,
    profile: &str,
    systems: &[&'static System],
) -> Expectation {
    let properties: Vec<&str> = Property::ALL.iter().map(|property| property.name()).collect();
    let outcomes = Outcome::ALL.iter().map(|outcome| outcome.name());
    let outcomes: Vec<&str> = outcomes.chain([ANY]).collect();
    let mut allowed = properties;
    allowed.extend(["all", "blocked_by", "rests_on_seed"]);
    let line = reader.line(node.span().start);
    let mut expectation = Expectation { line, ..Expectation::default() };
    // What is there and wrong is not missing as well: it is one mistake.
    let Some(table) = reader.open_table(node, profile) else { return expectation };
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        if name == "blocked_by" {
            expectation.blocked_by = blocked_by(reader, node, systems);
            continue;
        }
        if name == "rests_on_seed" {
            expectation.rests_on_seed = reader.text(node, name).map(str::to_owned);
            continue;
        }
        let property = Property::named(name);
        if property.is_none() && name != "all" {
            reader.unknown(key.span(), "property", name, &allowed);
            continue;
        }
        let Some(word) = reader.word(node, name, "verdict", &outcomes) else { continue };
        let outcome = Outcome::named(word);
        if let Some(property) = property {
            expectation.verdicts.insert(property, outcome);
        } else {
            (expectation.all, expectation.speaks_of_all) = (outcome, true);
        }
    }
    expectation
}

fn blocked_by(
    reader: &mut Reader,
    node: &Node<'_>,
    systems: &[&'static System],
) -> Option<BlockedBy> {
    let nodes = reader.one_or_more(node, "blocked_by")?;
    let mut found = BlockedBy::default();
    for node in nodes {
        let Some(text) = reader.string(node, "blocked_by") else { continue };
        let mut entry = Vec::new();
        for text in text.split('|').map(str::trim) {
            let check = if text == NOTHING {
                Some(NOTHING.to_owned())
            } else {
                blocker(reader, node, text, systems)
            };
            let Some(check) = check else { continue };
            if found.0.iter().flatten().chain(&entry).any(|known| *known == check) {
                reader.mistake(node.span(), format!("`{check}` is named twice"), "again");
            } else {
                entry.push(check);
            }
        }
        if !entry.is_empty() {
            found.0.push(entry);
        }
    }
    Some(found)
}

/// One `<actor>: <check>`.
fn blocker(
    reader: &mut Reader,
    node: &Node<'_>,
    text: &str,
    systems: &[&'static System],
) -> Option<String> {
    let Some((actor, check)) = text.split_once(':') else {
        let message = format!("{} names no check", quote(text));
        let help = format!("write `server: mac`, or `{NOTHING}` if no check stopped it");
        reader.mistake_with_help(node.span(), message, "expected `<actor>: <check>`", help);
        return None;
    };
    let (actor, check) = (actor.trim(), check.trim());
    let most = systems.iter().map(|system| system.clients).max().unwrap_or(u32::MAX);
    let number = actor.strip_prefix("client-").and_then(|digits| {
        digits.parse::<u32>().ok().filter(|number| number.to_string() == digits)
    });
    let known = matches!(actor, "server" | "client")
        || number.is_some_and(|number| (1..=most).contains(&number));
    if !known {
        let mut actors = vec!["server".to_owned(), "client".to_owned()];
        actors.extend((2..=most.min(20)).map(|number| format!("client-{number}")));
        let actors: Vec<&str> = actors.iter().map(String::as_str).collect();
        reader.unknown(node.span(), "actor", actor, &actors);
    }
    let own = systems.iter().flat_map(|system| system.checks);
    let checks: Vec<&str> = Check::ALL.iter().chain(own).map(|check| check.name()).collect();
    let checked = checks.contains(&check);
    if !checked {
        reader.unknown(node.span(), "check", check, &checks);
    }
    (known && checked).then(|| format!("{actor}: {check}"))
}
