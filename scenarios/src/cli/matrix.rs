//! `scenarios matrix`: defence by defence, what breaks without it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use files::diagnostic::quote_path;
use files::scenario::Scenario;
use judge::property::Outcome;
use protocol::system::System;
use rayon::prelude::*;
use reports::ablation;
use reports::view::ablation::Ablation;

use super::done::Done;
use super::output::{Format, Output, all_of, print};
use super::progress::Shown;
use super::select::Selection;
use crate::matrix::{matrix, runs};
use crate::teaching;

/// Options of `matrix`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Only this system; may be given several times
    #[arg(long, value_name = "SYSTEM")]
    system: Vec<String>,
    /// Write the matrix as JSON into this file too, for `report --ablation`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Run the catalogue with every weakness alone and with every one mended.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let scenarios = output.catalogue.scenarios();
    let systems = Selection::systems_named(&args.system, output)?;
    let all = ablations(&systems, &scenarios, output);
    let json = || serde_json::to_string_pretty(&all).map(|json| json + "\n");
    let text = match output.format {
        Format::Json => json()?,
        Format::Text => all.iter().map(ablation::text).collect(),
    };
    let written = args.json.as_ref().map_or(Ok(()), |path| {
        let shown = || format!("cannot write {}", quote_path(path));
        fs::write(path, json()?).with_context(shown)
    });
    all_of([written, print(&text).map_err(Into::into)])?;
    let sound = all.iter().all(|matrix| matrix.faults.is_empty());
    Ok(if sound { Done::Expected } else { Done::Unexpected })
}

/// The matrices of these systems, with how far they are.
pub(super) fn ablations(
    systems: &[&'static System],
    scenarios: &[Scenario],
    output: Output,
) -> Vec<Ablation> {
    let total = systems.iter().map(|system| runs(system, scenarios)).sum();
    let shown = Shown::new(total, output);
    let each = |scenario: &Scenario, run: &dyn Fn() -> Outcome| shown.case(&scenario.name, run);
    let one = |system: &&'static System| teaching::ablation(&matrix(system, scenarios, &each));
    systems.par_iter().map(one).collect()
}
