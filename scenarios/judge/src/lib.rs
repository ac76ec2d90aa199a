//! The judge: runs a case, with its honest run, and says from what the endpoints really did which security properties held.

pub mod divergence;
pub mod evaluator;
pub mod expect;
pub mod properties;
pub mod property;
pub mod search;
pub mod sent;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod wordlist;

pub use evaluator::{
    Case, Evaluator, Expected, FinishedRun, Judgement, Over, Plan, PlannedStrategy, actor_name,
    first_rejection, judge, judge_with, mismatches,
};
