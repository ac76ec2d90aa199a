//! A scenario: one attack as data, read from a TOML file.
//!
//! Reading walks the document by hand and keeps every span, so that all mistakes of a file are reported in
//! one go, each at its line and column with what would have been right.

use std::sync::Arc;

use judge::{self, Expected, Judgement, Over};
use mitm_proxy::strategy::Tools;
use mitm_proxy::world::Victims;
use protocol::registry::Registry;
use protocol::system::System;
use protocol::weakness::Profile;

use crate::diagnostic::Diagnostics;
use crate::layout_file::LayoutFile;

mod args;
mod expectations;
mod head;
mod keys;
mod limits;
mod model;
mod own;
mod payloads;
mod read;
mod recorded;
mod rule_file;
mod rules;
mod sides;
mod steps;
mod strategy;
#[cfg(test)]
mod tests;
mod vocabulary;
mod weaknesses;

pub use limits::{CORRECT, DEFAULT_SEED, MAX_ACTIONS, MAX_PAYLOAD, MAX_RULES, MAX_STEPS};
pub use model::{Scenario, TargetSet};
pub use payloads::Payloads;
pub use rule_file::{Frames, RuleFile};

impl Scenario {
    /// Read a scenario. `path` is for messages, and says what the name must be if it ends with `.toml`.
    ///
    /// # Errors
    /// Every mistake in `source`.
    pub fn parse(
        path: &str,
        source: &str,
        payloads: &dyn Payloads,
        registry: Registry,
    ) -> Result<Self, Diagnostics> {
        Self::parse_with(path, source, payloads, None, registry)
    }

    /// Read an attack on programs that speak `layout`: it needs no targets of its own.
    ///
    /// # Errors
    /// Every mistake in `source`.
    pub fn parse_attack(
        path: &str,
        source: &str,
        payloads: &dyn Payloads,
        layout: &Arc<LayoutFile>,
        registry: Registry,
    ) -> Result<Self, Diagnostics> {
        Self::parse_with(path, source, payloads, Some(layout), registry)
    }

    fn parse_with(
        path: &str,
        source: &str,
        payloads: &dyn Payloads,
        layout: Option<&Arc<LayoutFile>>,
        registry: Registry,
    ) -> Result<Self, Diagnostics> {
        let wrong = |list| Diagnostics { path: path.to_owned(), source: source.to_owned(), list };
        read::scenario(path, source, payloads, layout, registry).map_err(wrong)
    }
}

/// A scenario against one system in one profile.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioRun<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The system.
    pub system: &'static System,
    /// The profile.
    pub profile: Profile,
    /// Decides every random byte.
    pub seed: u64,
    /// What carries the frames.
    pub over: Over,
}

impl<'a> ScenarioRun<'a> {
    /// Run and judge it.
    pub fn judge(self) -> Judgement {
        judge::judge(self.case())
    }

    /// Run and judge it with these tools for its strategy.
    pub fn judge_with(self, tools: &Tools<'_>) -> Judgement {
        judge::judge_with(self.case(), tools)
    }

    /// What the judge has to know of it.
    pub fn case(self) -> judge::Case<'a> {
        let Self { scenario, system, profile, seed, over } = self;
        let expectation = scenario.expect.of(system.name, profile.name());
        let expected = expectation.map(|expectation| Expected {
            expectation,
            seed: scenario.seed,
            own_input: scenario.replaced,
        });
        let victims = Victims::System(system);
        judge::Case { profile, seed, over, expected, ..judge::Case::new(&scenario.plan, victims) }
    }
}
