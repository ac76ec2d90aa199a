//! The program as a user runs it, for the tests of the command line.

#![allow(dead_code, unreachable_pub, reason = "every test file takes what it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::{self, JoinHandle, ThreadId};

/// The program, in a folder. What waits for a peer waits so long that only a hang meets it: no test depends on how fast the machine is.
pub fn scenarios(folder: &Path, args: &[&str]) -> Command {
    let mut command = program(folder);
    if let Some((live @ ("serve" | "connect"), rest)) = args.split_first().map(|(a, b)| (*a, b)) {
        command.arg(live).args(rest);
        if !rest.contains(&"--patience-factor") {
            command.args(["--patience-factor", "10000"]);
            if live == "connect" {
                command.args(["--patience", "3600"]);
            }
        }
    } else {
        command.args(args);
    }
    command
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenarios"));
    command.current_dir(folder).env_remove("NO_COLOR").env_remove("RUST_BACKTRACE");
    command
}

/// Exit code, standard output and standard error, as one text, of exactly this command.
pub fn shown(folder: &Path, args: &[&str]) -> String {
    let output = program(folder).args(args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    // How far it was after so many seconds, the machine decides.
    let is_progress = |line: &&str| line.contains(" cases after ") && line.contains("; running ");
    let errors: String =
        stderr.unwrap().split_inclusive('\n').filter(|line| !is_progress(line)).collect();
    format!(
        "$ scenarios {}\nexit: {}\n--- stdout\n{}--- stderr\n{errors}",
        args.join(" "),
        output.status.code().unwrap(),
        stdout.unwrap(),
    )
}

/// An empty folder of this test's own. Two tests never share a name: one would empty the folder under the other.
pub fn folder(name: &str) -> PathBuf {
    static GIVEN: Mutex<BTreeMap<String, ThreadId>> = Mutex::new(BTreeMap::new());
    let this = thread::current().id();
    let first = *GIVEN.lock().unwrap().entry(name.to_owned()).or_insert(this);
    assert_eq!(first, this, "the folder {name} is another test's");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Hold both streams and the exit code against a snapshot.
pub fn check(name: &str, folder: &Path, args: &[&str]) {
    hold(name, &shown(folder, args));
}

/// Hold what several commands do, one after the other, against one snapshot. Words are parted by spaces.
pub fn transcript(name: &str, folder: &Path, lines: &[&str]) {
    let all: Vec<String> =
        lines.iter().map(|line| shown(folder, &line.split(' ').collect::<Vec<_>>())).collect();
    hold(name, &all.join("\n"));
}

/// Hold a text against a snapshot.
pub fn hold(name: &str, text: &str) {
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        snapshot_path => "../snapshots",
    }, {
        insta::assert_snapshot!(format!("cli-{name}"), text);
    });
}

/// The same, with text on standard input.
pub fn told(folder: &Path, args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = scenarios(folder, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who ends early reads no more.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    (output.status.code().unwrap(), stdout.unwrap(), stderr.unwrap())
}

/// Run it; the exit code.
pub fn exit(folder: &Path, args: &[&str]) -> i32 {
    scenarios(folder, args).output().unwrap().status.code().unwrap()
}

/// Something that listens, killed when the test is over, however it ends.
pub struct Listening {
    child: Child,
    said: Option<JoinHandle<String>>,
    /// Where: an address for each port, with commas.
    pub address: String,
}

impl Listening {
    /// Start the program and wait until it listens.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::printing(folder, args, Stdio::piped())
    }

    /// The same, with its standard output going there.
    pub fn printing(folder: &Path, args: &[&str], out: Stdio) -> Self {
        Self::of(scenarios(folder, args).stdout(out))
    }

    /// The same of any command.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(" listens on ") {
            line.clear();
            assert!(errors.read_line(&mut line).unwrap() > 0, "it has ended");
        }
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            errors.read_to_string(&mut said).unwrap();
            said
        });
        let address = line.trim().split_once(" listens on ").unwrap().1;
        let address = address.split(", before ").next().unwrap();
        Self { child, said: Some(said), address: address.replace(", ", ",") }
    }

    /// Send it a signal of this name.
    pub fn signal(&self, name: &str) {
        let (signal, id) = (format!("-{name}"), self.child.id().to_string());
        assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
    }

    /// Ctrl-C; what it printed, and its exit code.
    pub fn stop(self) -> (String, Option<i32>) {
        let (printed, _, code) = self.end();
        (printed, code)
    }

    /// Ctrl-C; what it printed, what it said since to whoever started it, and its exit code.
    pub fn end(self) -> (String, String, Option<i32>) {
        self.end_by("INT")
    }

    /// The same by a signal of this name.
    pub fn end_by(mut self, signal: &str) -> (String, String, Option<i32>) {
        self.signal(signal);
        let mut printed = String::new();
        if let Some(mut out) = self.child.stdout.take() {
            out.read_to_string(&mut printed).unwrap();
        }
        let said = self.said.take().unwrap().join().unwrap();
        (printed, said, self.child.wait().unwrap().code())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
