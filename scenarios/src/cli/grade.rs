//! `scenarios grade`: many targets, many attacks, and a table of who withstands what.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use files::diagnostic::quote_path;
use files::layout_file::LayoutFile;
use files::load::LoadError;
use files::load::{read, text as utf8};
use files::scenario::{Scenario, TargetSet};
use files::target_file::{Target, TargetsFile, targets};
use judge::Scope;
use rayon::prelude::*;
use reports::view::{Case, Report};
use reports::{grade, json, junit};
use targets::trial::{honest, trial};
use targets::{Interrupt, Run};

use super::check::{explain, with_the_rest};
use super::done::Done;
use super::interrupt;
use super::output::{Format, Output, all_of, print};
use super::progress::timed;
use crate::view;

/// Options of `grade`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The layout file: the frames all targets speak
    #[arg(long, value_name = "FILE")]
    layout: PathBuf,
    /// The attacks: scenario files with rules, or folders to search for them; may be given several times
    #[arg(long, value_name = "DIR", required = true)]
    attacks: Vec<PathBuf>,
    /// The targets: a file of `[target.NAME]` tables
    #[arg(long, value_name = "FILE")]
    targets: PathBuf,
    /// Write `JUnit` XML into this file too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How many targets run at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
}

/// Grade.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let layout = LayoutFile::load(&args.layout, output.catalogue.registry)
        .map_err(|error| explain(&[error], output))?;
    let layout = Arc::new(layout);
    with_the_rest(output.catalogue.load_attacks(&args.attacks, &layout), output, |attacks| {
        if attacks.is_empty() {
            bail!("no attack is there");
        }
        graded(args, &layout, &attacks, output)
    })
}

/// Every target under every attack.
fn graded(
    args: &Args,
    layout: &Arc<LayoutFile>,
    attacks: &[Scenario],
    output: Output,
) -> Result<Done> {
    let file = read_targets(&args.targets).map_err(|error| explain(&[error], output))?;
    let TargetsFile { targets, broken, mistakes } = file;
    if let Some(mistakes) = &mistakes {
        let mistakes = explain(&[LoadError::Invalid(mistakes.clone())], output);
        let _ = writeln!(io::stderr(), "{mistakes}\n");
    }
    let stop = Interrupt::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(args.jobs)).build()?;
    let graded: Result<Vec<Vec<Case>>> = interrupt::reported_to(&stop, || {
        pool.install(|| {
            let one = |target| attack(target, attacks, layout, &stop, output);
            targets.par_iter().map(one).collect()
        })
    });
    let graded = graded?;
    let names: Vec<&str> = attacks.iter().map(|attack| attack.name.as_str()).collect();
    let rows =
        targets.iter().map(|target| target.name.as_str()).zip(graded.iter().map(Vec::as_slice));
    // One with mistakes has a row of its own, and nothing in it.
    let none: &[Case] = &[];
    let rows = rows.chain(broken.iter().map(|name| (name.as_str(), none)));
    let rows: Vec<(&str, &[Case])> = rows.collect();
    let mut text = grade::table(&names, &rows, output.page());
    if !output.quiet {
        text.push_str(&grade::reasons(&rows));
    }
    let report = Report::new(graded.into_iter().flatten().collect());
    if output.format == Format::Json {
        text = json::render(&report)?;
    }
    let junit = args.junit.as_ref().map_or(Ok(()), |path| {
        let shown = || format!("cannot write {}", quote_path(path));
        fs::write(path, junit::render(&report)?).with_context(shown)
    });
    all_of([junit, print(&text).map_err(Into::into)])?;
    if !broken.is_empty() && !stop.is_triggered() {
        bail!("targets with mistakes, shown above: {}", broken.join(", "));
    }
    Ok(match report.summary.unexpected {
        _ if stop.is_triggered() => Done::Interrupted,
        0 => Done::Expected,
        _ => Done::Unexpected,
    })
}

fn read_targets(path: &Path) -> Result<TargetsFile, LoadError> {
    let shown = path.display().to_string();
    let source = utf8(&shown, read(path)?)?;
    targets(&shown, &source).map_err(LoadError::Invalid)
}

/// All attacks on one target. Without an attack it runs once.
fn attack(
    target: &Target,
    attacks: &[Scenario],
    layout: &Arc<LayoutFile>,
    stop: &Interrupt,
    output: Output,
) -> Result<Vec<Case>> {
    let own = TargetSet { layout: layout.clone(), targets: Vec::new(), scope: Scope::default() };
    let honest_run = match honest(&own, target, stop) {
        Ok(run) => run,
        // What cannot be started counts against itself alone.
        Err(error) => Run::not_started(&error).ok_or(error)?,
    };
    let mut cases = Vec::new();
    for attack in attacks {
        if stop.is_triggered() {
            break;
        }
        let mut case = timed(|| {
            let done = trial(attack, &own, target, &honest_run, stop)
                .with_context(|| format!("target {}", target.name))?;
            anyhow::Ok(view::trial(attack, &own, target, &done))
        })?;
        if case.is_not_implemented() {
            // Neither right nor wrong.
            case.expected = true;
            case.mismatches.clear();
        }
        cases.push(case);
    }
    let right = cases.iter().filter(|case| case.is_right()).count();
    output.remark(&format!("{}: {right} of {} as expected", target.name, attacks.len()));
    Ok(cases)
}
