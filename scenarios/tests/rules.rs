//! The verdict rules, each shown to bite.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

mod written;

use written::{NOTHING_EXPECTED, NoFiles};

use files::scenario::ScenarioRun;
use judge::property::{Outcome, Property};
use judge::{Judgement, Over};
use protocol::systems::system;
use protocol::weakness::Profile;

const HELO: &str = r#"
system = "helo"
script.client = [{ text = "pay bob 100" }, "end"]
"#;
const RATCHET: &str = r#"
system = "ratchet"
script.client = [{ numbers = [10.5, 20.25] }, { numbers = [30.5, 40.25] }, "end"]
"#;
const REPLAY: &str = r#"
[[rule]]
when = { from = "client", type = "SECX", nth = 1 }
do.replay = {}
"#;

fn run(profile: &str, parts: &[&str]) -> Judgement {
    written::judged(profile, Over::World, parts, &NoFiles)
}

fn outcome(judgement: &Judgement, property: Property) -> Outcome {
    judgement.rulings.iter().find(|(p, _)| *p == property).unwrap().1.outcome
}

fn assert_inconclusive(judgement: &Judgement, why: &str) {
    assert_eq!(judgement.inconclusive.as_deref(), Some(why));
    for (property, ruling) in &judgement.rulings {
        assert_eq!(ruling.outcome, Outcome::Inconclusive, "{}", property.name());
    }
    assert!(!judgement.mismatches.is_empty(), "inconclusive is a failure unless it is expected");
}

#[test]
fn rule_1_a_rule_that_never_acts_proves_nothing() {
    let rule = REPLAY.replace("nth = 1", "nth = 9");
    let judgement = run("as-built", &[HELO, &rule, NOTHING_EXPECTED]);
    assert_inconclusive(&judgement, "rule 1 (line 9) never acted");
}

#[test]
fn rule_1_a_second_rule_that_never_acts_proves_nothing_either() {
    let second = REPLAY.replace("nth = 1", "nth = 9");
    let judgement = run("as-built", &[HELO, REPLAY, &second, NOTHING_EXPECTED]);
    assert_inconclusive(&judgement, "rule 2 (line 13) never acted");
}

#[test]
fn rule_1_a_second_rule_may_stay_silent_once_a_check_has_stopped_the_attack() {
    let second = REPLAY.replace("nth = 1", "nth = 9");
    let judgement = run("hardened", &[HELO, REPLAY, &second, NOTHING_EXPECTED]);
    assert_eq!(judgement.inconclusive, None);
    assert_eq!(outcome(&judgement, Property::DeliveryAtMostOnce), Outcome::Held);
}

#[test]
fn rule_1_a_frame_that_never_arrives_proves_nothing() {
    // One second later the session is long over.
    let rule = REPLAY.replace("{}", "{ delay_ms = 1000 }");
    let judgement = run("as-built", &[HELO, &rule, NOTHING_EXPECTED]);
    assert_inconclusive(&judgement, "what rule 1 (line 9) did made no difference to a victim");
}

#[test]
fn rule_1_an_action_that_cannot_be_done_proves_nothing() {
    let rule = "[[rule]]\nwhen = { type = \"CLIENT_DATA\", nth = 1 }\n\
                do.flip = { field = \"share\", bit = 0 }\n";
    let judgement = run("as-built", &[RATCHET, rule, NOTHING_EXPECTED]);
    let why = "rule 1 (line 8) could not act: CLIENT_DATA has no field `share` here";
    assert_inconclusive(&judgement, why);
    let judgement = run("hardened", &[RATCHET, rule, NOTHING_EXPECTED]);
    assert_eq!(judgement.inconclusive, None);
}

#[test]
fn rule_1_without_a_working_honest_run_nothing_is_proven() {
    let refused = RATCHET.replace("[10.5, 20.25]", "\"ten and twenty\"");
    let rule = "[[rule]]\nwhen = { type = \"CLIENT_HELLO\" }\ndo.duplicate = {}\n";
    let judgement = run("as-built", &[&refused, rule, NOTHING_EXPECTED]);
    assert_inconclusive(&judgement, "the honest run is stopped by server: content");
}

