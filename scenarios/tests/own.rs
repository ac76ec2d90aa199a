//! Somebody's own programs: the example as the README runs it, many of them graded, and an end by Ctrl-C.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn scenarios(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenarios"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUST_BACKTRACE");
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The examples are in Python; a machine without it has other tests.
#[expect(clippy::print_stdout, reason = "a test that did not run says so")]
fn has_python() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        println!("not tried: python3 is not here");
    }
    there
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_example_is_attacked_and_its_fix_withstands() {
    if !has_python() {
        return;
    }
    let Output { status, stdout, stderr } =
        scenarios(&["run", "examples/echo", "--format", "json"]).output().unwrap();
    assert_eq!(status.code(), Some(0), "{}{}", text(stdout), text(stderr));
    let report: Value = serde_json::from_slice(&stdout).unwrap();
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        assert_eq!((&case["system"], &case["over"]), (&"echo".into(), &"programs".into()));
        assert_eq!(case["judged_from"], "claims on standard output");
        assert_eq!(case["verdicts"]["forward-secrecy"]["verdict"], "not judged");
    }
    let replayed = |profile: &str| {
        let wanted =
            |case: &&Value| case["scenario"] == "replay-a-message" && case["profile"] == profile;
        cases.iter().find(wanted).unwrap()
    };
    let verdict = |profile| &replayed(profile)["verdicts"]["delivery-at-most-once"]["verdict"];
    assert_eq!((verdict("vulnerable"), verdict("fixed")), (&"violated".into(), &"held".into()));
    assert_eq!(replayed("fixed")["blocked_by"], "server: sequence");
}

#[test]
fn one_target_can_be_chosen() {
    if has_python() {
        let args = ["run", "examples/echo/flip-a-bit.toml", "--profile", "fixed", "--quiet"];
        let Output { status, stdout, .. } = scenarios(&args).output().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(text(stdout).contains("1 as expected, 0 not"));
    }
}

#[test]
fn grading_tells_apart_who_withstands_who_does_not_and_who_never_tried() {
    if !has_python() {
        return;
    }
    let junit = folder("own-grade").join("grade.xml");
    let shown = junit.display().to_string();
    let args = ["grade", "--layout", "examples/echo/echo.toml", "--attacks", "tests/own"];
    let more = ["--targets", "tests/own/targets.toml", "--junit", &shown, "--jobs", "2"];
    let Output { status, stdout, .. } = scenarios(&[&args[..], &more].concat()).output().unwrap();
    let table = text(stdout);
    assert_eq!(status.code(), Some(1), "{table}");
    let row = |name: &str| table.lines().find(|line| line.contains(&format!("| {name} "))).unwrap();
    assert!(
        row("vulnerable").contains("delivery-at-most-once") && row("vulnerable").contains("0/1")
    );
    assert!(row("fixed").contains(" ok ") && row("fixed").contains("1/1"));
    assert!(row("lazy").contains("not implemented") && row("lazy").contains("0/1"));
    assert!(row("broken").contains("died"), "{table}");
    assert!(table.contains("SIGSEGV"), "{table}");
    let xml = fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"4\" failures=\"2\""), "{xml}");
    assert!(xml.contains("<skipped message=\"not implemented\""), "{xml}");
}

/// A scenario of one target in a folder of its own.
fn alone(name: &str, server: &str, client: &str) -> PathBuf {
    let folder = folder(name);
    let layout = "name = \"lines\"\n[[frame]]\nname = \"LINE\"\nfields = [{ name = \"text\", until = \"\\n\" }]\n";
    fs::write(folder.join("lines.toml"), layout).unwrap();
    let scenario = format!(
        "name = \"{name}\"\nfamily = \"replay\"\nsummary = \"One line twice.\"\nteaches = \"-\"\nlayout = \"lines.toml\"\n\
         [target.mine]\nserver.command = [\"sh\", \"-c\", {server:?}, \"{{port}}\"]\nserver.ready = {{ line = \"ready\" }}\n\
         client.command = [\"sh\", \"-c\", {client:?}, \"{{port}}\"]\nclaims = \"stdout\"\nlimit = \"60s\"\n\
         [[rule]]\nwhen = {{ type = \"LINE\" }}\ndo.replay = {{ times = 1 }}\n[expect.mine]\nall = \"inconclusive\"\n"
    );
    let path = folder.join(format!("{name}.toml"));
    fs::write(&path, scenario).unwrap();
    path
}

