//! The five conform; and the labels of their session secrets are those that are declared and documented.

use std::collections::BTreeSet;

use super::{SYSTEMS, system};
use crate::testing::{Talk, conformance, fresh_vectors, profiles, script};

#[test]
fn ccm_conforms() {
    conformance(system("ccm").unwrap());
}

#[test]
fn csr_conforms() {
    conformance(system("csr").unwrap());
}

#[test]
fn helo_conforms() {
    conformance(system("helo").unwrap());
}

#[test]
fn ratchet_conforms() {
    conformance(system("ratchet").unwrap());
}

#[test]
fn suite_conforms() {
    conformance(system("suite").unwrap());
}

#[test]
fn every_system_has_vectors_or_nonces_in_its_frames() {
    for system in SYSTEMS {
        let found = fresh_vectors(system);
        assert!(found >= 12, "{}: {found} are few", system.name);
    }
}

/// They are part of a file format that other programs read: each is in the table of `docs/key-log.md`, and none comes into use that
/// its system does not declare.
#[test]
fn the_labels_in_use_are_those_that_are_declared_and_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/key-log.md");
    let document = std::fs::read_to_string(path).unwrap_or_default();
    for system in SYSTEMS {
        let mut used = BTreeSet::new();
        for profile in profiles(system) {
            used.extend(Talk::new(system, profile, 7, &script(system, 2)).labels);
        }
        let declared: BTreeSet<&str> =
            system.secrets.labels.iter().map(|(label, _)| *label).collect();
        assert_eq!(used, declared, "{}", system.name);
        let begin = format!("| `{}` | `", system.name);
        let documented: BTreeSet<&str> = document
            .lines()
            .filter_map(|line| line.strip_prefix(&begin)?.split('`').next())
            .collect();
        assert_eq!(documented, declared, "{}: docs/key-log.md", system.name);
    }
}