#[test]
fn rule_1_an_honest_run_that_leaves_a_session_open_does_not_work() {
    let endless = HELO.replace(", \"end\"", "");
    let judgement = run("as-built", &[&endless, REPLAY, NOTHING_EXPECTED]);
    let why = judgement.inconclusive.clone().unwrap();
    assert!(why.starts_with("the honest run violates availability"), "{why}");
}

#[test]
fn rule_1_inconclusive_can_be_expected() {
    let rule = REPLAY.replace("nth = 1", "nth = 9");
    let expect = "[expect.as-built]\nall = \"inconclusive\"\n[expect.hardened]\n";
    let judgement = run("as-built", &[HELO, &rule, expect]);
    assert!(judgement.inconclusive.is_some());
    assert_eq!(judgement.mismatches, Vec::<String>::new());
}

#[test]
fn rule_1_a_payload_too_short_to_search_for_does_not_prove_secrecy() {
    let short = HELO.replace("pay bob 100", "hi");
    let judgement = run("as-built", &[&short, REPLAY, NOTHING_EXPECTED]);
    assert_eq!(outcome(&judgement, Property::Secrecy), Outcome::Inconclusive);
    assert_eq!(outcome(&judgement, Property::DeliveryAtMostOnce), Outcome::Violated);
}

#[test]
fn rule_2_another_check_than_the_expected_one_is_a_mismatch() {
    let expect = "[expect.as-built]\n[expect.hardened]\nblocked_by = \"server: mac\"\n";
    let judgement = run("hardened", &[HELO, REPLAY, expect]);
    assert_eq!(judgement.mismatches, ["blocked_by: expected server: mac, was server: sequence"]);
    let expect = expect.replace("server: mac", "nothing");
    let judgement = run("hardened", &[HELO, REPLAY, &expect]);
    assert_eq!(judgement.mismatches, ["blocked_by: expected nothing, was server: sequence"]);
}

#[test]
fn rule_3_an_answer_is_no_evidence() {
    // The server answers the replayed data, with an error. The published demo counts that as a success.
    let rule = "[[rule]]\nwhen = { type = \"CLIENT_DATA\", nth = 1 }\ndo.replay = {}\n";
    let judgement = run("as-built", &[RATCHET, rule, NOTHING_EXPECTED]);
    let answers = judgement.trace.frames.iter();
    assert!(answers.clone().any(|frame| frame.frame.spec.name == "KEY_DESYNC_ERROR"));
    assert_eq!(outcome(&judgement, Property::DeliveryAtMostOnce), Outcome::Held);
}

#[test]
fn rule_1_an_action_that_changes_nothing_proves_nothing() {
    let last = REPLAY.replace("SECX", "ENDD");
    for (rule, action) in [
        (REPLAY, "do.forward = {}"),
        (REPLAY, "do.set = { field = \"header\", text = \"<SECX>\" }"),
        (REPLAY, "do = [{ hold = {} }, { release = {} }]"),
        (&last, "do.reorder = {}"),
        (&last, "do.coalesce = {}"),
    ] {
        let rule = rule.replace("do.replay = {}", action);
        let judgement = run("as-built", &[HELO, &rule, NOTHING_EXPECTED]);
        assert_inconclusive(&judgement, "what rule 1 (line 9) did made no difference to a victim");
    }
    let rule = "[[rule]]\nwhen = { event = \"close\", nth = 1 }\ndo.close = {}\n";
    let judgement = run("as-built", &[HELO, rule, NOTHING_EXPECTED]);
    assert_inconclusive(&judgement, "what rule 1 (line 8) did made no difference to a victim");
}

#[test]
fn rule_1_being_too_late_is_a_difference() {
    let rule = REPLAY.replace("replay = {}", "delay = { ms = 6000 }").replace("SECX", "HELO");
    let judgement = run("hardened", &[HELO, &rule, NOTHING_EXPECTED]);
    assert_eq!(judgement.inconclusive, None);
    assert!(judgement.blocked_by.contains_key("client: timeout"), "{:?}", judgement.blocked_by);
    let rule = "[[rule]]\nwhen = { from = \"client\", type = \"CLIENT_DATA\", nth = 1 }\n\
                do = [{ set = { field = \"length\", number = 4294967295 } }, { split = { every = 10 } }]\n";
    let judgement = run("hardened", &[RATCHET, rule, NOTHING_EXPECTED]);
    assert_eq!(judgement.inconclusive, None);
    assert!(judgement.blocked_by.contains_key("server: length"));
}

