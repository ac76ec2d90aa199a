//! Two terminals: `scenarios serve` in one, `scenarios connect` in the other, for every system and profile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it expects by unwrapping"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "what is tested has sockets, and the clock of the machine"
)]

mod command_line;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use command_line::{Listening, folder, scenarios};
use protocol::crypto::cbc::{Key128, decrypt};
use protocol::crypto::{Secret, sha256};
use protocol::endpoint::{Command, Conn, Input, Kind, Message, PortIndex, Tick};
use protocol::system::{Setup, System};
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

const PROFILES: [&str; 2] = ["as-built", "hardened"];

/// A server of a system.
fn serve(folder: &Path, args: &[&str]) -> Listening {
    Listening::start(folder, &[&["serve"], args, &["--listen", "0"]].concat())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The flags that send something small.
fn small(system: &System) -> [&'static str; 2] {
    if system.carries.contains(&Kind::Text) { ["--text", "hi"] } else { ["--numbers", "1,2"] }
}

#[test]
fn every_pair_runs_from_two_terminals() {
    for system in SYSTEMS {
        for profile in PROFILES {
            let here = folder(&format!("live-{}-{profile}", system.name));
            // The first seed under which no published frame holds its own delimiter.
            let options = [system.name, "--profile", profile, "--seed", "5"];
            let server = serve(&here, &[&options[..], &["--log", "server.log"]].concat());
            let [flag, value] = small(system);
            let args = [&["connect"], &options[..], &["--to", &server.address, flag, value]];
            let output = scenarios(&here, &args.concat()).output().unwrap();
            let case = format!("{} {profile}: {}", system.name, text(output.stderr));
            assert_eq!(output.status.code(), Some(0), "{case}");
            let (printed, code) = server.stop();
            assert_eq!(code, Some(0), "{case}");
            assert!(
                printed.lines().any(|line| line.ends_with(&format!(": {value}"))),
                "{case}{printed}"
            );
            let log = fs::read_to_string(here.join("server.log")).unwrap();
            assert!(log.contains("delivers"), "{case}");
            // Each line begins with a time.
            assert!(log.lines().all(|line| line.get(10..11) == Some("T")), "{log}");
        }
    }
}

#[test]
fn lines_of_standard_input_are_sent_and_claims_are_json() {
    let here = folder("live-lines");
    let server = serve(&here, &["helo"]);
    let mut client = scenarios(&here, &["connect", "helo", "--to", &server.address])
        .args(["--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all("one\ntwo \u{1b}[31m\n".as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<serde_json::Value> =
        text(output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sent = lines.iter().filter(|line| line.get("sent").is_some()).count();
    assert_eq!(sent, 2);
    let (printed, _) = server.stop();
    // What the peer sent cannot steer the terminal.
    assert_eq!(printed, "device: one\ndevice: two \\u{1b}[31m\n");
}

#[test]
fn files_arrive_byte_for_byte_under_harmless_names() {
    let here = folder("live-files");
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(here.join("a b.png"), &body).unwrap();
    let server = serve(&here, &["helo", "--profile", "hardened", "--store", "kept"]);
    let args = ["connect", "helo", "--profile", "hardened", "--to", &server.address];
    let output = scenarios(&here, &args).args(["--file", "a b.png"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    server.stop();
    let kept: Vec<PathBuf> =
        fs::read_dir(here.join("kept")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [path] = &kept[..] else { panic!("one file: {kept:?}") };
    assert!(path.to_str().unwrap().ends_with("Z_a_b.png"), "{path:?}");
    assert_eq!(fs::read(path).unwrap(), body);
}

#[test]
fn what_cannot_be_done_is_said_in_a_line() {
    let here = folder("live-errors");
    fs::write(here.join("broken.pem"), "junk").unwrap();
    let server = serve(&here, &["helo"]);
    let taken = server.address.clone();
    let run = |args: &[&str]| -> Output { scenarios(&here, args).output().unwrap() };
    for (args, code, said) in [
        (&["serve", "helo", "--listen", &taken][..], 2, "cannot listen on"),
        (&["serve", "helo", "--listen", "0.0.0.0:0"], 2, "--danger-listen"),
        (&["serve", "helo", "--listen", "no such host:1"], 2, "--listen: `no such host:1`"),
        (&["serve", "helo", "--keys", "nowhere"], 2, "keys/ca_public_key.pem: missing"),
        (&["serve", "hello"], 2, "did you mean `helo`?"),
        (&["serve", "helo", "--profile", "hardend"], 2, "did you mean `hardened`?"),
        (
            &["connect", "helo", "--to", "127.0.0.1:1", "--text", "x"],
            2,
            "cannot connect to 127.0.0.1:1",
        ),
        (&["connect", "helo", "--to", &taken, "--numbers", "1"], 2, "helo does not carry numbers"),
        (&["connect", "helo", "--to", &taken, "--image", "no.png"], 2, "`no.png`"),
        (&["connect", "helo", "--to", &taken, "--image", ".."], 2, "no file name"),
        (&["connect", "helo", "--to", &taken, "--client", "9", "--text", "x"], 2, "clients 1 to 3"),
        // Another system, and another profile: both ends refuse, and the client says so.
        (
            &[
                &["connect", "suite", "--profile", "hardened", "--to", &taken, "--text", "x"][..],
                // Each waits for the other: this one gives up, as it usually does.
                &["--patience-factor", "1"],
            ]
            .concat(),
            1,
            "the session ended",
        ),
        (
            &[
                &["connect", "helo", "--profile", "hardened", "--to", &taken, "--text", "x"][..],
                &["--patience-factor", "1"],
            ]
            .concat(),
            1,
            "refused",
        ),
    ] {
        let output = run(args);
        let errors = text(output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(said), "{args:?}: {errors}");
    }
    // The server has survived all of it.
    let output = run(&["connect", "helo", "--to", &taken, "--text", "still there"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(server.stop(), ("device: still there\n".to_owned(), Some(0)));
}

#[test]
fn a_server_that_speaks_says_what_it_is_told_and_makes_its_keys_at_start() {
    let here = folder("live-speaks");
    fs::create_dir(here.join("keys")).unwrap();
    let options = ["ccm", "--profile", "hardened", "--keys", "keys"];
    let server = serve(&here, &[&options[..], &["--text", "welcome"]].concat());
    let args = [&["connect"], &options[..], &["--to", &server.address, "--text", "hi"]].concat();
    // Twice: the second client makes a new pair, and the server finds it.
    for _ in 0..2 {
        let output = scenarios(&here, &args).output().unwrap();
        let errors = text(output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        assert!(errors.contains("made a new key pair"), "{errors}");
        assert_eq!(text(output.stdout), "server: welcome\n");
    }
    assert_eq!(server.stop(), ("client: hi\nclient: hi\n".to_owned(), Some(0)));
    let mut files: Vec<String> = fs::read_dir(here.join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    // The private halves stayed with their owners.
    assert_eq!(files, ["clientPK.pem", "serverPK.pem"]);
}

/// The first published server of `suite` reads one message and closes.
#[test]
fn a_server_that_closes_after_one_message_is_a_clean_end() {
    let here = folder("live-one-message");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            // Closes without anything unread: the published frame is 614 bytes and a text of two, one block.
            let mut frame = vec![0; 2 * 256 + 16 + 64 + 6];
            stream.read_exact(&mut frame).unwrap();
        }
    });
    let args = ["connect", "suite", "--to", &address, "--text", "hi"];
    let output = scenarios(&here, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    // What was not said is not forgotten.
    let output = scenarios(&here, &args).args(["--text", "again"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(output.stderr));
    server.join().unwrap();
}

/// As the published server: seconds since 1970 by the clock of the machine, in three blocks.
#[test]
fn the_challenge_of_ratchet_is_the_time() {
    let here = folder("live-challenge");
    let server = serve(&here, &["ratchet"]);
    let ratchet = SYSTEMS.iter().find(|system| system.name == "ratchet").unwrap();
    let profile = Profile::as_built(ratchet);
    let mut client = (ratchet.client)(Setup::lab(profile, 1, 1));
    let mut out = protocol::endpoint::Output::default();
    client.step(Tick(0), Input::Command(&Command::Send(Message::numbers("1"))), &mut out);
    client.step(Tick(0), Input::Opened(Conn(1), PortIndex(0)), &mut out);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(&out.writes[0].1).unwrap();
    let mut challenge = [0; 107];
    stream.read_exact(&mut challenge).unwrap();
    assert_eq!(challenge[..4], 103_u32.to_be_bytes());
    let key = &sha256(&[b"client1_master_k", b"S2C-ENC"])[..16];
    let key = Key128::from(Secret(key.try_into().unwrap()));
    let iv = challenge[11..27].try_into().unwrap();
    let plaintext = decrypt(key.ready(), &iv, &mut challenge[27..75]).unwrap();
    let plaintext = std::str::from_utf8(plaintext).unwrap();
    let said = plaintext.strip_prefix("ServerChallenge-").unwrap();
    let (seconds, fraction) = said.split_once('.').unwrap();
    assert_eq!(fraction.len(), 7, "{said}");
    // The clock of this machine, within an hour.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(seconds.parse().unwrap()) < 3600, "{said}");
}

#[test]
fn a_server_of_helo_issues_its_own_certificate() {
    let here = folder("live-helo-issues");
    assert_eq!(
        scenarios(&here, &["pki", "init", "helo", "--out", "keys"]).status().unwrap().code(),
        Some(0)
    );
    fs::remove_file(here.join("keys/certificates/server_certificate.json")).unwrap();
    let server = serve(&here, &["helo", "--keys", "keys"]);
    let args = ["connect", "helo", "--keys", "keys", "--to", &server.address, "--text", "hi"];
    let output = scenarios(&here, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    assert_eq!(server.stop(), ("device: hi\n".to_owned(), Some(0)));
}
