//! Captures of whole cases, read back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use capture::{Ending, Format, Visitor, read};
use files::catalogue::catalogue;
use files::scenario::Scenario;
use files::scenario::ScenarioRun;
use judge::{Judgement, Over};
use mitm_proxy::trace::{Fate, Origin};
use protocol::endpoint::{Side, Tick};
use protocol::system::EPOCH;
use protocol::weakness::Profile;

use super::{Place, Plaintext, write};

fn with<T>(scenario: &str, check: impl FnOnce(ScenarioRun<'_>, &Judgement) -> T) -> T {
    let found: Scenario = catalogue().into_iter().find(|known| known.name == scenario).unwrap();
    let system = found.systems[0];
    let profile = Profile::named(system, "as-built").unwrap();
    let case =
        ScenarioRun { scenario: &found, system, profile, seed: found.seed, over: Over::World };
    check(case, &case.judge())
}

fn capture(case: ScenarioRun<'_>, judgement: &Judgement, plaintext: Plaintext) -> Vec<u8> {
    write(Vec::new(), Format::Pcapng, &super::Subject::from(case), judgement, plaintext).unwrap()
}

/// What is in a capture: sessions by number, and who closed them; bytes by session and sender.
#[derive(Default)]
struct Seen {
    opened: BTreeMap<u32, (SocketAddr, SocketAddr)>,
    closed: BTreeMap<u32, usize>,
    bytes: BTreeMap<(u32, Side), Vec<u8>>,
    began: Option<u64>,
    problems: Vec<String>,
}

impl Visitor for Seen {
    fn opened(&mut self, session: u32, client: SocketAddr, server: SocketAddr, _: Tick) {
        self.opened.insert(session, (client, server));
    }

    fn data(&mut self, session: u32, from: Side, _: Tick, _: u64, bytes: &[u8]) {
        self.bytes.entry((session, from)).or_default().extend_from_slice(bytes);
    }

    fn missing(&mut self, _: u32, _: Side, _: Tick, bytes: u64) {
        self.problems.push(format!("{bytes} bytes are missing"));
    }

    fn closed(&mut self, session: u32, _: Side, _: Tick, _: Ending) {
        *self.closed.entry(session).or_default() += 1;
    }

    fn problem(&mut self, packet: u64, what: &str) {
        self.problems.push(format!("packet {packet}: {what}"));
    }
}

fn seen(file: &[u8]) -> Seen {
    let mut seen = Seen::default();
    seen.began = read(file, &mut seen).unwrap().began;
    assert_eq!(seen.problems, Vec::<String>::new());
    seen
}

fn contains(file: &[u8], text: &str) -> bool {
    memchr::memmem::find(file, text.as_bytes()).is_some()
}

#[test]
fn the_same_case_is_the_same_file() {
    let file =
        || with("ccm-replay-session", |case, judgement| capture(case, judgement, Plaintext::Shown));
    assert_eq!(file(), file());
}

#[test]
fn every_link_is_two_conversations_with_what_was_sent_on_each() {
    with("csr-text-and-image", |case, judgement| {
        let seen = seen(&capture(case, judgement, Plaintext::Hidden));
        let addresses: Vec<String> =
            seen.opened.values().map(|(client, server)| format!("{client} {server}")).collect();
        let expected = ["10.0.0.1:49153 10.0.0.100:12345", "10.0.1.100:49153 10.0.1.1:12345"];
        assert_eq!(addresses, expected);
        assert_eq!(seen.began, Some(EPOCH * 1_000_000_000));
        assert_eq!(seen.closed.values().copied().collect::<Vec<_>>(), [2, 2]);
        let frames = judgement.trace.frames.iter();
        let bytes =
            |to: Side, leg: Side| -> Vec<u8> {
                let frames = frames.clone().filter(|record| record.to == to);
                let all = frames.map(|record| {
                    if leg == to { &record.frame.bytes } else { &record.as_sent().bytes }
                });
                all.flat_map(|bytes| bytes.iter().copied()).collect()
            };
        for (leg, session) in [Side::Client, Side::Server].into_iter().zip(seen.opened.keys()) {
            for to in [Side::Client, Side::Server] {
                let found = seen.bytes.get(&(*session, to.other())).cloned().unwrap_or_default();
                let all = bytes(to, leg);
                // What was lost never arrives.
                if leg == to { assert!(all.starts_with(&found)) } else { assert_eq!(found, all) }
            }
        }
    });
}

#[test]
fn what_is_dropped_is_on_the_senders_side_only_and_what_is_made_on_the_receivers() {
    let sums = |scenario: &str| {
        with(scenario, |case, judgement| {
            let seen = seen(&capture(case, judgement, Plaintext::Hidden));
            let sum = |attacker: &str| -> usize {
                let of = |session: &u32| {
                    let (client, server) = seen.opened[session];
                    [client, server].iter().any(|end| end.ip().to_string() == attacker)
                };
                let streams = seen.bytes.iter().filter(|((session, _), _)| of(session));
                streams.map(|(_, bytes)| bytes.len()).sum()
            };
            let frames = &judgement.trace.frames;
            let dropped = frames.iter().filter(|record| record.fate == Fate::Dropped);
            let made = frames.iter().filter(|record| record.origin != Origin::Endpoint);
            let size = |frames: Vec<usize>| frames.iter().sum::<usize>();
            (
                sum("10.0.0.100"),
                sum("10.0.1.100"),
                size(dropped.map(|record| record.as_sent().bytes.len()).collect()),
                size(made.map(|record| record.frame.bytes.len()).collect()),
            )
        })
    };
    let (client, server, dropped, made) = sums("drop-acknowledgement");
    assert!(dropped > 0 && made == 0);
    assert_eq!(server, client + dropped);
    let (client, server, _, made) = sums("replay-text-in-session");
    assert!(made > 0);
    assert!(server >= client + made, "its answer comes on top");
}

#[test]
fn rules_refusals_and_verdicts_stand_as_comments() {
    with("ccm-replay-session", |case, judgement| {
        let file = capture(case, judgement, Plaintext::Hidden);
        for text in [
            "frame 11 MSG: rule 1: replay of 4",
            "frame 11: delivery-at-most-once VIOLATED: server delivered",
            "ccm-replay-session against ccm as-built, seed 1",
            "rule 1: opened by the attacker",
            "blocked by: nothing",
        ] {
            assert!(contains(&file, text), "{text}");
        }
        assert!(!contains(&file, "server delivers text"));
        let file = capture(case, judgement, Plaintext::Shown);
        assert!(contains(&file, "server delivers text \"pay bob 100\""));
    });
}

#[test]
fn a_classic_file_has_the_same_packets() {
    with("ccm-replay-session", |case, judgement| {
        let classic = write(
            Vec::new(),
            Format::Pcap,
            &super::Subject::from(case),
            judgement,
            Plaintext::Shown,
        )
        .unwrap();
        let modern = capture(case, judgement, Plaintext::Shown);
        assert_eq!(seen(&classic).bytes, seen(&modern).bytes);
        assert!(!contains(&classic, "rule 1"));
    });
}

#[test]
fn several_cases_get_a_file_each() {
    with("ccm-replay-session", |case, _| {
        let file = |path: &str, cases| {
            Place::of(super::What::Capture, Path::new(path), cases)
                .file(&super::Subject::from(case))
        };
        let name = "ccm-replay-session-ccm-as-built";
        assert_eq!(file("out.pcapng", 1), PathBuf::from("out.pcapng"));
        assert_eq!(file("a/out.pcap", 2), PathBuf::from(format!("a/out-{name}.pcap")));
        assert_eq!(file("out", 2), PathBuf::from(format!("out/{name}.pcapng")));
        assert_eq!(file("out/", 1), PathBuf::from(format!("out/{name}.pcapng")));
        assert_eq!(file("src", 1), PathBuf::from(format!("src/{name}.pcapng")));
    });
}
