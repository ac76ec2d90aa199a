//! What the judge makes of runs that go wrong, one rule at a time.

use std::collections::BTreeMap;

use mitm_proxy::params::Args;
use mitm_proxy::script::Step;
use mitm_proxy::strategies::strategy;
use protocol::endpoint::Message;

use super::*;
use crate::case::PlannedStrategy;
use crate::testing;

fn pays_bob() -> Plan {
    let steps = vec![Step::Send(Message::text("pay bob 100")), Step::End];
    Plan { scripts: BTreeMap::from([(1, steps)]), ..Plan::default() }
}

#[test]
fn a_strategy_has_the_number_of_the_rule_it_waits_with_and_else_none() {
    for (name, waits) in [("padding-oracle", true), ("equality", false)] {
        let spec = strategy(name).unwrap();
        assert_eq!(spec.waits, waits, "{name}");
        let strategy = (spec.build)(&Args::default()).unwrap();
        let planned = PlannedStrategy { name: spec.name, waits, strategy };
        let plan = Plan { strategy: Some(planned), ..pays_bob() };
        let evaluator = Evaluator::new(&plan, 0);
        let own = u32::from(waits);
        assert_eq!(evaluator.rule_name(own), format!("the strategy `{name}`"));
        assert!(evaluator.rule_name(own + 1).starts_with(&format!("rule {}", own + 1)));
    }
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
        first_rejection(&trace).map(|stop| stop.to_string())
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