#[test]
fn ctrl_c_stops_the_programs_and_reports_what_there_is() {
    let mark = folder("own-interrupted-mark").join("pid");
    let server = format!("echo $$ > {}; echo ready; exec sleep 600", mark.display());
    let path = alone("own-interrupted", &server, "exec sleep 600");
    let mut child = scenarios(&["run", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut tries = 0;
    while fs::read_to_string(&mark).unwrap_or_default().trim().is_empty() {
        tries += 1;
        assert!(tries < 20_000_000, "the server never started");
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut printed = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_to_string(&mut printed).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{printed}");
    assert!(printed.contains("interrupted"), "{printed}");
    let server = fs::read_to_string(&mark).unwrap();
    assert!(!Path::new("/proc").join(server.trim()).join("cmdline").exists(), "the server lives");
}

#[test]
fn who_dies_before_any_rule_has_acted_was_not_attacked() {
    // The first run, without an attack, goes well; in the second the client dies of itself, and no frame was ever sent.
    let client = "test -e ran && kill -SEGV $$; touch ran";
    let path = alone("own-died-of-itself", "echo ready; exec sleep 600", client);
    let args = ["run", path.to_str().unwrap(), "--format", "json"];
    let Output { status, stdout, .. } = scenarios(&args).output().unwrap();
    let report: Value = serde_json::from_slice(&stdout).unwrap();
    let case = &report["cases"][0];
    assert_eq!(case["findings"][0]["kind"], "died", "{case}");
    assert!(case["inconclusive"].as_str().unwrap().contains("never acted"), "{case}");
    assert_eq!(status.code(), Some(0), "{case}");
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let path = alone("own-missing", "echo ready", "true");
    let source = fs::read_to_string(&path).unwrap().replacen("[\"sh\"", "[\"no-such-program\"", 1);
    fs::write(&path, source).unwrap();
    let mut child =
        scenarios(&["run", path.to_str().unwrap()]).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(said.iter().any(|line| line.contains("no-such-program")), "{said:?}");
}

/// Both sides of the attacker, frame by frame, with what it did and what the judge says.
#[test]
fn runs_are_captured_as_those_of_the_lab_are() {
    if !has_python() {
        return;
    }
    let folder = folder("own-capture").display().to_string();
    let run = ["run", "examples/echo/replay-a-message.toml", "--quiet", "--capture", &folder];
    assert_eq!(scenarios(&run).output().unwrap().status.code(), Some(0));
    for (target, verdict) in [("vulnerable", "VIOLATED"), ("fixed", "held")] {
        let file = format!("{folder}/replay-a-message-echo-{target}.pcapng");
        let bytes = fs::read(&file).unwrap();
        let said = String::from_utf8_lossy(&bytes);
        assert!(said.contains("rule 1: replay of 1"), "{target}");
        assert!(said.contains(&format!("delivery-at-most-once {verdict}")), "{target}");
        let import = ["import", &file, "--layout", "examples/echo/echo.toml", "--format", "json"];
        let Output { status, stdout, stderr } = scenarios(&import).output().unwrap();
        assert_eq!(status.code(), Some(0), "{}", text(stderr));
        let listed: Value = serde_json::from_slice(&stdout).unwrap();
        let sessions = listed["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        for session in sessions {
            let frames = session["frames"].as_array().unwrap();
            assert!(frames.len() >= 2 && frames.iter().all(|frame| frame["type"] == "TEXT"));
        }
    }
    let keys = ["run", "examples/echo", "--key-log", "never.keys"];
    let Output { status, stderr, .. } = scenarios(&keys).output().unwrap();
    assert_eq!(status.code(), Some(2));
    assert!(text(stderr).contains("your own programs keep their secrets"));
}