#[test]
fn rule_1_a_rule_that_feeds_itself_comes_to_an_end() {
    let rules = "[[rule]]\nwhen = { from = \"server\", type = \"ACK\", nth = 1 }\ndo.forward = {}\n\
                 [[rule]]\nwhen = { from = \"server\", type = \"ACK\" }\n\
                 do = [{ drop = {} }, { replay = { frame = { from = \"client\", type = \"SECX\" } } }]\n";
    let judgement = run("as-built", &[HELO, rules, NOTHING_EXPECTED]);
    let why = judgement.inconclusive.clone().unwrap();
    assert!(why.ends_with("could not act: the attacker has made more than 20000 frames"), "{why}");
}

#[test]
fn rule_3_the_name_of_a_scenario_decides_nothing() {
    // Called a replay, is a delay: nothing is violated.
    let rule = REPLAY.replace("replay = {}", "delay = { ms = 1 }");
    let judgement = run("as-built", &[HELO, &rule, NOTHING_EXPECTED]);
    assert_eq!(judgement.inconclusive, None);
    for (property, ruling) in &judgement.rulings {
        assert_eq!(ruling.outcome, Outcome::Held, "{}: {}", property.name(), ruling.evidence);
    }
}

#[test]
fn rule_4_held_says_under_what() {
    let scenario = files::catalogue::catalogue().remove(0);
    let case = ScenarioRun {
        scenario: &scenario,
        system: scenario.systems[0],
        profile: Profile::HARDENED,
        seed: 7,
        over: Over::World,
    };
    let shown = scenarios::view::case(case, &case.judge());
    assert_eq!(shown.scope, "under this script");
    let text = reports::text::case(&shown, reports::text::Page::PLAIN);
    assert!(text.contains("\"held\" means held        under this script"), "{text}");
}

#[test]
fn rule_5_an_unexpected_violation_is_a_mismatch() {
    let judgement = run("as-built", &[HELO, REPLAY, NOTHING_EXPECTED]);
    assert_eq!(judgement.mismatches, ["delivery-at-most-once: expected held, was violated"]);
}

#[test]
fn rule_5_an_unexpected_fix_is_a_mismatch_too() {
    let expect = "[expect.as-built]\n[expect.hardened]\ndelivery-at-most-once = \"violated\"\n";
    let judgement = run("hardened", &[HELO, REPLAY, expect]);
    assert_eq!(judgement.mismatches, ["delivery-at-most-once: expected violated, was held"]);
}

#[test]
fn a_rule_may_wait_for_a_port_by_its_name() {
    let on = |port: &str, event: &str| {
        let rule =
            format!("[[rule]]\nwhen = {{ port = \"{port}\"{event} }}\ndo.delay = {{ ms = 1 }}\n");
        let ccm = "system = \"ccm\"\nscript.client = [{ text = \"pay bob 100\" }, \"end\"]\n";
        run("as-built", &[ccm, &rule, NOTHING_EXPECTED]).trace
    };
    let touched = |port| {
        let trace = on(port, "");
        let frames = trace.frames.iter().filter(|frame| !frame.attacker_actions.is_empty());
        let mut links: Vec<u32> = frames.map(|frame| frame.link).collect();
        links.dedup();
        links
    };
    assert_eq!([touched("the exchange"), touched("client to server")], [[1], [2]]);
    // A link is asked about before it is there.
    for (port, opened) in [("the exchange", 1), ("client to server", 2)] {
        let close = "[[rule]]\nwhen = { event = \"open\", port = \"PORT\" }\ndo.close = { to = \"both\" }\n";
        let ccm = "system = \"ccm\"\nscript.client = [{ text = \"pay bob 100\" }, \"end\"]\n";
        let rule = close.replace("PORT", port);
        let trace = run("as-built", &[ccm, &rule, NOTHING_EXPECTED]).trace;
        let closed = trace.links.iter().find(|record| record.rule.is_some());
        assert_eq!(closed.map(|record| record.link), Some(opened), "{port}");
    }
}

