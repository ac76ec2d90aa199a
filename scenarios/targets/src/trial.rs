//! Runs a scenario against somebody's own programs, and judges them as the systems of the lab are judged: with an honest run
//! first, and only from what they say or show of themselves. What they do not speak of is not judged.

use std::sync::Arc;

use files::scenario::{CORRECT, Scenario, TargetSet};
use files::target_file::Target;
use judge::Scope;
use judge::expect::NOTHING;
use judge::properties::Ruling;
use judge::property::{NotJudged, Outcome, Property};
use judge::{Evaluator, Expected, FinishedRun, Judgement, Stop, first_rejection, mismatches};
use mitm_proxy::attacker::Attacker;
use mitm_proxy::rule::Rule;
use mitm_proxy::trace::{ClaimRecord, Trace};
use protocol::endpoint::{Fact, Side};

use crate::{Finding, Interrupt, Output, Prompt, Run, TargetError, Unmatched};

mod contradiction;
mod doubt;
mod silence;

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

/// Run the programs without an attack: once, or until it goes well or `target.retries` are spent.
///
/// # Errors
/// They cannot be run at all.
pub fn honest(own: &TargetSet, target: &Target, stop: &Interrupt) -> Result<Run, TargetError> {
    let goes_well = |run: &Run| {
        let count = |wanted: fn(&Fact) -> bool| {
            run.trace.claims.iter().filter(|record| wanted(&record.claim.fact)).count()
        };
        let arrived = count(|fact| matches!(fact, Fact::Sent(_)))
            == count(|fact| matches!(fact, Fact::Delivered(_))) + run.unmatched.delivered;
        run.findings.is_empty() && run.open_ends.is_empty() && arrived
    };
    retried(target, 0, || run(own, target, &[], Prompt::default(), stop), goes_well)
}

/// How often a run is tried again whose programs did not start, although they did without an attack.
const STARTS: u32 = 2;

/// Run until a run is good, or retries are spent.
fn retried(
    target: &Target,
    starts: u32,
    mut run: impl FnMut() -> Result<Run, TargetError>,
    is_good: impl Fn(&Run) -> bool,
) -> Result<Run, TargetError> {
    let mut tries = 0;
    loop {
        let mut run = run()?;
        // What does not start has met no attack.
        let not_started =
            run.findings.iter().any(|finding| matches!(finding, Finding::NotStarted { .. }));
        let retries = if not_started { target.retries.max(starts) } else { target.retries };
        if run.interrupted || tries >= retries || is_good(&run) {
            if tries > 0 {
                let number = tries + 1;
                run.remarks
                    .push(format!("this is run number {number}: the ones before showed nothing"));
            }
            return Ok(run);
        }
        tries += 1;
    }
}

/// Run `scenario` against one of its targets, which `honest` was of.
///
/// # Errors
/// The programs cannot be run at all.
pub fn trial(
    scenario: &Scenario,
    own: &TargetSet,
    target: &Target,
    honest: &Run,
    stop: &Interrupt,
) -> Result<Trial, TargetError> {
    let frames = &own.layout.layout.frames;
    let largest_frame = frames.iter().map(|spec| spec.max).max().unwrap_or(0);
    let scope = scope(scenario, own, target);
    // Somebody's own protocol may let everybody read along: that is a verdict on it, and no reason not to attack it.
    let mut excused = scope.excused(&[]);
    excused.insert(Property::Secrecy);
    let plan = &scenario.plan;
    let evaluator = Evaluator { excused, ..Evaluator::new(plan, largest_frame) };
    let problem = unattacked(&evaluator, target, honest);
    // What does not work without an attack says nothing under one; and nobody attacks where there is no rule.
    let over = problem.is_some() || honest.interrupted || plan.rules.is_empty();
    let shows =
        |run: &Run| shows_nothing(&evaluator, &honest.trace, &run.trace, &run.findings).is_none();
    let attack = || run(own, target, &plan.rules, honest.prompt, stop);
    let attacked = if over { None } else { Some(retried(target, STARTS, attack, shows)?) };
    Ok(conclude(&evaluator, scenario, target, &scope, honest, attacked, problem))
}

/// What of this target is judged: what the scenario and the target allow.
fn scope(scenario: &Scenario, own: &TargetSet, target: &Target) -> Scope {
    let of_scenario = scenario.target_set.as_ref().map(|own| own.scope.clone()).unwrap_or_default();
    of_scenario.with(&own.scope).with(&target.scope)
}

fn run(
    own: &TargetSet,
    target: &Target,
    rules: &[Rule],
    prompt: Prompt,
    stop: &Interrupt,
) -> Result<Run, TargetError> {
    let layout = Arc::new(own.layout.layout.clone());
    let attacker = Attacker::new(layout.clone(), rules.into());
    crate::run(target, layout, &own.layout.ports, attacker, prompt, stop)
}

