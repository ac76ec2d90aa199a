//! The command line as a user meets it: both streams and the exit code.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

mod command_line;

use command_line::{check, folder, scenarios, transcript};

fn attacks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks")
}

#[test]
fn help() {
    let here = folder("help");
    check("help", &here, &["--help"]);
    check("help-replay", &here, &["replay", "--help"]);
    check("no-command", &here, &[]);
}

#[test]
fn a_family_shows_ladders_and_a_table() {
    let here = folder("family");
    check("reflect-helo", &here, &["reflect", "--system", "helo", "--profile", "as-built"]);
    check("reflect-quiet", &here, &["reflect", "--quiet"]);
    check("reflect-colour", &here, &["reflect", "--quiet", "--color", "always"]);
    check("one-weakness", &here, &["replay", "--profile", "no-sequence", "--quiet"]);
}

#[test]
fn list_and_explain() {
    let here = folder("list");
    check("list-ratchet", &here, &["list", "--system", "ratchet"]);
    check("explain", &here, &["explain", "replay-text-in-session"]);
    check("explain-property", &here, &["explain", "order"]);
    check("explain-system", &here, &["explain", "helo"]);
    check("systems", &here, &["systems"]);
    check("explain-near", &here, &["explain", "replay-text-in-sesion"]);
}

#[test]
fn a_layout_is_started_and_checked() {
    let here = folder("layout");
    transcript(
        "layout",
        &here,
        &[
            "layout new mine",
            "layout new mine",
            "layout new Mine",
            "layout check mine.toml",
            "layout check mine.toml --format json",
            "layout check nowhere.toml",
        ],
    );
    fs::write(here.join("wrong.toml"), "name = \"wrong\"\nframe = 1\n").unwrap();
    check("layout-wrong", &here, &["layout", "check", "wrong.toml"]);
}

#[test]
fn mistakes_have_their_places_in_json_too() {
    let here = folder("check-json");
    let right = include_str!("../attacks/replay/replay-data-in-session.toml");
    fs::write(here.join("replay-data-in-session.toml"), right).unwrap();
    fs::write(
        here.join("wrong.toml"),
        right.replacen("family = \"replay\"", "family = \"repley\"", 1),
    )
    .unwrap();
    check(
        "check-json",
        &here,
        &["check", "replay-data-in-session.toml", "wrong.toml", "nowhere.toml", "--format", "json"],
    );
}

