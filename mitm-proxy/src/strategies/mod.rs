//! Adaptive attackers: what they do next depends on what they have learned. One file each, and the table of them.
//!
//! The reasoning of a strategy is a value without IO: it names its next questions and is told the answers. What asks
//! them is the world here, and can be a socket elsewhere. A further strategy is one file and one line in [`STRATEGIES`].

use std::fmt::Debug;
use std::sync::Arc;

use protocol::layout::{Field, Frame, Role, Size};

use crate::attacker::Acting;
use crate::params::{Args, BuildError, Param};
use crate::world::World;

pub mod bleichenbacher;
mod cbc_rewrite;
mod dictionary;
mod ecdh_middle;
mod equality;
pub mod padding_oracle;
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
    fn attack(&self, _: &mut World, _: &Acting, _: &Tools) -> Result<(), String> {
        Ok(())
    }

    /// All is over.
    ///
    /// # Errors
    /// As [`Strategy::attack`].
    fn review(&self, _: &mut World, _: &Tools) -> Result<(), String> {
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
    fn tell(&self, strategy: &'static str, done: u64, total: u64, queries: u64);
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

impl Progress for Quiet {
    fn tell(&self, _: &'static str, _: u64, _: u64, _: u64) {}
}

/// What stands in a pattern for every word of a list.
const WORD: &str = "{word}";
/// What stands in a pattern for every number.
const NUMBER: &str = "{number}";

/// Everything a pattern can make, words outside and numbers inside.
fn expand<'a>(
    pattern: &'a str,
    words: &'a [String],
    numbers: u64,
) -> impl Iterator<Item = String> + 'a {
    let count = if pattern.contains(WORD) { words.len() } else { 1 };
    let numbers = if pattern.contains(NUMBER) { numbers } else { 1 };
    (0..count).flat_map(move |at| {
        let word = words.get(at).map_or("", String::as_str);
        (0..numbers)
            .map(move |number| pattern.replace(WORD, word).replace(NUMBER, &number.to_string()))
    })
}

/// A frame with other values in these fields. Lengths become true again.
fn reforge(frame: &Frame, changed: &[(&str, &[u8])]) -> Result<Vec<u8>, String> {
    let own = |field: &&Field| !matches!(field.role, Role::Tag(_)) && !field.role.is_length();
    let value = |field: &'static str| {
        let new = changed.iter().find(|(name, _)| *name == field).map(|(_, value)| *value);
        Some((field, new.or_else(|| frame.field(field))?))
    };
    let fields = frame.spec.fields.iter().filter(own);
    let values: Vec<(&str, &[u8])> = fields.filter_map(|field| value(field.name)).collect();
    frame.spec.assemble(&values).map_err(|error| error.to_string())
}

/// The field that holds the encrypted message: of several ciphertexts the one of no fixed size.
fn ciphertext(frame: &Frame) -> Option<&'static str> {
    let fields = || frame.spec.fields.iter().filter(|field| field.role == Role::Ciphertext);
    let open = fields().find(|field| field.size == Size::Rest);
    open.or_else(|| fields().next()).map(|field| field.name)
}

/// The value of the first field of that role.
fn value(frame: &Frame, role: Role) -> Option<&[u8]> {
    let field = frame.spec.fields.iter().find(|field| field.role == role)?;
    frame.field(field.name)
}

/// The strategy of that name.
pub fn strategy(name: &str) -> Option<&'static StrategySpec> {
    STRATEGIES.iter().find(|spec| spec.name == name)
}
