//! Rules as library users write them: typed constructors do what scenario files say with the same words, and closures work in a world.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::sync::Arc;
use std::time::Duration;

use mitm_proxy::params::{Arg, Args};
use mitm_proxy::prelude::*;
use protocol::endpoint::Fact;
use protocol::systems::system;

fn text(text: &str) -> Arg {
    Arg::Text(text.to_owned())
}

fn recorded() -> FrameRef {
    FrameRef { link: Some(1), from: Some(Side::Client), frame_type: None, nth: 2 }
}

fn template() -> Template {
    Template { frame_type: "CLIENT_DATA".to_owned(), fields: vec![("mac".to_owned(), vec![1])] }
}

fn part() -> ImpostorSpec {
    let keys = "stolen".to_owned();
    ImpostorSpec {
        side: Side::Client,
        number: 1,
        keys,
        says: vec!["10.0".to_owned()],
        insider: false,
    }
}

/// Each action as a scenario file gives it, and as a library user writes it.
#[expect(clippy::too_many_lines, reason = "a table, one entry for each constructor")]
fn pairs() -> Vec<(&'static str, Args, Box<dyn Action>)> {
    let texts = |texts: &[&str]| Arg::Texts(texts.iter().map(|it| (*it).to_owned()).collect());
    let fixed = ("fix_length", Arg::Flag(true));
    vec![
        ("close", Args::new(), Box::new(close())),
        ("close", Args::from([("to", text("client"))]), Box::new(close_to(Side::Client))),
        ("coalesce", Args::from([("next", Arg::Number(2))]), Box::new(coalesce(2))),
        (
            "compromise",
            Args::from([("memory", text("server"))]),
            Box::new(compromise_memory(Side::Server)),
        ),
        (
            "compromise",
            Args::from([("files", texts(&["server.key"]))]),
            Box::new(compromise_files(["server.key"])),
        ),
        (
            "delay",
            Args::from([("ms", Arg::Number(30))]),
            Box::new(delay(Duration::from_millis(30))),
        ),
        ("drop", Args::new(), Box::new(drop_frame())),
        ("duplicate", Args::from([("times", Arg::Number(3))]), Box::new(duplicate(3))),
        ("extend", Args::from([("hex", Arg::Bytes(vec![1, 2]))]), Box::new(extend([1, 2]))),
        (
            "extend",
            Args::from([("zeros", Arg::Number(2)), fixed.clone()]),
            Box::new(extend_and_fix_length([0, 0])),
        ),
        (
            "flip",
            Args::from([("field", text("mac")), ("bit", Arg::Number(9))]),
            Box::new(flip("mac", 9)),
        ),
        (
            "flip",
            Args::from([("field", text("*")), ("every", text("bit"))]),
            Box::new(flip_every_bit("*")),
        ),
        (
            "flip",
            Args::from([("offset", Arg::Number(4)), ("every", text("byte"))]),
            Box::new(flip_every_byte(4)),
        ),
        ("forward", Args::new(), Box::new(forward())),
        ("hold", Args::from([("name", text("it"))]), Box::new(hold("it"))),
        (
            "impostor",
            Args::from([
                ("plays", text("client")),
                ("keys", text("stolen")),
                ("says", texts(&["10.0"])),
            ]),
            Box::new(impostor(part())),
        ),
        (
            "inject",
            Args::from([("to", text("server")), ("template", Arg::Template(template()))]),
            Box::new(inject(Side::Server, template())),
        ),
        (
            "inject",
            Args::from([("to", text("client")), ("hex", Arg::Bytes(vec![7]))]),
            Box::new(inject_bytes(Side::Client, vec![7])),
        ),
        (
            "inject",
            Args::from([("to", text("server")), ("frame", Arg::Frame(recorded()))]),
            Box::new(inject_recorded(Side::Server, recorded())),
        ),
        (
            "inject",
            Args::from([
                ("to", text("server")),
                ("hex", Arg::Bytes(vec![7])),
                ("new_connection", Arg::Flag(true)),
            ]),
            Box::new(inject_on_new_connection(vec![7])),
        ),
        (
            "re-encrypt",
            Args::from([("find", text("bob")), ("put", text("eve"))]),
            Box::new(re_encrypt("bob", "eve")),
        ),
        ("reflect", Args::new(), Box::new(reflect())),
        ("reflect", Args::from([("link", Arg::Number(2))]), Box::new(reflect_on(2))),
        ("release", Args::from([("name", text("it"))]), Box::new(release("it"))),
        ("reorder", Args::new(), Box::new(reorder())),
        ("replay", Args::from([("times", Arg::Number(2))]), Box::new(replay(2))),
        (
            "replay",
            Args::from([("frame", Arg::Frame(recorded()))]),
            Box::new(replay_recorded(recorded())),
        ),
        (
            "replay",
            Args::from([("transcript", text("client")), ("link", Arg::Number(2))]),
            Box::new(replay_to_server(2)),
        ),
        ("replay", Args::from([("transcript", text("server"))]), Box::new(replay_to_client(1))),
        ("retype", Args::from([("to", text("ABORT"))]), Box::new(retype("ABORT"))),
        (
            "set",
            Args::from([("field", text("round")), ("number", Arg::Number(7))]),
            Box::new(set("round", 7)),
        ),
        (
            "set",
            Args::from([("offset", Arg::Number(3)), ("hex", Arg::Bytes(vec![1]))]),
            Box::new(set(3, [1])),
        ),
        (
            "set",
            Args::from([("field", text("user")), ("text", text("eve"))]),
            Box::new(set("user", "eve")),
        ),
        (
            "splice",
            Args::from([("field", text("iv")), ("frame", Arg::Frame(recorded()))]),
            Box::new(splice("iv", recorded())),
        ),
        (
            "splice",
            Args::from([("field", text("iv")), ("frame", Arg::Frame(recorded())), fixed]),
            Box::new(splice_and_fix_length("iv", recorded())),
        ),
        ("split", Args::from([("at", Arg::Numbers(vec![9, 3]))]), Box::new(split_at([9, 3]))),
        ("split", Args::from([("every", Arg::Number(5))]), Box::new(split_every(5))),
        ("truncate", Args::from([("by", Arg::Number(4))]), Box::new(truncate_by(4))),
        ("truncate", Args::from([("to", Arg::Number(4))]), Box::new(truncate_to(4))),
    ]
}

