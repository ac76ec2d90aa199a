//! Prints how long we take for each piece of work, as a multiple of what others take, and writes the same to
//! `target/ratios.json`. `--quick` looks at fewer rounds; further arguments choose pieces of work by a part of their name, and
//! then nothing is written.
//!
//! We and the peers are measured in turn, again and again, so that a busy moment of the machine hits all of them. A round is the best
//! of three turns of each, and gives one ratio; minimum, median and maximum over the rounds say how far to trust it.

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use benches::ours::OURS;
use benches::peers::{MISSING, PEERS};
use benches::runner::Runner;
use benches::spread;
use benches::work::Work;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde_json::{Value, json};

/// How it is measured, in a sentence.
const METHOD: &str = "All implementations are timed in turn in one run; a round is the best of three turns of each, and gives one ratio, ours divided by the peer's time.";

/// How many turns everybody has in a round.
const TURNS: usize = 3;

/// How long, and how often, everybody is measured.
#[derive(Clone, Copy)]
struct Effort {
    rounds: usize,
    slice: Duration,
}

/// We and a peer at the same piece of work, in nanoseconds for one, a value for each round.
struct Row {
    work: Work,
    peer: &'static str,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut effort = Effort { rounds: 9, slice: Duration::from_millis(3) };
    let mut wanted = Vec::new();
    for argument in std::env::args().skip(1) {
        if argument == "--quick" {
            effort = Effort { rounds: 5, slice: Duration::from_millis(1) };
        } else if argument.starts_with('-') {
            return Err("usage: ratios [--quick] [WORD…]".into());
        } else {
            wanted.push(argument.to_lowercase());
        }
    }
    if !MISSING.is_empty() {
        let missing = MISSING.join(",");
        writeln!(
            io::stderr(),
            "not built in, so not compared with: {missing} (--features {missing})"
        )?;
    }
    let chosen = |work: &Work| {
        let operation = work.operation().to_lowercase();
        wanted.is_empty() || wanted.iter().any(|part| operation.contains(part))
    };
    let all: Vec<Work> = Work::all().into_iter().filter(chosen).collect();
    if all.is_empty() {
        return Err(format!("no operation has a name with {}", wanted.join(" or ")).into());
    }
    let mut rows = Vec::new();
    for work in all {
        if io::stderr().is_terminal() {
            write!(io::stderr(), "\r\x1b[K{} {}", work.operation(), size(work))?;
        }
        rows.extend(measure(work, effort));
    }
    if io::stderr().is_terminal() {
        write!(io::stderr(), "\r\x1b[K")?;
    }
    writeln!(io::stdout().lock(), "{}", table(&rows))?;
    if !wanted.is_empty() {
        return Ok(());
    }
    let path = target().join("ratios.json");
    fs::create_dir_all(target())?;
    fs::write(&path, format!("{:#}\n", report(&rows)))?;
    writeln!(io::stderr(), "written to {}", path.display())?;
    Ok(())
}

fn measure(work: Work, effort: Effort) -> Vec<Row> {
    let Some(ours) = (OURS.runner)(work) else { return Vec::new() };
    let able = PEERS.iter().filter_map(|peer| Some((peer.name, (peer.runner)(work)?)));
    let (names, mut all): (Vec<&str>, Vec<Runner>) =
        std::iter::once((OURS.name, ours)).chain(able).unzip();
    if names.len() == 1 {
        return Vec::new();
    }
    let slow = work.is_slow();
    let rounds = if slow { effort.rounds.min(5) } else { effort.rounds };
    let mut times = vec![Vec::new(); names.len()];
    // Making a key takes as long as its luck wants, so each round makes several.
    let count = |runner: &mut Runner| if slow { 4 } else { fill(runner, effort.slice) };
    let counts: Vec<u64> = all.iter_mut().map(count).collect();
    for _ in 0..rounds {
        let mut best = vec![f64::INFINITY; names.len()];
        for _ in 0..if slow { 1 } else { TURNS } {
            for ((runner, best), count) in all.iter_mut().zip(&mut best).zip(&counts) {
                let taken = nanos(runner(*count)) / nanos(Duration::from_nanos(*count));
                *best = best.min(taken);
            }
        }
        times.iter_mut().zip(best).for_each(|(times, best)| times.push(best));
    }
    let mut times = times.into_iter();
    let ours = times.next().unwrap_or_default();
    let row = |(peer, theirs)| Row { work, peer, ours: ours.clone(), theirs };
    names.into_iter().skip(1).zip(times).map(row).collect()
}

/// How often it has to run to fill the slice.
fn fill(runner: &mut Runner, slice: Duration) -> u64 {
    let mut count = 1;
    loop {
        let taken = runner(count);
        if taken * 4 >= slice {
            let more = nanos(slice) / nanos(taken).max(1.0);
            return Duration::from_secs(count).mul_f64(more).as_secs().max(1);
        }
        count *= 2;
    }
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

impl Row {
    /// The ratio of each round.
    fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect()
    }
}

fn size(work: Work) -> String {
    match work.bytes() {
        None => String::new(),
        Some(bytes) if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        Some(bytes) if bytes >= 1 << 10 => format!("{} KiB", bytes >> 10),
        Some(bytes) => format!("{bytes} B"),
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    let header =
        ["operation", "size", "peer", "ratio: min", "median", "max", "ours, ns", "peer, ns"];
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for row in rows {
        let [min, median, max] = spread(row.ratios()).map(|ratio| format!("{ratio:.2}"));
        let [ours, theirs] = [&row.ours, &row.theirs].map(|times| {
            let [_, median, _] = spread(times.clone());
            format!("{median:.0}")
        });
        let (operation, size) = (row.work.operation(), size(row.work));
        table.add_row([operation, size, row.peer.to_owned(), min, median, max, ours, theirs]);
    }
    table
}

fn report(rows: &[Row]) -> Value {
    let spread = |values: Vec<f64>, digits: i32| {
        let round = |value: f64| (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
        let [min, median, max] = spread(values).map(round);
        json!({ "min": min, "median": median, "max": max })
    };
    let row = |row: &Row| {
        json!({
            "operation": row.work.operation(),
            "subject": OURS.name,
            "bytes": row.work.bytes(),
            "peer": row.peer,
            "ratio": spread(row.ratios(), 3),
            "ours_ns": spread(row.ours.clone(), 1),
            "peer_ns": spread(row.theirs.clone(), 1),
        })
    };
    json!({
        "schema": "meddle-ratios-1",
        "machine": machine(),
        "commit": commit(),
        "method": METHOD,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

/// The processor, and how many of its cores there are.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{}, {cores} cores", model.map_or("unknown processor", |(_, model)| model.trim()))
}

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let revision = output.ok().filter(|output| output.status.success());
    let revision = revision.and_then(|output| String::from_utf8(output.stdout).ok());
    revision.map_or_else(|| "unknown".to_owned(), |revision| revision.trim().to_owned())
}

/// Where cargo builds.
fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => folder.into(),
        None => Path::new("target").to_owned(),
    }
}
