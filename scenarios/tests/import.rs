//! Captures that dumpcap made, listed, made into scenarios, and played to live servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it expects by unwrapping"
)]

mod command_line;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;

use capture::{Format, Writer};
use command_line::{folder, hold, scenarios};
use protocol::endpoint::Side;
use protocol::systems::system;
use protocol::weakness::Profile;
use recordings::import::{Keep, Recording, listing};
use serde_json::Value;

fn capture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name);
    path.to_str().unwrap().to_owned()
}

/// Exit code, standard output, standard error.
fn ran(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = scenarios(folder, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A server of the lab whose claims go to a file; stopped when the test is over, however it ends.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, system: &str, more: &[&str]) -> Self {
        let args = [&["serve", system, "--listen", "0", "--format", "json"], more].concat();
        let claims = File::create(folder.join("claims.jsonl")).unwrap();
        let mut command = scenarios(folder, &args);
        let mut child = command.stdout(claims).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut before) = (String::new(), String::new());
        while !line.contains(" listens on ") {
            before.push_str(&line);
            line.clear();
            assert!(errors.read_line(&mut line).unwrap() > 0, "it has ended: {before}");
        }
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let address = line.trim().split_once(" listens on ").unwrap().1.replace(", ", ",");
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn replay(folder: &Path, server: &Server, name: &str, more: &[&str]) -> (i32, String, String) {
    let (system, _) = name.split_once('.').unwrap();
    let capture = capture(name);
    let to = ["replay", "--from", &capture, "--to", &server.address, "--system", system];
    ran(folder, &[&to[..], more].concat())
}

#[test]
fn a_capture_in_memory_is_cut_as_the_file_is() {
    for (file, name) in
        [("ccm.pcapng", "ccm"), ("helo.pcapng", "helo"), ("ratchet.pcap", "ratchet")]
    {
        let path = capture(file);
        let (path, system) = (Path::new(&path), system(name).unwrap());
        let layout = Arc::new((system.layout)(Profile::as_built(system)));
        let ports: Vec<u16> = system.ports.iter().map(|port| port.port).collect();
        let read = Recording::read(path, &layout, &ports, Keep::Nothing).unwrap();
        let content = fs::read(path).unwrap();
        let of = Recording::of(path, &content, &layout, &ports, Keep::Nothing).unwrap();
        assert!(of.sessions.iter().all(|session| !session.frames.is_empty()), "{file}");
        assert_eq!(listing::json(&of), listing::json(&read), "{file}");
    }
}

#[test]
fn sessions_and_frames_are_listed() {
    let here = folder("import-list");
    let (code, text, _) = ran(&here, &["import", &capture("helo.pcapng"), "--system", "helo"]);
    assert_eq!(code, 0);
    hold("import-helo", &text);
    let (code, text, _) =
        ran(&here, &["import", &capture("ccm.pcapng"), "--system", "ccm", "--format", "json"]);
    assert_eq!(code, 0);
    let all: Value = serde_json::from_str(&text).unwrap();
    let [session] = all["sessions"].as_array().unwrap().as_slice() else { panic!("{text}") };
    assert_eq!(session["connections"].as_array().unwrap().len(), 3, "a session has three ports");
    assert_eq!(session["raw"], 0);
    let of = |connection: u64| -> Vec<&str> {
        let frames = session["frames"].as_array().unwrap().iter();
        let own = frames.filter(|frame| frame["connection"] == connection);
        own.map(|frame| frame["type"].as_str().unwrap()).collect()
    };
    assert_eq!(of(1), ["KEY", "ECHO", "TRUE"]);
    assert_eq!(of(2), ["MSG", "MSG", "EXIT"]);
    assert_eq!(of(3), ["EXIT"]);
    // Nobody knows the protocol: what a packet carried is one frame.
    let (code, text, _) = ran(&here, &["import", &capture("ratchet.pcap")]);
    assert_eq!((code, text.matches("RAW  ").count()), (0, 4), "{text}");
}

/// A classic capture of one connection, less these packets and with the others in this order.
fn reordered(here: &Path, name: &str, link: u32, head: &[u8], order: &[usize]) {
    let mut writer = Writer::new(Vec::new(), Format::Pcap, &[]).unwrap();
    let (client, server) = ("10.0.0.1:50000".parse().unwrap(), "10.0.0.2:443".parse().unwrap());
    writer.open(1, 1, client, server).unwrap();
    for (at, text) in (2..).zip(["one", "two", "three"]) {
        writer.data(at, 1, Side::Client, text.as_bytes(), &[]).unwrap();
    }
    let file = writer.finish().unwrap();
    // The file's head but for its link type; times, lengths and bytes of each packet.
    let (start, mut rest) = file.split_at(24);
    let mut packets = Vec::new();
    while let Some((packet, after)) = rest.split_at_checked(16) {
        let (times, lengths) = packet.split_at(8);
        let length = u32::from_le_bytes(*lengths.first_chunk().unwrap()) as usize;
        let (bytes, after) = after.split_at(length);
        packets.push((times, bytes));
        rest = after;
    }
    let mut written = [start.split_at(20).0, &link.to_le_bytes()].concat();
    for at in order {
        let (times, bytes) = packets.get(*at).unwrap();
        let length = u32::try_from(head.len() + bytes.len()).unwrap().to_le_bytes();
        written.extend([times, &length[..], &length, head, bytes].concat());
    }
    fs::write(here.join(name), written).unwrap();
}

#[test]
fn why_there_is_nothing_to_import_is_said() {
    let here = folder("import-nothing");
    reordered(&here, "nflog.pcap", 239, &[0; 4], &[0, 1, 2, 3]);
    let pppoe = [&[0; 12][..], &[0x88, 0x64]].concat();
    reordered(&here, "pppoe.pcap", 1, &pppoe, &[0, 1, 2]);
    for (file, said) in [
        ("nflog.pcap", "4 packets are of link type 239 (NFLOG), which is not known here"),
        ("pppoe.pcap", "3 packets are of EtherType 8864 (PPPoE session), not IP"),
    ] {
        fs::write(here.join("keys"), "").unwrap();
        for args in [&["import", file][..], &["capture", "--keys", "keys", file]] {
            let (code, _, errors) = ran(&here, args);
            assert_eq!(code, 2, "{errors}");
            assert!(errors.contains(said), "{errors}");
        }
    }
}

#[test]
fn a_capture_that_begins_in_the_middle_out_of_order_is_listed_whole() {
    let here = folder("import-middle");
    // Packets with data are 3, 5 and 7; the others acknowledge them.
    reordered(&here, "middle.pcap", 101, &[], &[5, 3, 4, 6, 7, 8]);
    let (code, text, errors) = ran(&here, &["import", "middle.pcap"]);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("client: 3 frames, 11 bytes"), "{text}");
    assert_eq!(text.matches("packet ").count(), 1, "no more than the missing SYN: {text}");
}

