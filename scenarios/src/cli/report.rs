//! `scenarios report`: everything as a page and in four other forms; and `--report FILE` of any run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use accounts::user_files;
use anyhow::{Context, Result, anyhow, bail};
use files::diagnostic::{escape, quote_path};
use files::scenario::Scenario;
use rayon::prelude::*;
use reports::view::Report;
use reports::view::ablation::Ablation;
use reports::{html, json, junit, markdown, sarif, sequence};

use super::done::Done;
use super::matrix::ablations;
use super::output::{Format, Output, all_of, print};
use super::progress::Shown;
use super::select::Selection;
use crate::dissection::{self, Depth};
use crate::{bench_results, teaching, view};

/// Where everything goes, if nobody says otherwise.
const OUT: &str = "target/report";
/// Where criterion leaves its results.
const CRITERION: &str = "target/criterion";
/// The largest file of `--ablation`, in bytes.
const LARGEST: usize = 16 << 20;

/// The forms of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Html,
    Json,
    Markdown,
    Junit,
    Sarif,
    /// The ladder of one case.
    Svg,
}

/// Those of any number of cases, with the names `report` gives their files.
const FORMS: [(Form, &str); 5] = [
    (Form::Html, "index.html"),
    (Form::Json, "report.json"),
    (Form::Markdown, "report.md"),
    (Form::Junit, "report.xml"),
    (Form::Sarif, "report.sarif"),
];

impl Form {
    fn of(path: &Path) -> Result<Self> {
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        Ok(match end.as_deref() {
            Some("html") => Self::Html,
            Some("json") => Self::Json,
            Some("md") => Self::Markdown,
            Some("xml") => Self::Junit,
            Some("sarif") => Self::Sarif,
            Some("svg") => Self::Svg,
            _ => bail!(
                "--report {}: the extension says which form, and must be one of html, json, md, xml, sarif, svg",
                quote_path(path)
            ),
        })
    }

    fn render(self, report: &Report) -> Result<String> {
        Ok(match self {
            Self::Html => html::render(report)?,
            Self::Json => json::render(report)?,
            Self::Markdown => markdown::render(report),
            Self::Junit => junit::render(report)?,
            Self::Sarif => sarif::render(report)?,
            Self::Svg => match &report.cases[..] {
                [case] => sequence::file(case),
                cases => bail!("the ladder is one case's, and these are {}", cases.len()),
            },
        })
    }
}

/// `--report` of a run.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ReportArgs {
    /// Write a report too, in the form its extension says: html, json, md, xml for JUnit, sarif, or svg for the ladder of one case; may be given several times
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
}

impl ReportArgs {
    /// What reports want to know of frames; every file must be of a form there is.
    pub(super) fn depth(&self) -> Result<Depth> {
        for path in &self.report {
            Form::of(path)?;
        }
        Ok(if self.report.is_empty() { Depth::Ladder } else { Depth::Fields })
    }

    /// Write them. All that can be written are, also where one cannot.
    pub(super) fn write(
        &self,
        mut report: Report,
        scenarios: &[Scenario],
        output: Output,
    ) -> Result<()> {
        if self.report.is_empty() {
            return Ok(());
        }
        report.details = Some(teaching::details(scenarios, commit()));
        all_of(self.report.iter().map(|path| {
            let cannot = || format!("cannot write {}", quote_path(path));
            let text = Form::of(path).and_then(|form| form.render(&report).with_context(cannot))?;
            let bytes = write(path, &text)?;
            output.remark(&format!("report: {}", sized(path, bytes)));
            Ok(())
        }))
    }
}

/// Options of `report`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = OUT)]
    out: PathBuf,
    /// Open the page when it is there
    #[arg(long)]
    open: bool,
    /// Results of criterion; `ratios.json` is read from there or from beside it [default: target/criterion, if it is there]
    #[arg(long, value_name = "DIR")]
    benches: Option<PathBuf>,
    /// The machine the benchmarks are from, where they do not say
    #[arg(long, value_name = "TEXT")]
    machine: Option<String>,
    /// The commit the report names, instead of what git says
    #[arg(long, value_name = "TEXT")]
    commit: Option<String>,
    /// Take the ablation matrix from this file, as `scenarios matrix --format json` prints it, instead of running it
    #[arg(long, value_name = "FILE", conflicts_with = "no_ablation")]
    ablation: Option<PathBuf>,
    /// Leave out the ablation matrix, which takes most of the time
    #[arg(long)]
    no_ablation: bool,
    /// Write nothing but the matrix of verdicts in Markdown, into this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "open", "benches", "ablation"])]
    verdicts: Option<PathBuf>,
}

/// Run the catalogue and report.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let mut scenarios = output.catalogue.scenarios();
    let systems = args.selection.systems(output)?;
    for scenario in &mut scenarios {
        scenario.systems.retain(|system| systems.iter().any(|wanted| wanted.name == system.name));
    }
    scenarios.retain(|scenario| !scenario.systems.is_empty());
    let cases = args.selection.cases(&scenarios, output)?;
    if args.verdicts.is_none() {
        // Better known before the long part.
        fs::create_dir_all(&args.out)
            .with_context(|| format!("cannot make the folder {}", quote_path(&args.out)))?;
    }
    let progress = Shown::new(cases.len(), output);
    let judged = cases.par_iter().map(|case| {
        progress.timed(&case.scenario.name, || {
            let judgement = case.judge();
            let mut view = view::case(*case, &judgement);
            dissection::add(&mut view, &judgement.trace, Depth::Fields);
            view
        })
    });
    let mut report = Report::new(judged.collect());
    drop(progress);
    let done = match report.summary.unexpected {
        0 => Done::Expected,
        _ => Done::Unexpected,
    };
    if let Some(path) = &args.verdicts {
        let bytes = write(path, &markdown::matrix(&report))?;
        print(&format!("{}\n", sized(path, bytes)))?;
        return Ok(done);
    }
    let commit = args.commit.clone().unwrap_or_else(commit);
    let mut details = teaching::details(&scenarios, commit);
    details.ablation = ablation(args, &scenarios, output)?;
    details.benches = benches(args, output);
    report.details = Some(details);
    let page = write_all(args, &report, output)?;
    if args.open {
        open(&page, output);
    }
    Ok(done)
}

