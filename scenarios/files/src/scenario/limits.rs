//! How much a scenario may hold, and what it says if it does not say it.

/// The largest payload file, in bytes: with base64 around it, it fits into the largest frame of `helo`.
pub const MAX_PAYLOAD: usize = 190 << 20;

/// The most actions of a rule.
pub const MAX_ACTIONS: usize = 100;

/// The most rules of a scenario.
pub const MAX_RULES: usize = 1000;

/// The most steps of one client's script.
pub const MAX_STEPS: usize = 1000;

/// The table of `expect` that speaks of every target without one of its own.
pub const CORRECT: &str = "correct";

/// The seed of a scenario that names none.
pub const DEFAULT_SEED: u64 = 7;
