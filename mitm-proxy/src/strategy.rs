//! What every strategy is: an adaptive attacker, whose next step depends on what it has learned. The strategies themselves are in
//! [`strategies`](crate::strategies).

use std::fmt::Debug;
use std::sync::Arc;

use crate::attacker::Acting;
use crate::misfire::MisfireCause;
use crate::params::{Args, BuildError, Param};
use crate::world::World;

/// One line of the table: a strategy and its parameters.
#[derive(Debug)]
pub struct StrategySpec {
    /// The name scenario files use: `strategy.name`.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Whether it waits for something to happen (`strategy.when`). One that does not works on what was recorded, when all is over.
    pub waits: bool,
    /// What it takes.
    pub params: &'static [Param],
    /// Makes it from checked arguments.
    pub build: fn(&Args) -> Result<Arc<dyn Strategy>, BuildError>,
}

/// An adaptive attacker.
pub trait Strategy: Debug + Send + Sync {
    /// What it waited for is about to happen, and does not before this returns.
    ///
    /// # Errors
    /// It has nothing to work with: a misfire, which makes a verdict inconclusive.
    fn attack(&self, _: &mut World, _: &Acting, _: &Tools) -> Result<(), MisfireCause> {
        Ok(())
    }

    /// All is over.
    ///
    /// # Errors
    /// As [`Strategy::attack`].
    fn review(&self, _: &mut World, _: &Tools) -> Result<(), MisfireCause> {
        Ok(())
    }
}

/// What a strategy is given besides its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a> {
    /// Words to guess with, most likely first.
    pub words: &'a [String],
    /// The most questions and tries, where the user has set a limit.
    pub budget: Option<u64>,
    /// Do it in full size, however long that takes.
    pub full: bool,
    /// Told now and then how far a strategy is.
    pub progress: &'a dyn Progress,
}

/// Who is told how far a strategy is.
pub trait Progress: Debug + Sync {
    /// `done` of `total` bytes, or of whatever it recovers, after so many questions and tries.
    fn report(&self, strategy: &'static str, done: u64, total: u64, queries: u64);
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

impl Progress for Quiet {
    fn report(&self, _: &'static str, _: u64, _: u64, _: u64) {}
}
