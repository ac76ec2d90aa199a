//! Three terminals: a server, a client, and `scenarios proxy` between them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it expects by unwrapping"
)]

mod command_line;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Output;

use command_line::{Listening, folder, scenarios};
use protocol::endpoint::Kind;
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;
use serde_json::Value;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn log(path: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(path).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often a conversation is tried that two programs can lose by themselves on a busy machine. Published programs take what one read
/// returns for one frame, and refuse two that come in one read. And the proxy carries each connection by itself: a server with
/// several ports may hear of one only when all that was sent on another is over.
const TRIES: u32 = 30;

/// A message of this system, sent through a proxy. Whether the client was content; nothing that the proxy does may depend on it.
fn passes(system: &System, profile: &str) -> Result<(), String> {
    let here = folder(&format!("proxy-{}-{profile}", system.name));
    // The first seed under which no published frame holds its own delimiter.
    let options = [system.name, "--profile", profile, "--seed", "5"];
    let server = Listening::start(&here, &[&["serve"], &options[..], &["--listen", "0"]].concat());
    let between = ["--system", system.name, "--profile", profile, "--log", "log.json"];
    let to = ["proxy", "--listen", "0", "--upstream", &server.address, "--capture", "all.pcapng"];
    let proxy = Listening::start(&here, &[&to[..], &between].concat());
    let [flag, value] =
        if system.carries.contains(&Kind::Text) { ["--text", "hi"] } else { ["--numbers", "1,2"] };
    let args = [&["connect"], &options[..], &["--to", &proxy.address, flag, value]];
    let output = scenarios(&here, &args.concat()).output().unwrap();
    let case = format!("{} {profile}: {}", system.name, text(output.stderr));
    let (ladder, code) = proxy.stop();
    assert_eq!(code, Some(0), "{case}");
    assert!(ladder.contains("client connects from") && ladder.contains("▶"), "{ladder}");
    assert!(fs::metadata(here.join("all.pcapng")).unwrap().len() > 1000, "{case}");
    let (printed, _) = server.stop();
    if output.status.code() != Some(0) {
        return Err(case);
    }
    assert!(printed.contains(&format!(": {value}")), "{case}{printed}");
    let lines = log(&here.join("log.json"));
    let frames: Vec<_> = lines.iter().filter(|line| line["what"] == "frame").collect();
    assert!(!frames.is_empty(), "{lines:?}");
    assert!(frames.iter().all(|frame| frame["type"] != "RAW"), "{case}{frames:?}");
    let opened = lines.iter().filter(|line| line["what"] == "opened").count();
    assert_eq!(opened, system.ports.len(), "{case}");
    Ok(())
}

#[test]
fn every_system_passes_frame_by_frame_on_all_its_ports() {
    for system in SYSTEMS {
        for name in ["as-built", "hardened"] {
            let layout = (system.layout)(Profile::named(system, name).unwrap());
            let one_read = layout.frames.iter().any(|spec| spec.is_one_read());
            let tries = if one_read || system.ports.len() > 1 { TRIES } else { 1 };
            let mut results = (0..tries).map(|_| passes(system, name));
            let refused: Vec<String> = results.by_ref().map_while(Result::err).collect();
            assert!(refused.len() < tries as usize, "{refused:?}");
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_told_as_it_happens_and_at_the_end() {
    let here = folder("proxy-unreachable");
    // Bound, so that nobody else gets the port, and not listening.
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = bound.local_addr().unwrap().to_string();
    let args = ["proxy", "--listen", "0", "--upstream", &nobody, "--system", "helo"];
    let proxy = Listening::start(&here, &args);
    let args = ["connect", "helo", "--to", &proxy.address, "--text", "hi"];
    assert_ne!(scenarios(&here, &args).output().unwrap().status.code(), Some(0));
    let (ladder, said, _) = proxy.end();
    assert!(ladder.contains(&format!("cannot connect to {nobody}")), "{ladder}");
    assert!(said.contains("the server could not be reached once"), "{said}");
}

#[test]
fn rules_act_and_are_read_again_when_the_file_changes() {
    let here = folder("proxy-rules");
    let rule = |type_: &str| {
        format!(
            "[[rule]]\nwhen = {{ from = \"client\", type = \"{type_}\", nth = 1 }}\ndo.replay = {{ times = 1 }}\n"
        )
    };
    fs::write(here.join("rules.toml"), rule("SECX")).unwrap();
    let server = Listening::start(&here, &["serve", "helo", "--listen", "0"]);
    let args = ["--system", "helo", "--rules", "rules.toml", "--log", "log.json"];
    let to = ["proxy", "--listen", "0", "--upstream", &server.address];
    let proxy = Listening::start(&here, &[&to[..], &args].concat());
    let connect = || {
        let args = ["connect", "helo", "--to", &proxy.address, "--text", "pay bob 100"];
        scenarios(&here, &args).output().unwrap()
    };
    let made = || log(&here.join("log.json")).iter().filter(|line| line["what"] == "made").count();
    assert_eq!(connect().status.code(), Some(0));
    // Nothing is left in the file to act on a second time.
    connect();
    // With a mistake the old rules stay.
    fs::write(here.join("rules.toml"), rule("NOSUCH")).unwrap();
    fs::write(here.join("rules.toml"), rule("SECX") + "# changed\n").unwrap();
    let mut tries = 0;
    while made() < 2 {
        tries += 1;
        assert!(tries < 100, "the rules are not read again");
        connect();
    }
    let (ladder, _) = proxy.stop();
    assert!(ladder.contains("rule 1: replay of 11"), "{ladder}");
    let (printed, _) = server.stop();
    assert!(printed.matches("pay bob 100").count() > tries + 2, "the server takes replays");
}

#[test]
fn somebody_elses_protocol_is_cut_by_its_layout_and_without_one_by_reads() {
    let here = folder("proxy-own");
    fs::write(
        here.join("lines.toml"),
        "name = \"lines\"\n[[frame]]\nname = \"LINE\"\nfields = [{ name = \"word\", until = \" \" }, { name = \"rest\", until = \"\\n\" }]\n",
    )
    .unwrap();
    fs::write(
        here.join("rules.toml"),
        "[[rule]]\nwhen = { from = \"client\", type = \"LINE\" }\ndo.set = { field = \"word\", text = \"DENY\" }\n",
    )
    .unwrap();
    let listener = self::listener();
    let upstream = listener.local_addr().unwrap().to_string();
    let args = ["proxy", "--listen", "0", "--upstream", &upstream];
    let own = ["--layout", "lines.toml", "--rules", "rules.toml"];
    let proxy = Listening::start(&here, &[&args[..], &own].concat());
    assert_eq!(through(&proxy, &listener, b"PASS me\n"), b"DENY me\n");
    let (ladder, _) = proxy.stop();
    assert!(ladder.contains("LINE") && ladder.contains("rule 1: set word to 4 bytes"), "{ladder}");
    let proxy = Listening::start(&here, &args);
    assert_eq!(through(&proxy, &listener, b"PASS me\n"), b"PASS me\n");
    let (ladder, _) = proxy.stop();
    assert!(ladder.contains("RAW"), "{ladder}");
}

#[expect(clippy::disallowed_methods, reason = "somebody else's server has a socket")]
fn listener() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

/// What a server gets when a client sends this through the proxy.
#[expect(clippy::disallowed_methods, reason = "somebody else's client has a socket")]
fn through(proxy: &Listening, listener: &std::net::TcpListener, bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut client = std::net::TcpStream::connect(&proxy.address).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(bytes).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut got = Vec::new();
    server.read_to_end(&mut got).unwrap();
    got
}

#[test]
fn a_scenario_for_own_programs_brings_its_layout() {
    let here = folder("proxy-scenario");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/echo/replay-a-message.toml");
    let listener = self::listener();
    let upstream = listener.local_addr().unwrap().to_string();
    let args = ["proxy", "--listen", "0", "--upstream", &upstream, "--scenario"];
    let proxy = Listening::start(&here, &[&args[..], &[example.to_str().unwrap()]].concat());
    // A length, a nonce, a byte and a MAC.
    let frame = [&[0, 41][..], &[7; 41]].concat();
    assert_eq!(through(&proxy, &listener, &frame), [&frame[..], &frame].concat());
    let (ladder, _) = proxy.stop();
    assert!(ladder.contains("TEXT") && ladder.contains("rule 1: replay of 1"), "{ladder}");
}

/// What it says when it cannot run.
fn refused(folder: &Path, args: &[&str]) -> String {
    let all = [&["proxy", "--listen", "0"], args].concat();
    let Output { status, stderr, .. } = scenarios(folder, &all).output().unwrap();
    assert_eq!(status.code(), Some(2));
    text(stderr)
}

#[test]
fn what_cannot_be_is_said_in_a_line() {
    let here = folder("proxy-refused");
    let up = ["--upstream", "127.0.0.1:9"];
    let with = |more: &[&str]| refused(&here, &[&up, more].concat());
    assert!(with(&["--system", "hello"]).contains("did you mean"), "a near name");
    assert!(with(&["--layout", "none.toml"]).contains("none.toml"));
    fs::write(here.join("r.toml"), "[[rule]]\nwhen = { type = \"SECX\", nth = 0 }\ndo.drop = {}\n")
        .unwrap();
    assert!(with(&["--system", "helo", "--rules", "r.toml"]).contains("r.toml:2:"));
    let lab = "[[rule]]\nwhen = { type = \"SECX\" }\ndo.compromise = { memory = \"server\" }\n";
    fs::write(here.join("lab.toml"), lab).unwrap();
    assert!(with(&["--system", "helo", "--rules", "lab.toml"]).contains("endpoints of the lab"));
    assert!(with(&["--capture", "no/such/folder/a.pcapng"]).contains("cannot write"));
    let open = ["proxy", "--listen", "0.0.0.0:0", "--upstream", "127.0.0.1:9"];
    let output = scenarios(&here, &open).output().unwrap();
    assert!(text(output.stderr).contains("--danger-listen"));
    assert!(refused(&here, &["--upstream", "127.0.0.1"]).contains("has no port"));
    let taken = listener();
    let taken = taken.local_addr().unwrap().to_string();
    let output =
        scenarios(&here, &["proxy", "--listen", &taken, "--upstream", "9"]).output().unwrap();
    assert!(text(output.stderr).contains("cannot listen on"));
}
