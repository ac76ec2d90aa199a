//! The attacker: a scripted machine in the middle of every link, and the in-memory world it works in.
//!
//! The [`Attacker`](attacker::Attacker) does no IO. It is handed the bytes of either side and answers with
//! effects; a back end carries them out. Rules address frames by meaning (link, direction, type,
//! n-th, field) and do one or more [`actions`] to them.

pub mod action;
pub mod actions;
pub mod attacker;
pub mod closure;
pub mod condition;
pub mod memory;
pub mod misfire;
pub mod params;
pub mod place;
pub mod prelude;
mod replace;
pub mod rule;
pub mod script;
pub mod strategies;
pub mod strategy;
pub mod trace;
pub mod world;
