//! Markdown, as it is read in a repository: the matrix of verdicts, what went otherwise than expected, costs, ablation and benchmarks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::plain::visible;
use crate::text;
use crate::view::ablation::Ablation;
use crate::view::benches::Benches;
use crate::view::{Case, Report};

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut text = matrix(report);
    text.push_str(&unexpected(report));
    text.push_str(&costs(report));
    if let Some(details) = &report.details {
        for ablation in &details.ablation {
            text.push_str(&grid(ablation));
        }
        if let Some(benches) = &details.benches {
            text.push_str(&measured(benches));
        }
        let _ = writeln!(text, "\nCommit {}.", cell(&details.commit));
    }
    text
}

/// The matrix of verdicts: a table for each system, a row for each attack, a column for each profile. The same cases give the same bytes,
/// whatever commit they are of.
pub fn matrix(report: &Report) -> String {
    let counts = &report.summary;
    let mut text = format!(
        "# Verdicts\n\n{} cases: {} violated, {} held, {} inconclusive; {} not as expected.\n\n",
        counts.cases, counts.violated, counts.held, counts.inconclusive, counts.unexpected
    );
    text.push_str(
        "**VIOLATED** names the properties that broke; *held* (under this script) what stopped the attack, if a check did.\n",
    );
    text.push_str("\n## At a glance\n\n");
    text.push_str(&glance(report));
    let mut systems: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in &report.cases {
        systems.entry(&case.system).or_default().push(case);
    }
    for (system, cases) in systems {
        let mut profiles: Vec<&str> = Vec::new();
        let mut attacks: Vec<(&str, &str)> = Vec::new();
        for case in &cases {
            if !profiles.contains(&case.profile.as_str()) {
                profiles.push(&case.profile);
            }
            let attack = (case.family.as_str(), case.scenario.as_str());
            if !attacks.contains(&attack) {
                attacks.push(attack);
            }
        }
        let _ = write!(text, "\n## {}\n\n| family | attack |", cell(system));
        for profile in &profiles {
            let _ = write!(text, " {} |", cell(profile));
        }
        let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(profiles.len()));
        for (family, scenario) in attacks {
            let _ = write!(text, "| {} | {} |", cell(family), cell(scenario));
            for profile in &profiles {
                let is_meant =
                    |case: &&&Case| case.scenario == scenario && case.profile == *profile;
                let shown =
                    cases.iter().find(is_meant).map_or_else(|| "–".to_owned(), |c| verdict(c));
                let _ = write!(text, " {shown} |");
            }
            text.push('\n');
        }
    }
    text
}

/// How many attacks of each family violated some property of each system, in each profile: one table.
pub fn glance(report: &Report) -> String {
    let mut profiles: Vec<&str> = Vec::new();
    let mut families: Vec<&str> = Vec::new();
    let mut systems: BTreeSet<&str> = BTreeSet::new();
    for case in &report.cases {
        if !profiles.contains(&case.profile.as_str()) {
            profiles.push(&case.profile);
        }
        if !families.contains(&case.family.as_str()) {
            families.push(&case.family);
        }
        systems.insert(&case.system);
    }
    let shown: Vec<String> = profiles.iter().map(|profile| cell(profile)).collect();
    let mut text = format!(
        "Attacks that violated some property, {}, of how many:\n\n| family |",
        shown.join(" → ")
    );
    for system in &systems {
        let _ = write!(text, " {} |", cell(system));
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(systems.len()));
    for family in families {
        let _ = write!(text, "| {} |", cell(family));
        for system in &systems {
            let _ = write!(text, " {} |", tally(report, family, system, &profiles));
        }
        text.push('\n');
    }
    text
}

fn tally(report: &Report, family: &str, system: &str, profiles: &[&str]) -> String {
    let of = |profile: &str| {
        let is_meant = |case: &&Case| {
            case.family == family && case.system == system && case.profile == profile
        };
        let cases = || report.cases.iter().filter(is_meant);
        (cases().filter(|case| case.outcome() == "violated").count(), cases().count())
    };
    let counts: Vec<(usize, usize)> = profiles.iter().map(|profile| of(profile)).collect();
    let most = counts.iter().map(|(_, all)| *all).max().unwrap_or(0);
    if most == 0 {
        return "–".to_owned();
    }
    let violated = |(violated, _): &(usize, usize)| match violated {
        0 => "0".to_owned(),
        some => format!("**{some}**"),
    };
    let violated: Vec<String> = counts.iter().map(violated).collect();
    format!("{} of {most}", violated.join(" → "))
}

