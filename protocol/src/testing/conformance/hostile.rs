//! What a system withstands: bytes that are none of its frames, changed bits, a peer that falls silent, and a thief of its memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand_core::Rng;

use super::super::talk::{Network, Step, Talk, Told, digest, profiles, script, tell};
use super::moments::{LATE, SIDES, delivered, messages, places, sent, soup};
use crate::endpoint::{Check, Claim, Conn, Endpoint, Fact, Side, Tick};
use crate::entropy::Entropy;
use crate::layout::Deframer;
use crate::system::{System, WeaknessInfo};
use crate::weakness::{Profile, Weakness};

/// As long as an end may pause.
const SHORT: Duration = Duration::from_millis(200);

/// A thief has the memory of an end and other randomness, where the system offers it.
pub fn stolen_memory(system: &System) {
    for side in SIDES {
        for (before, step) in places(system, Profile::HARDENED, side) {
            let name = (system.name, side, &step.told);
            let Some(stolen) = before.compromised(1) else { return };
            let thief = |seed| before.compromised(seed).map(|thief| digest(&*thief));
            assert_eq!(Some(digest(&*stolen)), thief(1), "{name:?}");
            assert_ne!(thief(1), thief(2), "{name:?}");
            assert_ne!(thief(1), Some(digest(&*before)), "{name:?}");
            assert_eq!(before.buffered(), stolen.buffered(), "{name:?}");
        }
    }
}

/// Under every profile a thief makes of each frame in [`System::sealed`] the frame itself, if it changes nothing, and the end never
/// notices. Nothing comes of a frame on another connection, of the beginning of one, and of bytes that are none.
pub fn rewriting(system: &System) {
    for profile in profiles(system) {
        let layout = Arc::new((system.layout)(profile));
        let mut rewritten = 0;
        for side in SIDES {
            let (mut ports, mut cutters) = (BTreeMap::new(), BTreeMap::new());
            for (end, step) in places(system, profile, side) {
                if let Told::Opened(conn, port) = step.told {
                    ports.insert(conn, port);
                }
                let Told::Received(conn, bytes) = &step.told else { continue };
                let fresh = || Deframer::new(layout.clone(), ports[conn], side.other());
                let mut frames = Vec::new();
                cutters.entry(*conn).or_insert_with(fresh).push(&bytes.clone().into(), &mut frames);
                let name = (system.name, profile.name(), frames.first().map(|it| it.spec.name));
                let before = digest(&*end);
                let Some(thief) = end.compromised(3) else { return };
                let rewrite = |conn, bytes: &[u8]| thief.rewrite(conn, bytes, &mut |_| {});
                let is_sealed = name.2.is_some_and(|it| system.sealed.contains(&it));
                if is_sealed && step.did.contains("found: Frame") && !step.did.contains("Rejected")
                {
                    rewritten += 1;
                    assert_eq!(rewrite(*conn, bytes).as_deref(), Some(&bytes[..]), "{name:?}");
                }
                for other in (1..4).map(Conn).filter(|other| other != conn) {
                    assert_eq!(rewrite(other, bytes), None, "{name:?}: on {other:?}");
                }
                for cut in [0, 1, 5, bytes.len() / 2].into_iter().filter(|cut| *cut < bytes.len()) {
                    assert_eq!(rewrite(*conn, &bytes[..cut]), None, "{name:?}: {cut} bytes");
                }
                assert_eq!(rewrite(*conn, &vec![0xff; bytes.len()]), None, "{name:?}");
                assert_eq!(digest(&*end), before, "{name:?}: the end noticed");
            }
        }
        let name = (system.name, profile.name());
        let enough = if profile == Profile::HARDENED { 3 } else { 1 };
        assert!(system.sealed.is_empty() || rewritten >= enough, "{name:?}: {rewritten} are few");
    }
}

/// Under every profile, nothing that arrives at any moment makes an end panic, hold more than has arrived, or say twice how a
/// connection ended: neither random bytes nor the beginning of a frame with random bytes behind it, a frame that is cut short or has a
/// changed bit. Nor do connections that nobody opened.
pub fn garbage(system: &System) {
    let mut entropy = Entropy::new(7, "garbage");
    for profile in profiles(system) {
        for side in SIDES {
            for (before, step) in places(system, profile, side) {
                let mut wrong = vec![(Conn(1), soup(&mut entropy, 600))];
                // At a time-out an end may have something to do, whatever it is told.
                if !matches!(step.told, Told::Timeout) {
                    wrong.push((Conn(9), b"hello".to_vec()));
                }
                if let Told::Received(conn, bytes) = &step.told
                    && !bytes.is_empty()
                {
                    let at = entropy.next_u32() as usize % bytes.len();
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << (entropy.next_u32() % 8);
                    let head = &bytes[..bytes.len().min(at % 32)];
                    let behind = [head, &soup(&mut entropy, 600)].concat();
                    let cut = bytes[..at].to_vec();
                    wrong.extend([changed, behind, cut].map(|wrong| (*conn, wrong)));
                }
                for (conn, bytes) in wrong {
                    let mut endpoint = before.fork();
                    let held = endpoint.buffered();
                    let out = tell(&mut *endpoint, step.at, &Told::Received(conn, bytes.clone()));
                    let name = (system.name, profile.name(), side, conn);
                    assert!(endpoint.buffered() <= held + bytes.len(), "{name:?}: {bytes:02x?}");
                    if conn == Conn(9) {
                        assert!(out.claims.is_empty() && out.writes.is_empty(), "{name:?}");
                        assert_eq!(digest(&*endpoint), digest(&*before), "{name:?}");
                    }
                    let more = [Told::Timeout, Told::Closed(conn), Told::Timeout];
                    let after = more.map(|told| tell(&mut *endpoint, step.at, &told));
                    let claims = out.claims.iter().chain(after.iter().flat_map(|out| &out.claims));
                    let ended =
                        |claim: &&Claim| claim.conn == conn && matches!(claim.fact, Fact::Ended(_));
                    assert!(claims.filter(ended).count() <= 1, "{name:?}: {bytes:02x?}");
                }
            }
        }
    }
}