#[test]
fn json_has_the_promised_form() {
    let here = folder("json");
    let output = scenarios(&here, &["replay", "--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = json["cases"].as_array().unwrap();
    assert!(cases.len() >= 6);
    for case in cases {
        for key in ["scenario", "family", "system", "profile", "over"] {
            assert!(case[key].is_string(), "{key}");
        }
        assert!(case["seed"].is_u64() && case["expected"] == true && case["frames"].is_array());
        assert!(case["blocked_by"].is_string() || case["blocked_by"].is_null());
        let verdicts = case["verdicts"].as_object().unwrap();
        assert_eq!(verdicts.len(), judge::property::Property::ALL.len());
        assert!(verdicts.values().all(|v| v["verdict"].is_string() && v["evidence"].is_string()));
    }
    assert_eq!(json["summary"]["cases"], cases.len());
    // The cross-session replay of ratchet and the in-session replay of helo, both ways.
    let outcome = |scenario: &str, profile: &str| {
        let found = cases.iter().find(|c| c["scenario"] == scenario && c["profile"] == profile);
        found.unwrap()["verdicts"]["delivery-at-most-once"]["verdict"].clone()
    };
    let stopped = cases.iter().find(|case| case["scenario"] == "replay-text-in-session");
    assert!(stopped.unwrap()["blocked_by"].is_null());
    assert!(cases.iter().any(|case| case["blocked_by"] == "server: sequence"));
    for scenario in ["replay-session-into-new-connection", "replay-text-in-session"] {
        assert_eq!(outcome(scenario, "as-built"), "violated");
        assert_eq!(outcome(scenario, "hardened"), "held");
    }
}

#[test]
fn a_real_text_and_a_real_file_take_the_place_of_the_scripts() {
    let here = folder("payload");
    let picture = attacks().join("payloads/lighthouse.png");
    fs::copy(picture, here.join("my picture.png")).unwrap();
    let args = ["replay", "--system", "helo", "--profile", "as-built", "--format", "json"];
    let args = [&args[..], &["--text", "meet me at noon", "--file", "my picture.png"]].concat();
    let output = scenarios(&here, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(r#"delivers text \"meet me at noon\""#));
    assert!(text.contains(r#"delivers image \"my picture.png\" (458 bytes)"#));
    assert!(!text.contains("pay bob 100"));
    check("payload-not-numbers", &here, &["replay", "--system", "ratchet", "--text", "hello"]);
    check("payload-missing", &here, &["replay", "--file", "missing.png"]);
}

#[test]
fn bad_paths_are_one_clear_line_each() {
    let here = folder("paths");
    check("run-missing", &here, &["run", "missing.toml"]);
    fs::create_dir(here.join("empty")).unwrap();
    check("run-empty-folder", &here, &["run", "empty"]);
    fs::write(here.join("latin1.toml"), b"name = \"caf\xe9\"\n").unwrap();
    check("run-not-utf8", &here, &["run", "latin1.toml"]);
    let huge = fs::File::create(here.join("huge.toml")).unwrap();
    huge.set_len(100 << 20).unwrap();
    check("run-huge", &here, &["run", "huge.toml"]);
    fs::remove_file(here.join("huge.toml")).unwrap();
}

#[test]
fn unknown_words_are_refused_with_the_nearest_known_one() {
    let here = folder("unknown");
    check("unknown-system", &here, &["replay", "--system", "hello"]);
    check("unknown-profile", &here, &["replay", "--profile", "hardend"]);
    check("unknown-command", &here, &["repaly"]);
    check("empty-family", &here, &["oracle"]);
}

#[test]
fn timing_measures_and_says_that_it_is_no_verdict() {
    let here = folder("timing");
    check("timing-no-samples", &here, &["timing", "--samples", "0"]);
    check("timing-sure", &here, &["timing", "--confidence", "100"]);
    check("timing-near", &here, &["timing", "--system", "cssr"]);
    let args = ["timing", "--system", "csr", "--samples", "36"];
    let output = scenarios(&here, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("No verdict") && text.contains("Welch's t-test"), "{text}");
    let output = scenarios(&here, &[&args[..], &["--format", "json"]].concat()).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["measured"].as_array().unwrap();
    let refusals = |row: &serde_json::Value| {
        [0, 1].map(|kind| row["kinds"][kind]["refused_by"].as_str().unwrap().to_owned())
    };
    assert_eq!(refusals(&rows[0]), ["padding", "mac"]);
    assert_eq!(refusals(&rows[1]), ["mac", "mac"]);
    for row in rows {
        assert!(row["welch"]["p"].is_number() && row["difference_ns"].is_number());
        assert!(row["ratio"]["min"].as_f64() <= row["ratio"]["max"].as_f64());
    }
}

#[test]
fn a_new_scenario_checks_and_runs_and_is_never_overwritten() {
    let here = folder("new");
    check("new", &here, &["new", "my-first"]);
    check("new-again", &here, &["new", "my-first"]);
    check("new-bad-name", &here, &["new", "../escape"]);
    check("check", &here, &["check", "my-first.toml"]);
    let output = scenarios(&here, &["run", "my-first.toml", "--quiet"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_crate_of_a_new_system_is_written_and_never_overwritten() {
    let here = folder("new-system");
    check("new-system", &here, &["new-system", "mine"]);
    check("new-system-again", &here, &["new-system", "mine"]);
    check("new-system-bad-name", &here, &["new-system", "../escape"]);
    check("new-system-elsewhere", &here, &["new-system", "other", "--meddle", "mine"]);
    assert!(!here.join("other").exists(), "nothing is written after a mistake");
    let manifest = fs::read_to_string(here.join("mine/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let protocol = manifest["dependencies"]["protocol"]["path"].as_str().unwrap();
    assert!(Path::new(protocol).join("src/lib.rs").is_file(), "{protocol}");
}

#[test]
fn mistakes_are_shown_at_their_line_and_column() {
    let here = folder("mistakes");
    let source = fs::read_to_string(attacks().join("replay/replay-text-in-session.toml")).unwrap();
    let source = source.replace("\"SECX\"", "\"SECXX\"").replace("times", "tims");
    fs::write(here.join("replay-text-in-session.toml"), source).unwrap();
    check("check-mistakes", &here, &["check", "replay-text-in-session.toml"]);
}

#[test]
fn a_verdict_that_differs_exits_with_1() {
    let here = folder("differs");
    let source = fs::read_to_string(attacks().join("replay/replay-text-in-session.toml")).unwrap();
    let source = source.replace("server: sequence", "server: mac");
    fs::write(here.join("replay-text-in-session.toml"), source).unwrap();
    check("differs", &here, &["run", "replay-text-in-session.toml", "--quiet"]);
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    let here = folder("pipe");
    let mut command = scenarios(&here, &["bit-flip", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 16];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_capture_is_a_file_or_one_a_case() {
    let here = folder("capture");
    fs::create_dir(here.join("folder.pcapng")).unwrap();
    let run = "run csr-text-and-image --quiet --capture";
    let lines = [
        format!("{run} one.pcapng --profile as-built"),
        format!("{run} two.pcapng"),
        format!("{run} captures"),
        format!("{run} folder.pcapng --profile as-built"),
        format!("{run} missing/one.pcapng --profile as-built"),
        format!("{run} one.pcapng/captures/"),
        "run csr-text-and-image --plaintext".to_owned(),
        "dissector --out meddle.lua".to_owned(),
        "dissector --out missing/meddle.lua".to_owned(),
        "dissector --layout one.pcapng".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    transcript("capture", &here, &lines);
    let case = "csr-text-and-image-csr-as-built.pcapng";
    let written = fs::read(here.join("one.pcapng")).unwrap();
    for same in [format!("two-{case}"), format!("captures/{case}"), format!("folder.pcapng/{case}")]
    {
        assert!(fs::read(here.join(&same)).unwrap() == written, "{same}");
    }
    assert!(fs::read_to_string(here.join("meddle.lua")).unwrap().starts_with("-- A dissector"));
}
