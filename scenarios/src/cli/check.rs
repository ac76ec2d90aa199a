//! `scenarios check PATH…`: validate scenario files without running them.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Error, Result, bail};
use files::catalogue::{Catalogue, FileKind, Loaded, kind};
use files::diagnostic::{Color, Diagnostic, escape};
use files::layout_file::LayoutFile;
use files::load::LoadError;
use files::load::{read, text};
use files::scenario::Scenario;
use files::target_file::{Target, targets};
use reports::text::Paint;
use serde_json::{Value, json};

use super::done::Done;
use super::output::{Format, Output, print};

/// Options of `check`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Scenario files, layout files and files of targets, or folders to search for scenarios
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The layout that attacks are for which name neither a layout nor targets, as `grade` has it
    #[arg(long, value_name = "FILE")]
    layout: Option<PathBuf>,
}

/// Validate.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let catalogue = output.catalogue;
    let load = |path| LayoutFile::load(path, catalogue.registry);
    let layout = args.layout.as_deref().map(load).transpose();
    let layout = layout.map_err(|error| explain(&[error], output))?.map(Arc::new);
    let Checked { valid, errors } = checked(catalogue, &args.paths, layout.as_ref());
    if output.format == Format::Json {
        let names: Vec<&str> = valid.iter().map(|(name, _)| name.as_str()).collect();
        let mistakes: Vec<_> = errors.iter().flat_map(mistakes).collect();
        let json = json!({ "valid": names, "mistakes": mistakes });
        print(&format!("{json:#}\n"))?;
    } else if !output.quiet {
        let lines: Vec<String> =
            valid.iter().map(|(_, path)| format!("ok  {}\n", escape(path))).collect();
        print(&lines.concat())?;
    }
    if errors.is_empty() { Ok(Done::Expected) } else { Err(explain(&errors, output)) }
}

/// What is wrong with a file, for programs. Lines and columns count from 1, columns in characters; what is wrong with a whole file has
/// neither.
fn mistakes(error: &LoadError) -> Vec<Value> {
    let LoadError::Invalid(found) = error else {
        return vec![json!({ "file": error.path(), "message": error.to_string() })];
    };
    let one = |it: &Diagnostic| {
        let ((line, column), (end_line, end_column)) =
            (found.position(it.span.start), found.position(it.span.end));
        let expected = Some(&it.label).filter(|label| !label.is_empty());
        json!({
            "file": found.path, "line": line, "column": column, "end_line": end_line, "end_column": end_column,
            "message": it.message, "label": expected, "help": it.help,
        })
    };
    found.list.iter().map(one).collect()
}

/// What was found of some files.
#[derive(Default)]
struct Checked {
    /// Names and paths of those without mistakes.
    valid: Vec<(String, String)>,
    errors: Vec<LoadError>,
}

/// Layouts, targets, attacks and scenarios, each by what is in it.
fn checked(catalogue: Catalogue, paths: &[PathBuf], layout: Option<&Arc<LayoutFile>>) -> Checked {
    let mut checked = Checked::default();
    let mut scenarios = Vec::new();
    for path in paths {
        let shown = path.display().to_string();
        let found = match kind(path) {
            FileKind::Layout => {
                LayoutFile::load(path, catalogue.registry).map(|file| file.layout.system.to_owned())
            }
            FileKind::Targets => targets_of(path).map(|_| shown.clone()),
            FileKind::Scenario => {
                scenarios.push(path.clone());
                continue;
            }
        };
        match found {
            Ok(name) => checked.valid.push((name, shown)),
            Err(error) => checked.errors.push(error),
        }
    }
    if !scenarios.is_empty() {
        let Loaded { scenarios, errors } = catalogue.load_any(&scenarios, layout);
        let valid = scenarios.into_iter().map(|scenario| (scenario.name, scenario.path));
        checked.valid.extend(valid);
        checked.errors.extend(errors);
    }
    checked
}

/// A file of targets without mistakes.
fn targets_of(path: &Path) -> Result<Vec<Target>, LoadError> {
    let shown = path.display().to_string();
    let source = text(&shown, read(path)?)?;
    let found = targets(&shown, &source).map_err(LoadError::Invalid)?;
    match found.mistakes {
        Some(mistakes) => Err(LoadError::Invalid(mistakes)),
        None => Ok(found.targets),
    }
}

/// Do something with the files that are right. What is wrong with others is said before, and again at the end, as an error.
pub(super) fn with_the_rest(
    loaded: Loaded,
    output: Output,
    act: impl FnOnce(Vec<Scenario>) -> Result<Done>,
) -> Result<Done> {
    let Loaded { scenarios, errors } = loaded;
    if errors.is_empty() {
        return act(scenarios);
    }
    let mistakes = explain(&errors, output);
    if scenarios.is_empty() {
        return Err(mistakes);
    }
    let _ = writeln!(io::stderr(), "{mistakes}\n");
    let done = act(scenarios)?;
    match (done, errors.len()) {
        (Done::Interrupted, _) => Ok(done),
        (_, 1) => bail!("one file has mistakes, shown above; all others were used"),
        (_, count) => bail!("{count} files have mistakes, shown above; all others were used"),
    }
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