/// A server that knows time-outs gives up on a client that falls silent, whenever that is. With [`Weakness::NoTimeout`], if the system
/// has that, both ends wait.
pub fn silence(system: &System) {
    let patient = Profile::only(Weakness::NoTimeout);
    let is_patient = system.planted(Weakness::NoTimeout).is_some();
    for profile in [Profile::HARDENED].into_iter().chain(is_patient.then_some(patient)) {
        let mut open = false;
        for (mut server, step) in places(system, profile, Side::Server) {
            let name = (system.name, profile.name(), &step.told);
            if open {
                let claims = tell(&mut *server, LATE, &Told::Timeout).claims;
                let timeout = |claim: &Claim| match claim.fact {
                    Fact::Rejected(reject) => reject.check == Check::Timeout,
                    _ => false,
                };
                let gives_up = claims.iter().any(timeout);
                let waits = profile == patient;
                assert_eq!(gives_up, !waits, "{name:?}");
                assert!(waits || server.buffered() == 0, "{name:?}: it keeps what nobody reads");
            }
            open |= matches!(step.told, Told::Opened(..));
            open &= !step.did.contains("Ended(");
        }
        let gives_up = patience(system, profile, Side::Client) != BTreeSet::from([None]);
        assert!(!gives_up || profile != patient, "{}: the client gives up", system.name);
    }
}

/// After how many seconds an end gives up on a peer that says nothing more, at every moment of a conversation; nothing where it
/// does not.
pub fn patience(system: &System, profile: Profile, side: Side) -> BTreeSet<Option<u64>> {
    let timeout = |claim: &Claim| matches!(claim.fact, Fact::Rejected(reject) if reject.check == Check::Timeout);
    let waits = |(end, step): (Box<dyn Endpoint>, Step)| {
        let gives_up = |at| tell(&mut *end.fork(), at, &Told::Timeout).claims.iter().any(timeout);
        let after = |seconds| step.at.after(Duration::from_secs(seconds));
        let first = (1..=120).find(|seconds| gives_up(after(*seconds)))?;
        (!gives_up(Tick(after(first).0 - 1))).then_some(first)
    };
    places(system, profile, side).map(waits).collect()
}

/// One bit of what is sent arrives changed. Under no profile an end panics or says twice how a connection ended. Where a system seals its
/// messages, nothing is delivered that was not sent, unless a profile leaves out what would notice.
pub fn flipped_bits(system: &System) {
    let open =
        [Weakness::UnkeyedHash, Weakness::GoesOnAfterFailure, Weakness::HeaderNotAuthenticated];
    let mut entropy = Entropy::new(7, "flipped bits");
    for profile in profiles(system) {
        let script = script(system, 2);
        let segments = Talk::new(system, profile, 7, &script).sent.len();
        // What the weaknesses of other people's systems leave out, nobody here knows.
        let mut lacks = system.planted.iter().filter(|planted| profile.has(planted.weakness));
        let is_known = |it: &WeaknessInfo| {
            Weakness::ALL.contains(&it.weakness) && !open.contains(&it.weakness)
        };
        let notices = !system.sealed.is_empty() && lacks.all(is_known);
        for _ in 0..4 {
            let nth = entropy.next_u32() as usize % segments;
            let (place, bit) = (entropy.next_u32() as usize, entropy.next_u32() % 8);
            let mut seen = 0;
            let network: Network<'_> = &mut |_, bytes| {
                let mut bytes = bytes.to_vec();
                if seen == nth && !bytes.is_empty() {
                    let at = place % bytes.len();
                    bytes[at] ^= 1 << bit;
                }
                seen += 1;
                vec![bytes]
            };
            let talk = Talk::over(system, profile, 7, &script, SHORT, network);
            let name = (system.name, profile.name(), nth, place, bit);
            let sent = messages(&talk.claims, sent);
            let delivered = messages(&talk.claims, delivered);
            assert!(!notices || delivered.iter().all(|it| sent.contains(it)), "{name:?}");
            let mut ended = BTreeSet::new();
            for claim in talk.claims.iter().filter(|it| matches!(it.fact, Fact::Ended(_))) {
                assert!(ended.insert((claim.conn, claim.local.clone())), "{name:?}");
            }
        }
    }
}