#[test]
fn rule_6_the_seed_decides_every_byte() {
    let of = |seed| {
        let scenarios = files::catalogue::catalogue();
        let scenario = scenarios.iter().find(|s| s.name == "replay-text-in-session").unwrap();
        let profile = Profile::as_built(system("helo").unwrap());
        let judgement =
            ScenarioRun { scenario, system: scenario.systems[0], profile, seed, over: Over::World }
                .judge();
        format!("{:?}", judgement.trace)
    };
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}

#[test]
fn rule_1_a_sweep_behind_another_action_proves_nothing() {
    let rule = "[[rule]]\nwhen = { type = \"SECX\", nth = 1 }\n\
                do = [{ truncate = { to = 20 } }, { flip = { field = \"ct\", every = \"byte\" } }]\n";
    let judgement = run("as-built", &[HELO, rule, NOTHING_EXPECTED]);
    let why = judgement.inconclusive.clone().unwrap();
    assert!(why.contains("as the first action of its rule"), "{why}");
    assert_eq!(judgement.runs, 1);
}

#[test]
fn rule_1_a_second_sweep_says_why_it_is_none() {
    let rules = "[[rule]]\nwhen = { link = 1, type = \"SECX\" }\n\
                 do.flip = { field = \"ct\", every = \"byte\" }\n\
                 [[rule]]\nwhen = { link = 2, type = \"SECX\" }\n\
                 do.flip = { field = \"ct\", every = \"byte\" }\n";
    let why = run("as-built", &[TWICE, rules, NOTHING_EXPECTED]).inconclusive.unwrap();
    assert!(why.contains("`every` works once in a run"), "{why}");
}

#[test]
fn a_sweep_is_violated_if_one_of_its_runs_is() {
    let sweep = "[[rule]]\nwhen = { type = \"NONCE\", nth = 1 }\n\
                 do.flip = { field = \"nonce\", every = \"byte\" }\n";
    let judgement = run("as-built", &[HELO, sweep, NOTHING_EXPECTED]);
    assert_eq!(judgement.runs, 16);
    assert_eq!(judgement.blocked_by.values().sum::<usize>(), 16);
    assert_eq!(outcome(&judgement, Property::PeerAuthentication), Outcome::Violated);
    let (_, ruling) = &judgement.rulings[5];
    assert!(
        ruling.evidence.starts_with("in 16 of 16 runs; flip nonce bit 0"),
        "{}",
        ruling.evidence
    );
}

/// Outcomes of cases that are easy to get wrong, each with the property that matters.
fn verdict(profile: &str, parts: &[&str], property: Property) -> Outcome {
    let judgement = run(profile, &[parts.concat().as_str(), NOTHING_EXPECTED]);
    assert_eq!(judgement.inconclusive, None);
    outcome(&judgement, property)
}

const TWICE: &str = r#"
system = "helo"
script.client = [{ text = "pay bob 100" }, "end", "connect", { text = "pay bob 100" }, "end"]
"#;

#[test]
fn a_copy_delivered_before_its_equal_was_sent_is_one_too_many() {
    let script = HELO.replace("\"end\"", "{ text = \"pay bob 100\" }, \"end\"");
    let rules = "[[rule]]\nwhen = { type = \"SECX\", nth = 1 }\ndo.replay = {}\n\
                 [[rule]]\nwhen = { type = \"SECX\", nth = 2 }\ndo.drop = {}\n";
    let property = Property::DeliveryAtMostOnce;
    assert_eq!(verdict("as-built", &[&script, rules], property), Outcome::Violated);
}

#[test]
fn a_delivery_of_one_session_does_not_answer_for_another() {
    let forged = "[[rule]]\nwhen = { link = 1, from = \"server\", type = \"ACK\", nth = 2 }\n\
                  do = [{ drop = {} }, { close = {} }]\n\
                  [[rule]]\nwhen = { link = 2, from = \"client\", type = \"SECX\", nth = 1 }\n\
                  do = [{ drop = {} }, { inject = { to = \"client\", frame = { from = \"server\", \
                  type = \"ACK\" } } }]\n";
    for property in [Property::DeliveryAgreement, Property::Completeness] {
        assert_eq!(verdict("as-built", &[TWICE, forged], property), Outcome::Violated);
    }
}

