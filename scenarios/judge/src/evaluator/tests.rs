//! What the judge makes of runs that go wrong, one rule at a time.

use mitm_proxy::actions::action;
use mitm_proxy::condition::When;
use mitm_proxy::params::Args;
use mitm_proxy::strategies::strategy;
use protocol::endpoint::Message;
use protocol::systems::system;

use super::*;
use crate::testing;

/// A client that sends this and says goodbye, and these rules.
fn plan(message: Message, rules: Vec<Rule>) -> Plan {
    let scripts = BTreeMap::from([(1, vec![Step::Send(message), Step::End])]);
    Plan { scripts, rules, ..Plan::default() }
}

fn pays_bob() -> Plan {
    plan(Message::text("pay bob 100"), Vec::new())
}

fn case<'a>(system_name: &str, plan: &'a Plan) -> Case<'a> {
    let system = system(system_name).unwrap();
    let profile = Profile::as_built(system);
    Case { plan, system, profile, seed: 7, over: Over::World, expected: None }
}

fn of(judgement: &Judgement, wanted: Outcome) -> Vec<Property> {
    let rulings = judgement.rulings.iter().filter(|(_, ruling)| ruling.outcome == wanted);
    rulings.map(|(property, _)| *property).collect()
}

#[test]
fn an_honest_run_that_fails_is_a_finding_about_availability_alone() {
    let plan = plan(Message::numbers("ten"), Vec::new());
    let judgement = judge(case("ratchet", &plan));
    assert_eq!(of(&judgement, Outcome::Violated), [Property::Availability]);
    let ruling = judgement.rulings.iter().find(|(p, _)| *p == Property::Availability);
    let why = "nobody attacks, and the honest twin is stopped by server: content";
    assert_eq!(ruling.unwrap().1.evidence, why);
}

#[test]
fn a_problem_of_one_run_of_many_names_the_run() {
    let plan = pays_bob();
    let case = case("helo", &plan);
    let of = |problems: &[Option<&str>]| {
        let judged = problems.iter().map(|problem| Judged {
            reactions: Reactions::default(),
            rulings: Vec::new(),
            problem: problem.map(str::to_owned),
            deed: "flip bit 0".to_owned(),
        });
        conclude(case, None, Runs { judged: judged.collect(), ..Runs::default() }).inconclusive
    };
    assert_eq!(of(&[Some("it hangs")]).as_deref(), Some("it hangs"));
    assert_eq!(of(&[None, Some("it hangs")]).as_deref(), Some("flip bit 0: it hangs"));
    assert_eq!(of(&[None, None]), None);
}

#[test]
fn a_strategy_has_the_number_of_the_rule_it_waits_with_and_else_none() {
    for (name, waits) in [("padding-oracle", true), ("equality", false)] {
        let spec = strategy(name).unwrap();
        assert_eq!(spec.waits, waits, "{name}");
        let strategy = (spec.build)(&Args::default()).unwrap();
        let planned = PlannedStrategy { name: spec.name, waits, strategy };
        let plan = Plan { strategy: Some(planned), ..pays_bob() };
        let evaluator = Evaluator {
            plan: &plan,
            largest_frame: 0,
            searches: Searches::default(),
            excused: BTreeSet::new(),
        };
        let own = u32::from(waits);
        assert_eq!(evaluator.rule_name(own), format!("the strategy `{name}`"));
        assert!(evaluator.rule_name(own + 1).starts_with(&format!("rule {}", own + 1)));
    }
}

#[test]
fn under_another_seed_only_an_expected_violation_that_failed_shows_nothing() {
    let violated = BTreeMap::from([(Property::DeliveryAtMostOnce, Some(Outcome::Violated))]);
    let rests_on_seed = Some("chance".to_owned());
    let expectation = Expectation { verdicts: violated, rests_on_seed, ..Expectation::default() };
    let expected = Expected { expectation: &expectation, seed: 7, own_input: false };
    // What is lost is not delivered twice: the violation fails.
    let when = When {
        from: Some(Side::Client),
        frame_type: Some("SECX".into()),
        nth: Some(1),
        ..When::default()
    };
    let drop = (action("drop").unwrap().build)(&Args::default()).unwrap();
    let plan = plan(Message::text("pay bob 100"), vec![Rule { when, actions: vec![drop] }]);
    let under = |seed| judge(Case { seed, expected: Some(expected), ..case("helo", &plan) });
    let own = under(7);
    assert!(own.mismatches.iter().any(|line| line.starts_with("delivery-at-most-once")));
    assert_eq!(of(&own, Outcome::Inconclusive), []);
    let other = under(8);
    assert_eq!(other.mismatches, <[&str; 0]>::default());
    assert_eq!(of(&other, Outcome::Inconclusive), [Property::DeliveryAtMostOnce]);
    assert_eq!(of(&other, Outcome::Violated), of(&own, Outcome::Violated));
}

#[test]
fn losing_patience_with_an_accepted_impostor_is_no_refusal() {
    let established = Fact::Established(protocol::endpoint::Fingerprint([0; 8]));
    let timeout = Fact::Rejected(Reject::new(Check::Timeout, "peer"));
    let mac = Fact::Rejected(Reject::new(Check::Mac, "mac"));
    let first = |planted: bool, facts: &[Fact]| {
        let claims = facts.iter().map(|fact| testing::claim(0, 1, fact.clone()));
        let mut trace = testing::trace([], claims);
        trace.impostor_links.extend(planted.then_some(1));
        first_rejection(&trace)
    };
    assert_eq!(first(true, &[established.clone(), timeout.clone()]), None);
    let patience = Some("server: timeout".to_owned());
    assert_eq!(first(true, std::slice::from_ref(&timeout)), patience, "it was not accepted");
    assert_eq!(first(false, &[established.clone(), timeout]), patience, "it was no impostor");
    assert_eq!(first(true, &[established, mac]), Some("server: mac".to_owned()));
}

#[test]
fn a_link_that_is_opened_makes_no_difference_and_one_that_an_impostor_takes_does() {
    let landed_with = |event, parts: &[usize]| {
        let mut trace = Trace::default();
        trace.impostors.extend(parts);
        let service = protocol::endpoint::PortIndex(0);
        trace.link(protocol::endpoint::Tick(0), 1, service, event, Some(1));
        landed(&trace, 1)
    };
    assert!(landed_with(LinkEvent::Intercepted, &[2]));
    assert!(!landed_with(LinkEvent::Intercepted, &[]), "nobody answers");
    assert!(!landed_with(LinkEvent::OpenedByAttacker, &[2]));
    assert!(landed_with(LinkEvent::ClosedTo(Side::Client), &[]));
}

#[test]
fn own_input_that_is_too_short_excuses_secrecy_alone() {
    let expectation = Expectation::default();
    let inconclusive = |property| (property, Ruling::inconclusive("too short"));
    let rulings = [Property::Secrecy, Property::Order].map(inconclusive);
    let differ = |own_input: bool, rulings: &[(Property, Ruling)]| -> Vec<String> {
        let expected = Expected { expectation: &expectation, seed: 7, own_input };
        let lines = mismatches(expected, rulings, &BTreeMap::new());
        lines.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    assert_eq!(differ(false, &rulings), ["secrecy", "order"]);
    assert_eq!(differ(true, &rulings), ["order"]);
    let violated = [(Property::Secrecy, Ruling::violated("it leaks", Vec::new()))];
    assert_eq!(differ(true, &violated), ["secrecy"]);
}
