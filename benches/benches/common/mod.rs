//! What the benchmarks share.

use std::time::Duration;

use criterion::Criterion;

/// Small samples: all of them together stay under three minutes.
pub(crate) fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}
