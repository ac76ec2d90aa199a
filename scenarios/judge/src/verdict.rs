//! What tests ask of a judgement.

use protocol::endpoint::{Check, Side};

use crate::case::Judgement;
use crate::ladder::ladder;
use crate::properties::Ruling;
use crate::property::{Outcome, Property};

impl Judgement {
    /// What is said of this property. Nothing if it is no property of the case.
    pub fn ruling(&self, property: Property) -> Option<&Ruling> {
        self.rulings.iter().find(|(of, _)| *of == property).map(|(_, ruling)| ruling)
    }

    /// The verdict over all properties: violated if one is; inconclusive if nothing can be said, or of one property nothing; held
    /// otherwise. Properties that are not judged do not count.
    pub fn outcome(&self) -> Outcome {
        let judged = self.rulings.iter().filter(|(_, ruling)| ruling.not_judged.is_none());
        let outcomes: Vec<Outcome> = judged.map(|(_, ruling)| ruling.outcome).collect();
        if self.inconclusive.is_some() || outcomes.is_empty() {
            Outcome::Inconclusive
        } else if outcomes.contains(&Outcome::Violated) {
            Outcome::Violated
        } else if outcomes.contains(&Outcome::Inconclusive) {
            Outcome::Inconclusive
        } else {
            Outcome::Held
        }
    }

    /// Which side refused the attack, and by which check; each once, in the order in which they came up.
    pub fn stopped_by(&self) -> Vec<(Side, Check)> {
        let side = |actor| if actor == 0 { Side::Server } else { Side::Client };
        let mut found = Vec::new();
        for stop in self.stops.iter().map(|stop| (side(stop.actor), stop.check)) {
            if !found.contains(&stop) {
                found.push(stop);
            }
        }
        found
    }

    /// Require that every judged property held.
    ///
    /// # Panics
    /// One did not, or nothing can be said. The message has the evidence and what happened.
    #[track_caller]
    pub fn assert_held(&self) {
        assert!(self.outcome() == Outcome::Held, "expected that everything held\n{self}");
    }

    /// Require that this property is violated.
    ///
    /// # Panics
    /// It is not, or nothing can be said. The message has the evidence and what happened.
    #[track_caller]
    pub fn assert_violated(&self, property: Property) {
        let found = self.ruling(property).map(|ruling| ruling.outcome);
        let is_violated = self.inconclusive.is_none() && found == Some(Outcome::Violated);
        assert!(is_violated, "expected a violation of {}\n{self}", property.name());
    }

    /// Require that nothing can be said, for a reason that contains this text.
    ///
    /// # Panics
    /// Something can be said, or the reason is another. The message has the evidence and what happened.
    #[track_caller]
    pub fn assert_inconclusive(&self, reason: &str) {
        let is_said = self.inconclusive.as_ref().is_some_and(|why| why.contains(reason));
        assert!(is_said, "expected an inconclusive judgement because of {reason:?}\n{self}");
    }
}

/// The verdicts with their evidence, and what happened, as lines of text.
impl std::fmt::Display for Judgement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(why) = &self.inconclusive {
            writeln!(f, "inconclusive: {why}")?;
        }
        for (property, ruling) in &self.rulings {
            let outcome = match &ruling.not_judged {
                Some(_) => "not judged",
                None => ruling.outcome.name(),
            };
            writeln!(f, "{:<24}  {outcome:<12}  {}", property.name(), ruling.evidence)?;
        }
        for mismatch in &self.mismatches {
            writeln!(f, "not as expected: {mismatch}")?;
        }
        f.write_str(&ladder(&self.trace))
    }
}
