//! What a valid file becomes, and that no text at all makes the reader panic.

use std::collections::BTreeMap;

use bytes::Bytes;
use judge::property::{Outcome, Property};
use mitm_proxy::condition::{Event, When};
use mitm_proxy::script::Step;
use proptest::prelude::*;
use protocol::endpoint::{Check, Message, PortIndex, Side};
use protocol::registry::Registry;
use protocol::system::System;

use super::{MAX_RULES, MAX_STEPS, Payloads, Scenario};
use crate::catalogue::embedded_files;
use crate::diagnostic::Diagnostics;
use crate::load::MAX_FILE;
use crate::starter::starter;

struct NoPayloads;

impl Payloads for NoPayloads {
    fn read(&self, _: &str) -> Result<Bytes, String> {
        Err("does not exist".to_owned())
    }
}

const HEAD: &str = r#"name = "good"
family = "splice"
summary = "One line."
teaches = "Something."
system = "ratchet"
"#;

const SCRIPT: &str = "script.client = [\"end\"]\n";

const EXPECT: &str = "[expect.as-built]\n[expect.hardened]\n";

fn parse(source: &str) -> Result<Scenario, Diagnostics> {
    Scenario::parse("good.toml", source, &NoPayloads, Registry::BUILTIN)
}

fn good(body: &str) -> Scenario {
    parse(&format!("{HEAD}{body}")).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn messages(source: &str) -> Vec<String> {
    parse(source).unwrap_err().list.into_iter().map(|mistake| mistake.message).collect()
}

#[test]
fn a_script_is_read_step_by_step() {
    let scenario = good(&format!(
        r#"
        script.client = [
            {{ numbers = [10, 20.50, -1, +2, 1_000, 0x10, nan] }},
            {{ numbers = "10.0, nan,x" }},
            {{ wait_ms = 20 }},
            "end",
            "connect",
        ]
        script.client-5 = ["end"]
        {EXPECT}"#
    ));
    let client = scenario.plan.scripts.get(&1).unwrap();
    let expected = [
        Step::Send(Message::numbers("10,20.50,-1,2,1000,16,nan")),
        Step::Send(Message::numbers("10.0, nan,x")),
        Step::Wait(std::time::Duration::from_millis(20)),
        Step::End,
        Step::Connect,
    ];
    assert_eq!(client, &expected);
    assert_eq!(scenario.plan.scripts.keys().copied().collect::<Vec<u32>>(), [1, 5]);
}

#[test]
fn a_rule_waits_for_what_it_says() {
    let scenario = good(&format!(
        r#"{SCRIPT}
[[rule]]
when = {{ link = 2, port = "session", from = "client", type = "CLIENT_DATA", nth = 3, field = {{ round = 2 }} }}
do.drop = {{}}
[[rule]]
when = {{ event = "close", from = "server" }}
do = [{{ close = {{ to = "client" }} }}, {{ release = {{}} }}]
[[rule]]
when = {{ type = "RAW" }}
do.forward = {{}}
{EXPECT}"#
    ));
    let [first, second, third] = scenario.plan.rules.as_slice() else { panic!("three rules") };
    let expected = When {
        event: Event::Frame,
        link: Some(2),
        port: Some(PortIndex(0)),
        from: Some(Side::Client),
        frame_type: Some("CLIENT_DATA".to_owned()),
        fields: vec![("round".to_owned(), 2)],
        test: None,
        nth: Some(3),
    };
    assert_eq!(first.when, expected);
    assert_eq!((second.when.event, second.when.from), (Event::Close, Some(Side::Server)));
    assert_eq!((first.actions.len(), second.actions.len()), (1, 2));
    assert_eq!(third.when.frame_type.as_deref(), Some("RAW"));
    assert_eq!(scenario.plan.rule_lines, [8, 11, 14]);
}

/// The action a `do` becomes, as its `Debug` shows it.
fn acts(action: &str) -> String {
    let when = r#"{ from = "client", type = "CLIENT_DATA" }"#;
    let scenario = good(&format!("{SCRIPT}[[rule]]\nwhen = {when}\n{action}\n{EXPECT}"));
    format!("{:?}", scenario.plan.rules.first().unwrap().actions)
}

#[test]
fn every_kind_of_argument_reaches_its_action() {
    let cases = [
        (r#"do.flip = { field = "iv", bit = 3 }"#, r#"[Flip { place: Field("iv"), bit: 3 }]"#),
        (
            r#"do.flip = { field = "*", every = "byte" }"#,
            r#"[FlipEvery { place: Field("*"), step: 8 }]"#,
        ),
        (
            r#"do.flip = { field = "share", bit = 0 }"#,
            r#"[Flip { place: Field("share"), bit: 0 }]"#,
        ),
        ("do.split = { at = [3, 1] }", "[At([1, 3])]"),
        (
            r#"do.set = { offset = 1, hex = "0a Ff" }"#,
            "[Set { place: Offset(1), value: Bytes([10, 255]) }]",
        ),
        (
            "do.set = { field = \"round\", number = 18446744073709551615 }",
            "[Set { place: Field(\"round\"), value: Number(18446744073709551615) }]",
        ),
        (r#"do.retype = { to = "TERMINATE" }"#, r#"[Retype("TERMINATE")]"#),
        (
            r#"do.replay = { before = true, frame = { link = 1, from = "server" } }"#,
            "[Replay { times: 1, frame: Some(FrameRef { link: Some(1), from: Some(Server), \
             frame_type: None, nth: 1 }), before: true, delay: 0ns }]",
        ),
    ];
    for (action, expected) in cases {
        assert_eq!(acts(action), expected, "{action}");
    }
}

#[test]
fn a_template_is_as_wide_as_its_fields() {
    let action = r#"do.inject = { to = "server", template = { type = "CLIENT_HELLO", client_id = 255,
        round = 258, direction = "02", iv = "00000000 00000000 00000000 000000ff", ct = "", mac =
        "0000000000000000000000000000000000000000000000000000000000000000", length = 1 } }"#;
    let action = action.replace('\n', " ");
    let shown = acts(&action);
    for field in [
        r#"("client_id", [255])"#,
        r#"("round", [0, 0, 1, 2])"#,
        r#"("direction", [2])"#,
        "0, 0, 255])",
        r#"("ct", [])"#,
        r#"("length", [0, 0, 0, 1])"#,
    ] {
        assert!(shown.contains(field), "{shown}");
    }
}

#[test]
fn expectations_are_read_by_profile_and_system() {
    let scenario = good(&format!(
        r#"{SCRIPT}
[expect.as-built]
all = "violated"
order = "held"
blocked_by = "nothing"
rests_on_seed = "the first byte is a letter"
[expect.hardened]
blocked_by = ["server:mac|server: padding", "client-2: round"]
[expect.ratchet.nan-accepted]
availability = "violated"
"#
    ));
    let as_built = scenario.expect.of("ratchet", "as-built").unwrap();
    assert_eq!(as_built.outcome(Property::Order), Some(Outcome::Held));
    assert_eq!(as_built.outcome(Property::Secrecy), Some(Outcome::Violated));
    assert_eq!(as_built.blocked_by.as_ref().unwrap().to_string(), "nothing");
    assert_eq!(as_built.rests_on_seed.as_deref(), Some("the first byte is a letter"));
    assert_eq!(as_built.line, 8);
    let hardened = scenario.expect.of("ratchet", "hardened").unwrap();
    assert_eq!(hardened.outcome(Property::Secrecy), Some(Outcome::Held));
    let checks = hardened.blocked_by.as_ref().unwrap().to_string();
    assert_eq!(checks, "client-2: round, server: mac | server: padding");
    assert_eq!(hardened.rests_on_seed, None);
    let alone = scenario.expect.of("ratchet", "nan-accepted").unwrap();
    assert_eq!(alone.verdicts, BTreeMap::from([(Property::Availability, Some(Outcome::Violated))]));
}

#[test]
fn a_seed_can_be_any_u64() {
    let seed = |line: &str| good(&format!("{line}\n{SCRIPT}{EXPECT}")).seed;
    assert_eq!(seed("seed = 18446744073709551615"), u64::MAX);
    assert_eq!(seed("seed = 0xff"), 255);
    assert_eq!(seed(""), 7);
}

#[test]
fn the_name_is_compared_with_toml_files_only() {
    let source = format!("{HEAD}{SCRIPT}{EXPECT}");
    assert!(Scenario::parse("<stdin>", &source, &NoPayloads, Registry::BUILTIN).is_ok());
    assert!(Scenario::parse("folder/good.toml", &source, &NoPayloads, Registry::BUILTIN).is_ok());
    assert!(Scenario::parse("other.toml", &source, &NoPayloads, Registry::BUILTIN).is_err());
}

#[test]
fn what_is_too_much_is_one_clear_mistake() {
    let rules = "[[rule]]\nwhen = {}\ndo.drop = {}\n".repeat(MAX_RULES + 1);
    let many = messages(&format!("{HEAD}{SCRIPT}{rules}{EXPECT}"));
    assert_eq!(many, ["1001 rules are too many"]);

    let steps = "\"end\",".repeat(MAX_STEPS + 1);
    let many = messages(&format!("{HEAD}script.client = [{steps}]\n{EXPECT}"));
    assert_eq!(many, ["a script of 1001 steps is too long"]);

    let many = messages(&"#".repeat(MAX_FILE + 1));
    assert_eq!(many, ["the file has 1048577 bytes, at most 1048576 are read"]);
}

#[test]
fn what_is_deep_or_endless_is_refused_and_not_a_crash() {
    for source in [
        format!("{} = 1", vec!["a"; 300_000].join(".")),
        format!("[{}]", vec!["a"; 300_000].join(".")),
        format!("a = {}", "[".repeat(500_000)),
        format!("a = {}", "{a=".repeat(300_000)),
        (0..70_000).map(|number| format!("a{number} = 1")).collect::<Vec<_>>().join("\n"),
        "a".repeat(1 << 20),
        format!("summary = \"{}\"", "x".repeat(1 << 19)),
    ] {
        assert!(parse(&source).unwrap_err().to_string().len() < 20_000);
    }
}

/// Some valid files.
fn seeds() -> Vec<String> {
    let mut seeds = vec![starter("good")];
    for (path, content) in embedded_files() {
        if path.starts_with("replay/") {
            seeds.push(String::from_utf8_lossy(content).into_owned());
        }
    }
    seeds
}

/// A piece of a scenario file, or anything.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "name",
        "system",
        "script.client",
        "[[rule]]\n",
        "when",
        "do",
        "flip",
        "inject",
        "template",
        "[expect]\n",
        "[expect.as-built]\n",
        "type",
        "field",
        "\"ratchet\"",
        "\"CLIENT_DATA\"",
        "{",
        "}",
        "[",
        "]",
        "=",
        ",",
        ".",
        "\n",
        "\"",
        "'''",
        "-1",
        "0x",
        "1e400",
        "true",
        "#",
        "\u{1b}",
        "\u{feff}",
        "ä",
        "\r",
        "18446744073709551616",
    ];
    prop_oneof![4 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in any::<String>()) {
        let _ = parse(&source).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn no_text_that_looks_like_toml_makes_it_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        let _ = parse(&pieces.concat()).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn no_change_of_a_valid_file_makes_it_panic(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..20usize, piece()), 1..6,
        ),
    ) {
        let seeds = seeds();
        let mut source = seed.get(&seeds).clone();
        for (at, len, piece) in changes {
            let from = source.floor_char_boundary(at.index(source.len() + 1));
            let to = source.floor_char_boundary((from + len).min(source.len())).max(from);
            source.replace_range(from..to, &piece);
        }
        if let Err(mistakes) = parse(&source) {
            let shown = mistakes.to_string();
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
    }
}

#[test]
fn a_system_from_elsewhere_brings_checks_of_its_own() {
    const COOKIE: Check = Check::new("cookie");
    let ratchet = protocol::systems::system("ratchet").unwrap();
    let own = System {
        checks: &[COOKIE],
        ..System::minimal("mine", ratchet.layout, ratchet.client, ratchet.server)
    };
    let registry = Registry::with(vec![own].leak());
    let read = |system: &str| {
        let head = HEAD.replace("ratchet", system);
        let source = format!("{head}{SCRIPT}{EXPECT}blocked_by = \"server: cookie\"\n");
        Scenario::parse("good.toml", &source, &NoPayloads, registry)
    };
    let scenario = read("mine").unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let blocked_by = scenario.expect.of("mine", "hardened").unwrap().blocked_by.clone();
    assert_eq!(blocked_by.unwrap().0, [["server: cookie"]]);
    let refused = read("ratchet").unwrap_err().list;
    assert_eq!(refused[0].message, "unknown check `cookie`");
}
