//! The world on ratchet, as built and hardened: honest runs, attacks, forks and digests.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::collections::BTreeMap;
use std::sync::Arc;

use mitm_proxy::actions::action;
use mitm_proxy::condition::{Event, FrameRef, When};
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::trace::{Fate, LinkEvent, Origin, Trace};
use mitm_proxy::world::{Victims, World, WorldSpec};
use proptest::prelude::*;
use protocol::endpoint::{Fact, Message, Side};
use protocol::systems::system;
use protocol::weakness::Profile;

fn plan(profile: &str, rules: Vec<Rule>) -> WorldSpec {
    let system = system("ratchet").unwrap();
    let script = ["10.0", "20.0", "30.0"].map(|numbers| Step::Send(Message::numbers(numbers)));
    let script: Vec<Step> = script.into_iter().chain([Step::End]).collect();
    WorldSpec {
        victims: Victims::System(system),
        profile: Profile::named(system, profile).unwrap(),
        seed: 7,
        scripts: BTreeMap::from([(1, script.into())]),
        rules: rules.into(),
        keys: BTreeMap::new(),
        registered: None,
    }
}

fn rule(when: When, verb: &str, args: Args) -> Rule {
    Rule { when, actions: vec![(action(verb).unwrap().build)(&args).unwrap()] }
}

fn data(nth: u32) -> When {
    When { frame_type: Some("CLIENT_DATA".into()), nth: Some(nth), ..When::default() }
}

fn closed() -> When {
    When { event: Event::Close, link: Some(1), nth: Some(1), ..When::default() }
}

fn run(plan: &WorldSpec) -> Trace {
    let mut world = World::new(plan);
    world.run();
    world.into_trace()
}

/// Each frame as one line: sender, type, what was done, fate.
fn ladder(trace: &Trace) -> Vec<String> {
    let line = |record: &mitm_proxy::trace::FrameRecord| {
        let who = if record.origin == Origin::Endpoint { "" } else { "attacker " };
        let actions: Vec<&str> =
            record.attacker_actions.iter().map(|action| action.what.as_str()).collect();
        let fate = match record.fate {
            Fate::Delivered(_) => "",
            Fate::Dropped => " dropped",
            Fate::Lost => " lost",
            Fate::Absorbed => " absorbed",
            Fate::Pending | Fate::Held => " open",
        };
        format!(
            "{who}{} to {}{}{fate}",
            record.frame.spec.name,
            record.to,
            if actions.is_empty() { String::new() } else { format!(" [{}]", actions.join(", ")) }
        )
    };
    trace.frames.iter().map(line).collect()
}

fn delivered(trace: &Trace) -> Vec<String> {
    let by_server = trace.claims.iter().filter(|record| record.actor == 0);
    by_server
        .filter_map(|record| match &record.claim.fact {
            Fact::Delivered(message) => Some(String::from_utf8_lossy(&message.body).into_owned()),
            _ => None,
        })
        .collect()
}

#[test]
fn an_honest_run_comes_to_rest_with_everything_closed() {
    for profile in ["as-built", "hardened"] {
        let mut world = World::new(&plan(profile, vec![]));
        world.run();
        assert_eq!(world.open_ends().count(), 0, "{profile}");
        let trace = world.into_trace();
        assert_eq!(delivered(&trace), ["10.0", "20.0", "30.0"], "{profile}");
        assert!(trace.frames.iter().all(|frame| matches!(frame.fate, Fate::Delivered(_))));
    }
}

#[test]
fn a_recorded_session_goes_into_a_new_connection() {
    let args = Args::from([("transcript", Arg::Text("client".into()))]);
    let rules = vec![rule(closed(), "replay", args)];
    let trace = run(&plan("as-built", rules.clone()));
    assert_eq!(delivered(&trace), ["10.0", "20.0", "30.0", "10.0", "20.0", "30.0"]);
    assert!(trace.links.iter().any(|link| link.event == LinkEvent::OpenedByAttacker));
    assert_eq!(trace.fired, [1]);
    let trace = run(&plan("hardened", rules));
    assert_eq!(delivered(&trace), ["10.0", "20.0", "30.0"]);
}

