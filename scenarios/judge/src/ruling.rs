//! What a monitor says of one property.

use std::fmt::Debug;

use crate::property::{NotJudged, Outcome};

/// What a monitor says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// The verdict.
    pub outcome: Outcome,
    /// Why, for people.
    pub evidence: String,
    /// The numbers of the frames that show it.
    pub frames: Vec<u32>,
    /// Why the property was not judged, if so. The evidence says the same in words.
    pub not_judged: Option<NotJudged>,
}

impl Ruling {
    pub(crate) fn new(outcome: Outcome, evidence: impl Into<String>, frames: Vec<u32>) -> Self {
        Self { outcome, evidence: evidence.into(), frames, not_judged: None }
    }

    /// It held. The evidence says over what.
    pub fn held(evidence: impl Into<String>) -> Self {
        Self::new(Outcome::Held, evidence, Vec::new())
    }

    /// It held over so many cases in which it could have been broken. Without any, nothing can be said, and `lacking` says what
    /// was missing: held needs evidence.
    pub fn held_over(
        cases: usize,
        evidence: impl Into<String>,
        lacking: impl Into<String>,
    ) -> Self {
        if cases == 0 { Self::inconclusive(lacking) } else { Self::held(evidence) }
    }

    /// It does not hold.
    pub fn violated(evidence: impl Into<String>, frames: Vec<u32>) -> Self {
        Self::new(Outcome::Violated, evidence, frames)
    }

    /// The property was not judged.
    pub fn not_judged(why: NotJudged) -> Self {
        Self { not_judged: Some(why.clone()), ..Self::inconclusive(why.to_string()) }
    }

    /// Nothing can be said.
    pub fn inconclusive(evidence: impl Into<String>) -> Self {
        Self::new(Outcome::Inconclusive, evidence, Vec::new())
    }
}
