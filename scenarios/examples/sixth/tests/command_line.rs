//! What the system gets from Meddle: the conformance suite, and the commands of the command line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sixth::SYSTEM;

fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sixth"));
    command.args(line.split(' ')).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Run a command that has to succeed; what it prints.
fn sixth(line: &str) -> String {
    let output = command(line).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sixth {line}\n{printed}{said}");
    printed
}

/// A program that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An empty folder; the commands run in the folder above it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

#[test]
fn the_system_conforms() {
    protocol::testing::conformance(&SYSTEM);
}

#[test]
fn every_verdict_is_as_expected_in_memory_and_over_tcp() {
    for line in ["all --system sixth", "all --system sixth --over tcp"] {
        assert!(sixth(line).contains("10 as expected, 0 not"), "{line}");
    }
}

#[test]
fn every_weakness_is_found_and_every_scenario_says_what_it_needs() {
    let matrix = sixth("matrix --system sixth");
    assert!(matrix.starts_with("sixth: 3 weaknesses, 5 scenarios") && !matrix.contains("FAULT"));
}

#[test]
fn the_dissector_and_the_report_know_it() {
    let folder = folder("report");
    let dissector = folder.join("meddle.lua");
    sixth("dissector --out report/meddle.lua");
    assert!(fs::read_to_string(dissector).unwrap().contains("sixth"));
    sixth("report --system sixth --out report");
    assert!(fs::read_to_string(folder.join("report.md")).unwrap().contains("sixth-replay-text"));
}

#[test]
fn two_programs_talk_and_their_key_log_opens_the_capture() {
    for profile in ["as-built", "hardened"] {
        let folder = folder(profile);
        sixth(&format!("pki init sixth --out {profile}/keys"));
        let keys = format!("--profile {profile} --keys {profile}/keys --store {profile}/received");
        let mut server = command(&format!("serve sixth --listen 0 {keys}"));
        server.stderr(Stdio::piped()).stdout(Stdio::null());
        let mut server = Running(server.spawn().unwrap());
        let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines();
        let listens = log.find_map(|line| Some(line.ok()?.split_once("listens on ")?.1.to_owned()));
        fs::write(folder.join("note.png"), "a picture").unwrap();
        let files = format!("--key-log {profile}/keys.txt --capture {profile}/all.pcapng");
        let said = format!("--text hello --image {profile}/note.png");
        sixth(&format!("connect sixth --to {} {keys} {files} {said}", listens.unwrap()));
        let opened = sixth(&format!("capture {profile}/all.pcapng --keys {profile}/keys.txt"));
        assert!(
            opened.contains("text \"hello\"") && opened.contains("image \"note.png\" (9 bytes)")
        );
        // The server stores the picture before it reads the goodbye.
        assert!(log.any(|line| line.unwrap().contains("note.png")));
    }
}
