//! What documents say of targets is what the reader of targets accepts, and their examples run.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

mod command_line;

use std::fs;
use std::path::{Path, PathBuf};

use command_line::{folder, scenarios};
use files::target_file::targets;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn document() -> String {
    fs::read_to_string(root().join("docs/targets.md")).unwrap()
}

/// The words that a mistake names as allowed.
fn allowed(source: &str) -> Vec<String> {
    let (list, path) = match targets("targets.toml", source) {
        Ok(file) => {
            let mistakes = file.mistakes.unwrap();
            (mistakes.list, mistakes.path)
        }
        Err(mistakes) => (mistakes.list, mistakes.path),
    };
    let helps = list.iter().filter(|mistake| mistake.message.contains("no-such-key"));
    let helps: Vec<&str> = helps.filter_map(|mistake| mistake.help.as_deref()).collect();
    let help = helps.first().and_then(|help| help.strip_prefix("allowed: "));
    let help = help.unwrap_or_else(|| panic!("{path}: {list:?}"));
    let words = help.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// What `scenarios explain` says.
fn explained(name: &str) -> String {
    let output = scenarios(&root(), &["explain", name]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_key_of_a_target_stands_in_the_document_and_is_explained() {
    let document = document();
    let places = [
        ("[target.a]\nno-such-key = 1\n", "target"),
        ("[target.a]\nserver.no-such-key = 1\n", "target"),
        ("[target.a]\nclient.no-such-key = 1\n", "target"),
        ("[target.a]\nhonest.no-such-key = \"violated\"\n", "target"),
        ("[[target.a.observe]]\nno-such-key = 1\n", "observe"),
    ];
    for (source, explains) in places {
        let explained = explained(explains);
        let keys = allowed(source);
        assert!(keys.len() > 1 || source.contains("client"), "{keys:?}");
        for key in keys {
            let is_property = source.contains("honest");
            assert!(is_property || document.contains(&format!("| `{key}` |")), "{key}: {source}");
            assert!(explained.contains(&key), "{key} is not explained: {source}");
        }
    }
}

#[test]
fn every_word_of_an_observation_stands_in_the_document() {
    let document = document();
    for key in ["who", "claim"] {
        let source = format!("[[target.a.observe]]\n{key} = \"no-such-key\"\n");
        for word in allowed(&source) {
            assert!(document.contains(&format!("`{word}`")), "{word}");
        }
    }
}

/// The TOML examples of the document, in order.
fn examples() -> Vec<String> {
    let document = document();
    let blocks = document.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_example_of_the_document_is_right() {
    let here = folder("documents-examples");
    let layout = root().join("scenarios/examples/echo/echo.toml");
    fs::copy(layout, here.join("echo.toml")).unwrap();
    let examples = examples();
    let whole = &examples[0];
    let (head, _) = whole.split_once("[target").unwrap();
    let (_, rule) = whole.split_once("[[rule]]").unwrap();
    let (_, target) = whole.split_once("[target.vulnerable]").unwrap();
    let (target, _) = target.split_once("[[rule]]").unwrap();
    let (rule, expect) = rule.split_once("[expect").unwrap();
    for example in &examples {
        // A part of a scenario stands in the place of that part of the whole one.
        let source = match () {
            () if example.starts_with("name") => example.clone(),
            () if example.starts_with("[target") => {
                let name = example.split(['.', ']']).nth(1).unwrap();
                let expect = expect.replace("vulnerable", name);
                format!("{head}{example}[[rule]]{rule}[expect{expect}")
            }
            () => format!("{head}[target.vulnerable]{target}[[rule]]{rule}{example}"),
        };
        fs::write(here.join("replay-a-message.toml"), &source).unwrap();
        let output = scenarios(&here, &["check", "replay-a-message.toml"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{source}\n{said}");
    }
    assert!(examples.len() >= 4);
}

#[test]
fn a_new_scenario_for_own_programs_is_right_as_it_is() {
    let here = folder("documents-new");
    let output = scenarios(&here, &["new", "--target", "mine"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "mine.toml\nmine-layout.toml\n");
    let output = scenarios(&here, &["check", "mine.toml", "mine-layout.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let source = fs::read_to_string(here.join("mine.toml")).unwrap();
    assert!(source.contains("FILL IN") && source.contains("# [[target.mine.observe]]"));
}

#[test]
fn programs_that_claim_nothing_are_observed() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let output = scenarios(&root(), &["run", "scenarios/examples/notes"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
