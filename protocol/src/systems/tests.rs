//! The five conform; and the labels of their session secrets are those that are declared and documented.

use std::collections::BTreeSet;

use super::{SYSTEMS, system};
use crate::endpoint::{Conn, PortIndex, Side, Tick};
use crate::testing::{
    Talk, Told, conformance, digest, end, fresh_vectors, patience, places, profiles, script, tell,
};
use crate::weakness::Profile;

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

#[test]
fn an_end_gives_up_after_five_seconds_and_a_server_with_nothing_to_wait_for_after_a_minute() {
    for system in SYSTEMS {
        let waits = |side| Vec::from_iter(patience(system, Profile::HARDENED, side));
        assert_eq!(waits(Side::Client), [None, Some(5)], "{}", system.name);
        // The server of `ccm` speaks, and is owed something to the end.
        let server = [None, Some(5), Some(60)];
        let server = if system.name == "ccm" { &server[..2] } else { &server[..] };
        assert_eq!(waits(Side::Server), server, "{}", system.name);
    }
}

#[test]
fn each_weakness_is_checked_where_the_table_says() {
    for system in SYSTEMS {
        for planted in system.planted {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
            let code = std::fs::read_to_string(format!("{root}{}", planted.code)).unwrap();
            let check = format!("Weakness::{:?})", planted.weakness);
            assert!(code.contains(&check), "{}: {}", system.name, planted.code);
        }
    }
}

#[test]
fn sessions_with_other_clients_have_other_digests() {
    for system in SYSTEMS {
        // Servers of one seed, in the middle of sessions with clients of two seeds: their own randomness is equally far.
        let middle = |seed| {
            let mut client = end(system, Profile::HARDENED, seed, Side::Client);
            let mut server = end(system, Profile::HARDENED, 7, Side::Server);
            let open = Told::Opened(Conn(1), PortIndex(0));
            tell(&mut *server, Tick(0), &open);
            for (conn, bytes) in tell(&mut *client, Tick(0), &open).writes {
                tell(&mut *server, Tick(0), &Told::Received(conn, bytes));
            }
            digest(&*server)
        };
        if system.name == "helo" {
            // The first frame of a device is its certificate, which is the same in every session.
            assert_eq!(middle(7), middle(8));
        } else {
            assert_ne!(middle(7), middle(8), "{}", system.name);
        }
    }
}

#[test]
fn what_waits_in_a_clients_queue_is_in_its_digest() {
    for system in SYSTEMS {
        let script = script(system, 2);
        let mut compared = 0;
        let mut open = false;
        for (here, step) in places(system, Profile::HARDENED, Side::Client) {
            if open {
                let mut there = here.fork();
                let out = tell(&mut *there, step.at, &Told::Command(script[0].clone()));
                // Sent at once or kept for later, the end is another.
                assert_ne!(digest(&*here), digest(&*there), "{}: {out:?}", system.name);
                compared += 1;
            }
            match step.told {
                Told::Opened(Conn(1), _) => open = true,
                _ if step.did.contains("Ended(") => open = false,
                _ => {}
            }
        }
        assert!(compared > 5, "{}: {compared} are few", system.name);
    }
}

#[test]
fn the_wake_up_an_end_has_asked_for_is_in_its_digest() {
    let (soon, late) = (Tick(3_000_000_000), Tick(5_000_000_000));
    for system in SYSTEMS {
        // Both heard the last byte at the same time; one has asked to be woken sooner, and will ask again then.
        let ends = [Tick(0), soon].map(|opened| {
            let mut server = end(system, Profile::HARDENED, 7, Side::Server);
            tell(&mut *server, opened, &Told::Opened(Conn(1), PortIndex(0)));
            tell(&mut *server, soon, &Told::Received(Conn(1), vec![0]));
            server
        });
        let wakes = ends.each_ref().map(|server| {
            tell(&mut *server.fork(), late, &Told::Timeout).wake.is_some_and(|at| at > late)
        });
        let [first, second] = ends;
        assert_ne!(digest(&*first), digest(&*second), "{}: {wakes:?}", system.name);
    }
}
