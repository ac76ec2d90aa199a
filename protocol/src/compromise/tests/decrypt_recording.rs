//! Long-term keys that become known after a session was recorded. The sessions of `ccm` are recorded in its own tests.

use super::*;
use std::collections::BTreeSet;

use crate::compromise::RecordedFrame;
use crate::entropy::Entropy;
use crate::keyfiles::{Account, KeyError, KeyFiles, KeySource};
use crate::layout::{Frame, FrameSpec};
use crate::testing::{setup, untouched};
use crate::weakness::Weakness;

/// An honest session, with more texts than one.
pub(super) fn record(system: &System, profile: Profile) -> Pair {
    run(system, profile, &mut |_, _, _| None)
}

pub(super) fn recorded(frames: &[(Side, Frame)]) -> Vec<RecordedFrame<'_>> {
    let frames = frames.iter();
    frames
        .map(|(from, frame)| RecordedFrame { service: PortIndex(0), from: *from, frame })
        .collect()
}

fn read(system: &System, profile: Profile, keys: &KeyFiles, pair: &Pair) -> Vec<(usize, Message)> {
    (system.decrypt_recording.unwrap())(profile, keys, &recorded(&pair.frames))
}

/// Everything both ends gave to their applications, in order.
pub(super) fn told(pair: &Pair) -> Vec<Message> {
    pair.claims.iter().filter_map(|claim| delivered(claim.fact.clone())).collect()
}

#[test]
fn what_the_keys_of_the_lab_open_is_what_the_weakness_says() {
    each(|system, _, profile| {
        let pair = record(system, profile);
        let told = told(&pair);
        assert!(told.len() >= 3, "{} {}", system.name, profile.name());
        let read = read(system, profile, &(system.lab)(profile), &pair);
        let all = [Weakness::RatchetFromPublicInput, Weakness::StaticRsaTransport];
        let opens = if all.iter().any(|weakness| profile.has(*weakness)) {
            told.len()
        } else if profile.has(Weakness::ChallengeNotMixed) {
            // The shares of the handshake are exchanged and not mixed in: the first exchange opens.
            2
        } else {
            0
        };
        let case = format!("{} {}", system.name, profile.name());
        let messages: Vec<Message> = read.iter().map(|(_, message)| message.clone()).collect();
        assert_eq!(messages, told[..opens], "{case}");
        for (at, _) in &read {
            assert!(system.sealed.contains(&pair.frames[*at].1.spec.name), "{case}");
        }
        assert!(read.is_sorted_by_key(|(at, _)| *at), "{case}");
    });
}

/// The systems of which the lab's keys open something as built, each with an honest session, and the file that is needed for it.
fn opened() -> impl Iterator<Item = (&'static System, Profile, Pair, String)> {
    systems().filter_map(|system| {
        let profile = Profile::as_built(system);
        let (pair, keys) = (record(system, profile), (system.lab)(profile));
        let opens = |keys: &KeyFiles| !read(system, profile, keys, &pair).is_empty();
        if !opens(&keys) {
            return None;
        }
        let alone = |path: &&String| {
            opens(&KeyFiles::from([((*path).clone(), keys.get(*path).unwrap().clone())]))
        };
        let needed: Vec<String> = keys.keys().filter(alone).cloned().collect();
        let [needed] = &needed[..] else { panic!("{}: {needed:?}", system.name) };
        let needed = needed.clone();
        Some((system, profile, pair, needed))
    })
}