#[test]
fn a_recording_becomes_a_scenario_with_the_verdicts_of_the_catalogue() {
    // The options say for the run what the recorded client sent.
    for (name, text, violated) in [
        ("ratchet.pcap", "10.5,20.25", &["delivery-at-most-once", "peer-authentication"][..]),
        ("ccm.pcapng", "pay bob 100", &["delivery-at-most-once", "peer-authentication"]),
        ("helo.pcapng", "pay bob 100", &["peer-authentication"]),
    ] {
        let here = folder(&format!("import-{name}"));
        let (system, _) = name.split_once('.').unwrap();
        let import = ["import", &capture(name), "--system", system, "--out", "again.toml"];
        let (code, _, errors) = ran(&here, &import);
        assert_eq!(code, 0, "{errors}");
        assert!(errors.contains("session 1 is in again.toml"), "{errors}");
        let (code, _, errors) = ran(&here, &["check", "again.toml"]);
        assert_eq!(code, 0, "{errors}");
        let run = ["run", "again.toml", "--text", text, "--format", "json"];
        let (code, report, _) = ran(&here, &run);
        assert_eq!(code, 1, "nothing was expected to be taken");
        let report: Value = serde_json::from_str(&report).unwrap();
        for (at, profile) in ["as-built", "hardened"].iter().enumerate() {
            let case = &report["cases"][at];
            assert_eq!(case["profile"], *profile);
            let verdicts = case["verdicts"].as_object().unwrap().iter();
            let those = verdicts.filter(|(_, verdict)| verdict["verdict"] != "held");
            let those: Vec<&str> = those.map(|(property, _)| property.as_str()).collect();
            let expected = if at == 0 { violated } else { &[] };
            assert_eq!(those, expected, "{name} {profile}");
        }
        let (code, _, errors) = ran(&here, &import);
        assert_eq!(code, 2);
        assert!(errors.contains("--force"), "{errors}");
    }
}