#[test]
fn an_equal_message_that_was_lost_does_not_put_the_rest_out_of_order() {
    let script = "system = \"helo\"\nscript.client = [{ text = \"pay bob 100\" }, \
                  { text = \"pay eve 100\" }, { text = \"pay bob 100\" }, \"end\"]\n";
    let rule = "[[rule]]\nwhen = { from = \"client\", type = \"SECX\", nth = 1 }\n\
                do = [{ drop = {} }, { inject = { to = \"client\", frame = { from = \"server\", \
                type = \"ACK\" } } }]\n";
    assert_eq!(verdict("as-built", &[script, rule], Property::Order), Outcome::Held);
    // And only the receipt of the lost one is wrong.
    let judgement = run("as-built", &[script, rule, NOTHING_EXPECTED]);
    let agreement = &judgement.rulings[6].1;
    assert_eq!(agreement.outcome, Outcome::Violated);
    assert_eq!(agreement.frames.len(), 1, "{}", agreement.evidence);
}

#[test]
fn what_the_attacker_writes_itself_is_no_leak() {
    let rule = "[[rule]]\nwhen = { type = \"SECX\", nth = 1 }\n\
                do.inject = { to = \"server\", hex = \"70617920626f6220313030\" }\n";
    assert_eq!(verdict("as-built", &[HELO, rule], Property::Secrecy), Outcome::Held);
}

#[test]
fn what_was_public_before_is_no_secret() {
    let public = HELO.replace("pay bob 100", "common_name");
    let judgement = run("as-built", &[&public, REPLAY, NOTHING_EXPECTED]);
    assert_eq!(judgement.inconclusive, None);
    assert_eq!(outcome(&judgement, Property::Secrecy), Outcome::Inconclusive);
}

#[test]
fn a_session_held_back_does_not_evict_a_newer_one() {
    let script = "system = \"ratchet\"\nscript.client = [{ numbers = \"10.5,20.25\" }, \"end\", \
                  \"connect\", { numbers = \"1.25,2.25\" }, \"end\"]\n";
    let rules = "[[rule]]\nwhen = { link = 1, from = \"client\", type = \"CLIENT_DATA\", nth = 1 }\n\
                 do = [{ hold = {} }, { close = { to = \"client\" } }]\n\
                 [[rule]]\nwhen = { link = 2, from = \"server\", type = \"SERVER_AGGR_RESPONSE\" }\n\
                 do.release = {}\n";
    let judgement = run("hardened", &[script, rules, NOTHING_EXPECTED]);
    for (property, ruling) in &judgement.rulings {
        assert_eq!(ruling.outcome, Outcome::Held, "{}: {}", property.name(), ruling.evidence);
    }
    assert!(judgement.blocked_by.contains_key("server: phase"), "{:?}", judgement.blocked_by);
}

/// The keys of `lab` are what the endpoints have, and those of `full` where that is asked for.
#[test]
fn endpoints_have_the_keys_a_scenario_gives_them() {
    let all = files::catalogue::catalogue();
    let scenario = all.iter().find(|scenario| scenario.name == "ccm-decrypt-key-by-padding");
    let scenario = scenario.unwrap();
    for (full, bytes) in [(false, 128), (true, 256)] {
        let system = scenario.systems[0];
        let case = ScenarioRun {
            scenario,
            system,
            profile: Profile::HARDENED,
            seed: scenario.seed,
            over: Over::World,
        };
        let (words, progress) = (judge::wordlist::builtin(), &mitm_proxy::strategy::Quiet);
        let tools = mitm_proxy::strategy::Tools { words, budget: None, full, progress };
        let judged = case.judge_with(&tools);
        assert_eq!(judged.mismatches, [""; 0]);
        let key = &judged.trace.frames[0].frame;
        assert_eq!((key.spec.name, key.field("ct").unwrap().len()), ("KEY", bytes));
    }
}
