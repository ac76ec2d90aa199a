//! Every scenario × system × profile: its ladder and verdicts as a snapshot, and every run done twice.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use files::catalogue::catalogue;
use files::scenario::Scenario;
use files::scenario::ScenarioRun;
use judge::Over;
use judge::property::Outcome;
use protocol::weakness::Profile;
use rayon::prelude::*;
use reports::markdown;
use reports::text::{self, Page};
use reports::view::Report;
use scenarios::view;

fn cases(catalogue: &[Scenario]) -> Vec<ScenarioRun<'_>> {
    let mut cases = Vec::new();
    for scenario in catalogue {
        for system in &scenario.systems {
            for profile in [Profile::as_built(system), Profile::HARDENED] {
                cases.push(ScenarioRun {
                    scenario,
                    system,
                    profile,
                    seed: scenario.seed,
                    over: Over::World,
                });
            }
        }
    }
    cases
}

#[test]
fn every_case_is_as_expected_as_it_was_before_and_the_same_twice() {
    let catalogue = catalogue();
    let cases = cases(&catalogue);
    let one = |case: &ScenarioRun<'_>| view::case(*case, &case.judge());
    // In parallel and one by one: the same bytes.
    let first: Vec<_> = cases.par_iter().map(one).collect();
    let second: Vec<_> = cases.iter().map(one).collect();
    let mut names = BTreeSet::new();
    for ((first, second), case) in first.iter().zip(&second).zip(&cases) {
        let name = format!("{}@{}@{}", first.scenario, first.system, first.profile);
        assert_eq!(first, second, "{name}: two runs of one seed differ");
        assert_eq!(first.mismatches, Vec::<String>::new(), "{name}");
        let expectation = case.scenario.expect.of(case.system.name, case.profile.name());
        let all = expectation.and_then(|expectation| expectation.all);
        assert!(
            first.inconclusive.is_none() || all == Some(Outcome::Inconclusive),
            "{name}: {:?}",
            first.inconclusive
        );
        assert!(first.declared, "{name}");
        let shown = text::case(first, Page::PLAIN);
        assert_eq!(shown, text::case(second, Page::PLAIN), "{name}: two renderings differ");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name.as_str(), shown);
        });
        names.insert(format!("{name}.snap"));
    }
    let (first, second) = (Report::new(first), Report::new(second));
    let json = |report| reports::json::render(report).unwrap();
    assert_eq!(json(&first), json(&second), "two reports of one seed differ");
    let published =
        |path| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let stale = "is stale: `just publish` writes it anew";
    let verdicts = published("../reports/published/verdicts.md");
    assert!(verdicts == markdown::matrix(&first), "reports/published/verdicts.md {stale}");
    assert!(
        published("../README.md").contains(&markdown::glance(&first)),
        "the README's matrix {stale}"
    );

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    let stale: Vec<_> = files.iter().filter(|n| n.contains('@') && !names.contains(*n)).collect();
    assert!(stale.is_empty(), "snapshots of cases that are gone: {stale:?}");
}

#[test]
fn over_tcp_every_case_is_judged_alike() {
    let catalogue = catalogue();
    cases(&catalogue).par_iter().for_each(|case| {
        let one = |over| {
            let case = ScenarioRun { over, ..*case };
            view::case(case, &case.judge())
        };
        // Verdicts with their evidence, refusals, claims, frames and times: all but how many bytes waited for the rest of
        // their frame, since reads tear frames apart.
        let (world, mut tcp) = (one(Over::World), one(Over::Tcp));
        assert_eq!(tcp.over, "tcp");
        tcp.over.clone_from(&world.over);
        let name = format!("{}@{}@{}", tcp.scenario, tcp.system, tcp.profile);
        let waited = |case: &reports::view::Case| case.verdicts.get("robustness").cloned().unwrap();
        assert_eq!(waited(&tcp).verdict, waited(&world).verdict, "{name}");
        tcp.verdicts.insert("robustness".to_owned(), waited(&world));
        assert_eq!(tcp, world, "{name}");
    });
}

#[test]
fn other_seeds_give_other_bytes_and_the_same_verdicts() {
    let catalogue = catalogue();
    let replays = catalogue.iter().filter(|s| s.family.name() == "replay").cloned();
    let replays: Vec<Scenario> = replays.collect();
    cases(&replays).par_iter().for_each(|case| {
        let usual = case.judge();
        let other = ScenarioRun { seed: case.seed + 1, ..*case }.judge();
        assert_eq!(other.mismatches, Vec::<String>::new(), "{}", case.scenario.name);
        let bytes = |judgement: &judge::Judgement| -> Vec<_> {
            judgement.trace.frames.iter().map(|record| record.frame.bytes.clone()).collect()
        };
        assert_ne!(bytes(&usual), bytes(&other), "{}", case.scenario.name);
    });
}
