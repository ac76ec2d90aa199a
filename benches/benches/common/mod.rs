//! What the benchmarks share: their settings, and the names of groups. Folders of results read operation, implementation, size.

use std::time::Duration;

use criterion::Criterion;

/// Small samples: there are some hundred benchmarks.
pub(crate) fn settings() -> Criterion {
    Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(150))
        .measurement_time(Duration::from_millis(600))
}
