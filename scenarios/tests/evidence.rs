//! Held needs evidence: what acted on nothing, and what had nothing to protect, is inconclusive or a mistake.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

mod written;

use written::{NOTHING_EXPECTED, NoFiles};

use files::catalogue::catalogue;
use files::scenario::Scenario;
use files::scenario::ScenarioRun;
use judge::properties::Ruling;
use judge::property::{Outcome, Property};
use judge::{Judgement, Over};
use mitm_proxy::strategy::{Quiet, Tools};
use mitm_proxy::trace::{Fate, Finding};
use protocol::weakness::Profile;

const HELO: &str = r#"
system = "helo"
script.client = [{ text = "pay bob 100" }, { text = "pay eve 200" }, "end"]
"#;
const RATCHET: &str = r#"
system = "ratchet"
script.client = [{ numbers = [10.5, 20.25] }, { numbers = [30.5, 40.25] }, "end"]
"#;

fn parse(parts: &[&str]) -> Result<Scenario, String> {
    let parts = [parts, &[NOTHING_EXPECTED]].concat();
    written::parse(&parts, &NoFiles).map_err(|mistakes| mistakes.to_string())
}

fn run(profile: &str, parts: &[&str]) -> Judgement {
    written::judged(profile, Over::World, &[parts, &[NOTHING_EXPECTED]].concat(), &NoFiles)
}

fn ruling(judgement: &Judgement, property: Property) -> &Ruling {
    assert_eq!(judgement.inconclusive, None);
    &judgement.rulings.iter().find(|(p, _)| *p == property).unwrap().1
}

#[test]
fn nothing_to_inject_is_a_mistake_in_the_file() {
    let rule = "[[rule]]\nwhen = { from = \"client\", type = \"SECX\", nth = 1 }\n\
                do.inject = { to = \"server\", hex = \"\" }\n";
    let mistakes = parse(&[HELO, rule]).unwrap_err();
    assert!(mistakes.contains("there is nothing to inject"), "{mistakes}");
}

/// Actions whose result is what would have happened anyway, or that reach nobody.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("set to what it was", "{ set = { field = \"header\", text = \"<SECX>\" } }"),
    (
        "flip and flip back",
        "{ flip = { offset = 9, bit = 1 } }, { flip = { offset = 9, bit = 1 } }",
    ),
    ("add and cut off", "{ extend = { zeros = 3 } }, { truncate = { by = 3 } }"),
    ("splice what it has", "{ splice = { field = \"ct\", frame = { type = \"SECX\", nth = 1 } } }"),
    ("retype as what it is", "{ retype = { to = \"SECX\" } }"),
    ("hold and release", "{ hold = {} }, \"release\""),
    ("forward", "\"forward\""),
    ("release nothing", "\"release\""),
    ("a copy after the end", "{ replay = { delay_ms = 1000 } }"),
    ("onto nobody's link", "{ inject = { to = \"server\", hex = \"00\", link = 9 } }"),
];

#[test]
fn an_action_without_effect_has_not_acted() {
    for (what, actions) in WITHOUT_EFFECT {
        let actions = actions.replace("\"forward\"", "{ forward = {} }");
        let actions = actions.replace("\"release\"", "{ release = {} }");
        let rule = format!(
            "[[rule]]\nwhen = {{ from = \"client\", type = \"SECX\", nth = 1 }}\ndo = [{actions}]\n"
        );
        let judgement = run("as-built", &[HELO, &rule]);
        let why = judgement.inconclusive.unwrap_or_else(|| panic!("{what}: held"));
        assert!(why.contains("made no difference to a victim"), "{what}: {why}");
    }
}

#[test]
fn a_frame_of_which_nothing_is_left_arrives_as_little_as_its_copy() {
    let rule = "[[rule]]\nwhen = { from = \"client\", type = \"SECX\", nth = 1 }\n\
                do = [{ truncate = { to = 0 } }, { duplicate = {} }]\n";
    let judgement = run("as-built", &[HELO, rule]);
    assert_eq!(judgement.inconclusive, None, "what is withheld is an attack");
    let empty = judgement.trace.frames.iter().filter(|record| record.frame.bytes.is_empty());
    let fates: Vec<Fate> = empty.map(|record| record.fate).collect();
    assert_eq!(fates, [Fate::Dropped, Fate::Lost]);
}

#[test]
fn closing_what_its_end_has_closed_makes_no_difference() {
    let rule = "[[rule]]\nwhen = { from = \"client\", type = \"ENDD\", nth = 1 }\n\
                do = [{ close = { to = \"client\" } }]\n";
    let judgement = run("as-built", &[HELO, rule]);
    let why = judgement.inconclusive.unwrap();
    assert!(why.contains("made no difference to a victim"), "{why}");
}

#[test]
fn a_rule_for_a_frame_that_the_attacker_keeps_says_so() {
    let rules = r#"
[[rule]]
when = { event = "open", link = 2 }
do.replay = { transcript = "server", link = 1 }
[[rule]]
when = { link = 2, from = "client", type = "CLIENT_HELLO", nth = 1 }
do = [{ drop = {} }]
"#;
    let twice = r#"
system = "ratchet"
script.client = [{ numbers = [10.5] }, "end", "connect", { numbers = [30.5] }, "end"]
"#;
    let judgement = run("as-built", &[twice, rules]);
    let why = judgement.inconclusive.unwrap();
    assert!(why.contains("the attacker answers on this link itself"), "{why}");
}

