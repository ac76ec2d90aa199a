//! New keys for every system work, and broken ones are named.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by panicking"
)]

use std::collections::VecDeque;

use protocol::endpoint::{
    Command, Conn, Endpoint, Fact, Input, Kind, Message, Output, Service, Side, Tick,
};
use protocol::entropy::Entropy;
use protocol::keyfiles::{Account, KeyError, KeyFiles, KeyProblem, KeySource, Wanted};
use protocol::pki::users::{LAB, Names, Scheme, Users};
use protocol::suite;
use protocol::systems::{EPOCH, SYSTEMS, Setup, System};
use protocol::weakness::Profile;

/// A day in another year than the lab's.
const NOW: u64 = EPOCH + 800 * 24 * 60 * 60;

fn generate(system: &System, seed: u64, clients: u32) -> KeyFiles {
    let entropy = &mut Entropy::new(seed, "new keys");
    (system.keys.generate)(&mut Wanted { entropy, from: NOW, clients }).unwrap()
}

/// A folder, and somebody who is registered in it.
struct Folder<'a>(&'a KeyFiles);

impl KeySource for Folder<'_> {
    fn read(&self, path: &str) -> Result<Option<String>, KeyError> {
        let scheme = match path {
            suite::AUTH => Scheme::Sha256,
            suite::PASSWORDS => Scheme::Argon2id,
            _ => return self.0.read(path),
        };
        let Some(text) = self.0.read(path)? else { return Ok(None) };
        let Ok(mut users) = Users::from_text(scheme, &text) else { return Ok(Some(text)) };
        let entropy = &mut Entropy::new(1, "salt");
        users.register("ann", "secret", Names::Checked, LAB, entropy).unwrap();
        Ok(Some(users.to_text()))
    }

    fn account(&self) -> Option<Account> {
        Some(Account::new("ann", "secret"))
    }
}

/// Let client 2 say one thing; what both ends did.
fn converse(system: &System, profile: Profile, keys: [&KeyFiles; 2]) -> Vec<Fact> {
    let keys = keys.map(Folder);
    let setup = |seed, number| Setup { epoch: NOW, ..Setup::lab(profile, seed, number) };
    let mut ends: [Box<dyn Endpoint>; 2] = [
        (system.keys.client)(setup(1, 2), &keys[0]).unwrap(),
        (system.keys.server)(setup(2, 0), &keys[1]).unwrap(),
    ];
    let text = system.carries.contains(&Kind::Text);
    let says = if text { Message::text("hi") } else { Message::numbers("1") };
    let mut todo: VecDeque<(Side, Conn, Vec<u8>)> = VecDeque::new();
    let mut facts = Vec::new();
    let mut last = 1;
    let mut now = Tick(0);
    let mut wakes = Vec::new();
    let mut opening = vec![Service(0)];
    let mut said = false;
    loop {
        let mut out = Output::default();
        let side = if let Some(service) = opening.pop() {
            let conn = Conn(last);
            last += 1;
            ends[1].step(now, Input::Opened(conn, service), &mut out);
            for (conn, bytes) in out.writes.drain(..) {
                todo.push_back((Side::Server, conn, bytes));
            }
            ends[0].step(now, Input::Opened(conn, service), &mut out);
            if !said {
                said = true;
                for command in [Command::Send(says.clone()), Command::End] {
                    ends[0].step(now, Input::Command(&command), &mut out);
                }
            }
            Side::Client
        } else if let Some((from, conn, bytes)) = todo.pop_front() {
            let to = from.other();
            ends[to as usize].step(now, Input::Received(conn, &bytes), &mut out);
            to
        } else if !wakes.is_empty() && now.millis() < 1000 {
            let (at, side): (Tick, Side) = wakes.remove(0);
            now = now.max(at);
            ends[side as usize].step(now, Input::Timeout, &mut out);
            side
        } else {
            return facts;
        };
        todo.extend(out.writes.drain(..).map(|(conn, bytes)| (side, conn, bytes)));
        facts.extend(out.claims.drain(..).map(|claim| claim.fact));
        wakes.extend(out.wake.map(|at| (at, side)));
        opening.append(&mut out.opens);
    }
}

fn delivered(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| matches!(fact, Fact::Delivered(_)))
}

#[test]
fn new_keys_carry_a_conversation_and_those_of_another_folder_do_not() {
    for system in SYSTEMS {
        let (ours, theirs) = (generate(system, 1, 2), generate(system, 2, 2));
        assert_eq!(generate(system, 1, 2), ours, "the same entropy, the same keys");
        for (path, _) in system.keys.files {
            assert!(ours.contains_key(*path), "{}: {path}", system.name);
        }
        for profile in [Profile::as_built(system), Profile::HARDENED] {
            let case = format!("{} {}", system.name, profile.name());
            assert!(delivered(&converse(system, profile, [&ours, &ours])), "{case}");
            let strangers = converse(system, profile, [&ours, &theirs]);
            assert!(!delivered(&strangers), "{case}");
            assert!(strangers.iter().any(|fact| matches!(fact, Fact::Rejected(_))), "{case}");
        }
    }
}

#[test]
fn a_missing_or_broken_file_is_named() {
    for system in SYSTEMS {
        let keys = generate(system, 1, 1);
        let setup = |number| Setup { epoch: NOW, ..Setup::lab(Profile::HARDENED, 1, number) };
        let errors = |keys: &KeyFiles| {
            let keys = &Folder(keys);
            let client = (system.keys.client)(setup(1), keys).err();
            [client, (system.keys.server)(setup(0), keys).err()]
        };
        assert_eq!(errors(&keys), [None, None], "{}", system.name);
        for (path, _) in system.keys.files {
            for text in
                ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
            {
                let mut broken = keys.clone();
                broken.insert((*path).to_owned(), text.to_owned());
                for error in errors(&broken).into_iter().flatten() {
                    assert_eq!(&error.path, path, "{}: {error}", system.name);
                }
            }
        }
        let none = errors(&KeyFiles::new());
        assert!(
            none.iter()
                .all(|error| { matches!(error.as_ref().unwrap().why, KeyProblem::Missing(_)) })
        );
    }
}
