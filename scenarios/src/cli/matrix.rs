//! `scenarios matrix`: defence by defence, what breaks without it.

use std::fmt::Write;

use anyhow::Result;

use super::Done;
use super::output::{Format, Output, print};
use super::progress::Shown;
use super::select::Selection;
use crate::catalogue::catalogue;
use crate::matrix::{Cell, Matrix, matrix, runs};
use crate::property::Outcome;
use crate::scenario::Scenario;

/// Options of `matrix`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Only this system; may be given several times
    #[arg(long, value_name = "SYSTEM")]
    system: Vec<String>,
}

/// Run the catalogue with every weakness alone and with every one mended.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let scenarios = catalogue();
    let systems = Selection::systems_named(&args.system)?;
    let total = systems.iter().map(|system| runs(system, &scenarios)).sum();
    let shown = Shown::new(total, output);
    let each = |scenario: &Scenario, run: &dyn Fn() -> Outcome| shown.case(&scenario.name, run);
    let all: Vec<Matrix> =
        systems.into_iter().map(|system| matrix(system, &scenarios, &each)).collect();
    drop(shown);
    let text = match output.format {
        Format::Json => {
            let all: Vec<_> = all.iter().map(json).collect();
            format!("{:#}\n", serde_json::Value::from(all))
        }
        Format::Text => all.iter().map(text).collect(),
    };
    print(&text)?;
    let sound = all.iter().all(|matrix| matrix.faults.is_empty());
    Ok(if sound { Done::Expected } else { Done::Unexpected })
}

fn text(matrix: &Matrix) -> String {
    let Matrix { system, scenarios, rows, faults } = matrix;
    let mut text =
        format!("{}: {} weaknesses, {} scenarios\n", system.name, rows.len(), scenarios.len());
    for row in rows {
        let names = |found: fn(Cell) -> bool| -> String {
            let cells = scenarios.iter().zip(&row.cells);
            let names: Vec<&str> = cells
                .filter(|(_, cell)| found(**cell))
                .map(|((name, _), _)| name.as_str())
                .collect();
            if names.is_empty() { "-".to_owned() } else { names.join(", ") }
        };
        let _ = writeln!(text, "  {}", row.weakness.name());
        let _ = writeln!(text, "    alone enough for  {}", names(Cell::is_enough));
        let _ = writeln!(text, "    as built, needed  {}", names(Cell::is_needed));
    }
    text.push_str(&grid(matrix));
    for fault in faults {
        let _ = writeln!(text, "  FAULT {fault}");
    }
    text.push('\n');
    text
}

/// A row for each scenario, a column for each weakness: `a` alone enough, `n` needed as built, `b` both.
fn grid(matrix: &Matrix) -> String {
    let Matrix { scenarios, rows, .. } = matrix;
    let widest = scenarios.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let columns = (1..).zip(rows);
    let legend: Vec<String> =
        columns.clone().map(|(number, row)| format!("{number} {}", row.weakness.name())).collect();
    let _ = writeln!(text, "\n  a alone enough, n needed as built, b both, ? inconclusive alone");
    for line in legend.chunks(4) {
        let _ = writeln!(text, "  {}", line.join(" · "));
    }
    let _ = write!(text, "  {:widest$} ", "");
    for (number, _) in columns {
        let _ = write!(text, "{number:>3}");
    }
    text.push('\n');
    for (at, (name, _)) in scenarios.iter().enumerate() {
        let cells = rows.iter().map(|row| row.cells.get(at).map_or(' ', |cell| sign(*cell)));
        let _ = write!(text, "  {name:widest$} ");
        for sign in cells {
            let _ = write!(text, "{sign:>3}");
        }
        text.push('\n');
    }
    text
}

fn sign(cell: Cell) -> char {
    match (cell.is_enough(), cell.is_needed()) {
        (true, true) => 'b',
        (true, false) => 'a',
        (false, true) => 'n',
        (false, false) if cell.alone == Outcome::Inconclusive => '?',
        (false, false) => '.',
    }
}

fn json(matrix: &Matrix) -> serde_json::Value {
    let Matrix { system, scenarios, rows, faults } = matrix;
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let cells: serde_json::Map<String, serde_json::Value> = scenarios
                .iter()
                .zip(&row.cells)
                .map(|((name, _), cell)| {
                    let mended = cell.mended.map(crate::property::Outcome::name);
                    let cell = serde_json::json!({ "alone": cell.alone.name(), "mended": mended });
                    (name.clone(), cell)
                })
                .collect();
            serde_json::json!({ "weakness": row.weakness.name(), "scenarios": cells })
        })
        .collect();
    let built: serde_json::Map<String, serde_json::Value> =
        scenarios.iter().map(|(name, built)| (name.clone(), built.name().into())).collect();
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "system": system.name,
        "as-built": built,
        "weaknesses": rows,
        "faults": faults,
    })
}
