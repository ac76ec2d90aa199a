//! `scenarios matrix`: defence by defence, what breaks without it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use reports::ablation;
use reports::view::ablation::Ablation;

use super::Done;
use super::output::{Format, Output, print};
use super::select::Selection;
use crate::catalogue::catalogue;
use crate::diagnostic::quote;
use crate::lesson;
use crate::matrix::matrix;

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
    let scenarios = catalogue();
    let systems = Selection::systems_named(&args.system)?;
    let one = |system| lesson::ablation(&matrix(system, &scenarios));
    let all: Vec<Ablation> = systems.into_iter().map(one).collect();
    let json = || serde_json::to_string_pretty(&all).map(|json| json + "\n");
    let text = match output.format {
        Format::Json => json()?,
        Format::Text => all.iter().map(ablation::text).collect(),
    };
    print(&text)?;
    if let Some(path) = &args.json {
        let shown = || format!("cannot write {}", quote(&path.display().to_string()));
        fs::write(path, json()?).with_context(shown)?;
    }
    let sound = all.iter().all(|matrix| matrix.faults.is_empty());
    Ok(if sound { Done::Expected } else { Done::Unexpected })
}
