//! Initialization vectors and nonces, on the wire of every system, in every direction and epoch: a value that comes a second time
//! is found here, whatever it was derived from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use protocol::endpoint::{Conn, PortIndex, Side};
use protocol::layout::{Deframer, Role};
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

use crate::net::{Talk, script};

/// Every initialization vector and nonce of a conversation, in the order of sending.
fn vectors(system: &System, talk: &Talk) -> Vec<Vec<u8>> {
    let layout = Arc::new((system.layout)(Profile::HARDENED));
    let mut cutters: BTreeMap<(Conn, Side), Deframer> = BTreeMap::new();
    let mut found = Vec::new();
    for (conn, side, bytes) in &talk.sent {
        let service = talk.ports.get(conn).copied().unwrap_or(PortIndex(0));
        let fresh = || Deframer::new(layout.clone(), service, *side);
        let cutter = cutters.entry((*conn, *side)).or_insert_with(fresh);
        let mut frames = Vec::new();
        cutter.push(&Bytes::from(bytes.clone()), &mut frames);
        for frame in frames {
            for field in &frame.spec.fields {
                if matches!(field.role, Role::Iv | Role::Nonce) {
                    found.push(frame.field(field.name).unwrap().to_vec());
                }
            }
        }
    }
    found
}

#[test]
fn no_initialization_vector_and_no_nonce_comes_twice() {
    for system in SYSTEMS {
        // Epochs of csr end with every second message, rounds of ratchet with every message.
        let talk = Talk::new(system, Profile::HARDENED, 7, &script(system, 6));
        let all = vectors(system, &talk);
        assert!(all.len() >= 12, "{}: {} vectors are few", system.name, all.len());
        let different: BTreeSet<&Vec<u8>> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{}: one comes twice", system.name);
    }
}

#[test]
fn nor_in_another_session_with_the_same_keys_of_the_lab() {
    for system in SYSTEMS {
        let mut seen = BTreeSet::new();
        for seed in [7, 8] {
            let talk = Talk::new(system, Profile::HARDENED, seed, &script(system, 2));
            for vector in vectors(system, &talk) {
                assert!(seen.insert(vector), "{}: one comes twice", system.name);
            }
        }
    }
}
