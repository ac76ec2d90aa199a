//! `--capture` of `serve` and `connect`: both ends of one conversation hold the same streams, and what was captured can be
//! imported and played again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it expects by unwrapping"
)]

mod command_line;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;

use capture::{Ending, Visitor, read};
use command_line::{Listening, folder, scenarios};
use protocol::endpoint::{Kind, Side, Tick};
use protocol::system::System;
use protocol::systems::SYSTEMS;

/// What a capture holds, connection by connection.
#[derive(Default, Debug)]
struct Streams {
    all: Vec<Stream>,
    problems: Vec<String>,
}

#[derive(PartialEq, Eq, Debug)]
struct Stream {
    client: SocketAddr,
    server: SocketAddr,
    client_sent: Vec<u8>,
    server_sent: Vec<u8>,
    closed: usize,
}

impl Visitor for Streams {
    fn opened(&mut self, _: u32, client: SocketAddr, server: SocketAddr, _: Tick) {
        let (client_sent, server_sent) = (Vec::new(), Vec::new());
        self.all.push(Stream { client, server, client_sent, server_sent, closed: 0 });
    }

    fn data(&mut self, session: u32, from: Side, _: Tick, _: u64, bytes: &[u8]) {
        let stream = self.all.get_mut(session as usize - 1).unwrap();
        match from {
            Side::Client => stream.client_sent.extend_from_slice(bytes),
            Side::Server => stream.server_sent.extend_from_slice(bytes),
        }
    }

    fn closed(&mut self, session: u32, _: Side, _: Tick, how: Ending) {
        assert_eq!(how, Ending::Finished);
        self.all.get_mut(session as usize - 1).unwrap().closed += 1;
    }

    fn problem(&mut self, packet: u64, what: &str) {
        self.problems.push(format!("{packet}: {what}"));
    }
}

fn streams(path: &Path) -> Vec<Stream> {
    let mut streams = Streams::default();
    read(File::open(path).unwrap(), &mut streams).unwrap();
    assert!(streams.problems.is_empty(), "{:?}", streams.problems);
    streams.all.sort_by_key(|stream| stream.server);
    streams.all
}

fn small(system: &System) -> [&'static str; 2] {
    if system.carries.contains(&Kind::Text) {
        ["--text", "meet me at noon"]
    } else {
        ["--numbers", "1.25,2.5"]
    }
}

