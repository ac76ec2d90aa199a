//! What a scenario expects the judge to say, for each system and profile. A property the file does not name
//! is expected to be held, unless `all` says otherwise.

use std::collections::BTreeMap;

use crate::property::{Outcome, Property};

/// The word in `blocked_by` for a run that no check stopped.
pub const NOTHING: &str = "nothing";

/// The expected verdicts of one profile: one `[expect.…]` table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expectation {
    /// The properties that are named.
    pub verdicts: BTreeMap<Property, Outcome>,
    /// What holds for all others; `held` if not given.
    pub all: Option<Outcome>,
    /// The checks that must have stopped the attack, as `server: mac`, or [`NOTHING`]: over all runs of a
    /// case, exactly these. `None` if the file does not say.
    pub blocked_by: Option<Vec<String>>,
    /// The line the table begins in, from 1.
    pub line: usize,
}

impl Expectation {
    /// What is expected of `property`: what the table says of it, else what it says of `all`, else held.
    pub fn outcome(&self, property: Property) -> Outcome {
        self.verdicts.get(&property).copied().or(self.all).unwrap_or(Outcome::Held)
    }
}

/// Everything a scenario expects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expect {
    /// `[expect.<profile>]`, by profile name.
    pub profiles: BTreeMap<String, Expectation>,
    /// `[expect.<system>.<profile>]`, by system name, then by profile name.
    pub systems: BTreeMap<String, BTreeMap<String, Expectation>>,
}

impl Expect {
    /// What is expected of a system under a profile. A table for the system replaces the one for the profile
    /// as a whole. `None` if the file does not say.
    pub fn of(&self, system: &str, profile: &str) -> Option<&Expectation> {
        let of_system = self.systems.get(system).and_then(|profiles| profiles.get(profile));
        of_system.or_else(|| self.profiles.get(profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_property_comes_before_all_and_all_before_held() {
        let mut expectation = Expectation::default();
        assert_eq!(expectation.outcome(Property::Order), Outcome::Held);
        expectation.all = Some(Outcome::Inconclusive);
        assert_eq!(expectation.outcome(Property::Order), Outcome::Inconclusive);
        expectation.verdicts.insert(Property::Order, Outcome::Violated);
        assert_eq!(expectation.outcome(Property::Order), Outcome::Violated);
        assert_eq!(expectation.outcome(Property::Secrecy), Outcome::Inconclusive);
    }

    #[test]
    fn the_table_of_a_system_comes_before_that_of_the_profile() {
        let line = |line| Expectation { line, ..Expectation::default() };
        let of_system = BTreeMap::from([("hardened".to_owned(), line(2))]);
        let expect = Expect {
            profiles: BTreeMap::from([("hardened".to_owned(), line(1))]),
            systems: BTreeMap::from([("ratchet".to_owned(), of_system)]),
        };
        assert_eq!(expect.of("ratchet", "hardened").map(|e| e.line), Some(2));
        assert_eq!(expect.of("helo", "hardened").map(|e| e.line), Some(1));
        assert_eq!(expect.of("ratchet", "as-built"), None);
    }
}
