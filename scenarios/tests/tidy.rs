//! The rules of the house that no compiler checks.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::fs;
use std::path::{Path, PathBuf};

use files::catalogue::catalogue;
use judge::properties::PROPERTIES;
use judge::property::Property;
use mitm_proxy::actions::ACTIONS;
use mitm_proxy::strategies::STRATEGIES;
use protocol::systems::SYSTEMS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every text file of the repository, but what git ignores.
fn files(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !matches!(name, "target" | ".git" | "seeds" | "corpus" | "artifacts") {
                    folders.push(path);
                }
            } else if extensions.iter().any(|end| name.ends_with(end)) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 10, "the walk finds the repository");
    found
}

fn stems(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    let stems = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let mut stems: Vec<String> = stems.filter(|stem| stem != "mod").collect();
    stems.sort();
    stems
}

#[test]
fn an_action_is_one_file_and_one_table_line() {
    let table: Vec<String> = ACTIONS.iter().map(|spec| spec.name.replace('-', "_")).collect();
    assert_eq!(stems("mitm-proxy/src/actions"), table);
}

#[test]
fn a_strategy_is_one_file_and_one_table_line() {
    let files = stems("mitm-proxy/src/strategies");
    for spec in STRATEGIES {
        assert!(files.contains(&spec.name.replace('-', "_")), "{}", spec.name);
    }
    assert!(STRATEGIES.is_sorted_by_key(|spec| spec.name));
}

#[test]
fn a_property_is_one_file_and_one_table_line() {
    let mut table: Vec<String> =
        PROPERTIES.iter().map(|spec| spec.property.name().replace('-', "_")).collect();
    table.sort();
    assert_eq!(stems("scenarios/judge/src/properties"), table);
}

#[test]
fn a_system_is_one_folder_and_one_table_line() {
    for system in SYSTEMS {
        assert!(root().join("protocol/src").join(system.name).join("mod.rs").is_file());
    }
}

#[test]
fn a_fuzz_target_is_one_file_one_entry_and_a_folder_of_seeds() {
    let targets = stems("fuzz/fuzz_targets");
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let entry = |line: &str| line.strip_prefix("name = \"")?.strip_suffix('"').map(str::to_owned);
    let entries = manifest.split("[[bin]]").skip(1);
    let entries: Vec<String> = entries.filter_map(|it| it.lines().find_map(entry)).collect();
    assert_eq!(entries, targets, "fuzz/Cargo.toml names every target, in order");
    for target in &targets {
        let path = format!("path = \"fuzz_targets/{target}.rs\"");
        assert!(manifest.contains(&path), "fuzz/Cargo.toml: no {path}");
    }
    assert_eq!(stems("fuzz/seeds"), targets);
    for target in targets {
        let seeds = fs::read_dir(root().join("fuzz/seeds").join(&target)).unwrap();
        let sizes: Vec<u64> = seeds.map(|seed| seed.unwrap().metadata().unwrap().len()).collect();
        assert!(!sizes.is_empty(), "{target}: no seed");
        assert!(sizes.iter().all(|size| *size <= 8192), "{target}: a seed is over 8 KiB");
    }
}

#[test]
fn every_weakness_is_checked_where_the_table_says() {
    for system in SYSTEMS {
        for planted in system.planted {
            let code = fs::read_to_string(root().join(planted.code)).unwrap();
            let variant = format!("Weakness::{:?}", planted.weakness);
            assert!(code.contains(&variant), "{}: no {variant}", planted.code);
        }
    }
}

#[test]
fn every_scenario_says_what_stops_it_and_what_it_needs() {
    for scenario in catalogue() {
        let path = format!("{}/{}.toml", scenario.family.name(), scenario.name);
        assert_eq!(scenario.path, path);
        for system in &scenario.systems {
            let expectation = |profile| scenario.expect.of(system.name, profile).unwrap();
            for profile in ["as-built", "hardened"] {
                assert!(expectation(profile).blocked_by.is_some(), "{path}: {profile}: blocked_by");
            }
            let violated =
                |profile| Property::ALL.iter().any(|p| expectation(profile).expects_violation(*p));
            assert!(!violated("hardened"), "{path}: hardened keeps every property");
            if violated("as-built") {
                assert!(!scenario.needs.is_empty(), "{path}: which weakness does it need?");
            }
            for weakness in &scenario.needs {
                assert!(system.planted(*weakness).is_some(), "{path}: {weakness}");
            }
        }
    }
}

#[test]
fn files_hold_one_thing() {
    for (path, text) in files(&[".rs"]) {
        let lines = text.lines().count();
        assert!(lines <= 800, "{}: {lines} lines", path.display());
        assert!(
            text.starts_with("//!") || text.starts_with("#!"),
            "{}: what lives here?",
            path.display()
        );
    }
}

/// What is true of one system stands in its folder: code that asks for a system by name forgets the next one.
#[test]
fn no_system_is_asked_for_by_name_outside_its_folder() {
    // The text of a file that is written for a user.
    let excepted = ["scenarios/files/src/starter.rs"];
    let crates = ["protocol/src", "mitm-proxy", "scenarios", "reports/src", "benches/src/work.rs"];
    for (path, text) in files(&[".rs"]) {
        let shown = path.display().to_string();
        let is_test = shown.contains("/tests/")
            || shown.contains("/examples/")
            || shown.ends_with("tests.rs");
        if is_test || excepted.contains(&&*shown) || !crates.iter().any(|it| path.starts_with(it)) {
            continue;
        }
        // An example in a comment asks for nothing.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        for system in SYSTEMS {
            let own = Path::new("protocol/src").join(system.name);
            let named = code.contains(&format!("\"{}\"", system.name));
            assert!(!named || path.starts_with(own), "{shown}: \"{}\"", system.name);
        }
    }
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    // Written in two halves, or this file would find itself.
    let words = [["todo", "!("], ["unimpl", "emented!("], ["#[ign", "ore"], ["dbg", "!("]];
    for (path, text) in files(&[".rs"]) {
        for [one, two] in words {
            let word = format!("{one}{two}");
            assert!(!text.contains(&word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn no_machine_is_named() {
    let folders = ["work", "root", "home", "Users"];
    for (path, text) in files(&[".rs", ".toml", ".md", ".snap", "justfile", "run"]) {
        for folder in folders {
            let word = format!("/{folder}/");
            assert!(!text.contains(&word), "{}: a path of some machine: {word}", path.display());
        }
    }
}

#[test]
fn the_victims_and_the_attacker_have_no_runtime() {
    for (manifest, crates) in [
        ("protocol/Cargo.toml", &["tokio", "getrandom", "rand =", "mio"][..]),
        ("mitm-proxy/Cargo.toml", &["tokio", "socket2", "rustix", "getrandom", "rand =", "mio"]),
        (
            "mitm-proxy/capture/Cargo.toml",
            &["tokio", "socket2", "rustix", "getrandom", "rand =", "mio"],
        ),
        ("mitm-proxy/net/Cargo.toml", &["getrandom", "rand ="]),
    ] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        for crate_name in crates {
            assert!(!text.contains(crate_name), "{manifest}: {crate_name}");
        }
    }
    for (path, text) in files(&[".rs"]) {
        let pure = path.starts_with("protocol") || path.starts_with("mitm-proxy");
        if pure && !path.starts_with("mitm-proxy/net") {
            assert!(!text.contains("tokio"), "{}: sockets belong into net", path.display());
        }
    }
}
