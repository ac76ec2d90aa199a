//! What an end keeps: the bytes that wait for the rest of their frame, and its randomness, which no thief has.

use protocol::endpoint::{Endpoint, Output, Side};
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

use crate::net::{Step, Talk, Told, digest, end, script, tell};

/// What one end was told in an honest conversation, and the end as it was before.
fn places(system: &System, profile: Profile, side: Side) -> Vec<(Box<dyn Endpoint>, Step)> {
    let talk = Talk::new(system, profile, 7, &script(system, 1));
    let mut endpoint = end(system, profile, 7, side);
    let own = talk.steps.into_iter().filter(|step| step.side == side);
    own.map(|step| {
        let before = endpoint.fork();
        tell(&mut *endpoint, step.at, &step.told);
        (before, step)
    })
    .collect()
}

const SIDES: [Side; 2] = [Side::Client, Side::Server];

#[test]
fn half_a_frame_waits_until_the_rest_has_come() {
    for system in SYSTEMS {
        for side in SIDES {
            let mut compared = 0;
            for (before, step) in places(system, Profile::HARDENED, side) {
                let Told::Received(conn, bytes) = &step.told else { continue };
                let mut endpoint = before.fork();
                let (first, rest) = bytes.split_at(bytes.len() / 2);
                tell(&mut *endpoint, step.at, &Told::Received(*conn, first.to_vec()));
                let name = (system.name, side, compared);
                assert_eq!(endpoint.buffered(), first.len(), "{name:?}");
                tell(&mut *endpoint, step.at, &Told::Received(*conn, rest.to_vec()));
                assert_eq!(endpoint.buffered(), 0, "{name:?}");
                compared += 1;
            }
            assert!(compared > 1, "{}: {compared} are few", system.name);
        }
    }
}

#[test]
fn an_honest_frame_is_told_as_read_when_it_arrives_and_nothing_is_before() {
    let readings = |out: &Output| -> Vec<(u32, usize, String)> {
        let readings = out.readings.iter();
        readings.map(|it| (it.conn.0, it.left, format!("{:?}", it.found))).collect()
    };
    for system in SYSTEMS {
        for side in SIDES {
            for (mut before, step) in places(system, Profile::HARDENED, side) {
                let read = readings(&tell(&mut *before, step.at, &step.told));
                let name = (system.name, side, &step.told);
                match &step.told {
                    Told::Received(conn, _) => {
                        assert_eq!(read, [(conn.0, 0, "Frame".to_owned())], "{name:?}");
                    }
                    _ => assert_eq!(read, [], "{name:?}"),
                }
            }
        }
    }
}

#[test]
fn a_thief_has_the_memory_of_an_end_and_other_randomness() {
    for system in SYSTEMS {
        for side in SIDES {
            for (before, step) in places(system, Profile::HARDENED, side) {
                let name = (system.name, side, &step.told);
                let thief = |seed| digest(&*before.compromised(seed).unwrap());
                assert_eq!(thief(1), thief(1), "{name:?}");
                assert_ne!(thief(1), thief(2), "{name:?}");
                assert_ne!(thief(1), digest(&*before), "{name:?}");
                let (waits, kept) = (before.buffered(), before.compromised(1).unwrap().buffered());
                assert_eq!(waits, kept, "{name:?}");
            }
        }
    }
}
