//! Benchmarks as a report shows them: distributions as criterion measured them, and ratios to somebody else's programs.

use serde::Serialize;

/// Everything measured.
#[derive(Clone, PartialEq, Serialize, Debug, Default)]
pub struct Benches {
    /// The machine the ratios are from, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The commit they are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// How they were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What criterion measured, by name.
    pub distributions: Vec<Distribution>,
    /// Our time against that of others, in the order of the file.
    pub ratios: Vec<Ratio>,
    /// What could not be read, a line each.
    pub problems: Vec<String>,
}

/// What criterion measured of one benchmark.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Distribution {
    /// The group.
    pub group: String,
    /// The function, and its parameter if it has one.
    pub name: String,
    /// Nanoseconds an iteration, a number for each sample, in ascending order; never empty.
    pub samples_ns: Vec<f64>,
    /// The typical time criterion gives: the slope where it has one, or else the mean, in nanoseconds.
    pub typical_ns: f64,
    /// Its confidence interval, in nanoseconds.
    pub interval_ns: (f64, f64),
    /// Bytes of one iteration, where criterion was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Our time divided by that of somebody else for the same work: less is faster.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Ratio {
    /// What is done.
    pub operation: String,
    /// Which of our programs or crates does it.
    pub subject: String,
    /// Who else does it.
    pub peer: String,
    /// How many bytes it is done to, where that says something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The ratio.
    pub ratio: Spread,
    /// Our time in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours_ns: Option<Spread>,
    /// Theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_ns: Option<Spread>,
}

/// The least, the middle and the most of several measurements: finite, above zero, and in this order.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The most.
    pub max: f64,
}
