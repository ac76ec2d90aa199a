//! The time of the machine, for keys and certificates of the user's.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "real certificates are valid in real time")]
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
