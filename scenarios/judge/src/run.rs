//! Runs one case, with its honest run, and says what held. The rules a verdict must obey:
//!
//! 1. Never vacuous: the honest run succeeds, every rule acts, and what it did reaches a victim. Otherwise the
//!    case is inconclusive. A rule need not act after an endpoint has refused the attack.
//! 2. Never for the wrong reason: a `blocked_by` that names another check is a mismatch.
//! 3. Facts and judgement apart: only claims and what the attacker saw count.
//! 4. Held is scoped: under this script, this profile, this seed.
//! 5. Both ways: a violation that is no longer one is a mismatch too.
//! 6. Reproducible: scenario and seed decide every byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use mitm_proxy::attacker::Acting;
use mitm_proxy::rule::Rule;
use mitm_proxy::strategy::{Quiet, Tools};
use mitm_proxy::trace::{Misfire, Trace};
use mitm_proxy::world::{Folder, LAB, Victims, World, WorldSpec};
#[cfg(feature = "net")]
use net::Loopback;

#[cfg(feature = "net")]
use crate::case::Over;
use crate::case::{Case, Judgement, Plan, PlannedStrategy};
use crate::conclude::{Run, Runs, conclude, unfinished};
use crate::evaluator::{Evaluator, FinishedRun, first_rejection};
use crate::properties::Ruling;
use crate::property::{Outcome, Property};

/// The set of keys that takes the place of [`LAB`] where a strategy is to be carried out in full size.
const FULL: &str = "full";

/// Run and judge `case`.
pub fn judge(case: Case<'_>) -> Judgement {
    let words = crate::wordlist::builtin();
    judge_with(case, &Tools { words, budget: None, full: false, progress: &Quiet })
}

/// Run and judge `case` with these tools for its strategy.
pub fn judge_with(case: Case<'_>, tools: &Tools<'_>) -> Judgement {
    let plan = case.plan;
    let spec = WorldSpec {
        victims: case.victims.clone(),
        profile: case.profile,
        seed: case.seed,
        scripts: plan.scripts.iter().map(|(n, steps)| (*n, steps[..].into())).collect(),
        rules: plan.rules.clone().into(),
        keys: keys(plan, tools),
        registered: plan.registered.clone(),
    };
    let layout = match &case.victims {
        Victims::System(system) => Arc::new((system.layout)(case.profile)),
        Victims::Own(own) => own.layout.clone(),
    };
    let largest_frame = layout.frames.iter().map(|spec| spec.max).max().unwrap_or(0);
    let evaluator = Evaluator {
        excused: case.scope.excused(case.own_properties),
        own_properties: case.own_properties,
        ..Evaluator::new(plan, largest_frame)
    };

    let mut world = World::new(&spec);
    #[cfg(feature = "net")]
    if case.over == Over::Tcp {
        let carrier = Loopback::new(world.layout(), case.seed);
        world.use_transport(Box::new(carrier));
    }
    if plan.rules.is_empty() && plan.strategy.is_none() {
        let mut runs = Runs::default();
        runs.add(evaluator.honest_run(world));
        return conclude(&case, None, runs);
    }
    let mut acting = world.run_until_rule();
    // Up to here both runs are the same: one handshake serves both.
    let mut honest_run = world.fork();
    honest_run.attacker_mut().disarm();
    honest_run.run();
    let honest_run = rest(honest_run);
    let honest_run_problem = evaluator.honest_run_problem(&honest_run);
    let honest_run = honest_run.trace;

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
        runs.add(evaluator.run(world, &honest_run, tools));
    } else {
        for rules in worlds {
            let mut fork = world.fork();
            fork.attacker_mut().replace_rules(rules);
            runs.add(evaluator.run(fork, &honest_run, tools));
        }
    }
    conclude(&case, honest_run_problem, runs)
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

impl Evaluator<'_> {
    fn run(&self, mut world: World, honest_run: &Trace, tools: &Tools<'_>) -> Run {
        world.run();
        world.open_recordings();
        if let Some(spec) = &self.plan.strategy
            && let Err(why) = spec.strategy.review(&mut world, tools)
        {
            world.trace_mut().misfires.push(Misfire { rule: 0, why });
        }
        let rest = rest(world);
        let mut rulings = self.rule(&rest, honest_run);
        let blocked_by = first_rejection(&rest.trace);
        let problem = self.vacuous(&rest.trace).or_else(|| unfinished(&rest.trace, &mut rulings));
        Run { rulings, blocked_by, problem, trace: rest.trace }
    }

    /// A run that nobody attacks is its own honest run: what goes wrong in it is no reason to say nothing, but a finding. Where
    /// availability is not judged, the finding has no place, and nothing can be said of a run that failed.
    fn honest_run(&self, mut world: World) -> Run {
        world.run();
        let rest = rest(world);
        let mut rulings = self.rule(&rest, &rest.trace);
        // What may be violated explains no failure.
        let broken = rulings.iter().any(|(property, ruling)| {
            ruling.outcome == Outcome::Violated && !self.excused.contains(property)
        });
        let failed = self.honest_run_problem(&rest).filter(|_| !broken);
        let failed = failed.map(|why| format!("nobody attacks, and {why}"));
        let mut problem = self.vacuous(&rest.trace);
        if self.excused.contains(&Property::Availability) {
            problem = problem.or(failed);
        } else if let Some(why) = failed {
            for (_, ruling) in rulings.iter_mut().filter(|(p, _)| *p == Property::Availability) {
                *ruling = Ruling::violated(&why, Vec::new());
            }
        }
        let blocked_by = first_rejection(&rest.trace);
        Run { rulings, blocked_by, problem, trace: rest.trace }
    }
}

fn rest(world: World) -> FinishedRun {
    let open_ends = world.open_ends().collect();
    FinishedRun { trace: world.into_trace(), open_ends }
}