/// What is judged. A program may say that it sends something when it is on its way already: what was sent counts as sent from the
/// beginning.
fn sent_first(trace: &Trace) -> Trace {
    let mut trace = trace.clone();
    let sent = |record: &ClaimRecord| matches!(record.claim.fact, Fact::Sent(_));
    trace.claims.sort_by_key(|record| !sent(record));
    for record in trace.claims.iter_mut().filter(|record| sent(record)) {
        record.moment = 0;
    }
    trace
}

/// Why the programs are not fit to be attacked, if so.
fn unattacked(evaluator: &Evaluator<'_>, target: &Target, run: &Run) -> Option<String> {
    let counts = |finding: &&Finding| match finding {
        // Some servers serve once, and close their listener on purpose.
        Finding::ListenerGone { .. } => false,
        finding => !breaks(finding).is_some_and(|property| evaluator.excused.contains(&property)),
    };
    if let Some(finding) = run.findings.iter().find(counts) {
        return Some(match finding {
            Finding::NotImplemented { .. } => finding.to_string(),
            _ => format!("without an attack, {finding}"),
        });
    }
    silence::mute(run, &target.judged_from).or_else(|| evaluator.honest_run_problem(&rest(run)))
}

fn rest(run: &Run) -> FinishedRun {
    FinishedRun { trace: sent_first(&run.trace), open_ends: run.open_ends.clone() }
}

fn conclude(
    evaluator: &Evaluator<'_>,
    scenario: &Scenario,
    target: &Target,
    scope: &Scope,
    honest: &Run,
    attacked: Option<Run>,
    problem: Option<String>,
) -> Trial {
    let run = attacked.as_ref().unwrap_or(honest);
    let (rest, known, mut findings) = (rest(run), &sent_first(&honest.trace), run.findings.clone());
    if honest.findings.iter().any(|finding| matches!(finding, Finding::ListenerGone { .. })) {
        findings.retain(|finding| !matches!(finding, Finding::ListenerGone { .. }));
    }
    ended_early(honest, run, &mut findings);
    let mut remarks = run.remarks.clone();
    if attacked.is_some() {
        let (contradicted, by_word) = contradiction::look(&honest.trace, &run.trace);
        findings.extend(contradicted);
        remarks.extend(by_word);
    }
    let interrupted = honest.interrupted || run.interrupted;
    let inconclusive = if interrupted { Some("interrupted".to_owned()) } else { problem };
    let inconclusive = inconclusive.or_else(|| {
        let shows_nothing = |_| shows_nothing(evaluator, &honest.trace, &rest.trace, &findings);
        attacked.as_ref().and_then(shows_nothing)
    });
    let mut rulings: Vec<(Property, Ruling)> = if let Some(why) = &inconclusive {
        Property::ALL.iter().map(|property| (*property, Ruling::inconclusive(why))).collect()
    } else {
        let rulings = evaluator.rule(&rest, known);
        judged(rulings, known, &rest.trace, &findings, run.unmatched)
    };
    if attacked.is_some() {
        doubt::spread(&mut rulings, &honest.trace, run);
    }
    scope.leave_out(&mut rulings);
    let stops: Vec<Stop> = first_rejection(&rest.trace).into_iter().collect();
    let stopped = stops.first().map_or_else(|| NOTHING.to_owned(), ToString::to_string);
    let blocked_by = [(stopped, 1)].into();
    let expect = &scenario.expect.profiles;
    let declared = expect.get(&target.name).or_else(|| expect.get(CORRECT));
    // Without a word on it, a program is expected to withstand.
    let expectation = declared.cloned().unwrap_or_default();
    let mut expected = rulings.clone();
    // Nothing is expected of what is not judged, unless the file says so.
    expected.retain(|(property, ruling)| {
        expectation.speaks_of(*property) || ruling.not_judged.is_none()
    });
    let (seed, own_input) = (scenario.seed, scenario.replaced);
    let expectation = Expected { expectation: &expectation, seed, own_input };
    let mismatches = mismatches(expectation, &expected, &blocked_by);
    let declared = declared.is_some();
    let trace = run.trace.clone();
    let judgement = Judgement {
        rulings,
        blocked_by,
        stops,
        inconclusive,
        declared,
        mismatches,
        runs: 1,
        trace,
    };
    let judged_from = target.judged_from.to_string();
    let output = run.output.clone();
    Trial { judgement, findings, judged_from, output, remarks, interrupted }
}

/// Name a server that ended by itself under attack and did not without. What the client did because of it is no fault of the
/// client's.
fn ended_early(honest: &Run, run: &Run, findings: &mut Vec<Finding>) {
    let [server, client] = &run.ended;
    let attacked = run.trace.fired.iter().any(|fired| *fired > 0);
    let Some(server) = server.as_ref().filter(|_| attacked && honest.ended[0].is_none()) else {
        return;
    };
    let mut how = format!("{}, and does not without an attack", server.how);
    if let Some(client) = client.as_ref().filter(|client| client.at >= server.at) {
        let died = |one: &Finding| matches!(one, Finding::Died { who: Side::Client, .. });
        if findings.iter().any(died) {
            findings.retain(|one| !died(one));
            how = format!("{how}; the client after it: {}", client.how);
        }
    }
    if !findings.iter().any(|one| matches!(one, Finding::Died { who: Side::Server, .. })) {
        findings.retain(|one| !matches!(one, Finding::ListenerGone { .. }));
        findings.push(Finding::EndedEarly { who: Side::Server, how });
    }
}

