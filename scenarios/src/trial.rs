//! Runs a scenario against somebody's own programs, and judges them as the systems of the lab are judged: with an honest run
//! first, and only from what they say or show of themselves. What they do not speak of is not judged.

use std::sync::Arc;

use mitm_proxy::attacker::Attacker;
use mitm_proxy::rule::Rule;
use mitm_proxy::trace::{ClaimRecord, Trace};
use protocol::endpoint::Fact;

use crate::expect::NOTHING;
use crate::judge::{Court, Judgement, Rest, first_rejection, mismatches};
use crate::properties::Ruling;
pub use crate::property::NOT_JUDGED;
use crate::property::Property;
use crate::scenario::{Own, Scenario};
use crate::search::Searches;
use crate::target::{self, Finding, Interrupt, Output, Run, Target, TargetError};

/// What came of it.
#[derive(Debug)]
pub struct Trial {
    /// What the judge says.
    pub judgement: Judgement,
    /// What went wrong with the programs under attack that is no refusal.
    pub findings: Vec<Finding>,
    /// What was judged from, and within which limits.
    pub judged_from: String,
    /// The end of what the programs printed.
    pub output: Output,
    /// What the reader of a verdict should know.
    pub remarks: Vec<String>,
    /// Somebody wanted an end before there was one.
    pub interrupted: bool,
}

/// Run the programs once without an attack.
///
/// # Errors
/// They cannot be run at all.
pub fn honest(own: &Own, target: &Target, stop: &Interrupt) -> Result<Run, TargetError> {
    run(own, target, &[], stop)
}

/// Run `scenario` against one of its targets, which `honest` was of.
///
/// # Errors
/// The programs cannot be run at all.
pub fn trial(
    scenario: &Scenario,
    own: &Own,
    target: &Target,
    honest: &Run,
    stop: &Interrupt,
) -> Result<Trial, TargetError> {
    let frames = &own.layout.layout.frames;
    let largest_frame = frames.iter().map(|spec| spec.max).max().unwrap_or(0);
    let court = Court { scenario, largest_frame, searches: Searches::default() };
    let problem = unattacked(&court, honest);
    // What does not work without an attack says nothing under one; and nobody attacks where there is no rule.
    let over = problem.is_some() || honest.interrupted || scenario.rules.is_empty();
    let attacked = if over { None } else { Some(run(own, target, &scenario.rules, stop)?) };
    Ok(conclude(&court, target, honest, attacked, problem))
}

fn run(own: &Own, target: &Target, rules: &[Rule], stop: &Interrupt) -> Result<Run, TargetError> {
    let layout = Arc::new(own.layout.layout.clone());
    let attacker = Attacker::new(layout.clone(), rules.into());
    let mut run = target::run(target, layout, own.layout.ports.len(), attacker, stop)?;
    sent_first(&mut run.trace);
    Ok(run)
}

/// Nobody can tell from outside whether a claim that something was sent came before the frame it is in, or before the claim of
/// the other end that it arrived: what was sent counts as sent from the beginning.
fn sent_first(trace: &mut Trace) {
    let sent = |record: &ClaimRecord| matches!(record.claim.fact, Fact::Sent(_));
    trace.claims.sort_by_key(|record| !sent(record));
    for record in trace.claims.iter_mut().filter(|record| sent(record)) {
        record.moment = 0;
    }
}

/// Why the programs are not fit to be attacked, if so.
fn unattacked(court: &Court<'_>, run: &Run) -> Option<String> {
    // Some servers serve once, and close their listener on purpose.
    let once = |finding: &&Finding| !matches!(finding, Finding::ListenerGone { .. });
    if let Some(finding) = run.findings.iter().find(once) {
        return Some(match finding {
            Finding::NotImplemented { .. } => finding.to_string(),
            _ => format!("without an attack, {finding}"),
        });
    }
    court.twin_problem(&rest(run))
}

fn rest(run: &Run) -> Rest {
    Rest { trace: run.trace.clone(), open_ends: run.open_ends.clone() }
}

