//! Benchmarks in the page: plots, and the numbers of the ratios.

use std::fmt::Write;

use crate::plots;
use crate::view::benches::{Benches, Distribution, Ratio};

/// The most distributions that are drawn.
const MOST_PLOTS: usize = 240;

/// Everything measured.
pub(super) struct Measured<'a> {
    pub(super) machine: &'a str,
    pub(super) commit: &'a str,
    pub(super) method: String,
    pub(super) problems: &'a [String],
    pub(super) ratio_plot: String,
    pub(super) ratios: Vec<RatioRow<'a>>,
    pub(super) plots: Vec<Plot>,
    pub(super) left_out: usize,
    pub(super) is_empty: bool,
}

/// The numbers of a ratio.
pub(super) struct RatioRow<'a> {
    pub(super) operation: &'a str,
    pub(super) subject: &'a str,
    pub(super) peer: &'a str,
    pub(super) bytes: String,
    pub(super) min: String,
    pub(super) median: String,
    pub(super) max: String,
}

/// A drawing and what stands below it.
pub(super) struct Plot {
    pub(super) svg: String,
    pub(super) caption: String,
}

impl<'a> Measured<'a> {
    pub(super) fn of(benches: &'a Benches) -> Self {
        let Benches { machine, commit, method, distributions, ratios, problems } = benches;
        let unknown = "not said by what was read";
        let criterion = (!distributions.is_empty())
            .then(|| format!("criterion, {} benchmarks", distributions.len()));
        // How others are distributed is nobody's question here: the ratios say how they compare.
        let is_peer = |found: &Distribution| {
            let of = found.name.split(" / ").next().unwrap_or_default();
            ratios.iter().any(|row| row.peer == of)
        };
        let shown = distributions.iter().filter(|found| !is_peer(found)).take(MOST_PLOTS);
        let shown: Vec<&Distribution> = shown.collect();
        let methods: Vec<&str> = method.iter().chain(&criterion).map(String::as_str).collect();
        Self {
            machine: machine.as_deref().unwrap_or(unknown),
            commit: commit.as_deref().unwrap_or(unknown),
            method: if methods.is_empty() { unknown.to_owned() } else { methods.join("; ") },
            problems,
            ratio_plot: plots::ratios(ratios),
            ratios: ratios.iter().map(row).collect(),
            left_out: distributions.len().saturating_sub(shown.len()),
            plots: shown.into_iter().map(plot).collect(),
            is_empty: distributions.is_empty() && ratios.is_empty(),
        }
    }
}

fn row(ratio: &Ratio) -> RatioRow<'_> {
    RatioRow {
        operation: &ratio.operation,
        subject: &ratio.subject,
        peer: &ratio.peer,
        bytes: ratio.bytes.map_or_else(String::new, |bytes| bytes.to_string()),
        min: format!("{:.2}", ratio.ratio.min),
        median: format!("{:.2}", ratio.ratio.median),
        max: format!("{:.2}", ratio.ratio.max),
    }
}

fn plot(distribution: &Distribution) -> Plot {
    let Distribution { group, name, samples_ns, typical_ns, interval_ns, bytes } = distribution;
    let mut caption = format!(
        "{group} / {name}: {} (between {} and {}; {} samples)",
        plots::time(*typical_ns),
        plots::time(interval_ns.0),
        plots::time(interval_ns.1),
        samples_ns.len()
    );
    if let Some(bytes) = bytes.filter(|_| *typical_ns > 0.0) {
        // Exact far beyond any number of bytes.
        #[expect(clippy::cast_precision_loss, reason = "a speed for people")]
        let speed = bytes as f64 / typical_ns * 1e9 / 1_048_576.0;
        let _ = write!(caption, "; {speed:.1} MiB/s");
    }
    Plot { svg: plots::distribution(distribution), caption }
}