#[test]
fn a_live_server_takes_a_recording_or_refuses_it() {
    let here = folder("import-replay");
    let server = Server::start(&here, "ratchet", &[]);
    let (code, text, errors) = replay(&here, &server, "ratchet.pcap", &[]);
    assert_eq!(code, 1, "{errors}");
    assert!(
        text.contains("taken, as far as the wire shows: all 2 recorded answers came"),
        "{text}"
    );
    assert!(text.contains("the wire does not say"), "{text}");
    // Now it has delivered it once.
    let claims = ["--claims", "claims.jsonl", "--pace", "recorded", "--format", "json"];
    let (code, text, errors) = replay(&here, &server, "ratchet.pcap", &claims);
    assert_eq!(code, 1, "{errors}");
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["verdict"], "taken");
    assert_eq!(all["claims"]["delivered"][0]["before"], true, "{text}");
    // The file of somebody else says nothing of it: then the wire counts.
    fs::write(here.join("other.jsonl"), "").unwrap();
    let claims = ["--claims", "other.jsonl"];
    let (code, text, _) = replay(&here, &server, "ratchet.pcap", &claims);
    assert_eq!(code, 1);
    assert!(text.contains("the claims say nothing"), "{text}");
    drop(server);

    let server = Server::start(&here, "helo", &[]);
    let (code, text, errors) = replay(&here, &server, "helo.pcapng", &[]);
    assert_eq!(code, 0, "{errors}");
    let refused = "refused: the server closed after frame 11 (SECX); 6 of 7 frames";
    assert!(text.contains(refused), "fresh nonces: {text}");
    // What the wire does not show: it has taken the recorded handshake for a device that was there.
    let (code, text, _) = replay(&here, &server, "helo.pcapng", &["--claims", "claims.jsonl"]);
    assert_eq!(code, 1);
    assert!(text.contains("established a session with device, who was not there"), "{text}");
    assert!(text.contains("delivered nothing"), "{text}");
    drop(server);

    let server = Server::start(&here, "ccm", &["--profile", "hardened"]);
    let (code, text, errors) = replay(&here, &server, "ccm.pcapng", &[]);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("closed after frame 1 (KEY)"), "{text}");
    drop(server);
    let server = Server::start(&here, "ccm", &[]);
    let (code, text, errors) = replay(&here, &server, "ccm.pcapng", &[]);
    assert_eq!(code, 1, "on three ports: {text}{errors}");
}

/// A capture of lines: what each side sends, in turn.
fn lines(path: &Path, said: &[(Side, &str)]) {
    let mut writer = Writer::new(File::create(path).unwrap(), Format::Pcapng, &[]).unwrap();
    let [client, server] = ["10.0.0.1:5000", "10.0.0.2:7"].map(|text| text.parse().unwrap());
    writer.open(1_000, 1, client, server).unwrap();
    for (at, (from, text)) in (2_000..).zip(said) {
        writer.data(at, 1, *from, text.as_bytes(), &[]).unwrap();
    }
    writer.finish().unwrap();
}

const LINES: &str = "name = \"lines\"\n[[frame]]\nname = \"LINE\"\nfields = [{ name = \"text\", until = \"\\n\" }]\n";

#[test]
fn own_protocols_get_a_scenario_that_only_lacks_the_programs() {
    let here = folder("import-own");
    fs::write(here.join("lines.toml"), LINES).unwrap();
    let large = format!("{}\n", "x".repeat(10_000));
    let said = [(Side::Client, "hello\n"), (Side::Server, "hi\n"), (Side::Client, large.as_str())];
    lines(&here.join("lines.pcapng"), &said);
    let args = ["import", "lines.pcapng", "--layout", "lines.toml", "--out", "again.toml"];
    let (code, text, errors) = ran(&here, &args);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("client: 2 frames, 10007 bytes; server: 1 frame, 3 bytes"), "{text}");
    let (code, _, errors) = ran(&here, &["check", "again.toml"]);
    assert_eq!(code, 0, "{errors}");
    // What is large lies beside it.
    assert_eq!(fs::read(here.join("again/3-line.bin")).unwrap(), large.as_bytes());
    let source = fs::read_to_string(here.join("again.toml")).unwrap();
    assert!(source.contains("[target.mine]") && source.contains("named = \"1-line\""), "{source}");
    let wrong = source.replace("named = \"1-line\"", "named = \"1-lime\"");
    fs::write(here.join("again.toml"), wrong).unwrap();
    let (code, _, errors) = ran(&here, &["check", "again.toml"]);
    assert_eq!(code, 2);
    assert!(errors.contains("did you mean `1-line`"), "{errors}");
}

