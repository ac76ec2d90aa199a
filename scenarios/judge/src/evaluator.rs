//! Runs one case, with its honest twin, and says what held. The rules a verdict must obey:
//!
//! 1. Never vacuous: the honest twin succeeds, every rule acts, and what it did reaches a victim. Otherwise the
//!    case is inconclusive. A rule may stay silent only where the attack was already stopped by a named check.
//! 2. Never for the wrong reason: a `blocked_by` that names another check is a mismatch.
//! 3. Facts and judgement apart: only claims and what the attacker saw count.
//! 4. Held is scoped: under this script, this profile, this seed.
//! 5. Both ways: a violation that is no longer one is a mismatch too.
//! 6. Reproducible: scenario and seed decide every byte.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mitm_proxy::attacker::Acting;
use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::strategy::{Quiet, Strategy, Tools};
use mitm_proxy::trace::{LinkEvent, Misfire, Trace};
use mitm_proxy::world::{Folder, LAB, Victims, World, WorldSpec};
use net::Loopback;
use protocol::endpoint::{Check, End, Fact, Reject, Side};
use protocol::system::System;
use protocol::weakness::Profile;

use crate::expect::{Expectation, NOTHING};
use crate::properties::uniform_errors::{self, Reactions};
use crate::properties::{Finished, PROPERTIES, Ruling};
use crate::property::{Outcome, Property};
use crate::search::Searches;

#[cfg(test)]
mod tests;

/// The set of keys that takes the place of [`LAB`] where a strategy is to be carried out in full size.
const FULL: &str = "full";

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

/// A plan against one system in one profile.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The system.
    pub system: &'static System,
    /// The profile.
    pub profile: Profile,
    /// Decides every random byte.
    pub seed: u64,
    /// What carries the frames.
    pub over: Over,
    /// The verdicts that are expected, if any are.
    pub expected: Option<Expected<'a>>,
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
    Tcp,
}

impl Over {
    /// The name reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Tcp => "tcp",
        }
    }
}

/// What the judge says of a case.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict of every property, in order.
    pub rulings: Vec<(Property, Ruling)>,
    /// The first check that stopped each run, as `server: mac`, or [`NOTHING`]; with the number of runs.
    pub blocked_by: BTreeMap<String, usize>,
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

/// Run and judge `case`.
pub fn judge(case: Case<'_>) -> Judgement {
    let words = crate::wordlist::builtin();
    judge_with(case, &Tools { words, budget: None, full: false, progress: &Quiet })
}

/// Run and judge `case` with these tools for its strategy.
pub fn judge_with(case: Case<'_>, tools: &Tools<'_>) -> Judgement {
    let plan = case.plan;
    let spec = WorldSpec {
        victims: Victims::System(case.system),
        profile: case.profile,
        seed: case.seed,
        scripts: plan.scripts.iter().map(|(n, steps)| (*n, steps[..].into())).collect(),
        rules: plan.rules.clone().into(),
        keys: keys(plan, tools),
        registered: plan.registered.clone(),
    };
    let layout = (case.system.layout)(case.profile);
    let evaluator = Evaluator {
        plan,
        largest_frame: layout.frames.iter().map(|spec| spec.max).max().unwrap_or(0),
        searches: Searches::default(),
        excused: BTreeSet::new(),
    };

    let mut world = World::new(&spec);
    if case.over == Over::Tcp {
        let carrier = Loopback::new(world.layout(), case.seed);
        world.use_transport(Box::new(carrier));
    }
    if plan.rules.is_empty() && plan.strategy.is_none() {
        let mut runs = Runs::default();
        runs.add(evaluator.honest_run(world));
        return conclude(case, None, runs);
    }
    let mut acting = world.run_until_rule();
    // Up to here run and twin are the same: one handshake serves both.
    let mut twin = world.fork();
    twin.attacker_mut().disarm();
    twin.run();
    let twin = rest(twin);
    let twin_problem = evaluator.twin_problem(&twin);
    let twin = twin.trace;

    let mut worlds = Vec::new();
    let strategy = plan.strategy.as_ref();
    while let Some(next) = acting {
        if strategy.is_some_and(|spec| spec.waits && next.rule == 0) {
            attack(&mut world, &next, strategy, tools);
            acting = world.run_until_rule();
            continue;
        }
        if let Some(variants) = variants(&mut world, &next) {
            worlds = variants;
            world.run_independent_events();
            break;
        }
        world.step();
        acting = world.run_until_rule();
    }
    let mut runs = Runs::default();
    if worlds.is_empty() {
        runs.add(evaluator.run(world, &twin, tools));
    } else {
        for rules in worlds {
            let mut fork = world.fork();
            fork.attacker_mut().replace_rules(rules);
            runs.add(evaluator.run(fork, &twin, tools));
        }
    }
    conclude(case, twin_problem, runs)
}

