//! What a report tells beside its cases: what scenarios teach, what words mean, and the ablation matrix as the view model has it.

use std::collections::BTreeSet;

use files::family::Family;
use files::scenario::Scenario;
use judge::properties::PROPERTIES;
use judge::property::Outcome;
use protocol::system::System;
use reports::view::ablation::{Ablation, Cell, Row};
use reports::view::details::{Definition, Details, Lesson};

use crate::matrix::Matrix;
use crate::uri;

/// Where the files of the catalogue are, in the repository.
const CATALOGUE: &str = "scenarios/attacks/";

/// What there is to tell about these scenarios.
pub fn details(scenarios: &[Scenario], commit: String) -> Details {
    let lessons = scenarios.iter().flat_map(|scenario| {
        let systems = scenario.systems.iter().map(|system| lesson(scenario, system));
        let own = scenario.target_set.iter().map(move |own| {
            let system = own.layout.layout.system.to_owned();
            Lesson { system, ..plain(scenario) }
        });
        systems.chain(own).collect::<Vec<_>>()
    });
    let property = |name: &str, meaning: &str, source: &str| Definition {
        name: name.to_owned(),
        meaning: meaning.to_owned(),
        source: (!source.is_empty()).then(|| source.to_owned()),
    };
    let used = |family: &&Family| scenarios.iter().any(|scenario| scenario.family == **family);
    let systems: BTreeSet<(&str, &str)> = scenarios
        .iter()
        .flat_map(|scenario| scenario.systems.iter().map(|system| (system.name, system.about)))
        .collect();
    Details {
        commit,
        lessons: lessons.collect(),
        properties: PROPERTIES
            .iter()
            .map(|spec| property(spec.property.name(), spec.definition, spec.source))
            .collect(),
        families: Family::ALL
            .iter()
            .filter(used)
            .map(|family| property(family.name(), family.about(), ""))
            .collect(),
        systems: systems.into_iter().map(|(name, about)| property(name, about, "")).collect(),
        ablation: Vec::new(),
        benches: None,
    }
}

fn plain(scenario: &Scenario) -> Lesson {
    let (file, uri) = if let Some(path) = &scenario.file {
        (scenario.path.clone(), uri::of_file(path))
    } else {
        let file = format!("{CATALOGUE}{}", scenario.path);
        let uri = uri::relative(&file);
        (file, uri)
    };
    Lesson {
        scenario: scenario.name.clone(),
        system: String::new(),
        file,
        uri,
        line: scenario.plan.rule_lines.first().copied().unwrap_or(1),
        teaches: scenario.teaches.trim().to_owned(),
        works: Vec::new(),
        stops: Vec::new(),
    }
}

fn lesson(scenario: &Scenario, system: &'static System) -> Lesson {
    let planted = scenario.needs.iter().filter_map(|weakness| system.planted(*weakness));
    let works = planted.clone().map(|found| format!("{}: {}", found.weakness.name(), found.breaks));
    let stops = planted.map(|found| format!("without {}: {}", found.weakness.name(), found.fix));
    Lesson {
        system: system.name.to_owned(),
        works: works.collect(),
        stops: stops.collect(),
        ..plain(scenario)
    }
}

/// An ablation matrix as reports show it.
pub fn ablation(matrix: &Matrix) -> Ablation {
    let Matrix { system, scenarios, rows, faults } = matrix;
    let row = |row: &crate::matrix::Row| Row {
        scenarios: scenarios
            .iter()
            .zip(&row.cells)
            .map(|((name, _), cell)| {
                let mended = cell.mended.map(|outcome| outcome.name().to_owned());
                (name.clone(), Cell { alone: cell.alone.name().to_owned(), mended })
            })
            .collect(),
        weakness: row.weakness.name().to_owned(),
    };
    let built = |(name, built): &(String, Outcome)| (name.clone(), built.name().to_owned());
    Ablation {
        as_built: scenarios.iter().map(built).collect(),
        faults: faults.iter().map(ToString::to_string).collect(),
        system: system.name.to_owned(),
        weaknesses: rows.iter().map(row).collect(),
        order: scenarios.iter().map(|(name, _)| name.clone()).collect(),
    }
}
