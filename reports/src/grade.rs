//! Many targets under many attacks: a table with a row for each target and a column for each attack, and what went wrong.

use std::fmt::Write;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{ContentArrangement, Table};

use crate::text::Page;
use crate::view::Case;

/// The widest table, in columns.
const WIDEST: u16 = 160;

/// The table. A row has the name of a target and its cases, in the order of the attacks; it may
/// break off.
pub fn table(attacks: &[&str], rows: &[(&str, &[Case])], page: Page) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_width(page.table_width(WIDEST));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    let names = attacks.iter().copied();
    table.set_header(["target"].into_iter().chain(names).chain(["right"]));
    for (target, cases) in rows {
        let right = cases.iter().filter(|case| case.is_right()).count();
        let missing = (cases.len()..attacks.len()).map(|_| "-".to_owned());
        let cells = cases.iter().map(cell).chain(missing);
        let total = format!("{right}/{}", attacks.len());
        table.add_row([(*target).to_owned()].into_iter().chain(cells).chain([total]));
    }
    format!("{table}\n")
}

/// What went wrong, target by target; nothing if all went right.
pub fn reasons(rows: &[(&str, &[Case])]) -> String {
    let mut text = String::new();
    for (target, cases) in rows {
        for case in cases.iter().filter(|case| !case.expected) {
            let _ = writeln!(text, "\n{target}: {}", case.scenario);
            for line in why(case) {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text
}

/// A word or two for a cell.
fn cell(case: &Case) -> String {
    if case.is_not_implemented() {
        return "not implemented".to_owned();
    }
    match case.findings.first() {
        _ if case.is_right() => "ok".to_owned(),
        Some(finding) => finding.kind.replace('-', " "),
        None => match case.properties_with("violated") {
            violated if !violated.is_empty() => violated.join(", "),
            _ if case.outcome() == "inconclusive" => "?".to_owned(),
            _ => "other".to_owned(),
        },
    }
}

fn why(case: &Case) -> Vec<String> {
    let mut lines: Vec<String> = case.findings.iter().map(|found| found.what.clone()).collect();
    if let Some(why) = &case.inconclusive {
        // One that died without an attack is named by both.
        lines.retain(|line| !why.contains(line.as_str()));
        lines.push(why.clone());
    } else {
        lines.extend(case.mismatches_by_reason());
    }
    lines.extend(case.notes.iter().filter(|note| note.contains("printed last")).cloned());
    lines.dedup();
    lines
}
