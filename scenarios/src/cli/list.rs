//! `scenarios list`: the catalogue.

use std::fmt::Write;

use anyhow::Result;
use files::family::Family;

use super::done::Done;
use super::output::{Format, Output, print};

/// Options of `list`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Only scenarios for this system
    #[arg(long, value_name = "SYSTEM")]
    system: Option<String>,
}

/// Print the catalogue by family.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    if let Some(name) = &args.system {
        let known = output.catalogue.registry.names();
        super::select::check("system", name, &known)?;
    }
    let mut scenarios = output.catalogue.scenarios();
    scenarios.retain(|scenario| {
        let on = |wanted: &String| scenario.systems.iter().any(|system| system.name == wanted);
        args.system.as_ref().is_none_or(on)
    });
    let systems = |scenario: &files::scenario::Scenario| -> Vec<&str> {
        scenario.systems.iter().map(|system| system.name).collect()
    };
    if output.format == Format::Json {
        let rows: Vec<_> = scenarios
            .iter()
            .map(|scenario| {
                serde_json::json!({
                    "scenario": scenario.name,
                    "family": scenario.family.name(),
                    "systems": systems(scenario),
                    "summary": scenario.summary,
                })
            })
            .collect();
        print(&format!("{:#}\n", serde_json::Value::from(rows)))?;
        return Ok(Done::Expected);
    }
    let mut text = String::new();
    for family in Family::ALL {
        let members = scenarios.iter().filter(|scenario| scenario.family == *family);
        for (at, scenario) in members.enumerate() {
            if at == 0 {
                let _ = writeln!(text, "{}: {}", family.name(), family.about());
            }
            let systems = systems(scenario).join(", ");
            let _ = writeln!(text, "  {:<44} {systems:<8}  {}", scenario.name, scenario.summary);
        }
    }
    print(&text)?;
    Ok(Done::Expected)
}
