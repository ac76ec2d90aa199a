//! What the secrets of a session open of it. The sessions of `ccm` are recorded in its own tests.

use super::decrypt_recording::{record, recorded, told};
use super::*;
use crate::session_secret::SessionSecret;
use crate::weakness::Weakness;

fn open(system: &System, profile: Profile, secrets: &[SessionSecret], pair: &Pair) -> Vec<Message> {
    let opened = (system.secrets.open)(profile, secrets, &recorded(&pair.frames));
    opened.into_iter().map(|(_, message)| message).collect()
}

#[test]
fn the_secrets_of_either_end_open_everything_that_was_delivered() {
    each(|system, _, profile| {
        let pair = record(system, profile);
        let told = told(&pair);
        for secrets in &pair.secrets {
            let opened = open(system, profile, secrets, &pair);
            // A device of csr claims nothing of a reply, which is a text all the same.
            let opened = opened.iter().filter(|message| told.contains(message));
            assert!(opened.eq(&told), "{} {}", system.name, profile.name());
            for secret in secrets {
                let known = |(label, _): &(&str, &str)| *label == secret.label;
                assert!(system.secrets.labels.iter().any(known), "{}", secret.label);
                assert!(!format!("{secret:?}").contains(&format!("{:?}", secret.value)));
            }
        }
    });
}

#[test]
fn without_its_secrets_or_with_others_a_session_stays_closed() {
    each(|system, _, profile| {
        let pair = record(system, profile);
        assert_eq!(open(system, profile, &[], &pair), [], "{}", system.name);
        let others: Vec<SessionSecret> = pair.secrets[0]
            .iter()
            .map(|secret| SessionSecret::new(secret.label, &vec![7; secret.value.len()]))
            .collect();
        assert_eq!(open(system, profile, &others, &pair), [], "{}", system.name);
        for length in [0, 1, 15, 33, 1000] {
            let broken: Vec<SessionSecret> = pair.secrets[0]
                .iter()
                .map(|secret| SessionSecret::new(secret.label, &vec![7; length]))
                .collect();
            assert_eq!(open(system, profile, &broken, &pair), [], "{}", system.name);
        }
    });
}

/// An update that mixes in something new is a new secret; one that does not follows from the first.
#[test]
fn a_session_has_as_many_secrets_as_it_needs() {
    let count = |system: &System, profile| record(system, profile).secrets[0].len();
    let updating = systems().filter(|system| count(system, Profile::HARDENED) > 2);
    assert!(updating.count() >= 2);
    let weakness = Weakness::RatchetFromPublicInput;
    for system in systems().filter(|system| system.planted(weakness).is_some()) {
        assert!(count(system, Profile::HARDENED) > 2, "{}", system.name);
        assert_eq!(count(system, Profile::only(weakness)), 1, "{}", system.name);
    }
}

/// A key log may say of a connection whatever it likes: also that it is another system's.
#[test]
fn frames_of_another_system_open_to_nothing() {
    let both = |system: &System| [Profile::as_built(system), Profile::HARDENED];
    for system in systems() {
        for profile in both(system) {
            let pair = record(system, profile);
            for other in systems().filter(|other| other.name != system.name) {
                for profile in both(other) {
                    let secrets = record(other, profile).secrets.concat();
                    assert_eq!(open(other, profile, &secrets, &pair), [], "{}", other.name);
                }
            }
        }
    }
}