#[test]
fn every_action_has_a_constructor_that_makes_what_a_scenario_file_makes() {
    let mut named: Vec<&str> = Vec::new();
    for (name, args, typed) in pairs() {
        let from_file = (action(name).unwrap().build)(&args).unwrap();
        assert_eq!(format!("{typed:?}"), format!("{from_file:?}"), "{name}");
        if named.last() != Some(&name) {
            named.push(name);
        }
    }
    let all: Vec<&str> = ACTIONS.iter().map(|spec| spec.name).collect();
    assert_eq!(named, all);
}

fn plan(rule: Rule) -> WorldSpec {
    let says = ["10.0", "20.0", "30.0"].map(|it| Step::Send(Message::numbers(it)));
    WorldSpec::new(Victims::System(system("ratchet").unwrap()))
        .client(says.into_iter().chain([Step::End]))
        .rule(rule)
}

fn refusals(trace: &Trace) -> Vec<String> {
    let refused = trace.claims.iter().filter_map(|record| match &record.claim.fact {
        Fact::Rejected(reject) => Some(reject.check.to_string()),
        _ => None,
    });
    refused.collect()
}

#[test]
fn a_closure_acts_where_another_one_says() {
    let spoil = act("spoil the last byte", |ctx| {
        ctx.current()?.edit("spoiled".to_owned(), |bytes| {
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
        });
        Ok(())
    });
    let second = when("CLIENT_DATA").that("is from a client", |frame| frame.from == Side::Client);
    let mut world = World::new(&plan(Rule::new(second.nth(2), spoil)));
    world.run();
    let trace = world.into_trace();
    assert_eq!((trace.fired.as_slice(), refusals(&trace)), (&[1][..], vec!["mac".to_owned()]));
    let changed: Vec<u32> =
        trace.numbered().filter(|(_, it)| it.original.is_some()).map(|(n, _)| n).collect();
    let data: Vec<u32> = trace
        .numbered()
        .filter(|(_, record)| record.frame.spec.name == "CLIENT_DATA")
        .map(|(number, _)| number)
        .collect();
    assert_eq!(changed, data[1..2]);
}

#[test]
fn a_closure_that_cannot_act_is_a_misfire_with_its_words() {
    let picky = act("picky", |_| Err(MisfireCause::Other("not today".to_owned())));
    let mut world = World::new(&plan(Rule::new(when("CLIENT_DATA").nth(1), picky)));
    world.run();
    let trace = world.trace();
    assert_eq!((trace.fired.as_slice(), trace.misfires.len()), (&[0][..], 1));
    assert_eq!(trace.misfires[0].why.to_string(), "not today");
}

#[test]
fn a_test_that_takes_nothing_lets_everything_pass() {
    let never = when("CLIENT_DATA").that("never", |_| false);
    let mut world = World::new(&plan(Rule::new(never, drop_frame())));
    world.run();
    assert_eq!((world.trace().fired.as_slice(), refusals(world.trace()).len()), (&[0][..], 0));
}

#[test]
fn rules_with_other_closures_have_other_digests() {
    let named = |name: &str| {
        let rule = Rule::new(when("CLIENT_DATA").that(name, |_| true), forward());
        World::new(&plan(rule)).digest()
    };
    assert_eq!(named("one"), named("one"));
    assert_ne!(named("one"), named("two"));
    let arc: Arc<dyn Action> = Arc::new(act("shown", |_| Ok(())));
    assert_eq!(format!("{arc:?}"), "Closure(\"shown\")");
}
