//! Ablation: for one system, what every scenario says of every weakness.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What all scenarios say of one system.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// What each scenario does to the system as built: `held`, `violated` or `inconclusive`.
    #[serde(rename = "as-built")]
    pub as_built: BTreeMap<String, String>,
    /// What is wrong with the catalogue.
    pub faults: Vec<String>,
    /// The system.
    pub system: String,
    /// A row for each weakness.
    pub weaknesses: Vec<Row>,
    /// The order in which to show the scenarios; by name where it is empty.
    #[serde(skip)]
    pub order: Vec<String>,
}

/// What all scenarios say of one weakness.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// A cell for each scenario.
    pub scenarios: BTreeMap<String, Cell>,
    /// The weakness.
    pub weakness: String,
}

/// What one scenario says of one weakness.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The hardened system with this weakness alone.
    pub alone: String,
    /// The system as built but for this weakness; none where the attack does not work as built.
    pub mended: Option<String>,
}

impl Ablation {
    /// What `scenarios matrix --format json` prints.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse_all(json: &str) -> serde_json::Result<Vec<Self>> {
        serde_json::from_str(json)
    }

    /// The scenarios, in the order to show them.
    pub fn scenarios(&self) -> Vec<&str> {
        if self.order.is_empty() {
            self.as_built.keys().map(String::as_str).collect()
        } else {
            self.order.iter().map(String::as_str).collect()
        }
    }
}

impl Cell {
    /// This weakness alone is enough for the attack.
    pub fn is_enough(&self) -> bool {
        self.alone == "violated"
    }

    /// Without this weakness the attack on the system as built fails.
    pub fn is_needed(&self) -> bool {
        self.mended.as_deref() == Some("held")
    }

    /// The cell in a word: `both`, `enough`, `needed`, `?` for inconclusive alone, or nothing.
    pub fn word(&self) -> &'static str {
        match (self.is_enough(), self.is_needed()) {
            (true, true) => "both",
            (true, false) => "enough",
            (false, true) => "needed",
            (false, false) if self.alone == "inconclusive" => "?",
            (false, false) => "",
        }
    }
}
