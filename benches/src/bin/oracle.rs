//! Prints what the padding oracle of `csr` costs: questions a byte, questions a second in the world and over TCP.
//!
//! `oracle` takes two minutes, `oracle --quick` a few seconds. All ways take turns, round after round; minimum, median and
//! maximum over the rounds say how far to trust a figure. The exit code is 1 if what was recovered is not what was
//! sent, and never depends on time.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use benches::oracle::{Recovery, Text, padding, tcp, world};
use benches::spread;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

/// Random bytes in one attack on an oracle of padding alone.
const RANDOM: usize = 4096;
/// How often a text is decrypted in the world in one round, each time in a world of another seed.
const WORLDS: u64 = 4;

/// How much is measured.
struct Size {
    /// How often every way is measured.
    rounds: u64,
    /// Texts of random bytes, each under a seed of its own.
    seeds: u64,
    /// What is decrypted over TCP.
    texts: &'static [Text],
}

const FULL: Size = Size { rounds: 5, seeds: 256, texts: &[Text::Letters, Text::English] };
const QUICK: Size = Size { rounds: 3, seeds: 16, texts: &[Text::English] };

/// What is asked of the figures: questions a byte of random plaintext, at most.
const RANDOM_AT_MOST: f64 = 128.0;
/// The same of English and JSON.
const TEXT_AT_MOST: f64 = 20.0;
/// Questions a second on one core in the world, at least.
const RATE_AT_LEAST: f64 = 100_000.0;

/// The fewest questions for one of 256 equally likely values if a question can only be "is it this one?": the n-th value
/// takes n, but the last one takes no question of its own.
const FEWEST: f64 = (256.0 * 257.0 / 2.0 - 1.0) / 256.0;

/// One way to attack, and what came of it, round after round.
struct Row {
    name: String,
    runs: Vec<Recovery>,
}

impl Row {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), runs: Vec::new() }
    }

    fn spread(&self, value: fn(&Recovery) -> f64) -> [f64; 3] {
        spread(self.runs.iter().map(value).collect())
    }

    fn median(&self, value: fn(&Recovery) -> f64) -> f64 {
        let [_, median, _] = self.spread(value);
        median
    }

    fn bytes(&self) -> usize {
        self.runs.first().map_or(0, |run| run.bytes)
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let size = match args[..] {
        [] => FULL,
        ["--quick"] => QUICK,
        _ => return Err("usage: oracle [--quick]".into()),
    };
    let mut in_world: Vec<Row> = Text::ALL.iter().map(|text| Row::new(text.name())).collect();
    let ways = || size.texts.iter().flat_map(|text| tcp::Way::ALL.map(|way| (*text, way)));
    let name = |(text, way): (Text, tcp::Way)| Row::new(format!("{}, {}", text.name(), way.name()));
    let mut over_tcp: Vec<Row> = ways().map(name).collect();
    let mut random = Row::new("random bytes");
    for round in 0..size.rounds {
        for seed in (0..WORLDS).map(|world| round * WORLDS + world) {
            for (row, text) in in_world.iter_mut().zip(Text::ALL) {
                row.runs.push(world::Held::new(&text.text(seed), seed).attack());
            }
        }
        for (row, (text, way)) in over_tcp.iter_mut().zip(ways()) {
            row.runs.push(tcp::attack(way, &text.text(round))?);
        }
        let seeds = (0..size.seeds).filter(|seed| seed % size.rounds == round);
        random.runs.extend(seeds.map(|seed| padding::attack(seed, RANDOM)));
    }
    let mut out = io::stdout().lock();
    print_world(&mut out, &in_world)?;
    print_tcp(&mut out, &over_tcp)?;
    print_asked(&mut out, &in_world, &random)?;
    let rows = || in_world.iter().chain(&over_tcp).chain([&random]);
    for row in rows().filter(|row| row.runs.iter().any(|run| !run.is_right)) {
        writeln!(io::stderr(), "wrong: {}", row.name)?;
    }
    let is_right = rows().all(|row| row.runs.iter().all(|run| run.is_right));
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const RATE: [&str; 3] = ["questions a second: min", "median", "max"];

fn print_world(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let header = ["csr as built, in the world", "bytes", "questions a byte: min", "median", "max"];
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header.into_iter().chain(RATE));
    for row in rows {
        let bytes = row.spread(Recovery::questions_a_byte).map(|value| format!("{value:.2}"));
        let rates = row.spread(Recovery::questions_a_second).map(|value| format!("{value:.0}"));
        let head = [row.name.clone(), row.bytes().to_string()];
        table.add_row(head.into_iter().chain(bytes).chain(rates));
    }
    writeln!(out, "{table}")?;
    let note = "All questions count: those about the padding, and those about bytes of the MAC in one block with text. \
                Texts are UTF-8, so the random ones are of letters.";
    writeln!(out, "{note}\n")
}

fn print_tcp(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let header = ["csr over TCP", "bytes", "questions a byte", "bytes a second"];
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header.into_iter().chain(RATE));
    for row in rows {
        let head = [
            row.name.clone(),
            row.bytes().to_string(),
            format!("{:.2}", row.median(Recovery::questions_a_byte)),
            format!("{:.0}", row.median(Recovery::bytes_a_second)),
        ];
        let rates = row.spread(Recovery::questions_a_second).map(|value| format!("{value:.0}"));
        table.add_row(head.into_iter().chain(rates));
    }
    writeln!(out, "{table}")?;
    let note = "As built one read is one message, so several questions in flight need the lengths that come without \
                the weakness no-framing. What is in flight when a byte is found was asked in vain.";
    writeln!(out, "{note}\n")
}

/// A line for each figure that is asked for.
fn print_asked(out: &mut impl Write, in_world: &[Row], random: &Row) -> io::Result<()> {
    let said = |reached: bool| if reached { "reached" } else { "not reached" };
    for (row, text) in in_world.iter().zip(Text::ALL) {
        let most = if text == Text::Letters { RANDOM_AT_MOST } else { TEXT_AT_MOST };
        let (name, value) = (&row.name, row.median(Recovery::questions_a_byte));
        let verdict = said(value <= most);
        writeln!(out, "asked: {name}, at most {most:.0} questions a byte: {value:.2}, {verdict}")?;
    }
    let (value, error) = mean(random);
    let kib = random.runs.iter().map(|run| run.bytes).sum::<usize>() / 1024;
    writeln!(
        out,
        "asked: random bytes, at most {RANDOM_AT_MOST:.0}: {value:.2} with a standard error of {error:.2} ({kib} KiB, an oracle \
         of padding alone), {}; {FEWEST:.2} is the fewest there can be",
        said(value <= RANDOM_AT_MOST),
    )?;
    for row in in_world {
        let (name, value) = (&row.name, row.median(Recovery::questions_a_second));
        let verdict = said(value >= RATE_AT_LEAST);
        writeln!(
            out,
            "asked: {name}, at least {RATE_AT_LEAST:.0} questions a second in the world: {value:.0}, {verdict}"
        )?;
    }
    Ok(())
}

/// The mean of questions a byte, and its standard error, from the means of texts of equal length.
#[expect(clippy::cast_precision_loss, reason = "few texts")]
fn mean(row: &Row) -> (f64, f64) {
    let means: Vec<f64> = row.runs.iter().map(Recovery::questions_a_byte).collect();
    let count = means.len() as f64;
    let mean = means.iter().sum::<f64>() / count;
    let variance = means.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}
