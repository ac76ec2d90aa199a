//! `scenarios check PATH…`: validate scenario files without running them.

use std::fmt::{self, Display};
use std::path::PathBuf;

use anyhow::{Error, Result};
use reports::text::Paint;

use super::Done;
use super::output::{Format, Output, print};
use crate::catalogue::{LoadError, load};
use crate::diagnostic::{Color, escape};

/// Options of `check`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Scenario files, or folders to search for them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Validate.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let scenarios = load(&args.paths).map_err(|errors| explain(&errors, output))?;
    if output.format == Format::Json {
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        let json = serde_json::json!({ "valid": names });
        print(&format!("{json:#}\n"))?;
    } else if !output.quiet {
        let lines: Vec<String> =
            scenarios.iter().map(|scenario| format!("ok  {}\n", escape(&scenario.path))).collect();
        print(&lines.concat())?;
    }
    Ok(Done::Expected)
}

/// Everything that is wrong with some files, each with a heading of its own.
#[derive(Debug)]
pub(super) struct Mistakes(String);

impl Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mistakes {}

/// Everything that is wrong with the files, as one error.
pub(super) fn explain(errors: &[LoadError], output: Output) -> Error {
    let color = match output.paint_errors() {
        Paint::Colour => Color::Ansi,
        Paint::Plain => Color::Plain,
    };
    let all: Vec<String> = errors
        .iter()
        .map(|error| match error {
            LoadError::Invalid(diagnostics) => diagnostics.render(color).trim_end().to_owned(),
            other => format!("error: {other}"),
        })
        .collect();
    Mistakes(all.join("\n\n")).into()
}
