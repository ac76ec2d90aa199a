//! What becomes of the runs of a case.

use mitm_proxy::actions::drop_frame;
use mitm_proxy::condition::when;
use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::world::Victims;
use protocol::endpoint::{Message, Side};
use protocol::systems::system;
use protocol::weakness::Profile;

use super::*;
use crate::case::{Plan, Scope};
use crate::expect::Expectation;
use crate::properties::{Finished, PropertySpec};
use crate::run::judge;

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
    Case { profile, seed: 7, ..Case::new(plan, Victims::System(system)) }
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
    let why = "nobody attacks, and the honest run is stopped by server: content";
    assert_eq!(ruling.unwrap().1.evidence, why);
}

#[test]
fn an_honest_run_that_fails_is_never_held_whatever_the_scope_leaves_out() {
    let plan = plan(Message::numbers("ten"), Vec::new());
    let only = |property| Scope { only: Some([property].into()), ..Scope::default() };
    let judgement = judge(Case { scope: only(Property::Order), ..case("ratchet", &plan) });
    let why = "nobody attacks, and the honest run is stopped by server: content";
    assert_eq!(judgement.inconclusive.as_deref(), Some(why));
    assert_eq!(judgement.outcome(), Outcome::Inconclusive);
    // What is violated and may be does not hide that the run failed.
    let broken = |_: &Finished<'_>| Ruling::violated("always", Vec::new());
    let own_properties = &[PropertySpec::new("never-kept", "Nothing keeps it.", broken)];
    let scope = only(Property::Availability);
    let judgement = judge(Case { scope, own_properties, ..case("ratchet", &plan) });
    assert_eq!(judgement.ruling(Property::Availability).unwrap().evidence, why);
    judgement.assert_violated(Property::Availability);
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
            action: "flip bit 0".to_owned(),
        });
        conclude(&case, None, Runs { judged: judged.collect(), ..Runs::default() }).inconclusive
    };
    assert_eq!(of(&[Some("it hangs")]).as_deref(), Some("it hangs"));
    assert_eq!(of(&[None, Some("it hangs")]).as_deref(), Some("flip bit 0: it hangs"));
    assert_eq!(of(&[None, None]), None);
}

#[test]
fn under_another_seed_only_an_expected_violation_that_failed_shows_nothing() {
    let violated = BTreeMap::from([(Property::DeliveryAtMostOnce, Some(Outcome::Violated))]);
    let rests_on_seed = Some("chance".to_owned());
    let expectation = Expectation { verdicts: violated, rests_on_seed, ..Expectation::default() };
    let expected = Expected { expectation: &expectation, seed: 7, own_input: false };
    // What is lost is not delivered twice: the violation fails.
    let drop = Rule::new(when("SECX").from(Side::Client).nth(1), drop_frame());
    let plan = plan(Message::text("pay bob 100"), vec![drop]);
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
