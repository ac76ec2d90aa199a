//! What a report tells around its cases: what attacks teach, what properties mean, ablation, benchmarks.

use serde::Serialize;

use super::ablation::Ablation;
use super::benches::Benches;

/// What a report tells beside its cases.
#[derive(Clone, PartialEq, Serialize, Debug, Default)]
pub struct Details {
    /// The commit of the program, or `unknown`.
    pub commit: String,
    /// What each scenario is about, one for each scenario and system.
    pub lessons: Vec<Lesson>,
    /// The properties, in the order of reports.
    pub properties: Vec<Definition>,
    /// The families of attacks, in order.
    pub families: Vec<Definition>,
    /// The systems.
    pub systems: Vec<Definition>,
    /// Every weakness alone, and every one mended: one for each system, none where that was not run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ablation: Vec<Ablation>,
    /// What was measured; none where nobody looked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benches: Option<Benches>,
}

/// What a scenario is about, on one system.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Lesson {
    /// The scenario's name.
    pub scenario: String,
    /// The system.
    pub system: String,
    /// The file it is in, as the user or the repository names it.
    pub file: String,
    /// The same for tools that look it up: relative to the root of the repository or the working folder, or `file:`. Not in JSON.
    #[serde(skip)]
    pub uri: String,
    /// The line its first rule begins in, from 1; 1 where it has none.
    pub line: usize,
    /// A few sentences: what there is to learn.
    pub teaches: String,
    /// Why it works: a sentence for each weakness it lives on.
    pub works: Vec<String>,
    /// What stops it: a sentence for each weakness that is mended.
    pub stops: Vec<String>,
}

/// A word and what it means.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Definition {
    /// The word.
    pub name: String,
    /// What it means, in a sentence.
    pub meaning: String,
    /// Where that comes from, if it is from somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