#[test]
fn a_recorded_server_answers_a_client() {
    let system = system("ratchet").unwrap();
    let steps = |profile| {
        let mut plan = plan(profile, vec![]);
        let send = Step::Send(Message::numbers("10.0"));
        let script = [send.clone(), Step::End, Step::Connect, send, Step::End];
        plan.scripts = BTreeMap::from([(1, script.into())]);
        let args = Args::from([("transcript", Arg::Text("server".into()))]);
        let when = When { event: Event::Open, link: Some(2), ..When::default() };
        plan.rules = vec![rule(when, "replay", args)].into();
        plan.profile = Profile::named(system, profile).unwrap();
        plan
    };
    let answered = |trace: &Trace| {
        let link_2 = trace.claims.iter().filter(|record| record.claim.conn.0 == 2);
        link_2.filter(|record| matches!(record.claim.fact, Fact::Delivered(_))).count()
    };
    assert_eq!(answered(&run(&steps("as-built"))), 1);
    assert_eq!(answered(&run(&steps("hardened"))), 0);
}

#[test]
fn each_action_does_what_it_says() {
    let cases: Vec<(&str, When, Args, &str)> = vec![
        ("drop", data(1), Args::new(), "CLIENT_DATA to server [dropped] dropped"),
        ("forward", data(1), Args::new(), "CLIENT_DATA to server [forwarded]"),
        (
            "delay",
            data(1),
            Args::from([("ms", Arg::Number(9))]),
            "CLIENT_DATA to server [delayed 9 ms]",
        ),
        ("duplicate", data(1), Args::new(), "attacker CLIENT_DATA to server [duplicate]"),
        (
            "flip",
            data(1),
            Args::from([("field", Arg::Text("iv".into())), ("bit", Arg::Number(3))]),
            "CLIENT_DATA to server [flip iv bit 3]",
        ),
        (
            "set",
            data(1),
            Args::from([("field", Arg::Text("round".into())), ("number", Arg::Number(9))]),
            "CLIENT_DATA to server [set round to 9]",
        ),
        (
            "truncate",
            data(1),
            Args::from([("by", Arg::Number(1)), ("fix_length", Arg::Flag(true))]),
            "CLIENT_DATA to server [truncate 75 to 74 bytes]",
        ),
        (
            "extend",
            data(1),
            Args::from([("zeros", Arg::Number(16)), ("fix_length", Arg::Flag(true))]),
            "CLIENT_DATA to server [extend by 16 bytes]",
        ),
        (
            "retype",
            data(1),
            Args::from([("to", Arg::Text("TERMINATE".into()))]),
            "TERMINATE to server [retype CLIENT_DATA as TERMINATE]",
        ),
        (
            "splice",
            data(2),
            Args::from([
                ("field", Arg::Text("iv".into())),
                (
                    "frame",
                    Arg::Frame(FrameRef {
                        link: None,
                        from: Some(Side::Client),
                        frame_type: Some("CLIENT_DATA".into()),
                        nth: 1,
                    }),
                ),
            ]),
            "CLIENT_DATA to server [splice iv of 3]",
        ),
        ("reflect", data(1), Args::new(), "attacker CLIENT_DATA to client [reflection of 3]"),
        (
            "split",
            data(1),
            Args::from([("every", Arg::Number(10))]),
            "CLIENT_DATA to server [split into 8 segments]",
        ),
    ];
    for (verb, when, args, expected) in cases {
        let trace = run(&plan("as-built", vec![rule(when, verb, args)]));
        assert_eq!(trace.misfires, [], "{verb}");
        assert_eq!(trace.fired, [1], "{verb}");
        let lines = ladder(&trace);
        assert!(lines.iter().any(|line| line == expected), "{verb}: {lines:#?}");
    }
}