#[test]
fn what_the_capture_has_not_seen_is_said_and_not_played() {
    let here = folder("import-hole");
    let whole = fs::read(capture("ratchet.pcap")).unwrap();
    // A classic file: a header of 24 bytes, then packets of 16 bytes and their length. The first with data is the hello.
    let (mut kept, mut at, mut dropped) = (whole[..24].to_vec(), 24, false);
    while at < whole.len() {
        let len = u32::from_le_bytes(whole[at + 8..at + 12].try_into().unwrap()) as usize;
        let packet = &whole[at..at + 16 + len];
        // More than the headers of Ethernet, IP and TCP.
        if len > 100 && !dropped {
            dropped = true;
        } else {
            kept.extend_from_slice(packet);
        }
        at += packet.len();
    }
    fs::write(here.join("hole.pcap"), kept).unwrap();
    let (code, text, _) = ran(&here, &["import", "hole.pcap", "--system", "ratchet"]);
    assert_eq!(code, 0);
    assert!(text.contains("client: 1 frame, 75 bytes, 91 more are missing"), "{text}");
    let play = ["replay", "--from", "hole.pcap", "--system", "ratchet", "--to", "9"];
    let (code, _, errors) = ran(&here, &play);
    assert_eq!(code, 2);
    assert!(errors.contains("session 1 lacks 91 bytes of its client"), "{errors}");
}

#[test]
fn a_session_of_many_frames_fits_a_rule() {
    let here = folder("import-many");
    fs::write(here.join("lines.toml"), LINES).unwrap();
    let mut said = vec![(Side::Client, "hello\n"), (Side::Server, "hi\n")];
    said.resize(500, (Side::Client, "more\n"));
    lines(&here.join("lines.pcapng"), &said);
    let args = ["import", "lines.pcapng", "--layout", "lines.toml", "--out", "again.toml", "-q"];
    assert_eq!(ran(&here, &args).0, 0);
    let (code, _, errors) = ran(&here, &["check", "again.toml"]);
    assert_eq!(code, 0, "{errors}");
    let source = fs::read_to_string(here.join("again.toml")).unwrap();
    assert_eq!(source.matches("named = ").count(), 100);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody else's server has a socket")]
fn silence_is_told_from_an_answer_and_a_closed_door_from_both() {
    let here = folder("import-silent");
    fs::write(here.join("lines.toml"), LINES).unwrap();
    let said = [(Side::Client, "hello\n"), (Side::Server, "hi\n"), (Side::Client, "more\n")];
    lines(&here.join("lines.pcapng"), &said);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let args =
        ["replay", "--from", "lines.pcapng", "--layout", "lines.toml", "--patience", "1", "--to"];
    let args = [&args[..], &[&to]].concat();
    let (code, text, _) = ran(&here, &args);
    assert_eq!(code, 0, "{text}");
    let silent =
        "refused: the server was silent, frame 2 did not come, after frame 1 (LINE); 2 of 2";
    assert!(text.contains(silent), "{text}");
    drop(listener);
    let (code, _, errors) = ran(&here, &args);
    assert_eq!(code, 2);
    assert!(errors.contains("cannot connect"), "{errors}");
    // A server that never answered cannot be held against its recording.
    lines(&here.join("lines.pcapng"), &[(Side::Client, "hello\n")]);
    let listener = std::net::TcpListener::bind(&to).unwrap();
    let (code, text, errors) = ran(&here, &args);
    drop(listener);
    assert_eq!(code, 2, "{text}");
    assert!(errors.contains("--claims FILE would"), "{errors}");
}

/// What is said of a server that answers the first line like this, and then goes on reading or does not.
#[expect(clippy::disallowed_methods, reason = "somebody else's server has a socket")]
fn against(here: &Path, answer: &'static [u8], goes_on: bool) -> (i32, String, String) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = [0; 6];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(answer).unwrap();
        if goes_on {
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
    });
    let args = ["replay", "--from", "lines.pcapng", "--layout", "lines.toml", "--to", &to];
    let ran = ran(here, &args);
    server.join().unwrap();
    ran
}

