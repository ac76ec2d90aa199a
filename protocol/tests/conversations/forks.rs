//! Forks and digests of the ends of every system: an end never notices what becomes of a copy, ends with equal digests go on
//! alike, and whatever decides an end's future is in its digest.

use proptest::prelude::*;
use protocol::endpoint::{Command, Conn, Endpoint, Message, Output, PortIndex, Side, Tick};
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

use crate::net::{Step, Talk, Told, digest, end, profiles, script, tell};

/// What was told to one end, in a conversation with a message of every kind.
fn told(system: &System, profile: Profile, seed: u64, side: Side) -> Vec<Step> {
    let talk = Talk::new(system, profile, seed, &script(system, 2));
    talk.steps.into_iter().filter(|step| step.side == side).collect()
}

/// An end after these steps.
fn after(system: &System, profile: Profile, side: Side, steps: &[Step]) -> Box<dyn Endpoint> {
    let mut endpoint = end(system, profile, 7, side);
    for step in steps {
        let out = tell(&mut *endpoint, step.at, &step.told);
        assert_eq!(format!("{out:?}"), step.did, "the same again");
    }
    endpoint
}

/// What a hostile or unlucky copy may be told.
fn noise() -> impl Strategy<Value = Vec<Told>> {
    let conn = (1..5u32).prop_map(Conn);
    let one = prop_oneof![
        (conn.clone(), prop::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(conn, bytes)| Told::Received(conn, bytes)),
        conn.clone().prop_map(Told::Closed),
        (conn, 0..3u8).prop_map(|(conn, service)| Told::Opened(conn, PortIndex(service))),
        Just(Told::Timeout),
        Just(Told::Command(Command::End)),
        Just(Told::Command(Command::Send(Message::text("for nobody")))),
    ];
    prop::collection::vec(one, 1..6)
}

const SIDES: [Side; 2] = [Side::Client, Side::Server];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_end_never_notices_its_forks_and_equal_digests_go_on_alike(
        system in 0..SYSTEMS.len(),
        profile in any::<prop::sample::Index>(),
        side in 0..2usize,
        at in any::<prop::sample::Index>(),
        noise in noise(),
    ) {
        let (system, side) = (&SYSTEMS[system], SIDES[side]);
        let profile = *profile.get(&profiles(system));
        let steps = told(system, profile, 7, side);
        let at = at.index(steps.len() + 1);
        let (before, later) = steps.split_at(at);
        let mut original = after(system, profile, side, before);
        let digest_before = digest(&*original);
        let mut equal = original.fork();
        prop_assert_eq!(digest(&*equal), digest_before);
        let mut other = original.fork();
        let late = Tick(10_000_000_000_000);
        for told in &noise {
            tell(&mut *other, late, told);
        }
        prop_assert_eq!(digest(&*original), digest_before, "the original noticed");
        for step in later {
            let did = tell(&mut *original, step.at, &step.told);
            prop_assert_eq!(&format!("{did:?}"), &step.did, "the original does something else");
            let did = tell(&mut *equal, step.at, &step.told);
            prop_assert_eq!(&format!("{did:?}"), &step.did, "the equal one does something else");
            prop_assert_eq!(digest(&*original), digest(&*equal));
        }
    }
}

/// Every place of a conversation: the end as it is there, and what it is told next.
fn places(
    system: &'static System,
    profile: Profile,
    side: Side,
) -> impl Iterator<Item = (Box<dyn Endpoint>, Step)> {
    let mut endpoint = end(system, profile, 7, side);
    told(system, profile, 7, side).into_iter().map(move |step| {
        let here = endpoint.fork();
        tell(&mut *endpoint, step.at, &step.told);
        (here, step)
    })
}

/// Whether two ends do the same, told this and then that their connections close and that time has passed.
fn go_on_alike(one: &dyn Endpoint, other: &dyn Endpoint, step: &Step) -> bool {
    let go_on = |endpoint: &dyn Endpoint| -> Vec<String> {
        let mut endpoint = endpoint.fork();
        let end = Told::Command(Command::End);
        let closed = (1..4).map(|conn| Told::Closed(Conn(conn)));
        let told = [step.told.clone(), end].into_iter().chain(closed);
        let mut did: Vec<Output> = told.map(|told| tell(&mut *endpoint, step.at, &told)).collect();
        did.push(tell(&mut *endpoint, Tick(1 << 60), &Told::Timeout));
        did.iter().map(|out| format!("{out:?}")).collect()
    };
    go_on(one) == go_on(other)
}

#[test]
fn ends_that_go_on_differently_have_different_digests() {
    for system in SYSTEMS {
        for profile in [Profile::as_built(system), Profile::HARDENED] {
            for side in SIDES {
                let mut differ = 0;
                for (here, step) in places(system, profile, side) {
                    // Half of a segment, all of it, a command, the loss of a connection, and time.
                    let mut told = vec![
                        step.told.clone(),
                        Told::Command(Command::End),
                        Told::Closed(Conn(1)),
                        Told::Timeout,
                    ];
                    if let Told::Received(conn, bytes) = &step.told {
                        told.push(Told::Received(*conn, bytes[..bytes.len() / 2].to_vec()));
                    }
                    for told in told {
                        let mut there = here.fork();
                        tell(&mut *there, step.at, &told);
                        if !go_on_alike(&*here, &*there, &step) {
                            differ += 1;
                            let name = (system.name, profile.name(), side);
                            assert_ne!(digest(&*here), digest(&*there), "{name:?}: {told:?}");
                        }
                    }
                }
                assert!(differ > 0, "{}: nothing was compared", system.name);
            }
        }
    }
}

#[test]
fn other_seeds_profiles_and_sessions_have_other_digests() {
    for system in SYSTEMS {
        for side in SIDES {
            let name = (system.name, side);
            let fresh = digest(&*end(system, Profile::HARDENED, 7, side));
            assert_ne!(fresh, digest(&*end(system, Profile::HARDENED, 8, side)), "{name:?}");
            let as_built = end(system, Profile::as_built(system), 7, side);
            assert_ne!(fresh, digest(&*as_built), "{name:?}");
        }
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