/// Write every form; the page. All that can be written are, also where one cannot.
#[expect(clippy::disallowed_methods, reason = "how long it took is told on standard error only")]
fn write_all(args: &Args, report: &Report, output: Output) -> Result<PathBuf> {
    let began = Instant::now();
    let rendered: Vec<_> = FORMS
        .par_iter()
        .map(|(form, name)| {
            let path = args.out.join(name);
            let bytes = form.render(report).and_then(|text| write(&path, &text));
            (path, bytes)
        })
        .collect();
    output.remark(&format!("rendered and written in {} ms", began.elapsed().as_millis()));
    let mut files = Vec::new();
    let mut text = String::new();
    let mut failed: Vec<String> = Vec::new();
    for (path, bytes) in rendered {
        match bytes {
            Ok(bytes) => {
                text.push_str(&sized(&path, bytes));
                text.push('\n');
                let path = path.display().to_string();
                files.push(serde_json::json!({ "file": path, "bytes": bytes }));
            }
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    if output.format == Format::Json {
        let json = serde_json::json!({ "files": files, "summary": report.summary });
        text = format!("{json:#}\n");
    }
    let failed = failed.into_iter().map(|error| Err(anyhow!(error)));
    all_of(failed.chain([print(&text).map_err(Into::into)]))?;
    Ok(args.out.join("index.html"))
}

fn ablation(args: &Args, scenarios: &[Scenario], output: Output) -> Result<Vec<Ablation>> {
    if args.no_ablation {
        return Ok(Vec::new());
    }
    let systems = args.selection.systems(output)?;
    if let Some(path) = &args.ablation {
        let mut all = match read_ablation(path) {
            Ok(all) => all,
            Err(error) => {
                output.remark(&format!("left out: {error:#}"));
                Vec::new()
            }
        };
        all.retain(|found| systems.iter().any(|system| system.name == found.system));
        return Ok(all);
    }
    output.remark(
        "ablation: every weakness alone, and every one mended; that takes most of the time (--no-ablation leaves it out)",
    );
    Ok(ablations(&systems, scenarios, output))
}

fn read_ablation(path: &Path) -> Result<Vec<Ablation>> {
    let text = user_files::read_text_within(path, LARGEST)?;
    Ablation::parse_all(&text).map_err(|error| {
        let (path, error) = (quote_path(path), escape(&error.to_string()));
        anyhow!("{path}: not what `scenarios matrix --format json` prints: {error}")
    })
}

fn benches(args: &Args, output: Output) -> Option<reports::view::benches::Benches> {
    let usual = Path::new(CRITERION);
    let beside = usual.with_file_name("ratios.json");
    let folder = match &args.benches {
        Some(folder) => folder,
        None if usual.is_dir() || beside.is_file() => usual,
        None => return None,
    };
    let mut benches = bench_results::read(folder);
    if benches.machine.is_none() {
        benches.machine.clone_from(&args.machine);
    }
    for problem in &benches.problems {
        output.remark(&format!("benchmarks: {problem}"));
    }
    Some(benches)
}

/// Write a file, and the folders on the way; its size in bytes.
fn write(path: &Path, text: &str) -> Result<usize> {
    let cannot = || format!("cannot write {}", quote_path(path));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    fs::write(path, text).with_context(cannot)?;
    Ok(text.len())
}

fn sized(path: &Path, bytes: usize) -> String {
    format!("{}  {} KiB", path.display(), bytes.div_ceil(1024))
}

/// The commit of the folder the program runs in, as git names it.
fn commit() -> String {
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        .stderr(Stdio::null())
        .output();
    let said = git.ok().filter(|done| done.status.success()).map(|done| done.stdout);
    let said = said.and_then(|said| String::from_utf8(said).ok());
    said.map(|said| said.trim().to_owned())
        .filter(|said| !said.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Open the page with whatever opens pages here; where nothing does, say so.
fn open(page: &Path, output: Output) {
    let openers: &[&[&str]] = if cfg!(target_os = "macos") {
        &[&["open"]]
    } else if cfg!(windows) {
        &[&["cmd", "/C", "start", ""]]
    } else {
        &[&["xdg-open"], &["wslview"]]
    };
    for opener in openers {
        let Some((program, first)) = opener.split_first() else { continue };
        let mut command = Command::new(program);
        command.args(first).arg(page).stdin(Stdio::null());
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if done.is_ok_and(|status| status.success()) {
            return;
        }
    }
    let names: Vec<&str> = openers.iter().filter_map(|opener| opener.first().copied()).collect();
    output.remark(&format!(
        "nothing here opens pages ({} failed): open {} yourself",
        names.join(", "),
        page.display()
    ));
}