/// Exit code, standard output, standard error.
fn ran(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = scenarios(folder, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A conversation of a system, both ends captured in files of these names.
fn conversation(here: &Path, options: &[&str], say: [&str; 2], files: [&str; 2]) {
    let serve = [&["serve"], options, &["--listen", "0", "--capture", files[0]]].concat();
    let server = Listening::start(here, &serve);
    let to = ["--to", &server.address, say[0], say[1], "--capture", files[1]];
    let (code, _, errors) = ran(here, &[&["connect"], options, &to].concat());
    assert_eq!(code, 0, "{options:?}: {errors}");
    assert_eq!(server.stop().1, Some(0));
}

#[test]
fn both_ends_capture_the_same_streams() {
    for system in SYSTEMS {
        for profile in ["as-built", "hardened"] {
            let here = folder(&format!("captured-{}-{profile}", system.name));
            // The first seed under which no published frame holds its own delimiter.
            let options =
                [system.name, "--profile", profile, "--seed", "5", "--key-log", "both.keys"];
            conversation(&here, &options, small(system), ["server.pcapng", "client.pcap"]);
            let (server, client) =
                (streams(&here.join("server.pcapng")), streams(&here.join("client.pcap")));
            assert_eq!(server, client, "{options:?}");
            assert_eq!(server.len(), system.ports.len());
            assert!(server.iter().all(|stream| stream.closed == 2), "{server:?}");
            let import = ["import", "client.pcap", "--system", system.name, "--profile", profile];
            let (code, listed, errors) = ran(&here, &import);
            assert_eq!(code, 0, "{errors}");
            assert!(!listed.contains("RAW") && !listed.contains("missing"), "{listed}");
            // And whoever has the secrets of both ends reads either capture.
            for file in ["server.pcapng", "client.pcap"] {
                let (code, told, errors) = ran(&here, &["capture", file, "--keys", "both.keys"]);
                assert_eq!(code, 0, "{errors}");
                assert!(told.contains(small(system)[1]), "{options:?}: {told}");
            }
        }
    }
}

#[test]
fn comments_say_what_the_endpoint_did_and_what_was_said_only_if_wanted() {
    let here = folder("captured-comments");
    conversation(&here, &["helo"], ["--text", "meet me at noon"], ["s.pcapng", "c.pcapng"]);
    let comments = |name| String::from_utf8_lossy(&fs::read(here.join(name)).unwrap()).into_owned();
    let text = comments("s.pcapng");
    for said in ["frame HELO", "PREM", "server delivers text of 15 bytes"] {
        assert!(text.contains(said), "{said}");
    }
    assert!(comments("c.pcapng").contains("device sends text of 15 bytes"));
    for file in ["s.pcapng", "c.pcapng"] {
        assert!(!comments(file).contains("meet me"), "{file} tells what was encrypted");
    }
    let more = ["s.pcapng", "--plaintext"];
    let serve = [&["serve", "helo", "--listen", "0", "--capture"], &more[..]].concat();
    let server = Listening::start(&here, &serve);
    let other = ["connect", "suite", "--profile", "hardened", "--text", "x"];
    assert_eq!(ran(&here, &[&other[..], &["--to", &server.address]].concat()).0, 1);
    let (code, ..) =
        ran(&here, &["connect", "helo", "--to", &server.address, "--text", "meet me at noon"]);
    assert_eq!(code, 0);
    server.stop();
    let text = comments("s.pcapng");
    assert!(text.contains("server delivers text \"meet me at noon\""));
    assert!(text.contains("server refuses: "), "another system");
}

#[test]
fn what_connect_captured_replays() {
    let here = folder("captured-replay");
    conversation(
        &here,
        &["ratchet"],
        ["--numbers", "10.5,20.25"],
        ["server.pcapng", "client.pcapng"],
    );
    for capture in ["client.pcapng", "server.pcapng"] {
        let args =
            ["import", capture, "--system", "ratchet", "--out", "again.toml", "--force", "-q"];
        assert_eq!(ran(&here, &args).0, 0);
        assert_eq!(ran(&here, &["check", "again.toml"]).0, 0);
        let server = Listening::start(&here, &["serve", "ratchet", "--listen", "0"]);
        let replay = ["replay", "--from", capture, "--system", "ratchet", "--to", &server.address];
        let (code, text, errors) = ran(&here, &replay);
        assert_eq!(code, 1, "{errors}");
        assert!(text.contains("taken, as far as the wire shows"), "{text}");
        let (printed, _) = server.stop();
        assert!(printed.contains("10.5,20.25"), "{printed}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_ends_the_capture_and_not_the_traffic() {
    let here = folder("captured-full");
    let serve = ["serve", "helo", "--listen", "0", "--capture", "/dev/full"];
    let server = Listening::start(&here, &serve);
    let connect = ["connect", "helo", "--to", &server.address, "--capture", "/dev/full"];
    let (code, _, errors) = ran(&here, &[&connect[..], &["--text", "hi"]].concat());
    assert_eq!(code, 1);
    assert!(errors.contains("warning: the capture is given up: No space left"), "{errors}");
    assert!(errors.contains("1 message sent, 1 acknowledged"), "{errors}");
    assert_eq!(server.stop(), ("device: hi\n".to_owned(), Some(1)));
    let nowhere = ["connect", "helo", "--to", "9", "--text", "hi", "--capture", "no/a.pcapng"];
    let (code, _, errors) = ran(&here, &nowhere);
    assert_eq!(code, 2);
    assert!(errors.contains("cannot write `no/a.pcapng`"), "{errors}");
}
