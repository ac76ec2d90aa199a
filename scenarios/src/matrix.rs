//! Ablation: defence by defence, what breaks without it. For every system, weakness and scenario two questions:
//! is this weakness alone enough for the attack, and is it needed by the attack on the system as built?

use std::fmt;

use files::scenario::Scenario;
use files::scenario::ScenarioRun;
use judge::property::Outcome;
use judge::{Judgement, Over};
use protocol::system::System;
use protocol::weakness::{Profile, Weakness};
use rayon::prelude::*;

/// What all scenarios say of one system.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The system.
    pub system: &'static System,
    /// The scenarios, by name, and what each does to the system as built.
    pub scenarios: Vec<(String, Outcome)>,
    /// A row for each weakness.
    pub rows: Vec<Row>,
    /// What is wrong with the catalogue.
    pub faults: Vec<Fault>,
}

/// What all scenarios say of one weakness: a cell for each scenario.
#[derive(Clone, Debug)]
pub struct Row {
    /// The weakness.
    pub weakness: Weakness,
    /// The cells, in the order of the scenarios.
    pub cells: Vec<Cell>,
}

/// What one scenario says of one weakness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// The hardened system with this weakness alone.
    pub alone: Outcome,
    /// The system as built but for this weakness; nothing where the attack does not work as built.
    pub mended: Option<Outcome>,
}

impl Cell {
    /// This weakness alone is enough for the attack.
    pub fn is_enough(self) -> bool {
        self.alone == Outcome::Violated
    }

    /// Without this weakness the attack on the system as built fails.
    pub fn is_needed(self) -> bool {
        self.mended == Some(Outcome::Held)
    }
}

/// A hole in the catalogue, or a claim of a scenario that is not true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// No scenario finds this weakness: it is enough for none, and none needs it.
    NotFound(Weakness),
    /// The scenario is violated by this weakness alone and does not name it.
    NotNamed(String, Weakness),
    /// The scenario names this weakness, which is neither enough for it nor needed by it.
    NotTrue(String, Weakness),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(weakness) => write!(f, "{weakness}: no scenario finds it"),
            Self::NotNamed(scenario, weakness) => {
                write!(
                    f,
                    "{scenario}: works with {weakness} alone, and does not name it in `needs`"
                )
            }
            Self::NotTrue(scenario, weakness) => write!(
                f,
                "{scenario}: names {weakness} in `needs`, works no worse without it and not with it alone"
            ),
        }
    }
}

/// How many runs [`matrix`] takes at most.
pub fn runs(system: &System, scenarios: &[Scenario]) -> usize {
    of(system, scenarios).len() * (1 + 2 * system.planted.len())
}

fn of<'a>(system: &System, scenarios: &'a [Scenario]) -> Vec<&'a Scenario> {
    let own = |scenario: &&Scenario| scenario.systems.iter().any(|it| it.name == system.name);
    scenarios.iter().filter(own).collect()
}

/// Run every scenario of `system` with every weakness alone, and as built without it. `each` is called around every run.
pub fn matrix(
    system: &'static System,
    scenarios: &[Scenario],
    each: &(dyn Fn(&Scenario, &dyn Fn() -> Outcome) -> Outcome + Sync),
) -> Matrix {
    let own = of(system, scenarios);
    let outcome = |scenario: &Scenario, profile| {
        let case =
            ScenarioRun { scenario, system, profile, seed: scenario.seed, over: Over::World };
        each(scenario, &|| outcome(&case.judge()))
    };
    let as_built = Profile::as_built(system);
    let built: Vec<Outcome> = own.par_iter().map(|scenario| outcome(scenario, as_built)).collect();
    let cell = |weakness, scenario: &Scenario, built| Cell {
        alone: outcome(scenario, Profile::only(weakness)),
        mended: (built == Outcome::Violated).then(|| outcome(scenario, as_built.without(weakness))),
    };
    let rows: Vec<Row> = system
        .planted
        .par_iter()
        .map(|planted| {
            let weakness = planted.weakness;
            let cells = own.par_iter().zip(&built);
            let cells = cells.map(|(scenario, built)| cell(weakness, scenario, *built)).collect();
            Row { weakness, cells }
        })
        .collect();
    let faults = faults(&own, &rows);
    let scenarios = own.iter().map(|scenario| scenario.name.clone()).zip(built).collect();
    Matrix { system, scenarios, rows, faults }
}

/// The verdict over all properties.
fn outcome(judgement: &Judgement) -> Outcome {
    let violated = |ruling: &judge::properties::Ruling| ruling.outcome == Outcome::Violated;
    if judgement.inconclusive.is_some() {
        Outcome::Inconclusive
    } else if judgement.rulings.iter().any(|(_, ruling)| violated(ruling)) {
        Outcome::Violated
    } else {
        Outcome::Held
    }
}

fn faults(scenarios: &[&Scenario], rows: &[Row]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for Row { weakness, cells } in rows {
        if !cells.iter().any(|cell| cell.is_enough() || cell.is_needed()) {
            faults.push(Fault::NotFound(*weakness));
        }
        for (scenario, cell) in scenarios.iter().zip(cells) {
            let name = || scenario.name.clone();
            match scenario.needs.contains(weakness) {
                false if cell.is_enough() => faults.push(Fault::NotNamed(name(), *weakness)),
                true if !cell.is_enough() && !cell.is_needed() => {
                    faults.push(Fault::NotTrue(name(), *weakness));
                }
                _ => {}
            }
        }
    }
    faults
}
