//! The judge: runs a case, with its honest run, and says from what the endpoints really did which security properties held.

pub mod case;
mod conclude;
pub mod divergence;
mod evaluator;
pub mod expect;
mod lab;
mod ladder;
mod ledger;
mod monitor;
pub mod prelude;
pub mod properties;
pub mod property;
mod ruling;
mod run;
pub mod search;
pub mod sent;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verdict;
pub mod wordlist;

pub use case::{Case, Expected, Judgement, Over, Plan, PlannedStrategy, Scope, Stop, actor_name};
pub use conclude::mismatches;
pub use evaluator::{Evaluator, FinishedRun, first_rejection};
pub use lab::Lab;
pub use run::{judge, judge_with};