fn conclude(
    court: &Court<'_>,
    target: &Target,
    honest: &Run,
    attacked: Option<Run>,
    problem: Option<String>,
) -> Trial {
    let scenario = court.scenario;
    let run = attacked.as_ref().unwrap_or(honest);
    let (rest, known, mut findings) = (rest(run), &honest.trace, run.findings.clone());
    if honest.findings.iter().any(|finding| matches!(finding, Finding::ListenerGone { .. })) {
        findings.retain(|finding| !matches!(finding, Finding::ListenerGone { .. }));
    }
    let interrupted = honest.interrupted || run.interrupted;
    let inconclusive = if interrupted { Some("interrupted".to_owned()) } else { problem };
    let inconclusive = inconclusive
        .or_else(|| attacked.as_ref().and_then(|_| shows_nothing(court, &rest.trace, &findings)));
    let rulings = match &inconclusive {
        Some(why) => {
            Property::ALL.iter().map(|property| (*property, Ruling::inconclusive(why))).collect()
        }
        None => judged(court.rule(&rest, known), known, &rest.trace, &findings),
    };
    let stopped = first_rejection(&rest.trace).unwrap_or_else(|| NOTHING.to_owned());
    let blocked_by = [(stopped, 1)].into();
    let expect = &scenario.expect.profiles;
    let declared = expect.get(&target.name).or_else(|| expect.get(CORRECT));
    // Without a word on it, a program is expected to withstand.
    let expectation = declared.cloned().unwrap_or_default();
    let mut expected = rulings.clone();
    // Nothing is expected of what is not judged, unless the file says so.
    expected.retain(|(property, ruling)| {
        let named = expectation.verdicts.contains_key(property) || expectation.all.is_some();
        named || !ruling.evidence.starts_with(NOT_JUDGED)
    });
    let mismatches = mismatches(scenario, &expectation, &expected, &blocked_by);
    let declared = declared.is_some();
    let trace = rest.trace;
    let judgement =
        Judgement { rulings, blocked_by, inconclusive, declared, mismatches, runs: 1, trace };
    let judged_from = target.judged_from.to_string();
    let (output, remarks) = (run.output.clone(), run.remarks.clone());
    Trial { judgement, findings, judged_from, output, remarks, interrupted }
}

/// Why a run under attack shows nothing, if so. Once a rule has acted, whoever dies or hangs has been reached, and what later
/// rules would have done is beside the point; before that, it was not the attack.
fn shows_nothing(court: &Court<'_>, trace: &Trace, findings: &[Finding]) -> Option<String> {
    let unheard = |finding: &&Finding| {
        matches!(finding, Finding::NotImplemented { .. } | Finding::Unreadable { .. })
    };
    if let Some(finding) = findings.iter().find(unheard) {
        return Some(finding.to_string());
    }
    let acted = trace.misfires.is_empty() && trace.fired.iter().any(|fired| *fired > 0);
    court.vacuous(trace).filter(|_| findings.is_empty() || !acted)
}

/// The table of `expect` that speaks of every target without one of its own.
pub const CORRECT: &str = "correct";

/// The rulings on what the programs spoke of; and what went wrong with them.
fn judged(
    mut rulings: Vec<(Property, Ruling)>,
    twin: &Trace,
    trace: &Trace,
    findings: &[Finding],
) -> Vec<(Property, Ruling)> {
    for (property, ruling) in &mut rulings {
        // Without a word on what was sent, every delivery would look forged.
        if let Some(why) = silent_on(*property, twin, trace) {
            *ruling = Ruling::inconclusive(format!("{NOT_JUDGED}{why}"));
        }
    }
    for finding in findings {
        let broken = match finding {
            Finding::NotStarted { .. } | Finding::Died { .. } => Property::Robustness,
            Finding::ListenerGone { .. } | Finding::Hung { .. } => Property::Availability,
            // Those made the whole run inconclusive.
            Finding::NotImplemented { .. } | Finding::Unreadable { .. } => continue,
        };
        for (_, ruling) in rulings.iter_mut().filter(|(property, _)| *property == broken) {
            *ruling = Ruling::violated(finding.to_string(), Vec::new());
        }
    }
    rulings
}

/// What the programs do not speak of, that a property would have to know.
fn silent_on(property: Property, twin: &Trace, trace: &Trace) -> Option<&'static str> {
    let any = |wanted: fn(&Fact) -> bool| {
        let mut claims = twin.claims.iter().chain(&trace.claims);
        claims.any(|record| wanted(&record.claim.fact))
    };
    let sent = any(|fact| matches!(fact, Fact::Sent(_)));
    let delivered = any(|fact| matches!(fact, Fact::Delivered(_)));
    let unless = |known: bool, why| (!known).then_some(why);
    match property {
        Property::Secrecy => unless(sent, "nobody says what was sent"),
        Property::MessageAuthenticity
        | Property::DeliveryAtMostOnce
        | Property::Order
        | Property::Completeness => {
            unless(sent && delivered, "nobody says what was sent and what was delivered")
        }
        Property::PeerAuthentication => unless(
            any(|fact| matches!(fact, Fact::Established(_))),
            "nobody says with whom a session was established",
        ),
        Property::DeliveryAgreement => unless(
            any(|fact| matches!(fact, Fact::Acknowledged(_))),
            "nobody says that a message was acknowledged",
        ),
        Property::ForwardSecrecy | Property::PostCompromiseSecurity => {
            Some("nothing can be stolen from programs")
        }
        Property::UniformErrors => unless(
            any(|fact| matches!(fact, Fact::Rejected(_))),
            "nobody says what was refused, and why",
        ),
        Property::Availability | Property::Robustness => None,
    }
}