/// Why a run under attack shows nothing, if so. Once a rule has acted, whoever dies or hangs has been reached, and what later
/// rules would have done is beside the point; before that, it was not the attack.
fn shows_nothing(
    evaluator: &Evaluator<'_>,
    honest: &Trace,
    trace: &Trace,
    findings: &[Finding],
) -> Option<String> {
    let unheard = |finding: &&Finding| {
        matches!(
            finding,
            Finding::NotImplemented { .. }
                | Finding::Unreadable { .. }
                | Finding::Contradicted { .. }
                | Finding::NotStarted { .. }
        )
    };
    if let Some(finding) = findings.iter().find(unheard) {
        return Some(finding.to_string());
    }
    // A slow machine may need longer than the limit. Only what exchanges more than without an attack goes on because of it.
    let busy = findings.iter().find(|finding| matches!(finding, Finding::Busy { .. }));
    let (frames, usual) = (trace.frames.len(), honest.frames.len());
    if let Some(busy) = busy.filter(|_| frames <= usual) {
        return Some(format!(
            "{busy}, with {frames} frames so far and {usual} without an attack; a larger `limit` would tell"
        ));
    }
    let acted = trace.misfires.is_empty() && trace.fired.iter().any(|fired| *fired > 0);
    evaluator.vacuous(trace).filter(|_| findings.is_empty() || !acted)
}

/// The property that this breaks, if it breaks one.
fn breaks(finding: &Finding) -> Option<Property> {
    match finding {
        Finding::NotStarted { .. } | Finding::Died { .. } => Some(Property::Robustness),
        Finding::ListenerGone { .. }
        | Finding::Hung { .. }
        | Finding::Busy { .. }
        | Finding::EndedEarly { .. } => Some(Property::Availability),
        Finding::NotImplemented { .. }
        | Finding::Unreadable { .. }
        | Finding::Contradicted { .. } => None,
    }
}

/// The rulings on what the programs spoke of; and what went wrong with them.
fn judged(
    mut rulings: Vec<(Property, Ruling)>,
    honest_run: &Trace,
    trace: &Trace,
    findings: &[Finding],
    unmatched: Unmatched,
) -> Vec<(Property, Ruling)> {
    for (property, ruling) in &mut rulings {
        // Without a word on what was sent, every delivery would look forged.
        let why = silence::silent_on(*property, honest_run, trace).map(str::to_owned);
        if let Some(why) = why.or_else(|| silence::hidden_from(*property, unmatched)) {
            *ruling = match silence::too_many_taken(trace, unmatched) {
                Some(evidence) if *property == Property::DeliveryAtMostOnce => {
                    Ruling::violated(evidence, Vec::new())
                }
                _ => Ruling::not_judged(NotJudged::ClaimsMissing(why)),
            };
        }
    }
    // Messages that are too short to be searched for are no fault of the programs.
    for (_, ruling) in rulings.iter_mut().filter(|(property, _)| *property == Property::Secrecy) {
        if ruling.outcome == Outcome::Inconclusive && ruling.not_judged.is_none() {
            *ruling = Ruling::not_judged(NotJudged::TooShort(ruling.evidence.clone()));
        }
    }
    for finding in findings {
        // Those that break nothing made the whole run inconclusive.
        let Some(broken) = breaks(finding) else { continue };
        for (_, ruling) in rulings.iter_mut().filter(|(property, _)| *property == broken) {
            *ruling = Ruling::violated(finding.to_string(), Vec::new());
        }
    }
    rulings
}

#[cfg(test)]
mod tests {
    use judge::{Plan, testing};

    use super::*;

    #[test]
    fn a_run_that_is_still_busy_shows_something_only_beyond_what_the_honest_run_exchanged() {
        let (plan, busy) = (Plan::default(), "after 8s it still goes on".to_owned());
        let findings = [Finding::Busy { who: Side::Client, how: busy }];
        let of =
            |frames: u32| testing::trace((0..frames).map(|_| testing::frame(1, Side::Server)), []);
        let said =
            |frames| shows_nothing(&Evaluator::new(&plan, 0), &of(3), &of(frames), &findings);
        for frames in [2, 3] {
            let why = said(frames).unwrap();
            assert!(why.contains(&format!("with {frames} frames so far and 3 without")), "{why}");
        }
        assert_eq!(said(4), None);
        assert_eq!(breaks(&findings[0]), Some(Property::Availability));
    }
}
