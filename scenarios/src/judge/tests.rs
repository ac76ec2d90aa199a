//! What the judge makes of runs that go wrong, one rule at a time.

use super::*;
use crate::catalogue::catalogue;
use crate::draft;
use crate::scenario::Payloads;

struct NoFiles;

impl Payloads for NoFiles {
    fn read(&self, _: &str) -> Result<bytes::Bytes, String> {
        Err("is not there".to_owned())
    }
}

const HELO: &str = "system = \"helo\"\nscript.client = [{ text = \"pay bob 100\" }, \"end\"]\n";
const NOTHING_EXPECTED: &str = "\n[expect.as-built]\n[expect.hardened]\n";

fn parse(parts: &[&str]) -> Scenario {
    let head = "name = \"written\"\nfamily = \"replay\"\nsummary = \"s\"\nteaches = \"t\"\n";
    let source = format!("{head}{}", parts.concat());
    match Scenario::parse("written.toml", &source, &NoFiles) {
        Ok(scenario) => scenario,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn judged(scenario: &Scenario, seed: u64) -> Judgement {
    let system = scenario.systems[0];
    let profile = Profile::as_built(system);
    judge(Case { scenario, system, profile, seed, over: Over::World })
}

fn of(judgement: &Judgement, wanted: Outcome) -> Vec<Property> {
    let rulings = judgement.rulings.iter().filter(|(_, ruling)| ruling.outcome == wanted);
    rulings.map(|(property, _)| *property).collect()
}

#[test]
fn an_honest_run_that_fails_is_a_finding_about_availability_alone() {
    let refused = "system = \"ratchet\"\nscript.client = [{ numbers = \"ten\" }, \"end\"]\n";
    let head = "name = \"written\"\nfamily = \"baseline\"\nsummary = \"s\"\nteaches = \"t\"\n";
    let source = format!("{head}{refused}{NOTHING_EXPECTED}");
    let scenario = Scenario::parse("written.toml", &source, &NoFiles).unwrap();
    let judgement = judged(&scenario, 7);
    assert_eq!(of(&judgement, Outcome::Violated), [Property::Availability]);
    let ruling = judgement.rulings.iter().find(|(p, _)| *p == Property::Availability);
    let why = "nobody attacks, and the honest twin is stopped by server: content";
    assert_eq!(ruling.unwrap().1.evidence, why);
}

#[test]
fn a_problem_of_one_run_of_many_names_the_run() {
    let scenario = parse(&[HELO, NOTHING_EXPECTED]);
    let system = scenario.systems[0];
    let (profile, over) = (Profile::HARDENED, Over::World);
    let case = Case { scenario: &scenario, system, profile, seed: 7, over };
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
    let catalogue = catalogue();
    for waits in [true, false] {
        let with = |scenario: &&Scenario| scenario.plot.as_ref().is_some_and(|p| p.waits == waits);
        let scenario = catalogue.iter().find(with).unwrap();
        let court = Court {
            scenario,
            largest_frame: 0,
            searches: Searches::default(),
            excused: BTreeSet::new(),
        };
        let strategy = format!("the strategy `{}`", scenario.plot.as_ref().unwrap().name);
        let own = u32::from(waits);
        assert_eq!(court.rule_name(own), strategy, "{}", scenario.name);
        assert!(court.rule_name(own + 1).starts_with(&format!("rule {}", own + 1)));
    }
}

#[test]
fn under_another_seed_only_an_expected_violation_that_failed_shows_nothing() {
    let expect = "[expect.as-built]\ndelivery-at-most-once = \"violated\"\n\
                  rests_on_seed = \"chance\"\n[expect.hardened]\n";
    // What is lost is not delivered twice: the violation fails.
    let drop = "[[rule]]\nwhen = { from = \"client\", type = \"SECX\", nth = 1 }\ndo.drop = {}\n";
    let scenario = parse(&[HELO, drop, expect]);
    let own = judged(&scenario, scenario.seed);
    assert!(own.mismatches.iter().any(|line| line.starts_with("delivery-at-most-once")));
    assert_eq!(of(&own, Outcome::Inconclusive), []);
    let other = judged(&scenario, scenario.seed + 1);
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
        let claims = facts.iter().map(|fact| draft::claim(0, 1, fact.clone()));
        let mut trace = draft::trace([], claims);
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
        let service = protocol::endpoint::Service(0);
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
    let mut scenario = parse(&[HELO, NOTHING_EXPECTED]);
    let differ = |scenario: &Scenario, rulings: &[(Property, Ruling)]| -> Vec<String> {
        let lines = mismatches(scenario, &expectation, rulings, &BTreeMap::new());
        lines.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    assert_eq!(differ(&scenario, &rulings), ["secrecy", "order"]);
    scenario.replaced = true;
    assert_eq!(differ(&scenario, &rulings), ["order"]);
    let violated = [(Property::Secrecy, Ruling::violated("it leaks", Vec::new()))];
    assert_eq!(differ(&scenario, &violated), ["secrecy"]);
}
