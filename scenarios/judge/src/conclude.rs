//! From the runs of a case to one judgement: the rulings of all runs together, and where they differ from what is expected.

use std::collections::BTreeMap;

use mitm_proxy::trace::Trace;

use crate::case::{Case, Expected, Judgement, Stop};
use crate::expect::NOTHING;
use crate::properties::Ruling;
use crate::properties::uniform_errors::{self, Reactions};
use crate::property::{Outcome, Property};

#[cfg(test)]
mod tests;

/// One run, judged.
pub(crate) struct Run {
    pub(crate) rulings: Vec<(Property, Ruling)>,
    pub(crate) blocked_by: Option<Stop>,
    pub(crate) problem: Option<String>,
    pub(crate) trace: Trace,
}

/// What a run leaves behind.
pub(crate) struct Judged {
    reactions: Reactions,
    rulings: Vec<(Property, Ruling)>,
    problem: Option<String>,
    /// What the attacker did first, for people.
    action: String,
}

/// All runs of a case. Only one trace is kept: the first that shows a violation, or else the first.
#[derive(Default)]
pub(crate) struct Runs {
    judged: Vec<Judged>,
    blocked_by: BTreeMap<String, usize>,
    stops: Vec<Stop>,
    shown: Option<(bool, Trace)>,
}

impl Runs {
    pub(crate) fn add(&mut self, run: Run) {
        let Run { rulings, blocked_by, problem, trace } = run;
        if let Some(stop) = blocked_by
            && !self.stops.contains(&stop)
        {
            self.stops.push(stop);
        }
        let check = blocked_by.map_or_else(|| NOTHING.to_owned(), |stop| stop.to_string());
        *self.blocked_by.entry(check).or_default() += 1;
        let mut actions = trace.frames.iter().flat_map(|frame| &frame.attacker_actions);
        let action =
            actions.next().map_or_else(|| "no change".to_owned(), |action| action.what.clone());
        let reactions = uniform_errors::reactions(&trace);
        let violates = rulings.iter().any(|(_, ruling)| ruling.outcome == Outcome::Violated);
        if !self.shown.as_ref().is_some_and(|(shows_one, _)| *shows_one || !violates) {
            self.shown = Some((violates, trace));
        }
        self.judged.push(Judged { reactions, rulings, problem, action });
    }
}

pub(crate) fn conclude(
    case: &Case<'_>,
    honest_run_problem: Option<String>,
    runs: Runs,
) -> Judgement {
    let Runs { judged, blocked_by, stops, shown } = runs;
    let total = judged.len();
    let problem = judged.iter().find_map(|run| {
        let problem = run.problem.clone()?;
        Some(if total > 1 { format!("{}: {problem}", run.action) } else { problem })
    });
    let inconclusive = honest_run_problem.or(problem);
    let mut rulings = match &inconclusive {
        Some(why) => {
            let inconclusive = |property: &Property| (*property, Ruling::inconclusive(why));
            let own = case.own_properties.iter().map(|spec| &spec.property);
            Property::ALL.iter().chain(own).map(inconclusive).collect()
        }
        None => combine(&judged),
    };
    case.scope.leave_out(&mut rulings);
    let expected = case.expected;
    let by_chance = expected.is_some_and(|e| out_of_luck(case.seed, e, &mut rulings));
    let mismatches = expected
        .filter(|_| !by_chance)
        .map(|e| mismatches(e, &rulings, &blocked_by))
        .unwrap_or_default();
    let trace = shown.map(|(_, trace)| trace).unwrap_or_default();
    let declared = expected.is_some();
    Judgement { rulings, blocked_by, stops, inconclusive, declared, mismatches, runs: total, trace }
}