#[test]
fn one_file_is_enough_and_it_is_that_one() {
    let mut seen = 0;
    for (system, profile, pair, path) in opened() {
        let mut others = (system.lab)(profile);
        let one = KeyFiles::from([(path.clone(), others.remove(&path).unwrap())]);
        assert_eq!(read(system, profile, &one, &pair).len(), told(&pair).len(), "{}", system.name);
        assert_eq!(read(system, profile, &others, &pair), [], "{}", system.name);
        seen += 1;
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn other_keys_open_nothing() {
    // Every file of every system, and what is none.
    let labs = SYSTEMS.iter().flat_map(|system| {
        [Profile::as_built(system), Profile::HARDENED].map(|profile| (system.lab)(profile))
    });
    let mut contents: BTreeSet<String> = labs.flat_map(KeyFiles::into_values).collect();
    contents.extend(["no key", "1 00", ""].map(str::to_owned));
    for (system, profile, pair, path) in opened() {
        let own = (system.lab)(profile);
        // The same master keys may stand in a file of more of them.
        let own = own.get(&path).unwrap();
        for content in contents.iter().filter(|content| *content != own) {
            let wrong = KeyFiles::from([(path.clone(), content.clone())]);
            assert_eq!(read(system, profile, &wrong, &pair), [], "{} {path}", system.name);
        }
    }
}

/// Whatever stands in a frame, and whatever a frame is called.
#[test]
fn garbage_is_nothing_to_an_eavesdropper() {
    each(|system, _, profile| {
        let pair = record(system, profile);
        let keys = (system.lab)(profile);
        let mut entropy = Entropy::new(1, "garbage");
        let spoilt = |(from, frame): &(Side, Frame), bytes: Vec<u8>| {
            (*from, Frame { spec: frame.spec.clone(), bytes: Bytes::from(bytes) })
        };
        let mut garbage = Vec::new();
        for recorded in &pair.frames {
            let bytes = &recorded.1.bytes;
            let mut flipped = bytes.to_vec();
            let at = usize::from(entropy.bytes::<1>()[0]) % flipped.len();
            flipped[at] ^= 0x10;
            for bytes in [Vec::new(), bytes[..at].to_vec(), vec![0xff; bytes.len()], flipped] {
                garbage.push(spoilt(recorded, bytes));
            }
            let (from, frame) = recorded;
            for spec in &(system.layout)(Profile::HARDENED).frames {
                for from in [*from, from.other()] {
                    garbage.push((from, Frame { spec: spec.clone(), bytes: frame.bytes.clone() }));
                }
            }
            let raw = FrameSpec::raw().into();
            garbage.push((*from, Frame { spec: raw, bytes: frame.bytes.clone() }));
            // Everything so far stands in front of the honest frame.
            garbage.push(recorded.clone());
        }
        (system.decrypt_recording.unwrap())(profile, &keys, &recorded(&garbage));
        garbage.reverse();
        (system.decrypt_recording.unwrap())(profile, &keys, &recorded(&garbage));
    });
}

/// Frames that were held back, and one that came twice, do not keep an eavesdropper from the rest.
#[test]
fn records_open_in_any_order_where_keys_stay() {
    let kept = Weakness::StaticRsaTransport;
    for system in systems().filter(|system| system.planted(kept).is_some()) {
        let (name, profile) = (system.name, Profile::only(kept));
        let mut pair = record(system, profile);
        let honest = read(system, profile, &(system.lab)(profile), &pair);
        let last = honest.last().unwrap().0;
        let first = honest.first().unwrap().0;
        pair.frames.swap(first, last);
        let swapped = read(system, profile, &(system.lab)(profile), &pair);
        assert_eq!(swapped.first().unwrap().1, honest.last().unwrap().1, "{name}");
        assert_eq!(swapped.len(), honest.len(), "{name}");
    }
}

/// The lab's folder, and whose password the lab's first user types.
struct Folder(KeyFiles);

impl KeySource for Folder {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        self.0.read_bytes(path)
    }

    fn account(&self) -> Option<Account> {
        Some(Account::new(ACCOUNTS[0].0, ACCOUNTS[0].1))
    }
}

#[test]
fn the_files_of_the_lab_are_all_there_and_are_its_keys() {
    for system in SYSTEMS {
        // Of two password files a profile has one.
        let both = [Profile::as_built(system), Profile::HARDENED].map(system.lab);
        for (path, _) in system.keys.files {
            assert!(both.iter().any(|lab| lab.contains_key(*path)), "{} {path}", system.name);
        }
        for profile in profiles(system) {
            let folder = Folder((system.lab)(profile));
            for number in 1..=system.clients {
                let client = (system.keys.client)(setup(profile, number), &folder);
                assert!(client.is_ok(), "{} {number}: {:?}", system.name, client.err());
            }
            let server = (system.keys.server)(setup(profile, 0), &folder);
            assert!(server.is_ok(), "{}: {:?}", system.name, server.err());
        }
    }
}

/// A client with keys from the files, and the lab's server.
#[test]
fn the_lab_understands_whoever_has_its_files() {
    each(|system, _, profile| {
        let folder = Folder((system.lab)(profile));
        let client = (system.keys.client)(setup(profile, 1), &folder).unwrap();
        let server = (system.server)(setup(profile, 0));
        let mut pair = Pair::of(system, profile, client, server);
        pair.open();
        pair.commands(&script(system));
        pair.pump(&mut untouched);
        assert_eq!(told(&pair), told(&record(system, profile)), "{}", system.name);
    });
}
