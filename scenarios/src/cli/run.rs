//! `scenarios replay` and the other families, `all`, and `run PATH…`.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use files::catalogue::Loaded;
use files::family::Family;
use files::payload::Payload;
use files::scenario::Scenario;
use files::scenario::ScenarioRun;
use rayon::prelude::*;
use reports::view::Report;
use reports::{json, text};

use super::capture::{CaptureArgs, Recorder};
use super::check::with_the_rest;
use super::done::Done;
use super::output::{Format, Output, all_of, print};
use super::progress::Shown;
use super::report::ReportArgs;
use super::select::Selection;
use super::sniff::CaptureLive;
use super::{tools, trials};
use crate::{dissection, view};

/// Options of a run.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Send this text instead of the script's; the n-th replaces the n-th
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Send this file instead of the script's image or video; the n-th replaces the n-th
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    #[command(flatten)]
    capture: CaptureArgs,
    #[command(flatten)]
    capture_live: CaptureLive,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    tools: tools::ToolArgs,
}

impl Args {
    /// What is selected.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }
}

/// Options of `run`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct PathArgs {
    /// Scenario files, folders to search for them, or names of the catalogue
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    args: Args,
}

/// When to show ladders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ladders {
    Always,
    Unexpected,
}

/// Run one family of the catalogue.
pub(super) fn family(family: Family, args: &Args, output: Output) -> Result<Done> {
    let mut loaded = output.catalogue.embedded();
    loaded.scenarios.retain(|scenario| scenario.family == family);
    if loaded.scenarios.is_empty() {
        bail!("the catalogue has no scenario of the family {} yet", family.name());
    }
    with_the_rest(loaded, output, |scenarios| run(scenarios, args, Ladders::Always, output))
}

/// Run the whole catalogue.
pub(super) fn all(args: &Args, output: Output) -> Result<Done> {
    with_the_rest(output.catalogue.embedded(), output, |scenarios| {
        run(scenarios, args, Ladders::Unexpected, output)
    })
}

/// Run scenario files, and scenarios of the catalogue by name.
pub(super) fn paths(args: &PathArgs, output: Output) -> Result<Done> {
    let catalogue = output.catalogue.scenarios();
    let known = |path: &PathBuf| catalogue.iter().find(|s| path.as_os_str() == s.name.as_str());
    let (named, files): (Vec<_>, Vec<_>) =
        args.paths.iter().cloned().partition(|path| !path.exists() && known(path).is_some());
    let mut scenarios: Vec<Scenario> = named.iter().filter_map(known).cloned().collect();
    let found = if files.is_empty() { Loaded::default() } else { output.catalogue.load(&files) };
    scenarios.extend(found.scenarios);
    let loaded = Loaded { scenarios, errors: found.errors };
    with_the_rest(loaded, output, |scenarios| run(scenarios, &args.args, Ladders::Always, output))
}

fn run(scenarios: Vec<Scenario>, args: &Args, ladders: Ladders, output: Output) -> Result<Done> {
    let depth = args.report.depth()?;
    let (own, mut scenarios): (Vec<_>, Vec<_>) =
        scenarios.into_iter().partition(|scenario| scenario.target_set.is_some());
    let trials = args.selection.trials(&own);
    if args.capture.wants_secrets() && !trials.is_empty() {
        bail!("--key-log: your own programs keep their secrets");
    }
    let systems = args.selection.systems(output)?;
    scenarios.retain(|scenario| {
        scenario.systems.iter().any(|system| systems.iter().any(|s| s.name == system.name))
    });
    let mut cases = Vec::new();
    if !scenarios.is_empty() || trials.is_empty() {
        replace_payloads(&mut scenarios, args)?;
        cases = args.selection.cases(&scenarios, output)?;
    }
    if args.capture_live.is_wanted() && !cases.is_empty() && !args.selection.crosses_an_interface()
    {
        bail!(
            "--capture-live: a run in memory, nothing of it crosses an interface; --over tcp does"
        );
    }
    let running = args.capture_live.start(&[])?;
    // Cases know nothing of each other: in parallel they give the same bytes, in the same order.
    let kit = tools::Kit::new(&args.tools)?;
    let shown = Shown::new(cases.len(), output);
    let recorder = Recorder::new(&args.capture, cases.len() + trials.len());
    let judged = cases.par_iter().map(|case: &ScenarioRun<'_>| {
        shown.timed(&case.scenario.name, || {
            let judgement = case.judge_with(&kit.tools(&shown));
            recorder.record(*case, &judgement);
            let mut view = view::case(*case, &judgement);
            dissection::add(&mut view, &judgement.trace, depth);
            view
        })
    });
    let mut judged: Vec<_> = judged.collect();
    drop(shown);
    let interrupted = trials::run(&trials, &mut judged, &recorder, depth, output)?;
    let captured = running.finish(output);
    let report = Report::new(judged);
    let text = render(&report, ladders, output);
    let done = match report.summary.unexpected {
        _ if interrupted => Done::Interrupted,
        0 => captured,
        _ => Done::Unexpected,
    };
    scenarios.extend(own);
    // Files first: who reads standard output may leave.
    all_of([
        recorder.finish(output),
        args.report.write(report, &scenarios, output),
        text.and_then(|text| Ok(print(&text)?)),
    ])?;
    Ok(done)
}

fn render(report: &Report, ladders: Ladders, output: Output) -> Result<String> {
    if output.format == Format::Json {
        return Ok(json::render(report)?);
    }
    let page = output.page();
    let mut out = String::new();
    if output.quiet {
        out.push_str(&text::unexpected(report, page.paint));
        out.push_str(&text::counts(report, page.paint));
        out.push('\n');
        return Ok(out);
    }
    let shown = report.cases.iter().filter(|case| ladders == Ladders::Always || !case.expected);
    for case in shown {
        out.push_str(&text::case(case, page));
        out.push('\n');
    }
    out.push_str(&text::summary(report, page));
    Ok(out)
}

/// Put `--text` and `--file` into the scripts.
fn replace_payloads(scenarios: &mut [Scenario], args: &Args) -> Result<()> {
    let files: Result<Vec<_>, String> = args.file.iter().map(|path| Payload::read(path)).collect();
    let payload = Payload { texts: args.text.clone(), files: files.map_err(|why| anyhow!(why))? };
    if payload.texts.is_empty() && payload.files.is_empty() {
        return Ok(());
    }
    for scenario in scenarios.iter_mut() {
        payload.replace_in(scenario);
    }
    if !scenarios.iter().any(|scenario| scenario.replaced) {
        let first = scenarios.iter().flat_map(|scenario| &scenario.notes).next();
        let first = first.map_or("", String::as_str);
        bail!("nothing to replace in the scenarios selected: {first}");
    }
    Ok(())
}
