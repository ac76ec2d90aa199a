//! What holds for every system, whatever its profile: one call puts a system through it. What a network, a silent peer or a thief may
//! do is in `conformance/hostile.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use rand_core::Rng;

use super::talk::{Step, Talk, Told, digest, end, profiles, script, tell};
use crate::endpoint::{
    Claim, Command, Conn, End, Endpoint, Fact, Message, Output, PortIndex, Side,
};
use crate::entropy::Entropy;
use crate::layout::{Deframer, Role};
use crate::system::System;
use crate::weakness::Profile;

mod hostile;
mod moments;

pub use hostile::{flipped_bits, garbage, patience, rewriting, silence, stolen_memory};
pub use moments::places;
use moments::{LATE, SIDES, delivered, messages, sent, soup};

/// Puts a system through everything below.
///
/// # Panics
/// It does not conform; the message says where.
pub fn conformance(system: &System) {
    honest(system);
    segmentation(system);
    forks(system);
    digests(system);
    half_frames(system);
    readings(system);
    stolen_memory(system);
    rewriting(system);
    garbage(system);
    silence(system);
    flipped_bits(system);
    fresh_vectors(system);
}

/// The facts of some claims, without fingerprints and log lines.
fn said(claims: &[Claim], side: Side) -> Vec<String> {
    let facts =
        claims.iter().filter(|claim| (claim.local.as_str() == "server") == (side == Side::Server));
    facts.map(|claim| format!("{:?}: {:?}", claim.conn, claim.fact)).collect()
}

/// Hardened, every message is sent and delivered, nothing is refused and every end is clean. Under every profile nothing is
/// delivered that was not sent, and the same seed gives the same conversation.
pub fn honest(system: &System) {
    for profile in profiles(system) {
        let name = (system.name, profile.name());
        let talk = Talk::new(system, profile, 7, &script(system, 2));
        let again = Talk::new(system, profile, 7, &script(system, 2));
        assert_eq!(talk.claims, again.claims, "{name:?}: the same seed, another conversation");
        let sent = messages(&talk.claims, sent);
        let delivered = messages(&talk.claims, delivered);
        assert!(
            delivered.iter().all(|it| sent.contains(it)),
            "{name:?}: delivered, and never sent"
        );
        assert!(!sent.is_empty(), "{name:?}: nothing was sent");
        if profile == Profile::HARDENED {
            assert_eq!(sent.len(), delivered.len(), "{name:?}: not all is delivered");
            let mut ends = 0;
            for claim in &talk.claims {
                match &claim.fact {
                    Fact::Rejected(reject) => panic!("{name:?}: refused: {reject}"),
                    Fact::Ended(how) => {
                        assert_eq!(*how, End::Clean, "{name:?}");
                        ends += 1;
                    }
                    _ => {}
                }
            }
            assert!(ends >= 2, "{name:?}: an end does not say how it ended");
        }
    }
}

/// Hardened, it does not matter how the network cuts what is sent.
pub fn segmentation(system: &System) {
    let whole = Talk::new(system, Profile::HARDENED, 7, &script(system, 2));
    for segment in [1, 7, 600] {
        let cut = Talk::cut(system, Profile::HARDENED, 7, &script(system, 2), segment);
        for side in SIDES {
            let name = (system.name, side, segment);
            assert_eq!(said(&cut.claims, side), said(&whole.claims, side), "{name:?}");
        }
    }
}

/// What a hostile or unlucky copy may be told.
fn noise(entropy: &mut Entropy) -> Told {
    let conn = Conn(1 + entropy.next_u32() % 4);
    match entropy.next_u32() % 6 {
        0 => Told::Received(conn, soup(entropy, 100)),
        1 => Told::Closed(conn),
        2 => Told::Opened(conn, PortIndex((entropy.next_u32() % 3) as u8)),
        3 => Told::Timeout,
        4 => Told::Command(Command::End),
        _ => Told::Command(Command::Send(Message::text("for nobody"))),
    }
}

/// An end never notices what becomes of a copy, and a copy that is told the same does the same, with the same digest.
pub fn forks(system: &System) {
    let mut entropy = Entropy::new(7, "noise");
    for profile in profiles(system) {
        for side in SIDES {
            let name = (system.name, profile.name(), side);
            for (mut original, step) in places(system, profile, side) {
                let before = digest(&*original);
                let (mut equal, mut other) = (original.fork(), original.fork());
                assert_eq!(digest(&*equal), before, "{name:?}");
                for _ in 0..3 {
                    tell(&mut *other, LATE, &noise(&mut entropy));
                }
                assert_eq!(digest(&*original), before, "{name:?}: the original noticed");
                for one in [&mut original, &mut equal] {
                    let did = tell(&mut **one, step.at, &step.told);
                    assert_eq!(format!("{did:?}"), step.did, "{name:?}: another step");
                }
                assert_eq!(digest(&*original), digest(&*equal), "{name:?}");
            }
        }
    }
}

