//! Programs with every habit that made verdicts wrong, under three attacks: a copy in its session, a session on a new connection, and
//! a changed bit. Each cell has one right answer, whatever the machine is busy with.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// What is right for a target and an attack. A target is called by its fault and its habit.
fn right(fault: &str, habit: &str, attack: &str) -> &'static str {
    let breaks = match (fault, attack) {
        ("stale", "replay-session") | ("static", "replay-in-session") => "delivery-at-most-once",
        ("blind", _) => "message-authenticity",
        _ => "",
    };
    match habit {
        // Nobody knows what they accept.
        "silent" | "no-flush" => "?",
        // What it prints can be counted, and content cannot be seen.
        "no-content" => match (fault, attack) {
            ("blind", "flip-a-bit") => "?",
            ("blind", _) => "delivery-at-most-once",
            _ => breaks,
        },
        // It answers what it claims to have refused.
        "lying" if attack == "replay-in-session" => "contradicted",
        "ends-0" => "ended-early",
        _ => breaks,
    }
}

/// The same of what was judged.
fn judged(case: &Value) -> String {
    if let Some(finding) = case["findings"].as_array().and_then(|findings| findings.first()) {
        return finding["kind"].as_str().unwrap().to_owned();
    }
    let verdicts = case["verdicts"].as_object().unwrap();
    let with = |word: &'static str| {
        verdicts.iter().filter(move |(_, verdict)| verdict["verdict"] == word).map(|(name, _)| name)
    };
    for property in ["message-authenticity", "delivery-at-most-once"] {
        if with("violated").any(|name| name == property) {
            return property.to_owned();
        }
    }
    match with("violated").next() {
        Some(other) => format!("also {other}"),
        None if with("inconclusive").next().is_some() => "?".to_owned(),
        None => String::new(),
    }
}

/// Every target under every attack, and what is wrong with what came of it.
fn wrong(layout: &str, targets: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut grade = Command::new(env!("CARGO_BIN_EXE_scenarios"));
    grade.current_dir(folder).args(["grade", "--layout", layout, "--attacks", "attacks"]);
    grade.args(["--targets", targets, "--jobs", "3", "--format", "json"]);
    let Output { stdout, stderr, .. } = grade.output().unwrap();
    let report: Value = serde_json::from_slice(&stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
    let cases = report["cases"].as_array().unwrap();
    assert!(cases.len() >= 60 && cases.len().is_multiple_of(3), "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let (target, attack) =
            (case["profile"].as_str().unwrap(), case["scenario"].as_str().unwrap());
        let (fault, habit) = target.split_once('-').unwrap();
        let (right, judged) = (right(fault, habit, attack), judged(case));
        if right != judged {
            wrong.push(format!("{target} under {attack}: {judged:?}, right is {right:?}: {case}"));
        }
    }
    wrong
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok()
}

#[test]
fn every_habit_is_judged_right_where_messages_have_lengths() {
    if has_python() {
        assert_eq!(wrong("lengths.toml", "lengths-targets.toml"), [""; 0]);
    }
}

#[test]
fn every_habit_is_judged_right_where_a_read_is_a_message() {
    if has_python() {
        assert_eq!(wrong("raw.toml", "raw-targets.toml"), [""; 0]);
    }
}
