//! What happened in a run: the result of a world or a proxy, and the attacker's memory.

mod findings;
mod frame;
mod history;
mod records;

pub use findings::{Compromise, Effort, Finding, Knowledge, Loot, QuestionOutcome};
pub use frame::{AttackerAction, Fate, FrameRecord, Origin};
pub use history::Trace;
pub use records::{
    ClaimRecord, Departing, Departure, LinkEvent, LinkRecord, Misfire, Panic, SecretRecord,
};