/// Whether the expectation rests on a seed, and this run has another. What was to be violated and is not shows nothing then: the
/// attack did not fail, it never had what it needs. What is violated is violated under any seed.
fn out_of_luck(seed: u64, expected: Expected<'_>, rulings: &mut [(Property, Ruling)]) -> bool {
    let Expected { expectation, seed: own, .. } = expected;
    let Some(chance) = expectation.rests_on_seed.as_ref().filter(|_| seed != own) else {
        return false;
    };
    for (property, ruling) in rulings {
        if expectation.expects_violation(*property) && ruling.outcome == Outcome::Held {
            let why = format!("the scenario rests on seed {own}, and this is another: {chance}");
            *ruling = Ruling::inconclusive(why);
        }
    }
    true
}

/// Why a run shows nothing in which a strategy did not come to an end, or had nothing to do. What it has broken by then is broken; of everything else
/// nothing can be said.
pub(crate) fn unfinished(trace: &Trace, rulings: &mut [(Property, Ruling)]) -> Option<String> {
    let why = trace.efforts.iter().find_map(|effort| match &effort.idle {
        Some(why) => Some(format!("the strategy `{}` shows nothing: {why}", effort.strategy)),
        None => effort.exhausted.then(|| {
            format!("the strategy `{}` did not come to an end: {}", effort.strategy, effort.ended)
        }),
    })?;
    if rulings.iter().all(|(_, ruling)| ruling.outcome != Outcome::Violated) {
        return Some(why);
    }
    for (_, ruling) in rulings.iter_mut().filter(|(_, r)| r.outcome == Outcome::Held) {
        *ruling = Ruling::inconclusive(&why);
    }
    None
}

/// One verdict over many runs: violated if any is, held if all are.
fn combine(runs: &[Judged]) -> Vec<(Property, Ruling)> {
    let Some(first) = runs.first() else { return Vec::new() };
    let total = runs.len();
    let of = |run: &Judged, property| {
        run.rulings.iter().find(|(p, _)| *p == property).map(|(_, ruling)| ruling.clone())
    };
    let judged = first.rulings.iter().map(|(property, ruling)| {
        if total == 1 {
            return (*property, ruling.clone());
        }
        if *property == Property::UniformErrors {
            // One run says how one check is answered; all of them, whether that says which it was.
            let mut all = Reactions::default();
            for run in runs {
                all.add(&run.reactions);
            }
            return (*property, uniform_errors::rule(&all));
        }
        let with = |outcome| {
            let found = runs.iter().filter_map(move |run| Some((run, of(run, *property)?)));
            found.filter(move |(_, ruling)| ruling.outcome == outcome)
        };
        let violated = with(Outcome::Violated).count();
        let ruling = if let Some((run, mut ruling)) = with(Outcome::Violated).next() {
            let evidence = &ruling.evidence;
            ruling.evidence = format!("in {violated} of {total} runs; {}: {evidence}", run.action);
            ruling
        } else if let Some((run, mut ruling)) = with(Outcome::Inconclusive).next() {
            ruling.evidence = format!("{}: {}", run.action, ruling.evidence);
            ruling
        } else {
            let mut ruling = ruling.clone();
            ruling.evidence = format!("in all {total} runs");
            ruling
        };
        (*property, ruling)
    });
    judged.collect()
}

/// Where the verdicts differ from the expectation, a line each.
pub fn mismatches(
    expected: Expected<'_>,
    rulings: &[(Property, Ruling)],
    blocked_by: &BTreeMap<String, usize>,
) -> Vec<String> {
    let Expected { expectation, own_input, .. } = expected;
    let mut mismatches = Vec::new();
    for (property, ruling) in rulings {
        let Some(expected) = expectation.outcome(*property) else { continue };
        let short = own_input && *property == Property::Secrecy;
        if expected != ruling.outcome && !(short && ruling.outcome == Outcome::Inconclusive) {
            mismatches.push(format!(
                "{}: expected {}, was {}",
                property.name(),
                expected.name(),
                ruling.outcome.name()
            ));
        }
    }
    if let Some(expected) = &expectation.blocked_by
        && !expected.is_met_by(blocked_by)
    {
        let actual: Vec<&str> = blocked_by.keys().map(String::as_str).collect();
        mismatches.push(format!("blocked_by: expected {expected}, was {}", actual.join(", ")));
    }
    mismatches
}
