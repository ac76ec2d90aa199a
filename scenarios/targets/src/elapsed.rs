//! The time of a run, counted from the start of its client.

use protocol::endpoint::Tick;
use tokio::time::Instant;

/// The time since `began`; the beginning, for what was before.
pub(super) fn since(began: Option<Instant>, now: Instant) -> Tick {
    let since = began.map(|began| now.saturating_duration_since(began)).unwrap_or_default();
    Tick(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
