//! The ablation matrix as text: weakness by weakness, and as a grid.

use std::fmt::Write;

use crate::view::ablation::{Ablation, Cell};

/// One system: a paragraph for each weakness, a grid of all, and what is wrong with the catalogue.
pub fn text(ablation: &Ablation) -> String {
    let scenarios = ablation.scenarios();
    let Ablation { system, weaknesses, faults, .. } = ablation;
    let mut text = format!(
        "{system}: {}, {}\n",
        count(weaknesses.len(), "weakness", "weaknesses"),
        count(scenarios.len(), "scenario", "scenarios")
    );
    for row in weaknesses {
        let names = |found: fn(&Cell) -> bool| -> String {
            let is_one = |name: &&&str| row.scenarios.get(**name).is_some_and(found);
            let names: Vec<&str> = scenarios.iter().filter(is_one).copied().collect();
            if names.is_empty() { "-".to_owned() } else { names.join(", ") }
        };
        let _ = writeln!(text, "  {}", row.weakness);
        let _ = writeln!(text, "    alone enough for  {}", names(Cell::is_enough));
        let _ = writeln!(text, "    as built, needed  {}", names(Cell::is_needed));
    }
    text.push_str(&grid(ablation, &scenarios));
    for fault in faults {
        let _ = writeln!(text, "  FAULT {fault}");
    }
    text.push('\n');
    text
}

/// A row for each scenario, a column for each weakness: `a` alone enough, `n` needed as built, `b` both.
fn grid(ablation: &Ablation, scenarios: &[&str]) -> String {
    let rows = &ablation.weaknesses;
    let widest = scenarios.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let columns = (1..).zip(rows);
    let legend: Vec<String> =
        columns.clone().map(|(number, row)| format!("{number} {}", row.weakness)).collect();
    let _ = writeln!(text, "\n  a alone enough, n needed as built, b both, ? inconclusive alone");
    for line in legend.chunks(4) {
        let _ = writeln!(text, "  {}", line.join(" · "));
    }
    let _ = write!(text, "  {:widest$} ", "");
    for (number, _) in columns {
        let _ = write!(text, "{number:>3}");
    }
    text.push('\n');
    for name in scenarios {
        let _ = write!(text, "  {name:widest$} ");
        for row in rows {
            let _ = write!(text, "{:>3}", row.scenarios.get(*name).map_or(' ', sign));
        }
        text.push('\n');
    }
    text
}

fn sign(cell: &Cell) -> char {
    match cell.word() {
        "both" => 'b',
        "enough" => 'a',
        "needed" => 'n',
        "?" => '?',
        _ => '.',
    }
}

/// `1 weakness`, `2 weaknesses`.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