/// The sets of keys of a plan. In full size, the honest endpoints have those of `full` where there are any.
fn keys(plan: &Plan, tools: &Tools<'_>) -> BTreeMap<String, Folder> {
    let mut keys = plan.keys.clone();
    if let Some(full) = keys.remove(FULL).filter(|_| tools.full) {
        keys.insert(LAB.to_owned(), full);
    }
    keys
}

/// The strategy acts, and then what it waited for happens.
fn attack(
    world: &mut World,
    acting: &Acting,
    strategy: Option<&PlannedStrategy>,
    tools: &Tools<'_>,
) {
    let Some((spec, held)) = strategy.zip(world.hold()) else { return };
    let result = spec.strategy.attack(world, acting, tools);
    world.release(held);
    world.step();
    if let Err(why) = result {
        world.trace_mut().misfires.push(Misfire { rule: 1, why });
    }
}

/// For a rule that stands for many: the rule lists of those many.
fn variants(world: &mut World, acting: &Acting) -> Option<Vec<Arc<[Rule]>>> {
    let frame = acting.frame.as_ref()?;
    let rules = world.attacker_mut().rules().to_vec();
    let rule = rules.get(acting.rule)?;
    // Only the first action of a rule sees the frame as it came.
    let actions = rule.actions.first()?.variants(frame)?;
    let with = |action| {
        let mut rules = rules.clone();
        if let Some(slot) = rules.get_mut(acting.rule).and_then(|rule| rule.actions.first_mut()) {
            *slot = action;
        }
        rules.into()
    };
    Some(actions.into_iter().map(with).collect())
}

/// What every run of a case is judged by.
pub struct Evaluator<'a> {
    /// What is run.
    pub plan: &'a Plan,
    /// The largest frame anybody accepts, in bytes.
    pub largest_frame: usize,
    /// What messages are searched for with.
    pub searches: Searches,
    /// What an honest run may violate and be good enough all the same.
    pub excused: BTreeSet<Property>,
}

/// A run that has come to rest.
pub struct FinishedRun {
    /// What happened.
    pub trace: Trace,
    /// Connections that an endpoint still holds open.
    pub open_ends: Vec<(u32, Side)>,
}

/// One run, judged.
struct Run {
    rulings: Vec<(Property, Ruling)>,
    blocked_by: Option<String>,
    problem: Option<String>,
    trace: Trace,
}

/// What a run leaves behind.
struct Judged {
    reactions: Reactions,
    rulings: Vec<(Property, Ruling)>,
    problem: Option<String>,
    /// What the attacker did first, for people.
    deed: String,
}

/// All runs of a case. Only one trace is kept: the first that shows a violation, or else the first.
#[derive(Default)]
struct Runs {
    judged: Vec<Judged>,
    blocked_by: BTreeMap<String, usize>,
    shown: Option<(bool, Trace)>,
}

impl Runs {
    fn add(&mut self, run: Run) {
        let Run { rulings, blocked_by, problem, trace } = run;
        let check = blocked_by.unwrap_or_else(|| NOTHING.to_owned());
        *self.blocked_by.entry(check).or_default() += 1;
        let mut deeds = trace.frames.iter().flat_map(|frame| &frame.attacker_actions);
        let deed = deeds.next().map_or_else(|| "no change".to_owned(), |deed| deed.what.clone());
        let reactions = uniform_errors::reactions(&trace);
        let violates = rulings.iter().any(|(_, ruling)| ruling.outcome == Outcome::Violated);
        if !self.shown.as_ref().is_some_and(|(shows_one, _)| *shows_one || !violates) {
            self.shown = Some((violates, trace));
        }
        self.judged.push(Judged { reactions, rulings, problem, deed });
    }
}

