//! A claim as a line of text, for captures, logs and reports.

use protocol::endpoint::{Claim, End, Fact};
use reports::view::Weight;

/// A claim in words, and how much it matters.
pub fn describe(claim: &Claim) -> (Weight, String) {
    match &claim.fact {
        Fact::Running(data) => (Weight::Log, format!("runs with {} on {data:?}", claim.peer)),
        Fact::Established(data) => {
            (Weight::Step, format!("has established a session with {} on {data:?}", claim.peer))
        }
        Fact::Sent(message) => (Weight::Log, format!("sends {message}")),
        Fact::Delivered(message) => (Weight::Delivery, format!("delivers {message}")),
        Fact::Acknowledged(message) => (Weight::Step, format!("knows {message} arrived")),
        Fact::Rejected(reject) => (Weight::Refusal, format!("refuses: {reject}")),
        Fact::Ended(End::Clean) => (Weight::Step, "sees a clean end".to_owned()),
        Fact::Ended(end) => (Weight::Refusal, format!("ends: {}", end.name())),
        Fact::Logged(line) => (Weight::Log, (*line).to_owned()),
    }
}
