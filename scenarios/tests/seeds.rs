//! The catalogue under other seeds: other bytes, and never another verdict. What needs luck says so in its file, and is then
//! inconclusive; so is a run whose honest run fails, as those of systems that lose a frame by chance do.

#![allow(clippy::indexing_slicing, reason = "a test says what it expects by unwrapping")]

use files::catalogue::catalogue;
use files::scenario::Scenario;
use files::scenario::ScenarioRun;
use judge::Over;
use judge::property::Outcome;
use protocol::weakness::Profile;
use rayon::prelude::*;

/// A sample; no scenario of the catalogue has one of these.
const SEEDS: &[u64] = &[1_000_003, 1_000_033];

/// What is wrong with a case under this seed, if anything.
fn fault(scenario: &Scenario, case: ScenarioRun<'_>) -> Option<String> {
    let name = (&scenario.name, case.system.name, case.profile.name(), case.seed);
    let judgement = case.judge();
    let spoilt =
        judgement.inconclusive.as_ref().is_some_and(|why| why.starts_with("the honest run"));
    // Only the published programs lose frames by chance.
    if spoilt && case.profile != Profile::HARDENED {
        return None;
    }
    if !judgement.mismatches.is_empty() {
        return Some(format!("{name:?}: {:?}", judgement.mismatches));
    }
    let expectation = scenario.expect.of(case.system.name, case.profile.name())?;
    for (property, ruling) in &judgement.rulings {
        let expected = expectation.outcome(*property);
        let wrong = expected == Some(Outcome::Violated) && ruling.outcome == Outcome::Held;
        let needs_luck = expectation.rests_on_seed.is_some();
        if wrong || (!needs_luck && expected.is_some_and(|expected| ruling.outcome != expected)) {
            return Some(format!("{name:?}: {} is {:?}", property.name(), ruling.outcome));
        }
    }
    None
}

#[test]
fn under_no_seed_is_a_verdict_another() {
    let catalogue = catalogue();
    let mut cases = Vec::new();
    for scenario in &catalogue {
        for system in &scenario.systems {
            for profile in [Profile::as_built(system), Profile::HARDENED] {
                for seed in SEEDS {
                    let over = Over::World;
                    cases.push((
                        scenario,
                        ScenarioRun { scenario, system, profile, seed: *seed, over },
                    ));
                }
            }
        }
    }
    let faults: Vec<String> =
        cases.par_iter().filter_map(|(scenario, case)| fault(scenario, *case)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_needs_luck_is_inconclusive_without_it_and_violated_with_it() {
    let catalogue = catalogue();
    let letter = catalogue.iter().find(|known| known.name == "forge-suite-letter");
    let Some(scenario) = letter else { panic!("the catalogue has it") };
    let system = scenario.systems[0];
    let under =
        |seed, profile| ScenarioRun { scenario, system, profile, seed, over: Over::World }.judge();
    let outcome = |judgement: &judge::Judgement, name: &str| {
        let found = judgement.rulings.iter().find(|(property, _)| property.name() == name);
        found.map(|(_, ruling)| (ruling.outcome, ruling.evidence.clone()))
    };
    let as_built = Profile::as_built(system);
    let lucky = under(scenario.seed, as_built);
    let found = outcome(&lucky, "message-authenticity").map(|(outcome, _)| outcome);
    assert_eq!((found, lucky.mismatches.len()), (Some(Outcome::Violated), 0));
    let without = under(SEEDS[0], as_built);
    let (found, why) =
        outcome(&without, "message-authenticity").unwrap_or_else(|| panic!("it is judged"));
    assert_eq!(found, Outcome::Inconclusive, "{why}");
    let expected = "the scenario rests on seed 4, and this is another: the block that the flip turns into noise is valid UTF-8";
    assert_eq!(why, expected);
    assert_eq!(without.mismatches, Vec::<String>::new());
    // With the defence, luck has no part in it.
    let hardened = under(SEEDS[0], Profile::HARDENED);
    assert!(hardened.rulings.iter().all(|(_, ruling)| ruling.outcome == Outcome::Held));
    assert_eq!(hardened.mismatches, Vec::<String>::new());
}
