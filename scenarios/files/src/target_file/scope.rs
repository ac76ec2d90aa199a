//! What of a target is judged: the properties that it promises, and what is known to be wrong with it without any attack.

use std::collections::BTreeSet;

use judge::Scope;
use judge::property::{Outcome, Property};

use crate::toml_reader::{Node, Reader, Table};

/// The keys that a scenario, a file of targets and a target may have for this.
pub(crate) const KEYS: &[&str] = &["scope", "honest"];

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
        let Some(property) = name.and_then(Property::named) else { continue };
        if !found.insert(property) {
            let message = format!("`{}` stands in `scope` twice", property.name());
            reader.mistake(node.span(), message, "once is enough");
        }
    }
    found
}

fn faults(reader: &mut Reader, node: &Node<'_>) -> BTreeSet<Property> {
    let Some(table) = reader.open_table(node, "honest") else { return BTreeSet::new() };
    let (names, mut found) = (names(), BTreeSet::new());
    if table.entries().next().is_none() {
        let message = "`honest` names no property".to_owned();
        reader.mistake(node.span(), message, "such as `availability = \"violated\"`");
    }
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

    fn mistakes(source: &str) -> Vec<String> {
        let document = crate::toml_reader::document(source, 1 << 20).unwrap();
        let mut reader = Reader::new(source, protocol::registry::Registry::BUILTIN);
        let root = reader.root(document.get_ref(), KEYS);
        read(&mut reader, &root);
        reader.mistakes.iter().map(|mistake| mistake.message.clone()).collect()
    }

    #[test]
    fn what_says_nothing_or_says_it_twice_is_a_mistake() {
        assert_eq!(mistakes("scope = [\"order\"]\nhonest.availability = \"violated\""), [""; 0]);
        let twice = ["`order` stands in `scope` twice"];
        assert_eq!(mistakes("scope = [\"order\", \"order\"]"), twice);
        assert_eq!(mistakes("[honest]"), ["`honest` names no property"]);
        assert!(mistakes("honest.order = \"held\"")[0].contains("`held`"));
    }
}
