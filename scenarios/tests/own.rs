//! Somebody's own programs: the example as the README runs it, and many of them graded.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::fs;
use std::io::{BufRead, BufReader};
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

/// A folder with the layout of lines, an attack and these targets.
fn class(name: &str, targets: &str) -> PathBuf {
    let folder = folder(name);
    let layout = "name = \"lines\"\n[[frame]]\nname = \"LINE\"\nfields = [{ name = \"text\", until = \"\\n\" }]\n";
    fs::write(folder.join("lines.toml"), layout).unwrap();
    fs::create_dir_all(folder.join("attacks")).unwrap();
    let attack = "name = \"twice\"\nfamily = \"replay\"\nsummary = \"One line twice.\"\nteaches = \"-\"\n\
                  [[rule]]\nwhen = { type = \"LINE\", from = \"client\", nth = 1 }\ndo.replay = { times = 1 }\n";
    fs::write(folder.join("attacks/twice.toml"), attack).unwrap();
    fs::write(folder.join("class.toml"), targets).unwrap();
    folder
}

fn grade(folder: &Path) -> Output {
    let mut command = scenarios(&[
        "grade",
        "--layout",
        "lines.toml",
        "--attacks",
        "attacks",
        "--targets",
        "class.toml",
    ]);
    command.current_dir(folder).output().unwrap()
}

/// Takes every line that it has not taken before, in clear.
const TAKES_ONCE: &str = "import json, socket, sys\n\
    def claim(**what): print(json.dumps(what), flush=True)\n\
    with socket.create_server(('127.0.0.1', int(sys.argv[1]))) as listener:\n    \
        while True:\n        \
            connection, _ = listener.accept(); stream = connection.makefile('rb'); taken = set()\n        \
            for line in stream:\n            \
                if line in taken: claim(rejected={'check': 'sequence'})\n            \
                else: claim(delivered=line.decode().strip())\n            \
                taken.add(line)\n        \
            claim(ended='clean'); stream.close(); connection.close()\n";

const SENDS: &str = "import json, socket, sys\n\
    def claim(**what): print(json.dumps(what), flush=True)\n\
    with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as connection:\n    \
        for line in ('pay bob 100 euros', 'pay carol 7 euros'):\n        \
            claim(sent=line); connection.sendall(line.encode() + b'\\n')\n\
    claim(ended='clean')\n";

fn programs(name: &str, more: &str) -> String {
    format!(
        "[target.{name}]\nserver.command = [\"python3\", \"-c\", {TAKES_ONCE:?}, \"{{port}}\"]\n\
         client.command = [\"python3\", \"-c\", {SENDS:?}, \"{{port}}\"]\nclaims = \"stdout\"\n{more}\n"
    )
}

#[test]
fn one_target_with_mistakes_counts_against_itself_alone() {
    if !has_python() {
        return;
    }
    let targets = format!(
        "scope = [\"delivery-at-most-once\", \"message-authenticity\", \"robustness\"]\n{}{}{}",
        programs("good", ""),
        programs("typo", "limmit = \"3s\""),
        programs("missing", "").replacen("\"python3\"", "\"no-such-program\"", 1),
    );
    let folder = class("own-one-bad-target", &targets);
    fs::write(folder.join("attacks/broken.toml"), "name = 3").unwrap();
    let Output { status, stdout, stderr } = grade(&folder);
    let (table, said) = (text(stdout), text(stderr));
    assert_eq!(status.code(), Some(2), "{table}{said}");
    let row = |name: &str| table.lines().find(|line| line.contains(&format!("| {name} "))).unwrap();
    assert!(row("good").contains(" ok ") && row("good").contains("1/1"), "{table}");
    assert!(row("typo").contains(" - ") && row("typo").contains("0/1"), "{table}");
    assert!(row("missing").contains("not started"), "{table}");
    assert!(table.contains("no-such-program"), "{table}");
    assert!(said.contains("unknown key `limmit`") && said.contains("broken.toml"), "{said}");
}

/// In clear, so secrecy is violated without an attack; and the scope need not say so in every scenario.
#[test]
fn what_a_target_does_not_promise_is_not_judged() {
    if !has_python() {
        return;
    }
    let run = |more: &str| {
        let folder = class("own-scope", &programs("plain", more));
        let Output { stdout, .. } = grade(&folder);
        text(stdout)
    };
    let without = run("");
    assert!(without.contains("secrecy") && without.contains("0/1"), "{without}");
    let within = run("scope = [\"delivery-at-most-once\"]");
    assert!(within.contains(" ok ") && within.contains("1/1"), "{within}");
}

#[test]
fn a_known_fault_of_the_honest_run_is_no_reason_not_to_attack() {
    if !has_python() {
        return;
    }
    // The server never closes, and never says that a session is over.
    let waits = |more: &str| {
        let targets = programs(
            "waits",
            &format!(
                "limit = \"2s\"\nscope = [\"delivery-at-most-once\", \"availability\"]\n{more}"
            ),
        );
        let targets = targets
            .replace(
                "claim(ended='clean'); stream.close(); connection.close()",
                "keep.append((connection, stream))",
            )
            .replace("import json", "keep = []\\nimport json");
        let Output { stdout, .. } = grade(&class("own-known-fault", &targets));
        text(stdout)
    };
    let unknown = waits("");
    assert!(unknown.contains(" ? ") && unknown.contains("waits for ever"), "{unknown}");
    let known = waits("honest = { availability = \"violated\" }");
    assert!(known.contains(" ok ") && known.contains("1/1"), "{known}");
}

#[test]
fn programs_that_speak_like_one_of_the_five_need_no_layout_file() {
    let folder = folder("own-builtin");
    let scenario = |layout: &str| {
        let text = format!(
            "name = \"like-helo\"\nfamily = \"replay\"\nsummary = \"-\"\nteaches = \"-\"\n{layout}\n\
             [target.mine]\nserver.command = [\"./s\", \"{{port}}\"]\nclient.command = [\"./c\", \"{{port}}\"]\nclaims = \"stdout\"\n\
             [[rule]]\nwhen = {{ type = \"SECX\" }}\ndo.replay = {{ times = 1 }}\n[expect.mine]\nall = \"any\"\n"
        );
        fs::write(folder.join("like-helo.toml"), text).unwrap();
        scenarios(&["check", "like-helo.toml"]).current_dir(&folder).output().unwrap()
    };
    for layout in
        ["layout = \"builtin:helo\"", "layout = \"builtin:helo/hardened\"", "system = \"helo\""]
    {
        let Output { status, stderr, .. } = scenario(layout);
        assert_eq!(status.code(), Some(0), "{layout}: {}", text(stderr));
    }
    for (layout, why) in [
        ("layout = \"builtin:hello\"", "did you mean `helo`?"),
        ("layout = \"builtin:helo/soft\"", "has no such profile"),
        ("layout = \"x.toml\"\nsystem = \"helo\"", "both say which frames there are"),
    ] {
        let Output { status, stderr, .. } = scenario(layout);
        let said = text(stderr);
        assert_eq!(status.code(), Some(2));
        assert!(said.contains(why), "{said}");
    }
    // What `grade` takes, `check` takes.
    let echo = [
        "check",
        "--layout",
        "examples/echo/echo.toml",
        "tests/own",
        "tests/own/targets.toml",
        "examples/echo/echo.toml",
    ];
    let Output { status, stdout, stderr } = scenarios(&echo).output().unwrap();
    assert_eq!(status.code(), Some(0), "{}", text(stderr));
    assert_eq!(text(stdout).lines().count(), 3);
}
