//! SIGINT, SIGTERM and SIGHUP: whatever runs is stopped, nothing of it is left behind, and what there is is reported. The exit code
//! is that of the signal.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]
#![cfg(unix)]

mod command_line;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use capture::Ending;
use command_line::{Listening, exit, folder, scenarios};
use protocol::endpoint::{Side, Tick};

/// Each with its exit code.
const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

fn send(signal: &str, child: &Child) {
    let (signal, id) = (format!("-{signal}"), child.id().to_string());
    assert!(Command::new("kill").args([signal, id]).status().unwrap().success());
}

/// A server and a client that wait for ever, and an attack on them.
fn programs(here: &Path) {
    let layout = "name = \"lines\"\n[[frame]]\nname = \"LINE\"\nfields = [{ name = \"text\", until = \"\\n\" }]\n";
    fs::write(here.join("lines.toml"), layout).unwrap();
    let target = "[target.mine]\n\
         server.command = [\"sh\", \"-c\", \"echo ready; touch {claims}; echo $$ > pids; exec sleep 600\", \"{port}\"]\n\
         server.ready = { line = \"ready\" }\n\
         client.command = [\"sh\", \"-c\", \"echo $$ >> pids; touch started; exec sleep 600\", \"{port}\"]\n\
         claims = \"file\"\nlimit = \"600s\"\n";
    fs::write(here.join("targets.toml"), target).unwrap();
    let attack = "name = \"twice\"\nfamily = \"replay\"\nsummary = \"One line twice.\"\nteaches = \"-\"\nlayout = \"lines.toml\"\n\
         [[rule]]\nwhen = { type = \"LINE\" }\ndo.replay = { times = 1 }\n";
    fs::create_dir(here.join("attacks")).unwrap();
    fs::write(here.join("attacks/twice.toml"), attack).unwrap();
    let expect = "[expect.mine]\nall = \"inconclusive\"\n";
    fs::write(here.join("twice.toml"), format!("{attack}{target}{expect}")).unwrap();
    fs::create_dir(here.join("tmp")).unwrap();
}

#[test]
fn runs_and_grades_stop_the_programs_and_report() {
    for (signal, code) in SIGNALS {
        for (name, args) in [
            ("run", &["run", "twice.toml", "--report", "r.json"][..]),
            (
                "grade",
                &[
                    "grade",
                    "--layout",
                    "lines.toml",
                    "--attacks",
                    "attacks",
                    "--targets",
                    "targets.toml",
                    "--junit",
                    "r.json",
                ],
            ),
        ] {
            let here = folder(&format!("signals-{name}-{signal}"));
            programs(&here);
            let mut command = scenarios(&here, args);
            command.env("TMPDIR", here.join("tmp")).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            while !here.join("started").exists() {
                assert!(child.try_wait().unwrap().is_none(), "{name} {signal}: it has ended");
                std::thread::yield_now();
            }
            send(signal, &child);
            let output = child.wait_with_output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(code), "{name} {signal}: {printed}");
            assert!(
                name == "grade" || printed.contains("interrupted"),
                "{name} {signal}: {printed}"
            );
            assert!(here.join("r.json").exists(), "{name} {signal}");
            let left = fs::read_dir(here.join("tmp")).unwrap().count();
            assert_eq!(left, 0, "{name} {signal}");
            for pid in fs::read_to_string(here.join("pids")).unwrap().lines() {
                let alive = Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status();
                assert!(!alive.unwrap().success(), "{name} {signal}: {pid} lives");
            }
        }
    }
}

#[test]
fn live_ends_say_goodbye_and_their_captures_are_whole() {
    for (signal, _) in SIGNALS {
        let here = folder(&format!("signals-live-{signal}"));
        let serve = ["serve", "helo", "--listen", "0", "--capture", "server.pcapng"];
        let server = Listening::start(&here, &serve);
        let proxy = ["proxy", "--system", "helo", "--listen", "0", "--upstream", &server.address];
        let proxy = Listening::start(&here, &[&proxy[..], &["--capture", "proxy.pcap"]].concat());
        assert_eq!(exit(&here, &["connect", "helo", "--to", &proxy.address, "--text", "hi"]), 0);
        let (ladder, said, ended) = proxy.end_by(signal);
        assert!(ended == Some(0) && ladder.contains("SECX"), "{signal}: {ended:?}, {ladder}{said}");
        let (printed, said, ended) = server.end_by(signal);
        assert_eq!((printed.as_str(), ended), ("device: hi\n", Some(0)), "{signal}: {said}");
        for file in ["server.pcapng", "proxy.pcap"] {
            let read = capture::read(fs::File::open(here.join(file)).unwrap(), &mut Whole);
            assert!(read.is_ok(), "{signal} {file}");
        }
    }
}

/// A capture without a problem.
struct Whole;

impl capture::Visitor for Whole {
    fn opened(&mut self, _: u32, _: SocketAddr, _: SocketAddr, _: Tick) {}

    fn data(&mut self, _: u32, _: Side, _: Tick, _: u64, _: &[u8]) {}

    fn closed(&mut self, _: u32, _: Side, _: Tick, _: Ending) {}

    fn problem(&mut self, packet: u64, what: &str) {
        panic!("packet {packet}: {what}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_outlives_its_terminal_is_not_ended_by_it() {
    let here = folder("signals-nohup");
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_scenarios")).args(["serve", "helo", "--listen", "0"]);
    let server = Listening::of(command.current_dir(&here).stdout(Stdio::piped()));
    server.signal("HUP");
    assert_eq!(exit(&here, &["connect", "helo", "--to", &server.address, "--text", "hi"]), 0);
    let (printed, _, ended) = server.end_by("TERM");
    assert_eq!((printed.as_str(), ended), ("device: hi\n", Some(0)));
}
