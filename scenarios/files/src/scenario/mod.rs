//! A scenario: one attack as data, read from a TOML file.
//!
//! Reading walks the document by hand and keeps every span, so that all mistakes of a file are reported in
//! one go, each at its line and column with what would have been right.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use mitm_proxy::strategy::Tools;
use mitm_proxy::world::Victims;
use protocol::registry::Registry;
use protocol::system::System;
use protocol::weakness::{Profile, Weakness};

use crate::diagnostic::Diagnostics;
use crate::family::Family;
use crate::layout_file::LayoutFile;
use judge::expect::Expect;
use judge::{self, Expected, Judgement, Over, Plan};

mod args;
mod expectations;
mod keys;
mod own;
mod read;
mod recorded;
mod rule_file;
mod rules;
mod steps;
mod strategy;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use own::Own;
pub use rule_file::{Frames, RuleFile};

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

/// One attack: what honest clients do, what the attacker does, and what the judge is expected to say.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, which is also its file name without `.toml`.
    pub name: String,
    /// What kind of attack it is.
    pub family: Family,
    /// One line: what the attacker does.
    pub summary: String,
    /// A few sentences: what there is to learn.
    pub teaches: String,
    /// The systems it runs on; none where it is for somebody's own programs.
    pub systems: Vec<&'static System>,
    /// What it runs on instead.
    pub own: Option<Own>,
    /// Decides every random byte.
    pub seed: u64,
    /// The weaknesses without which there is no violation; may be empty.
    pub needs: Vec<Weakness>,
    /// What the honest endpoints send, and what the attacker does. Client 1 is always there and does something; the
    /// server's script is there only where its application sends messages.
    pub plan: Plan,
    /// What the judge is expected to say.
    pub expect: Expect,
    /// The file it was read from, as it is shown.
    pub path: String,
    /// The same as the system has it; none in the catalogue.
    pub file: Option<PathBuf>,
    /// Somebody's own input stands in place of what the script sends. It may be too short to say anything of
    /// secrecy, and that is then no surprise.
    pub replaced: bool,
    /// Remarks on that input, such as a text that a system cannot send.
    pub notes: Vec<String>,
}

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

/// Where the files come from that a script sends.
pub trait Payloads {
    /// The content of a file, by its path as the scenario gives it.
    ///
    /// # Errors
    /// Why there is none, in words that follow the path: `does not exist`.
    fn read(&self, path: &str) -> Result<Bytes, String>;
}