fn verdict(case: &Case) -> String {
    let words = cell(&crate::html::words(case));
    let mut shown = match case.outcome() {
        "violated" => format!("**VIOLATED** {words}"),
        "held" => format!("held {words}"),
        other => format!("{other} {words}"),
    };
    shown.truncate(shown.trim_end().len());
    if !case.expected {
        shown.push_str(" **NOT AS EXPECTED**");
    }
    shown
}

fn unexpected(report: &Report) -> String {
    let mut text = String::new();
    for case in report.cases.iter().filter(|case| !case.expected) {
        if text.is_empty() {
            text.push_str("\n## Not as expected\n");
        }
        let Case { scenario, system, profile, .. } = case;
        let _ = writeln!(text, "\n**{}** · {} · {}\n", cell(scenario), cell(system), cell(profile));
        for line in case.inconclusive.iter().chain(&case.mismatches) {
            let _ = writeln!(text, "- {}", cell(line));
        }
    }
    text
}

fn costs(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        for effort in &case.efforts {
            if text.is_empty() {
                text.push_str("\n## What strategies cost\n\n| strategy | attack | system | profile | cost |\n|---|---|---|---|---|\n");
            }
            let Case { scenario, system, profile, .. } = case;
            let cells = [&effort.strategy, scenario, system, profile].map(|text| cell(text));
            let _ = writeln!(text, "| {} | {} |", cells.join(" | "), cell(&text::cost(effort)));
        }
    }
    text
}

fn grid(ablation: &Ablation) -> String {
    let mut text = format!("\n## Ablation: {}\n\n| weakness |", cell(&ablation.system));
    text.push_str(" alone enough for | as built, needed by |\n|---|---|---|\n");
    let scenarios = ablation.scenarios();
    for row in &ablation.weaknesses {
        let names = |words: [&str; 2]| {
            let is_one = |name: &&&str| {
                row.scenarios.get(**name).is_some_and(|cell| words.contains(&cell.word()))
            };
            let names: Vec<String> =
                scenarios.iter().filter(is_one).map(|name| cell(name)).collect();
            names.join(", ")
        };
        let (enough, needed) = (names(["enough", "both"]), names(["needed", "both"]));
        let _ = writeln!(text, "| {} | {enough} | {needed} |", cell(&row.weakness));
    }
    for fault in &ablation.faults {
        let _ = writeln!(text, "\n**FAULT** {}", cell(fault));
    }
    text
}

fn measured(benches: &Benches) -> String {
    let mut text = "\n## Benchmarks\n".to_owned();
    let told =
        [("machine", &benches.machine), ("commit", &benches.commit), ("method", &benches.method)];
    for (what, said) in told {
        if let Some(said) = said {
            let _ = write!(text, "\n- {what}: {}", cell(said));
        }
    }
    for problem in &benches.problems {
        let _ = write!(text, "\n- {}", cell(problem));
    }
    text.push('\n');
    if !benches.ratios.is_empty() {
        text.push_str("\nOur time divided by theirs; less is faster.\n\n| operation | ours | theirs | bytes | least | median | most |\n|---|---|---|---|---|---|---|\n");
    }
    for row in &benches.ratios {
        let bytes = row.bytes.map_or_else(String::new, |bytes| bytes.to_string());
        let names = [&row.operation, &row.subject, &row.peer].map(|text| cell(text));
        let spread = row.ratio;
        let _ = writeln!(
            text,
            "| {} | {bytes} | {:.2} | {:.2} | {:.2} |",
            names.join(" | "),
            spread.min,
            spread.median,
            spread.max
        );
    }
    if !benches.distributions.is_empty() {
        text.push_str("\n| benchmark | typical | from | to |\n|---|---|---|---|\n");
    }
    for found in &benches.distributions {
        let [typical, from, to] =
            [found.typical_ns, found.interval_ns.0, found.interval_ns.1].map(crate::plots::time);
        let (group, name) = (cell(&found.group), cell(&found.name));
        let _ = writeln!(text, "| {group} / {name} | {typical} | {from} | {to} |");
    }
    text
}

/// Text that stands for itself in a cell or a line: on one line, hidden characters visible, nothing of it Markdown or HTML.
fn cell(text: &str) -> String {
    let text = text.replace('\n', " ");
    let mut shown = String::with_capacity(text.len());
    for character in visible(&text).chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => {
                shown.push('\\');
                shown.push(character);
            }
            other => shown.push(other),
        }
    }
    shown
}