#[test]
fn segmentation_changes_nothing() {
    let split = rule(When::default(), "split", Args::from([("every", Arg::Number(1))]));
    let trace = run(&plan("hardened", vec![split]));
    assert_eq!(delivered(&trace), ["10.0", "20.0", "30.0"]);
}

#[test]
fn an_action_that_cannot_be_done_is_a_misfire() {
    let args = Args::from([("field", Arg::Text("share".into())), ("bit", Arg::Number(0))]);
    let trace = run(&plan("as-built", vec![rule(data(1), "flip", args)]));
    assert_eq!(trace.fired, [0]);
    assert_eq!(trace.misfires[0].why.to_string(), "CLIENT_DATA has no field `share` here");
}

#[test]
fn a_run_stops_before_the_rule_acts() {
    let mut world = World::new(&plan("as-built", vec![rule(data(2), "drop", Args::new())]));
    let acting = world.run_until_rule().unwrap();
    assert_eq!(acting.frame.unwrap().number("round"), Some(2));
    assert_eq!(world.trace().fired, [0]);
    let mut honest_run = world.fork();
    honest_run.attacker_mut().disarm();
    honest_run.run();
    assert_eq!(delivered(honest_run.trace()), ["10.0", "20.0", "30.0"]);
    world.run();
    assert_eq!(delivered(world.trace()), ["10.0"]);
}

#[test]
fn every_bit_of_a_frame_is_a_world_of_its_own() {
    let args = Args::from([("field", Arg::Text("*".into())), ("every", Arg::Text("bit".into()))]);
    let sweep = rule(data(1), "flip", args);
    let mut world = World::new(&plan("as-built", vec![sweep.clone()]));
    let acting = world.run_until_rule().unwrap();
    let variants = sweep.actions[0].variants(&acting.frame.unwrap()).unwrap();
    assert_eq!(variants.len(), 75 * 8);
    for action in variants {
        let mut fork = world.fork();
        let when = sweep.when.clone();
        fork.attacker_mut().replace_rules(Arc::from([Rule { when, actions: vec![action] }]));
        fork.run();
        assert_eq!(fork.trace().fired, [1]);
        assert_eq!(delivered(fork.trace()), Vec::<String>::new());
    }
}

#[test]
fn running_independent_events_changes_no_claim() {
    for profile in ["as-built", "hardened"] {
        for nth in 1..=3 {
            let mut world =
                World::new(&plan(profile, vec![rule(data(nth), "duplicate", Args::new())]));
            world.run_until_rule().unwrap();
            let mut ahead = world.fork();
            ahead.run_independent_events();
            ahead.run();
            world.run();
            let claims = |world: &World| -> Vec<_> {
                let records = world.trace().claims.iter();
                records.map(|r| (r.at, r.actor, r.cause, r.claim.clone())).collect()
            };
            assert_eq!(claims(&world), claims(&ahead), "{profile} {nth}");
            assert_eq!(ladder(world.trace()), ladder(ahead.trace()), "{profile} {nth}");
        }
    }
}

proptest! {
    #[test]
    fn equal_digests_have_equal_futures(steps in 0..60usize, profile in prop::bool::ANY) {
        let args = Args::from([("transcript", Arg::Text("client".into()))]);
        let profile = if profile { "as-built" } else { "hardened" };
        let plan = plan(profile, vec![rule(closed(), "replay", args)]);
        let mut world = World::new(&plan);
        for _ in 0..steps {
            world.step();
        }
        let before = world.digest();
        let mut fork = world.fork();
        prop_assert_eq!(fork.digest(), before);
        let moved = fork.step();
        prop_assert_eq!(world.digest(), before, "the original noticed its fork");
        prop_assert!(!moved || fork.digest() != before);
        fork.run();
        world.run();
        prop_assert_eq!(world.digest(), fork.digest());
        prop_assert_eq!(format!("{:?}", world.trace()), format!("{:?}", fork.trace()));
    }
}
