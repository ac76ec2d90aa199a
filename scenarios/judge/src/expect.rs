//! What a scenario expects the judge to say, for each system and profile. A property the file does not name
//! is expected to be held, unless `all` says otherwise.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use crate::property::{Outcome, Property};

/// The word in `blocked_by` for a run that no check stopped.
pub const NOTHING: &str = "nothing";

/// The expected verdicts of one profile: one `[expect.…]` table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// The properties that are named. `None`: any verdict will do.
    pub verdicts: BTreeMap<Property, Option<Outcome>>,
    /// What is expected of all others: `held`, unless the file says otherwise.
    pub all: Option<Outcome>,
    /// Whether the file says what is expected of all others.
    pub speaks_of_all: bool,
    /// What must have stopped the attack. `None` if the file does not say.
    pub blocked_by: Option<BlockedBy>,
    /// What holds by chance under the scenario's seed, and without which nothing of this can be expected. `None`
    /// where the seed does not matter.
    pub rests_on_seed: Option<String>,
    /// The line the table begins in, from 1.
    pub line: usize,
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            verdicts: BTreeMap::new(),
            all: Some(Outcome::Held),
            speaks_of_all: false,
            blocked_by: None,
            rests_on_seed: None,
            line: 0,
        }
    }
}

impl Expectation {
    /// What is expected of `property`: what the table says of it, else what it says of `all`, else held. `None`: any
    /// verdict will do.
    pub fn outcome(&self, property: Property) -> Option<Outcome> {
        self.verdicts.get(&property).copied().unwrap_or(self.all)
    }

    /// Whether the file says what is expected of `property`, by its name or by `all`.
    pub fn speaks_of(&self, property: Property) -> bool {
        self.speaks_of_all || self.verdicts.contains_key(&property)
    }

    /// Whether a violation is expected of `property`.
    pub fn expects_violation(&self, property: Property) -> bool {
        self.outcome(property) == Some(Outcome::Violated)
    }
}

/// The checks that must have stopped an attack, over all runs of a case: one of each entry at least, and no others. An entry is one
/// check, as `server: mac`, or [`NOTHING`]; or several of which the random bytes of a run decide, as `server: padding | server: mac`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BlockedBy(pub Vec<Vec<String>>);

impl BlockedBy {
    /// Whether these checks, and no others, have stopped the runs of a case.
    pub fn is_met_by(&self, actual: &BTreeMap<String, usize>) -> bool {
        let met = self.0.iter().all(|entry| entry.iter().any(|check| actual.contains_key(check)));
        met && actual.keys().all(|check| self.0.iter().flatten().any(|known| known == check))
    }
}

/// The entries in the order of the alphabet: `server: mac, server: padding | server: content`.
impl Display for BlockedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries: Vec<String> = self.0.iter().map(|entry| entry.join(" | ")).collect();
        entries.sort_unstable();
        f.write_str(&entries.join(", "))
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
        assert_eq!(expectation.outcome(Property::Order), Some(Outcome::Held));
        expectation.all = Some(Outcome::Inconclusive);
        assert_eq!(expectation.outcome(Property::Order), Some(Outcome::Inconclusive));
        expectation.verdicts.insert(Property::Order, Some(Outcome::Violated));
        assert!(expectation.expects_violation(Property::Order));
        assert_eq!(expectation.outcome(Property::Secrecy), Some(Outcome::Inconclusive));
        expectation.verdicts.insert(Property::Order, None);
        expectation.all = None;
        assert_eq!(expectation.outcome(Property::Order), None);
        assert_eq!(expectation.outcome(Property::Secrecy), None);
    }

    #[test]
    fn a_file_speaks_of_what_it_names_and_with_all_of_everything() {
        let mut expectation = Expectation::default();
        assert!(!expectation.speaks_of(Property::Order));
        assert!(!expectation.expects_violation(Property::Order));
        expectation.verdicts.insert(Property::Order, None);
        assert!(expectation.speaks_of(Property::Order));
        assert!(!expectation.speaks_of(Property::Secrecy));
        expectation.speaks_of_all = true;
        assert!(expectation.speaks_of(Property::Secrecy));
    }

    #[test]
    fn one_check_of_each_entry_and_no_other_must_have_stopped_the_runs() {
        let entry = |text: &str| text.split(" | ").map(str::to_owned).collect();
        let blocked_by = |entries: &[&str]| BlockedBy(entries.iter().copied().map(entry).collect());
        let by = |checks: &[&str]| checks.iter().map(|check| ((*check).to_owned(), 1)).collect();
        let one = blocked_by(&["server: mac"]);
        assert!(one.is_met_by(&by(&["server: mac"])));
        assert!(!one.is_met_by(&by(&["server: mac", "nothing"])));
        assert!(!one.is_met_by(&by(&["nothing"])));
        assert!(!one.is_met_by(&by(&[])));
        let some = blocked_by(&["server: padding | server: mac", "client: layout"]);
        for padding in
            [&["server: padding"][..], &["server: mac"], &["server: mac", "server: padding"]]
        {
            assert!(!some.is_met_by(&by(padding)), "the other entry is not met");
            assert!(some.is_met_by(&by(&[padding, &["client: layout"]].concat())));
        }
        assert!(!some.is_met_by(&by(&["client: layout"])));
        assert!(!some.is_met_by(&by(&["client: layout", "server: mac", "server: content"])));
        assert_eq!(some.to_string(), "client: layout, server: padding | server: mac");
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
