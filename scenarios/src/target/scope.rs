//! What of a target is judged: the properties that it promises, and what is known to be wrong with it without any attack.

use std::collections::BTreeSet;

use crate::dom::{Node, Reader, Table};
use crate::property::{Outcome, Property};

/// The keys that a scenario, a file of targets and a target may have for this.
pub(crate) const KEYS: &[&str] = &["scope", "honest"];

/// What is judged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// Only these; all, if nothing is said.
    pub only: Option<BTreeSet<Property>>,
    /// The honest run is known to violate these, and is good enough all the same.
    pub faults: BTreeSet<Property>,
}

impl Scope {
    /// What both allow to be judged, with the faults that either knows of.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let only = match (&self.only, &other.only) {
            (Some(one), Some(two)) => Some(one & two),
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        Self { only, faults: &self.faults | &other.faults }
    }

    /// Whether this property is judged.
    pub fn has(&self, property: Property) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&property))
    }
}

/// Read `scope = [properties]` and `[honest]` of a table.
pub(crate) fn read(reader: &mut Reader, table: &Table<'_>) -> Scope {
    let only = table.get("scope").map(|node| only(reader, node));
    let faults = table.get("honest").map(|node| faults(reader, node)).unwrap_or_default();
    Scope { only, faults }
}

fn names() -> Vec<&'static str> {
    Property::ALL.iter().map(|property| property.name()).collect()
}

fn only(reader: &mut Reader, node: &Node<'_>) -> BTreeSet<Property> {
    let (names, mut found) = (names(), BTreeSet::new());
    for node in reader.one_or_more(node, "scope").unwrap_or_default() {
        let name = reader.word(node, "scope", "property", &names);
        found.extend(name.and_then(Property::named));
    }
    found
}

fn faults(reader: &mut Reader, node: &Node<'_>) -> BTreeSet<Property> {
    let Some(table) = reader.open_table(node, "honest") else { return BTreeSet::new() };
    let (names, mut found) = (names(), BTreeSet::new());
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        let Some(property) = Property::named(name) else {
            reader.unknown(key.span(), "property", name, &names);
            continue;
        };
        // That it holds is what is asked of every honest run.
        if reader.word(node, name, "verdict", &[Outcome::Violated.name()]).is_some() {
            found.insert(property);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_promise_is_judged() {
        let of = |names: &[Property]| Scope {
            only: Some(names.iter().copied().collect()),
            faults: BTreeSet::new(),
        };
        let all = Scope::default();
        let two = of(&[Property::Secrecy, Property::Order]);
        assert!(all.has(Property::Secrecy) && all.with(&two).has(Property::Order));
        assert!(!two.with(&all).has(Property::Robustness));
        let one = two.with(&of(&[Property::Order, Property::Robustness]));
        assert_eq!(one.only, Some(BTreeSet::from([Property::Order])));
    }
}
