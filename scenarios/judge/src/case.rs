//! What is judged, and what comes of it: a plan against two endpoints, the verdicts that are expected, and the judgement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::sync::Arc;

use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::strategy::Strategy;
use mitm_proxy::trace::Trace;
use mitm_proxy::world::{Folder, Victims};
use protocol::endpoint::Check;
use protocol::weakness::Profile;

use crate::expect::Expectation;
use crate::properties::{PropertySpec, Ruling};
use crate::property::{NotJudged, Property};

/// What the honest endpoints send, and what the attacker does.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What each client does, by client number from 1, and what the server sends, at 0.
    pub scripts: BTreeMap<u32, Vec<Step>>,
    /// The rules of the attacker; none if nobody attacks, or a strategy does.
    pub rules: Vec<Rule>,
    /// The line each rule begins in, from 1, where the rules are from a file.
    pub rule_lines: Vec<usize>,
    /// An attacker that learns from answers, if there is one.
    pub strategy: Option<PlannedStrategy>,
    /// Key files the attacker has, by the name rules give each set.
    pub keys: BTreeMap<String, Folder>,
    /// Somebody who registered before the run: name and password.
    pub registered: Option<(String, String)>,
}

/// A strategy and when it acts.
#[derive(Clone, Debug)]
pub struct PlannedStrategy {
    /// Its name.
    pub name: &'static str,
    /// Whether it acts when something happens. The first rule of the plan then says when, and does nothing.
    pub waits: bool,
    /// The attacker.
    pub strategy: Arc<dyn Strategy>,
}

/// A plan against two endpoints.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Who is attacked.
    pub victims: Victims,
    /// Which of their defences are off.
    pub profile: Profile,
    /// Decides every random byte.
    pub seed: u64,
    /// What carries the frames.
    pub over: Over,
    /// What is judged.
    pub scope: Scope,
    /// Further properties to judge, behind those of [`PROPERTIES`](crate::properties::PROPERTIES).
    pub own_properties: &'a [PropertySpec],
    /// The verdicts that are expected, if any are.
    pub expected: Option<Expected<'a>>,
}

impl<'a> Case<'a> {
    /// This plan in memory, with every defence on and seed 1. Everything is judged, and nothing is expected.
    pub fn new(plan: &'a Plan, victims: Victims) -> Self {
        Self {
            plan,
            victims,
            profile: Profile::HARDENED,
            seed: 1,
            over: Over::World,
            scope: Scope::default(),
            own_properties: &[],
            expected: None,
        }
    }
}

/// What is judged of a case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// Only these properties; all, if nothing is said. The honest run may violate the others.
    pub only: Option<BTreeSet<Property>>,
    /// The honest run is known to violate these, and is good enough all the same. They are not judged.
    pub faults: BTreeSet<Property>,
}

impl Scope {
    /// What both allow to be judged, with the faults that either knows of.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let only = match (&self.only, &other.only) {
            (Some(one), Some(two)) => Some(one & two),
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        Self { only, faults: &self.faults | &other.faults }
    }

    /// Whether this property is in the scope.
    pub fn has(&self, property: Property) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&property))
    }

    /// What an honest run may violate and be good enough all the same, of the known properties and these.
    pub fn excused(&self, own: &[PropertySpec]) -> BTreeSet<Property> {
        let all = Property::ALL.iter().copied().chain(own.iter().map(|spec| spec.property));
        let outside = all.filter(|property| !self.has(*property));
        outside.chain(self.faults.iter().copied()).collect()
    }

    /// Replace the rulings on properties that are not judged.
    pub fn leave_out(&self, rulings: &mut [(Property, Ruling)]) {
        for (property, ruling) in rulings {
            if !self.has(*property) {
                *ruling = Ruling::not_judged(NotJudged::OutOfScope);
            } else if self.faults.contains(property) {
                *ruling = Ruling::not_judged(NotJudged::KnownFault);
            }
        }
    }
}

/// The verdicts that are expected of a case.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The verdicts.
    pub expectation: &'a Expectation,
    /// The seed for which they were written down.
    pub seed: u64,
    /// The user's own input stands in place of what the plan sends. It may be too short to say anything of
    /// secrecy: an inconclusive verdict on secrecy is no mismatch then.
    pub own_input: bool,
}

/// What carries the frames of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Over {
    /// Memory.
    #[default]
    World,
    /// TCP on the loopback interface, in the order of the same virtual clock.
    #[cfg(feature = "net")]
    Tcp,
}

impl Over {
    /// The name reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            #[cfg(feature = "net")]
            Self::Tcp => "tcp",
        }
    }
}

/// What the judge says of a case.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict of every property, in order.
    pub rulings: Vec<(Property, Ruling)>,
    /// The first check that stopped each run, as `server: mac`, or [`NOTHING`](crate::expect::NOTHING); with the number of runs.
    pub blocked_by: BTreeMap<String, usize>,
    /// The same by endpoint and check, in the order in which they came up. Runs that nothing stopped are left out.
    pub stops: Vec<Stop>,
    /// Why nothing can be said, if so.
    pub inconclusive: Option<String>,
    /// Whether the scenario says what it expects under this profile.
    pub declared: bool,
    /// Where what happened differs from what the scenario expects. Empty is as expected.
    pub mismatches: Vec<String>,
    /// How many runs this was: one, or one for every bit in turn.
    pub runs: usize,
    /// What happened: in the first run that shows a violation, or else in the first.
    pub trace: Trace,
}

/// An endpoint and the check by which it refused something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stop {
    /// The endpoint: 0 is the server, the clients have their numbers from 1.
    pub actor: usize,
    /// The check.
    pub check: Check,
}

/// As scenario files name it: `server: mac`.
impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", actor_name(self.actor), self.check)
    }
}

/// `server`, `client`, `client-2`: the name of an endpoint in `blocked_by` and in reports.
pub fn actor_name(actor: usize) -> String {
    match actor {
        0 => "server".to_owned(),
        1 => "client".to_owned(),
        number => format!("client-{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_promise_is_judged() {
        let of = |names: &[Property]| Scope {
            only: Some(names.iter().copied().collect()),
            faults: BTreeSet::new(),
        };
        let all = Scope::default();
        let two = of(&[Property::Secrecy, Property::Order]);
        assert!(all.has(Property::Secrecy) && all.with(&two).has(Property::Order));
        assert!(!two.with(&all).has(Property::Robustness));
        let one = two.with(&of(&[Property::Order, Property::Robustness]));
        assert_eq!(one.only, Some(BTreeSet::from([Property::Order])));
    }
}