impl Evaluator<'_> {
    fn run(&self, mut world: World, twin: &Trace, tools: &Tools<'_>) -> Run {
        world.run();
        world.open_recordings();
        if let Some(spec) = &self.plan.strategy
            && let Err(why) = spec.strategy.review(&mut world, tools)
        {
            world.trace_mut().misfires.push(Misfire { rule: 0, why });
        }
        let rest = rest(world);
        let mut rulings = self.rule(&rest, twin);
        let blocked_by = first_rejection(&rest.trace);
        let problem = self.vacuous(&rest.trace).or_else(|| unfinished(&rest.trace, &mut rulings));
        Run { rulings, blocked_by, problem, trace: rest.trace }
    }

    /// A run that nobody attacks is its own twin: what goes wrong in it is no reason to say nothing, but a finding.
    fn honest_run(&self, mut world: World) -> Run {
        world.run();
        let rest = rest(world);
        let mut rulings = self.rule(&rest, &rest.trace);
        let broken = rulings.iter().any(|(_, ruling)| ruling.outcome == Outcome::Violated);
        if let Some(why) = self.twin_problem(&rest).filter(|_| !broken) {
            for (_, ruling) in rulings.iter_mut().filter(|(p, _)| *p == Property::Availability) {
                *ruling = Ruling::violated(format!("nobody attacks, and {why}"), Vec::new());
            }
        }
        let blocked_by = first_rejection(&rest.trace);
        let problem = self.vacuous(&rest.trace);
        Run { rulings, blocked_by, problem, trace: rest.trace }
    }

    /// The verdict on every property.
    pub fn rule(&self, rest: &FinishedRun, twin: &Trace) -> Vec<(Property, Ruling)> {
        let FinishedRun { trace, open_ends } = rest;
        let (largest_frame, searches) = (self.largest_frame, &self.searches);
        let run = Finished { trace, open_ends, twin, largest_frame, searches };
        let judged = PROPERTIES.iter().map(|spec| {
            let mut monitor = (spec.monitor)();
            for record in &trace.claims {
                monitor.observe(record);
            }
            (spec.property, monitor.conclude(&run))
        });
        judged.collect()
    }

    /// Why the honest twin did not succeed, if so.
    pub fn twin_problem(&self, twin: &FinishedRun) -> Option<String> {
        for (property, ruling) in self.rule(twin, &twin.trace) {
            if ruling.outcome == Outcome::Violated && !self.excused.contains(&property) {
                let name = property.name();
                return Some(format!("the honest twin violates {name}: {}", ruling.evidence));
            }
        }
        if let Some(check) = first_rejection(&twin.trace) {
            return Some(format!("the honest twin is stopped by {check}"));
        }
        let sessions: BTreeSet<_> = twin.trace.sessions().into_values().collect();
        for (number, script) in &self.plan.scripts {
            let actor = *number as usize;
            // What the server says, it says to every session.
            let listeners = if *number == 0 { sessions.len() } else { 1 };
            let claims = twin.trace.claims.iter().filter(|record| record.actor == actor);
            let sent = claims.clone().filter(|r| matches!(r.claim.fact, Fact::Sent(_))).count();
            let sends = script.iter().filter(|step| matches!(step, Step::Send(_))).count();
            let wanted = sends * listeners;
            let name = actor_name(actor);
            if sent != wanted {
                return Some(format!("the honest {name} sent {sent} of {wanted} messages"));
            }
            let broken = claims
                .clone()
                .find(|record| matches!(record.claim.fact, Fact::Ended(end) if end != End::Clean));
            if broken.is_some() {
                return Some(format!("a session of the honest {name} does not end cleanly"));
            }
        }
        let count = |wanted: fn(&Fact) -> bool| {
            twin.trace.claims.iter().filter(|record| wanted(&record.claim.fact)).count()
        };
        let sent = count(|fact| matches!(fact, Fact::Sent(_)));
        let delivered = count(|fact| matches!(fact, Fact::Delivered(_)));
        (sent != delivered)
            .then(|| format!("in the honest twin {delivered} of {sent} messages are delivered"))
    }

    /// Why a run shows nothing, if so.
    pub fn vacuous(&self, trace: &Trace) -> Option<String> {
        if let Some(misfire) = trace.misfires.first() {
            return Some(format!(
                "{} could not act: {}",
                self.rule_name(misfire.rule),
                misfire.why
            ));
        }
        if let Some(spec) = &self.plan.strategy {
            let mut efforts = trace.efforts.iter();
            let Some(effort) = efforts.find(|effort| effort.strategy == spec.name) else {
                return Some(format!("the strategy `{}` never acted", spec.name));
            };
            // What its questions have broken is broken, although it had nothing to do: see `unfinished`.
            if effort.idle.is_some() {
                return None;
            }
        }
        // The twin is free of refusals, so a refusal here is the answer to the attack. What a later rule would
        // have done is then beside the point.
        let stopped = first_rejection(trace).is_some();
        let mut acted = false;
        let waits = self.plan.strategy.as_ref().is_some_and(|spec| spec.waits);
        for (rule, fired) in (1..).zip(&trace.fired).skip(usize::from(waits)) {
            if landed(trace, rule) {
                acted = true;
            } else if !(acted && stopped) {
                let rule = self.rule_name(rule);
                return Some(if *fired == 0 {
                    format!("{rule} never acted")
                } else {
                    format!("what {rule} did made no difference to a victim")
                });
            }
        }
        None
    }

    fn rule_name(&self, rule: u32) -> String {
        if let Some(spec) = self.plan.strategy.as_ref().filter(|spec| rule == u32::from(spec.waits))
        {
            return format!("the strategy `{}`", spec.name);
        }
        let at = (rule as usize).saturating_sub(1);
        match self.plan.rule_lines.get(at) {
            Some(line) => format!("rule {rule} (line {line})"),
            None => format!("rule {rule}"),
        }
    }
}

