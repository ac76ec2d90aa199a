//! Weaknesses by name.

use protocol::system::System;
use protocol::weakness::Weakness;

use crate::toml_reader::Reader;

/// Whether any system has a weakness of that name.
pub(super) fn is_weakness(reader: &Reader, name: &str) -> bool {
    reader.registry.weaknesses().iter().any(|weakness| weakness.name() == name)
}

/// The weaknesses of any of these systems.
pub(super) fn weaknesses(systems: &[&'static System]) -> Vec<Weakness> {
    let mut found = Vec::new();
    for planted in systems.iter().flat_map(|system| system.planted) {
        if !found.contains(&planted.weakness) {
            found.push(planted.weakness);
        }
    }
    found
}