/// Whether two ends do the same, told this and then that their connections close and that time has passed.
fn go_on_alike(one: &dyn Endpoint, other: &dyn Endpoint, step: &Step) -> bool {
    let go_on = |endpoint: &dyn Endpoint| -> Vec<String> {
        let mut endpoint = endpoint.fork();
        let end = Told::Command(Command::End);
        let closed = (1..4).map(|conn| Told::Closed(Conn(conn)));
        let told = [step.told.clone(), end].into_iter().chain(closed);
        let mut did: Vec<Output> = told.map(|told| tell(&mut *endpoint, step.at, &told)).collect();
        did.push(tell(&mut *endpoint, LATE, &Told::Timeout));
        did.iter().map(|out| format!("{out:?}")).collect()
    };
    go_on(one) == go_on(other)
}

/// Ends that go on differently have different digests, and so have those of other seeds and profiles.
pub fn digests(system: &System) {
    for side in SIDES {
        let fresh = digest(&*end(system, Profile::HARDENED, 7, side));
        assert_ne!(fresh, digest(&*end(system, Profile::HARDENED, 8, side)), "{}", system.name);
        let as_built = Profile::as_built(system);
        assert_ne!(fresh, digest(&*end(system, as_built, 7, side)), "{}", system.name);
        for profile in [as_built, Profile::HARDENED] {
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

/// Hardened, half a frame waits until the rest has come.
pub fn half_frames(system: &System) {
    let mut all = 0;
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
        assert!(compared > 0, "{}: the {side} receives nothing", system.name);
        all += compared;
    }
    assert!(all > 2, "{}: {all} are few", system.name);
}

/// Hardened, an honest frame counts as read when it arrives, and nothing does before. An end that never says how far it has read
/// is taken to read everything at once.
pub fn readings(system: &System) {
    let of = |out: &Output| -> Vec<(u32, usize, String)> {
        let readings = out.readings.iter();
        readings.map(|it| (it.conn.0, it.left, format!("{:?}", it.found))).collect()
    };
    let all: Vec<_> = SIDES
        .into_iter()
        .flat_map(|side| places(system, Profile::HARDENED, side))
        .map(|(mut before, step)| (of(&tell(&mut *before, step.at, &step.told)), step))
        .collect();
    if all.iter().all(|(read, _)| read.is_empty()) {
        return;
    }
    for (read, step) in all {
        let name = (system.name, step.side, &step.told);
        match &step.told {
            Told::Received(conn, _) => {
                assert_eq!(read, [(conn.0, 0, "Frame".to_owned())], "{name:?}");
            }
            _ => assert_eq!(read, [], "{name:?}"),
        }
    }
}

/// Every initialization vector and nonce of a hardened conversation, in the order of sending.
fn vectors(system: &System, talk: &Talk) -> Vec<Bytes> {
    let layout = Arc::new((system.layout)(Profile::HARDENED));
    let mut cutters = BTreeMap::new();
    let mut found = Vec::new();
    for (conn, side, bytes) in &talk.sent {
        let service = talk.ports.get(conn).copied().unwrap_or(PortIndex(0));
        let fresh = || Deframer::new(layout.clone(), service, *side);
        let mut frames = Vec::new();
        let cutter = cutters.entry((*conn, *side)).or_insert_with(fresh);
        cutter.push(&Bytes::from(bytes.clone()), &mut frames);
        let sent: Vec<Bytes> = frames.iter().map(|frame| frame.bytes.clone()).collect();
        assert_eq!(
            sent,
            std::slice::from_ref(bytes),
            "{}: a write is no frame of the layout",
            system.name
        );
        for frame in &frames {
            let fields = frame.spec.fields.iter();
            let fresh = fields.filter(|field| matches!(field.role, Role::Iv | Role::Nonce));
            found.extend(
                fresh.filter_map(|field| frame.field(field.name)).map(Bytes::copy_from_slice),
            );
        }
    }
    found
}

/// Hardened, no initialization vector and no nonce comes twice, also not in another session with the same keys; and every write is
/// one frame of the layout. How many there are.
pub fn fresh_vectors(system: &System) -> usize {
    let mut seen = BTreeSet::new();
    for (seed, each) in [(7, 6), (8, 2)] {
        let talk = Talk::new(system, Profile::HARDENED, seed, &script(system, each));
        for vector in vectors(system, &talk) {
            assert!(seen.insert(vector), "{}: one comes twice", system.name);
        }
    }
    seen.len()
}
