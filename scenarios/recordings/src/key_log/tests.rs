//! Key logs as text, and what they open.

use std::collections::{BTreeMap, BTreeSet};

use capture::Format;
use files::catalogue::catalogue;
use files::scenario::ScenarioRun;
use judge::Over;
use mitm_proxy::trace::ClaimRecord;
use proptest::prelude::*;
use protocol::endpoint::{Fact, Message};
use protocol::registry::Registry;
use rayon::prelude::*;

use super::open::{Listener, Opened};
use super::*;
use crate::run_capture::{Plaintext, Subject, key_log, write};

const LINE: &str = "helo as-built client 1 10.0.0.1:49153 10.0.0.100:9999 0 master ";

fn secret() -> String {
    "0123456789abcdef".repeat(4)
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let text = format!("{HEAD}\n  # more\n{LINE}{}\n", secret());
    let lines = read(&text, Registry::BUILTIN).unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(written(&lines), format!("{HEAD}{LINE}{}\n", secret()));
    assert_eq!(lines[0].connection.client.port(), 49_153);
    assert!(!format!("{lines:?}").contains("1, 35, 69"), "secrets are not shown");
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_was_expected() {
    let good = format!("{LINE}{}", secret());
    for (from, to, told) in [
        ("helo ", "", "expected nine words"),
        ("helo", "heloo", "expected a system (ccm, csr, helo, ratchet, suite), found `heloo`"),
        ("as-built", "as-bilt", "expected a profile of helo, found `as-bilt`"),
        ("client", "middle", "expected `client` or `server`, found `middle`"),
        (" 1 ", " one ", "expected the number of a connection, found `one`"),
        (
            "10.0.0.1:49153",
            "10.0.0.1",
            "expected an address such as 10.0.0.1:49153, found `10.0.0.1`",
        ),
        (" 0 ", " 1 ", "expected one of the 1 ports of helo, from 0, found `1`"),
        ("master", "chains", "expected a secret of helo (master), found `chains`"),
        ("0123", "0x23", "expected 1 to 64 bytes of secret"),
        ("cdef0", "cdef", "expected 1 to 64 bytes of secret"),
        (
            "helo",
            "\u{1b}[2Jhelo",
            "expected a system (ccm, csr, helo, ratchet, suite), found `\\u{1b}[2Jhelo`",
        ),
    ] {
        let text = format!("# one\n{}", good.replacen(from, to, 1));
        let mistake = read(&text, Registry::BUILTIN).unwrap_err();
        assert_eq!(mistake.line, 2);
        assert!(mistake.to_string().starts_with("line 2: "));
        assert!(mistake.what.contains(told), "{mistake}");
    }
}

fn opened(file: &[u8], lines: &[Line]) -> (Vec<Opened>, usize) {
    let mut listener = Listener::new(lines);
    let read = capture::read(file, &mut listener);
    assert!(read.is_ok());
    (listener.finish(), listener.connections)
}

/// What the judge was told is delivered by ends that have their connections in the capture.
fn delivered(judgement: &judge::Judgement) -> BTreeMap<String, usize> {
    let trace = &judgement.trace;
    let mut told = BTreeMap::new();
    for record in &trace.claims {
        if let Fact::Delivered(message) = &record.claim.fact
            && !trace.impostors.contains(&record.actor)
            && record.cause.is_some()
        {
            *told.entry(full(message)).or_default() += 1;
        }
    }
    told
}

/// What any end claims to have sent.
fn said(judgement: &judge::Judgement) -> BTreeSet<String> {
    let sent = |record: &ClaimRecord| match &record.claim.fact {
        Fact::Sent(message) => Some(full(message)),
        _ => None,
    };
    judgement.trace.claims.iter().filter_map(sent).collect()
}

fn full(message: &Message) -> String {
    format!("{:?} {:?} {:?}", message.kind, message.name, message.body)
}

/// The whole catalogue: whatever an endpoint was told by a frame that it took stands in its connection for whoever has its secrets.
#[test]
fn what_endpoints_are_told_is_what_their_secrets_open() {
    let scenarios = catalogue();
    let cases: Vec<ScenarioRun<'_>> = scenarios
        .iter()
        .flat_map(|scenario| {
            scenario.systems.iter().flat_map(move |system| {
                [
                    protocol::weakness::Profile::as_built(system),
                    protocol::weakness::Profile::HARDENED,
                ]
                .map(|profile| ScenarioRun {
                    scenario,
                    system,
                    profile,
                    seed: scenario.seed,
                    over: Over::World,
                })
            })
        })
        .collect();
    assert!(cases.len() > 100);
    let missing: Vec<String> = cases
        .par_iter()
        .flat_map_iter(|case| {
            let judgement = case.judge();
            let lines = key_log(*case, &judgement);
            let log = written(&lines);
            let lines = read(&log, Registry::BUILTIN).unwrap();
            let file = write(
                Vec::new(),
                Format::Pcapng,
                &Subject::from(*case),
                &judgement,
                Plaintext::Hidden,
            )
            .unwrap();
            let mut found: BTreeMap<String, usize> = BTreeMap::new();
            let said = said(&judgement);
            for opened in opened(&file, &lines).0 {
                // Where nobody attacks, nothing opens that nobody said; what a reply of csr says, no claim does.
                if case.scenario.plan.rules.is_empty() && opened.kind != "REPLY" {
                    assert!(said.contains(&full(&opened.message)), "{}", case.scenario.name);
                }
                *found.entry(full(&opened.message)).or_default() += 1;
            }
            let name =
                format!("{} {} {}", case.scenario.name, case.system.name, case.profile.name());
            delivered(&judgement)
                .into_iter()
                .filter(move |(message, times)| {
                    found.get(message).is_none_or(|found| found < times)
                })
                .map(move |(message, times)| {
                    let message: String = message.chars().take(60).collect();
                    format!("{name}: {message} ({times})")
                })
        })
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// A log of any length, all of it about one pair of addresses, is sorted out in about the time it takes to read.
#[test]
fn many_connections_between_the_same_addresses_are_told_apart() {
    let many = 100_000;
    let line = |link: u32| {
        let text = format!("{LINE}{}", secret());
        text.replacen("client 1 ", &format!("client {link} "), 1) + "\n"
    };
    let log: String = (0..many).map(line).collect();
    let lines = read(&log, Registry::BUILTIN).unwrap();
    assert_eq!(lines.len(), many as usize);
    // A quadratic listener would not come back from this.
    let mut listener = Listener::new(&lines);
    assert!(listener.finish().is_empty());
}

proptest! {
    #[test]
    fn whatever_stands_in_a_log_is_a_log_or_a_mistake(text in "(\\PC| |\n|helo|0){0,200}") {
        let _ = read(&text, Registry::BUILTIN);
    }
}