#[test]
fn a_theft_after_which_nothing_is_sent_shows_nothing() {
    let rule = "[[rule]]\nwhen = { from = \"server\", type = \"SERVER_AGGR_RESPONSE\", nth = 2 }\n\
                do.compromise = { memory = \"server\" }\n";
    for profile in ["as-built", "hardened"] {
        let judgement = run(profile, &[RATCHET, rule]);
        let ruling = ruling(&judgement, Property::PostCompromiseSecurity);
        assert_eq!(ruling.outcome, Outcome::Inconclusive, "{}", ruling.evidence);
    }
}

#[test]
fn what_others_send_after_a_theft_is_no_evidence() {
    // The memory of the first client is stolen with its last answer; only the second client goes on.
    let source = r#"
system = "ratchet"
script.client = [{ numbers = [10.5, 20.25] }, "end"]
script.client-2 = [{ wait_ms = 100 }, { numbers = [30.5, 40.25] }, { numbers = [50.5, 60.25] }, "end"]
[[rule]]
when = { link = 1, from = "server", type = "SERVER_AGGR_RESPONSE", nth = 1 }
do.compromise = { memory = "client" }
"#;
    for profile in ["as-built", "hardened"] {
        let judgement = run(profile, &[source]);
        let ruling = ruling(&judgement, Property::PostCompromiseSecurity);
        assert_eq!(ruling.outcome, Outcome::Inconclusive, "{}", ruling.evidence);
    }
}

#[test]
fn a_theft_before_which_nothing_was_sent_shows_nothing() {
    let rule = "[[rule]]\nwhen = { from = \"client\", type = \"CLIENT_HELLO\", nth = 1 }\n\
                do.compromise = { files = [\"master_keys.txt\"] }\n";
    let judgement = run("hardened", &[RATCHET, rule]);
    let ruling = ruling(&judgement, Property::ForwardSecrecy);
    assert_eq!(ruling.evidence, "nothing was sent before the compromise");
    assert_eq!(ruling.outcome, Outcome::Inconclusive);
}

#[test]
fn a_thief_knows_what_its_copy_says_next_and_not_what_the_application_tells_the_original() {
    let answered = "[[rule]]\nwhen = { from = \"client\", type = \"CLIENT_DATA\", nth = 1 }\n\
                    do.compromise = { memory = \"server\" }\n";
    let judgement = run("as-built", &[RATCHET, answered]);
    let known = |judgement: &Judgement, text: &str| {
        judgement
            .trace
            .knowledge
            .iter()
            .any(|known| matches!(&known.what, Finding::Content(content) if content == text))
    };
    assert!(known(&judgement, "Aggregated: 15.38"), "{:?}", judgement.trace.knowledge);
    let rule = "[[rule]]\nwhen = { from = \"server\", type = \"CERT\", nth = 1 }\n\
                do.compromise = { memory = \"client\" }\n";
    let late = r#"
system = "suite"
script.client = [{ text = "known at the theft" }, { wait_ms = 500 }, { text = "told only later" }, "end"]
"#;
    let judgement = run("hardened", &[late, rule]);
    assert!(known(&judgement, "known at the theft"), "{:?}", judgement.trace.knowledge);
    assert!(!known(&judgement, "told only later"), "{:?}", judgement.trace.knowledge);
}

#[test]
fn a_spent_budget_that_found_nothing_shows_nothing_whatever_the_strategy() {
    let catalogue = catalogue();
    let words = judge::wordlist::builtin();
    let tools = Tools { words, budget: Some(1), full: false, progress: &Quiet };
    let mut strategies = 0;
    for scenario in &catalogue {
        let with_budget = ["padding-oracle", "bleichenbacher", "dictionary"];
        let name = scenario.plan.strategy.as_ref().map_or("", |plot| plot.name);
        if !with_budget.contains(&name) {
            continue;
        }
        strategies += 1;
        let system = scenario.systems[0];
        let profile = Profile::HARDENED;
        let case =
            ScenarioRun { scenario, system, profile, seed: scenario.seed, over: Over::World };
        let judgement = case.judge_with(&tools);
        // A forgery that ended the session was the last question: that attack came to its end.
        let ended = judgement.trace.efforts.iter().all(|effort| !effort.exhausted);
        assert!(judgement.inconclusive.is_some() || ended, "{}: held", scenario.name);
        if name == "dictionary" {
            assert!(judgement.inconclusive.is_some(), "{}: held", scenario.name);
        }
    }
    assert!(strategies >= 5, "{strategies}");
}

#[test]
fn an_oracle_whose_budget_is_spent_has_not_shown_that_the_text_is_safe() {
    let catalogue = catalogue();
    let scenario = catalogue.iter().find(|s| s.name == "csr-decrypt-text-by-padding").unwrap();
    let system = scenario.systems[0];
    let profile = Profile::as_built(system);
    let case = ScenarioRun { scenario, system, profile, seed: scenario.seed, over: Over::World };
    let words = judge::wordlist::builtin();
    let tools = Tools { words, budget: Some(200), full: false, progress: &Quiet };
    let judgement = case.judge_with(&tools);
    // The victim tells one check from another; whether that gives the text away, nobody knows yet.
    assert_eq!(ruling(&judgement, Property::UniformErrors).outcome, Outcome::Violated);
    let secrecy = ruling(&judgement, Property::Secrecy);
    assert_eq!(secrecy.outcome, Outcome::Inconclusive, "{}", secrecy.evidence);
}