fn conclude(case: Case<'_>, twin_problem: Option<String>, runs: Runs) -> Judgement {
    let Runs { judged, blocked_by, shown } = runs;
    let total = judged.len();
    let problem = judged.iter().find_map(|run| {
        let problem = run.problem.clone()?;
        Some(if total > 1 { format!("{}: {problem}", run.deed) } else { problem })
    });
    let inconclusive = twin_problem.or(problem);
    let mut rulings = match &inconclusive {
        Some(why) => {
            let inconclusive = |property: &Property| (*property, Ruling::inconclusive(why));
            Property::ALL.iter().map(inconclusive).collect()
        }
        None => combine(&judged),
    };
    let expected = case.expected;
    let by_chance = expected.is_some_and(|e| out_of_luck(case.seed, e, &mut rulings));
    let mismatches = expected
        .filter(|_| !by_chance)
        .map(|e| mismatches(e, &rulings, &blocked_by))
        .unwrap_or_default();
    let trace = shown.map(|(_, trace)| trace).unwrap_or_default();
    let declared = expected.is_some();
    Judgement { rulings, blocked_by, inconclusive, declared, mismatches, runs: total, trace }
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
fn unfinished(trace: &Trace, rulings: &mut [(Property, Ruling)]) -> Option<String> {
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

fn rest(world: World) -> FinishedRun {
    let open_ends = world.open_ends().collect();
    FinishedRun { trace: world.into_trace(), open_ends }
}

/// The first refusal of a run, as `server: mac`. That somebody loses patience with an impostor it has accepted is none: that
/// one never says goodbye.
pub fn first_rejection(trace: &Trace) -> Option<String> {
    let mut accepted = BTreeSet::new();
    trace.claims.iter().find_map(|record| {
        let end = (record.actor, record.claim.conn.0);
        match record.claim.fact {
            Fact::Established(_) if trace.impostor_links.contains(&end.1) => {
                accepted.insert(end);
                None
            }
            Fact::Rejected(Reject { check: Check::Timeout, .. }) if accepted.contains(&end) => None,
            Fact::Rejected(reject) => {
                Some(format!("{}: {}", actor_name(record.actor), reject.check))
            }
            _ => None,
        }
    })
}

/// `server`, `client`, `client-2`: the actor's name in `blocked_by` and reports.
pub fn actor_name(actor: usize) -> String {
    match actor {
        0 => "server".to_owned(),
        1 => "client".to_owned(),
        number => format!("client-{number}"),
    }
}

/// Whether a difference that `rule` made reached an endpoint.
fn landed(trace: &Trace, rule: u32) -> bool {
    let frames = trace.frames.iter().any(|frame| {
        frame.has_landed() && frame.attacker_actions.iter().any(|deed| deed.rule == rule)
    });
    // Whoever answers in the place of the server makes a difference by being there.
    let played = !trace.impostors.is_empty();
    let closed = |event| {
        matches!(event, LinkEvent::ClosedTo(_)) || (played && event == LinkEvent::Intercepted)
    };
    let stolen = trace.compromises.iter().any(|leak| leak.rule == rule);
    let by_rule = trace.links.iter().filter(|link| link.rule == Some(rule));
    let mut made = by_rule.filter(|link| link.reached != Some(false));
    frames || stolen || made.any(|link| closed(link.event))
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
            ruling.evidence = format!("in {violated} of {total} runs; {}: {evidence}", run.deed);
            ruling
        } else if let Some((run, mut ruling)) = with(Outcome::Inconclusive).next() {
            ruling.evidence = format!("{}: {}", run.deed, ruling.evidence);
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
