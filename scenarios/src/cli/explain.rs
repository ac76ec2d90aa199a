//! `scenarios explain NAME`: a scenario, and what it takes to understand it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, bail};
use files::diagnostic::{near, quote};
use files::scenario::Scenario;
use judge::expect::Expectation;
use judge::properties::PROPERTIES;
use judge::property::{Outcome, Property};
use mitm_proxy::actions::{ACTIONS, action};
use mitm_proxy::params::Param;
use mitm_proxy::strategies::{STRATEGIES, strategy};

use super::check::explain as mistakes;
use super::done::Done;
use super::output::{Format, Output, print};

mod own;
mod sections;

use sections::Sections;

/// Options of `explain`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The scenario's name, as `list` shows it, or its file; the name of a property, a system, an action or a strategy; or
    /// `target` and `observe`: your own programs in a scenario
    #[arg(value_name = "NAME")]
    name: String,
}

/// Explain a scenario, a property, a system, an action, a strategy, or tables for somebody's own programs.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let scenarios = output.catalogue.scenarios();
    let mut known: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    known.extend(Property::ALL.iter().map(|property| property.name()));
    known.extend(output.catalogue.registry.names());
    known.extend(ACTIONS.iter().map(|spec| spec.name));
    known.extend(STRATEGIES.iter().map(|spec| spec.name));
    known.extend(own::NAMES);
    let name = args.name.as_str();
    let sections = if let Some(scenario) = scenarios.iter().find(|scenario| scenario.name == name) {
        explain_scenario(scenario, "scenarios/attacks/")
    } else if let Some(system) = output.catalogue.registry.system(name) {
        super::systems::explain(system)
    } else if Property::named(name).is_some() {
        explain_property(name)
    } else if let Some(spec) = action(name) {
        explain_verb(spec.about, spec.params, "actions", name)
    } else if let Some(spec) = strategy(name) {
        let mut sections = explain_verb(spec.about, spec.params, "strategies", name);
        let when = if spec.waits {
            "when what `strategy.when` waits for is about to happen; in the place of rules"
        } else {
            "when all is over, on what was recorded; beside rules, if there are any"
        };
        sections.insert(1, ("when it acts", when.to_owned()));
        sections
    } else if let Some(sections) = own::explain(name) {
        sections
    } else if Path::new(name).is_file() {
        let found = output.catalogue.load_file(Path::new(name));
        explain_scenario(&found.map_err(|error| mistakes(&[error], output))?, "")
    } else {
        let meant = near(name, &known).map(|near| format!("did you mean `{near}`?"));
        let help = meant.unwrap_or_else(|| "`scenarios list` shows what there is".to_owned());
        bail!(
            "no scenario, file, property, system, action or strategy is named {}: {help}",
            quote(name)
        );
    };
    let text = if output.format == Format::Json {
        let sections: BTreeMap<_, _> = sections.into_iter().collect();
        format!("{:#}\n", serde_json::json!(sections))
    } else {
        let mut text = String::new();
        for (title, body) in sections {
            let _ = writeln!(text, "{title}");
            for line in body.lines() {
                let _ = writeln!(text, "  {line}");
            }
            text.push('\n');
        }
        text
    };
    print(&text)?;
    Ok(Done::Expected)
}

/// A scenario whose path is relative to `folder`.
fn explain_scenario(scenario: &Scenario, folder: &str) -> Sections {
    let mut sections = vec![
        ("what it does", format!("{}: {}", scenario.name, scenario.summary)),
        ("what there is to learn", scenario.teaches.trim().to_owned()),
    ];
    let mut works = String::new();
    let mut stops = String::new();
    let mut code = format!("{folder}{}\n", scenario.path);
    for system in &scenario.systems {
        for weakness in &scenario.needs {
            if let Some(planted) = system.planted(*weakness) {
                let (name, weakness) = (system.name, weakness.name());
                let _ = writeln!(works, "{name} has {weakness}: {}", planted.breaks);
                let _ = writeln!(stops, "{name} without {weakness}: {}", planted.fix);
                let _ = writeln!(code, "{} ({weakness})", planted.code);
            }
        }
    }
    if works.is_empty() {
        works.push_str("it does not: no weakness of the published program makes it work");
    }
    if stops.is_empty() {
        stops.push_str("what the published program has already\n");
    }
    let mut expected = String::new();
    for system in &scenario.systems {
        for profile in ["as-built", "hardened"] {
            if let Some(expectation) = scenario.expect.of(system.name, profile) {
                let _ = writeln!(expected, "{} {profile}: {}", system.name, describe(expectation));
            }
        }
    }
    sections.extend([
        ("why it works", works),
        ("what stops it", stops),
        ("what to expect", expected),
        ("where", code),
        ("run it", format!("scenarios run {}", scenario.name)),
    ]);
    sections
}

fn describe(expectation: &Expectation) -> String {
    let with = |outcome: Outcome| -> Vec<&str> {
        let all = Property::ALL.iter();
        all.filter(|p| expectation.outcome(**p) == Some(outcome)).map(|p| p.name()).collect()
    };
    let mut parts = Vec::new();
    for outcome in [Outcome::Violated, Outcome::Inconclusive] {
        let names = with(outcome);
        if !names.is_empty() {
            parts.push(format!("{} {}", outcome.name(), names.join(", ")));
        }
    }
    if parts.is_empty() {
        parts.push("everything held".to_owned());
    }
    if let Some(checks) = &expectation.blocked_by {
        parts.push(format!("stopped by {checks}"));
    }
    if let Some(chance) = &expectation.rests_on_seed {
        parts.push(format!("rests on the seed: {chance}"));
    }
    parts.join("; ")
}

/// An action or a strategy: what it does and what it takes.
fn explain_verb(about: &str, params: &[Param], folder: &str, name: &str) -> Sections {
    let mut takes = String::new();
    for param in params {
        let _ = writeln!(takes, "{}: {}", param.name, param.about);
    }
    if takes.is_empty() {
        takes.push_str("nothing");
    }
    let file = format!("mitm-proxy/src/{folder}/{}.rs", name.replace('-', "_"));
    vec![("what it does", about.to_owned()), ("what it takes", takes), ("where", file)]
}

fn explain_property(name: &str) -> Sections {
    let found = PROPERTIES.iter().find(|spec| spec.property.name() == name);
    found.map_or_else(Vec::new, |spec| {
        let file = format!("scenarios/judge/src/properties/{}.rs", name.replace('-', "_"));
        vec![
            ("definition", spec.definition.to_owned()),
            ("source", spec.source.to_owned()),
            ("where", file),
        ]
    })
}
