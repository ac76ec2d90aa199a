//! The ablation matrix of one system as a table.

use crate::view::ablation::Ablation;

/// One system.
pub(super) struct Grid<'a> {
    pub(super) system: &'a str,
    pub(super) weaknesses: Vec<&'a str>,
    pub(super) rows: Vec<GridRow<'a>>,
    /// How many attacks live on no weakness.
    pub(super) others: usize,
    pub(super) faults: &'a [String],
}

/// One attack that lives on a weakness: class and word for each.
pub(super) struct GridRow<'a> {
    pub(super) scenario: &'a str,
    pub(super) cells: Vec<(&'static str, &'static str)>,
}

impl<'a> Grid<'a> {
    pub(super) fn of(ablation: &'a Ablation) -> Self {
        let cell = |word: &'static str| match word {
            "both" => ("x", word),
            "enough" => ("v", word),
            "needed" => ("i", word),
            _ => ("", word),
        };
        let row = |scenario: &'a str| {
            let words = ablation.weaknesses.iter();
            let words = words.map(|row| row.scenarios.get(scenario).map_or("", |c| c.word()));
            GridRow { scenario, cells: words.map(cell).collect() }
        };
        let rows: Vec<GridRow<'_>> = ablation.scenarios().into_iter().map(row).collect();
        let all = rows.len();
        let lives = |row: &GridRow<'_>| row.cells.iter().any(|(class, _)| !class.is_empty());
        let rows: Vec<GridRow<'_>> = rows.into_iter().filter(lives).collect();
        Self {
            system: &ablation.system,
            weaknesses: ablation.weaknesses.iter().map(|row| row.weakness.as_str()).collect(),
            others: all - rows.len(),
            rows,
            faults: &ablation.faults,
        }
    }
}