#[test]
fn another_answer_is_told_from_the_same_and_a_refusal_comes_with_an_end() {
    let here = folder("import-otherwise");
    let layout = "name = \"lines\"\n[[frame]]\nname = \"HELLO\"\nfrom = \"client\"\nfields = [{ name = \"text\", until = \"\\n\" }]\n\
        [[frame]]\nname = \"OK\"\nfields = [{ name = \"ok\", tag = \"OK\" }, { name = \"text\", until = \"\\n\" }]\n\
        [[frame]]\nname = \"ERR\"\nfields = [{ name = \"err\", tag = \"ERR\" }, { name = \"text\", until = \"\\n\" }]\n";
    fs::write(here.join("lines.toml"), layout).unwrap();
    let said = [(Side::Client, "hello\n"), (Side::Server, "OK 1\n"), (Side::Client, "more\n")];
    lines(&here.join("lines.pcapng"), &said);
    let (code, text, _) = against(&here, b"OK 1\n", true);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("came, by type (1 with the same bytes)"), "{text}");
    assert!(text.contains("the last frame of the client had no answer to compare"), "{text}");
    let (code, text, _) = against(&here, b"OK 2\n", true);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("came, by type (0 with the same bytes)"), "{text}");
    let (code, text, _) = against(&here, b"ERR 1\n", true);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("ERR in place of OK (frame 2)"), "{text}");
    let (code, text, _) = against(&here, b"", false);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("refused: the server closed after frame 1 (HELLO); 1 of 2"), "{text}");
    let (code, text, _) = against(&here, b"OK", false);
    assert_eq!(code, 0, "a piece of an answer, and an end: {text}");
}

#[test]
fn what_cannot_be_is_said_in_a_line_and_what_was_before_is_kept() {
    let here = folder("import-refused");
    let whole = fs::read(capture("ratchet.pcap")).unwrap();
    fs::write(here.join("cut.pcap"), &whole[..whole.len() - 200]).unwrap();
    fs::write(here.join("empty.pcap"), "").unwrap();
    fs::write(here.join("text.pcap"), "no capture at all").unwrap();
    let magic = LINES.replace("fields = [", "fields = [{ name = \"magic\", tag = \"MG\" }, ");
    fs::write(here.join("lines.toml"), magic).unwrap();
    let refused = |args: &[&str]| {
        let (code, text, errors) = ran(&here, &[&["import"], args].concat());
        assert_eq!(code, 2, "{args:?}");
        assert_eq!(errors.trim().lines().count(), 1, "{errors}");
        (text, errors)
    };
    let (text, errors) = refused(&["cut.pcap", "--system", "ratchet"]);
    assert!(text.contains("CLIENT_HELLO") && errors.contains("ends early"), "{text}{errors}");
    assert!(refused(&["empty.pcap"]).1.contains("expected 4 bytes"));
    assert!(refused(&["text.pcap"]).1.contains("expected a pcapng or pcap file"));
    assert!(refused(&["none.pcap"]).1.contains("cannot read"));
    assert!(refused(&["."]).1.contains("it is a folder"));
    let good: PathBuf = capture("ratchet.pcap").into();
    let good = good.to_str().unwrap();
    let none = refused(&[good, "--system", "ratchet", "--session", "2", "--out", "a.toml"]);
    assert!(none.1.contains("the capture has sessions 1 to 1"), "{}", none.1);
    let (text, errors) = refused(&[good, "--layout", "lines.toml"]);
    assert!(text.contains("RAW") && errors.contains("is a frame of lines"), "{text}{errors}");
    assert!(refused(&[good, "--out", "a.toml"]).1.contains("--system or --layout"));
    assert!(
        refused(&[good, "--system", "ratchet", "--out", "A b.toml"]).1.contains("expected a name")
    );
    assert!(!here.join("a.toml").exists());
    let (code, _, errors) = ran(&here, &["replay", "--from", good]);
    assert_eq!(code, 2);
    assert!(errors.contains("--to <ADDR>"), "{errors}");
    let (code, _, errors) = ran(&here, &["replay", "--from", good, "--to", "9"]);
    assert_eq!(code, 2);
    assert!(errors.contains("--system or --layout"), "{errors}");
    let (code, _, errors) = ran(&here, &["drop", "--from", good, "--to", "9"]);
    assert_eq!(code, 2);
    assert!(errors.contains("unexpected argument '--from'"), "other families: {errors}");
}
