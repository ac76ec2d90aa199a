//! Adaptive attackers: what they do next depends on what they have learned. One file each, and the table of them.
//!
//! The reasoning of a strategy is a value without IO: it returns its next questions and takes the answers. Here a
//! world asks them; benchmarks ask them over a socket. A further strategy is one file and one line in [`STRATEGIES`].

use crate::strategy::StrategySpec;

pub mod bleichenbacher;
mod cbc_rewrite;
mod dictionary;
mod ecdh_middle;
mod equality;
mod forging;
pub mod padding_oracle;
mod pattern;
pub mod ranking;
pub mod timing;

/// Every strategy, by name.
pub const STRATEGIES: &[StrategySpec] = &[
    bleichenbacher::SPEC,
    cbc_rewrite::SPEC,
    dictionary::SPEC,
    ecdh_middle::SPEC,
    equality::SPEC,
    padding_oracle::SPEC,
];

/// The strategy of that name.
pub fn strategy(name: &str) -> Option<&'static StrategySpec> {
    STRATEGIES.iter().find(|spec| spec.name == name)
}
