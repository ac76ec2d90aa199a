//! Runs of tiny programs: what they say is learned, what goes wrong with them is told, and nothing of them is left.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use files::target_file::{
    Channel, JudgedFrom, Observation, Observed, Program, Ready, Sign, Target,
};
use judge::Scope;
use mitm_proxy::actions::action;
use mitm_proxy::attacker::Attacker;
use mitm_proxy::condition::When;
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::rule::Rule;
use protocol::endpoint::Fact;
use protocol::endpoint::Side;
use protocol::layout::{Field, FrameSpec, Layout, Role, Size};
use protocol::registry::Registry;

use super::*;

mod claims;
mod failures;
mod observables;
mod programs;

/// Messages and answers of one line each.
fn lines() -> Arc<Layout> {
    let frame = |name, tag: &'static [u8]| {
        let text =
            Field { name: "text", role: Role::Bytes, size: Size::Until(b"\n"), unless: None };
        let fields = vec![Field::new("tag", Role::Tag(tag), 1), text];
        Arc::new(FrameSpec::of(name, None, fields, 1000))
    };
    let frames = vec![frame("MSG", b"M"), frame("ACK", b"A")];
    Arc::new(Layout { system: "lines", frames, turns: &[] })
}

/// The layout of the example.
fn echo() -> Arc<Layout> {
    let file =
        files::layout_file::LayoutFile::load(&examples().join("echo.toml"), Registry::BUILTIN)
            .unwrap();
    Arc::new(file.layout)
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/echo")
}

/// Whether a program is there to test with; a message if not.
fn has(program: &str) -> bool {
    let there =
        Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success());
    if !there {
        println!("skipped: there is no {program}");
    }
    there
}

/// A server in a few lines of Python: `stream` is its end of each connection, one after the other.
fn server(body: &str) -> Vec<String> {
    let code = format!(
        "import json, os, signal, socket, subprocess, sys, time\n\
         def say(line): print(line, flush=True)\n\
         def claim(**what): say(json.dumps(what))\n\
         listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n\
         say('ready')\n\
         while True:\n    \
             connection, _ = listener.accept()\n    \
             stream = connection.makefile('rwb')\n{}\n    \
             stream.close(); connection.close()",
        indented(body)
    );
    words(&["python3", "-c", &code, "{port}"])
}

/// A client in a few lines of Python.
fn client(body: &str) -> Vec<String> {
    let code = format!(
        "import json, os, signal, socket, sys, time\n\
         def say(line): print(line, flush=True)\n\
         def claim(**what): say(json.dumps(what))\n\
         connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n\
         stream = connection.makefile('rwb')\n\
         {body}"
    );
    words(&["python3", "-c", &code, "{port}"])
}

fn indented(body: &str) -> String {
    let lines: Vec<String> = body.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Answers every line.
const ANSWER: &str = "for line in stream:\n    stream.write(b'A' + line[1:]); stream.flush()";
/// Sends one and waits for the answer.
const ASK: &str = "stream.write(b'Mone\\n'); stream.flush(); stream.readline()";

fn target(server: Vec<String>, client: Vec<String>, judged_from: JudgedFrom) -> Target {
    let program = |command| Program::new(command, examples());
    Target {
        name: "one".to_owned(),
        server: program(server),
        client: program(client),
        judged_from,
        observe: Vec::new(),
        limit: Duration::from_secs(10),
        quiet: Duration::from_millis(100),
        scope: Scope::default(),
        retries: 0,
    }
}

fn on_stdout(server: Vec<String>, client: Vec<String>) -> Target {
    target(server, client, JudgedFrom::Claims(Channel::Stdout))
}

fn attacked(target: &Target, layout: Arc<Layout>, rules: Vec<Rule>) -> Result<Run, TargetError> {
    let attacker = Attacker::new(layout.clone(), rules.into());
    run(target, layout, &["data".to_owned()], attacker, Prompt::default(), &Interrupt::default())
}

fn honest(target: &Target) -> Run {
    attacked(target, lines(), Vec::new()).unwrap()
}

fn rule(when: When, verb: &str, args: &[(&'static str, Arg)]) -> Rule {
    let args: Args = args.iter().cloned().collect();
    Rule { when, actions: vec![(action(verb).unwrap().build)(&args).unwrap()] }
}

fn first_of_client() -> When {
    When { from: Some(Side::Client), nth: Some(1), ..When::default() }
}

/// Claims in words, in order.
fn claims(run: &Run) -> Vec<String> {
    let word = |record: &mitm_proxy::trace::ClaimRecord| {
        let fact = match &record.claim.fact {
            Fact::Sent(message) => format!("sent {}", String::from_utf8_lossy(&message.body)),
            Fact::Delivered(message) => {
                format!("delivered {}", String::from_utf8_lossy(&message.body))
            }
            Fact::Acknowledged(message) => {
                format!("acknowledged {}", String::from_utf8_lossy(&message.body))
            }
            Fact::Rejected(reject) => format!("rejected {reject}"),
            Fact::Ended(end) => format!("ended: {}", end.name()),
            fact => format!("{fact:?}"),
        };
        format!("{} #{} {fact}", record.claim.local, record.claim.conn.0)
    };
    run.trace.claims.iter().map(word).collect()
}

fn findings(run: &Run) -> Vec<String> {
    run.findings.iter().map(Finding::to_string).collect()
}

/// Places among all records are all different, and follow the time.
fn assert_in_order(run: &Run) {
    let mut places: Vec<(u64, u64)> = Vec::new();
    places.extend(run.trace.frames.iter().map(|record| (record.moment, record.at.0)));
    places.extend(run.trace.claims.iter().map(|record| (record.moment, record.at.0)));
    let links = places.len();
    places.extend(run.trace.links.iter().map(|record| (record.moment, record.at.0)));
    assert!(places.len() > links, "there is a link");
    places.sort_unstable();
    let all = places.len();
    places.dedup_by_key(|(moment, _)| *moment);
    assert_eq!(places.len(), all);
    assert!(run.trace.clone().next_moment() > places.last().unwrap().0);
}
