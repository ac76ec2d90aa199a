//! The matrix of verdicts: a table for each system, attacks by profiles, and the same counted by families.

use std::collections::{BTreeMap, HashSet};

use super::classes::{class_of, shout};
use crate::view::details::Details;
use crate::view::{Case, Report};

/// All cases of one system.
pub(super) struct Group<'a> {
    pub(super) system: &'a str,
    pub(super) anchor: String,
    pub(super) about: &'a str,
    pub(super) profiles: Vec<&'a str>,
    pub(super) families: Vec<FamilyRows<'a>>,
}

/// Its cases of one family.
pub(super) struct FamilyRows<'a> {
    pub(super) name: &'a str,
    pub(super) rows: Vec<Row<'a>>,
}

/// One attack: a cell for each profile.
pub(super) struct Row<'a> {
    pub(super) scenario: &'a str,
    pub(super) cells: Vec<Option<Cell>>,
}

/// One case.
pub(super) struct Cell {
    pub(super) id: String,
    pub(super) class: &'static str,
    pub(super) verdict: String,
    pub(super) words: String,
    pub(super) unexpected: bool,
}

/// A family: a cell for each system and profile.
pub(super) struct GlanceRow<'a> {
    pub(super) family: &'a str,
    pub(super) cells: Vec<Option<GlanceCell>>,
}

/// The attacks of one family on one system in one profile.
pub(super) struct GlanceCell {
    pub(super) anchor: String,
    pub(super) class: &'static str,
    pub(super) number: String,
    pub(super) word: &'static str,
    pub(super) unexpected: usize,
}

/// Where each case stands in the page: readable, and no two alike.
pub(super) fn ids(cases: &[Case]) -> Vec<String> {
    let mut taken = HashSet::new();
    let id = |case: &Case| {
        let plain = [&case.scenario, &case.system, &case.profile].map(|name| anchor(name));
        let plain = plain.join(".");
        let mut id = plain.clone();
        for number in 2.. {
            if taken.insert(id.clone()) {
                break;
            }
            id = format!("{plain}.{number}");
        }
        id
    };
    cases.iter().map(id).collect()
}

/// A name that can stand in an address: small letters, digits and hyphens stay.
fn anchor(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    name.chars().take(100).map(plain).collect()
}

/// The cases by system, family and attack. Systems come by name, the rest in the order of the cases.
pub(super) fn groups<'a>(
    report: &'a Report,
    details: &'a Details,
    ids: &[String],
) -> Vec<Group<'a>> {
    let mut by_system: BTreeMap<&str, Vec<(&Case, &String)>> = BTreeMap::new();
    for (case, id) in report.cases.iter().zip(ids) {
        by_system.entry(&case.system).or_default().push((case, id));
    }
    let group = |(system, cases): (&'a str, Vec<(&'a Case, &String)>)| {
        let mut profiles: Vec<&str> = Vec::new();
        for (case, _) in &cases {
            if !profiles.contains(&case.profile.as_str()) {
                profiles.push(&case.profile);
            }
        }
        let mut families: Vec<FamilyRows<'_>> = Vec::new();
        for (case, id) in cases {
            let known = families.iter().position(|family| family.name == case.family);
            let known = known.unwrap_or_else(|| {
                families.push(FamilyRows { name: &case.family, rows: Vec::new() });
                families.len() - 1
            });
            if let Some(family) = families.get_mut(known) {
                let column = profiles.iter().position(|profile| *profile == case.profile);
                place(&mut family.rows, case, id, column.unwrap_or(0), profiles.len());
            }
        }
        let about = details.systems.iter().find(|known| known.name == system);
        let about = about.map_or("", |known| known.meaning.as_str());
        Group { system, anchor: anchor(system), about, profiles, families }
    };
    by_system.into_iter().map(group).collect()
}

/// Put a case into the row of its attack; a second one in the same place begins a row of its own.
fn place<'a>(rows: &mut Vec<Row<'a>>, case: &'a Case, id: &str, column: usize, columns: usize) {
    let free = |row: &&mut Row<'_>| {
        row.scenario == case.scenario && row.cells.get(column).is_some_and(Option::is_none)
    };
    if let Some(slot) = rows.iter_mut().find(free).and_then(|row| row.cells.get_mut(column)) {
        *slot = Some(cell(case, id));
        return;
    }
    let mut cells: Vec<Option<Cell>> = (0..columns).map(|_| None).collect();
    if let Some(slot) = cells.get_mut(column) {
        *slot = Some(cell(case, id));
    }
    rows.push(Row { scenario: &case.scenario, cells });
}

fn cell(case: &Case, id: &str) -> Cell {
    let outcome = case.outcome();
    Cell {
        id: id.to_owned(),
        class: class_of(outcome),
        verdict: shout(outcome).to_owned(),
        words: words(case),
        unexpected: !case.expected,
    }
}

/// What a cell says beside its verdict: the properties that broke, or what stopped the attack.
pub(crate) fn words(case: &Case) -> String {
    match case.outcome() {
        "violated" => case.properties_with("violated").join(", "),
        "held" => match &case.blocked_by {
            Some(checks) => format!("stopped by {checks}"),
            None => String::new(),
        },
        _ => case.properties_with("inconclusive").join(", "),
    }
}

/// The same counted: a row for each family, a cell for each system and profile.
pub(super) fn glance<'a>(report: &'a Report, groups: &[Group<'a>]) -> Vec<GlanceRow<'a>> {
    let mut families: Vec<&str> = Vec::new();
    for case in &report.cases {
        if !families.contains(&case.family.as_str()) {
            families.push(&case.family);
        }
    }
    let row = |family: &'a str| {
        let columns = groups
            .iter()
            .flat_map(|group| group.profiles.iter().map(move |profile| (group, *profile)));
        let cell = |(group, profile): (&Group<'a>, &str)| {
            let of_cell = |case: &&Case| {
                case.family == family && case.system == group.system && case.profile == profile
            };
            let cases: Vec<&Case> = report.cases.iter().filter(of_cell).collect();
            counted(&cases, &group.anchor)
        };
        GlanceRow { family, cells: columns.map(cell).collect() }
    };
    families.into_iter().map(row).collect()
}

fn counted(cases: &[&Case], anchor: &str) -> Option<GlanceCell> {
    if cases.is_empty() {
        return None;
    }
    let with = |outcome| cases.iter().filter(|case| case.outcome() == outcome).count();
    let (all, violated, held) = (cases.len(), with("violated"), with("held"));
    let (class, number, word) = match (violated, held) {
        (0, held) if held == all => ("h", format!("{all}"), "held"),
        (0, held) => ("i", format!("{} of {all}", all - held), "inconclusive"),
        (violated, _) => ("v", format!("{violated} of {all}"), "VIOLATED"),
    };
    let unexpected = cases.iter().filter(|case| !case.expected).count();
    Some(GlanceCell { anchor: anchor.to_owned(), class, number, word, unexpected })
}
