//! New keys for every system work, and broken ones are named.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by panicking"
)]

use std::collections::{BTreeMap, VecDeque};

use protocol::endpoint::{
    Command, Conn, Endpoint, Fact, Input, Kind, Message, Output, PortIndex, Side, Tick,
};
use protocol::entropy::Entropy;
use protocol::keyfiles::{Account, KeyError, KeyFiles, KeyProblem, KeySource};
use protocol::pki::armour;
use protocol::pki::users::{LAB, Names, Scheme, Users};
use protocol::suite;
use protocol::system::Wanted;
use protocol::system::{EPOCH, Setup, System};
use protocol::systems::SYSTEMS;
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
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        let scheme = match path {
            suite::AUTH => Scheme::Sha256,
            suite::PASSWORDS => Scheme::Argon2id,
            _ => return self.0.read_bytes(path),
        };
        let Some(text) = self.0.read(path)? else { return Ok(None) };
        let Ok(mut users) = Users::from_text(scheme, &text) else { return Ok(Some(text.into())) };
        let entropy = &mut Entropy::new(1, "salt");
        users.register("ann", "secret", Names::Checked, LAB, entropy).unwrap();
        Ok(Some(users.to_text().into()))
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
    let mut opening = vec![PortIndex(0)];
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
            // A system without keys has no strangers.
            if system.keys.files.is_empty() {
                continue;
            }
            let strangers = converse(system, profile, [&ours, &theirs]);
            assert!(!delivered(&strangers), "{case}");
            assert!(strangers.iter().any(|fact| matches!(fact, Fact::Rejected(_))), "{case}");
        }
    }
}

/// As the published server does at its start.
#[test]
fn a_server_of_helo_issues_its_certificate_where_there_is_none() {
    let helo = SYSTEMS.iter().find(|system| system.name == "helo").unwrap();
    let whole = generate(helo, 1, 2);
    let mut keys = whole.clone();
    keys.remove("certificates/server_certificate.json");
    for profile in [Profile::as_built(helo), Profile::HARDENED] {
        let facts = converse(helo, profile, [&whole, &keys]);
        assert!(facts.iter().any(|fact| matches!(fact, Fact::Delivered(_))), "{}", profile.name());
    }
    // Not without the authority's key, and not for a device.
    let setup = |number| Setup { epoch: NOW, ..Setup::lab(Profile::HARDENED, 1, number) };
    keys.remove("keys/ca_private_key.pem");
    let error = (helo.keys.server)(setup(0), &keys).err().unwrap();
    assert_eq!(
        error.to_string(),
        "certificates/server_certificate.json: missing; expected a JSON certificate"
    );
    let mut keys = whole.clone();
    keys.remove("certificates/device_certificate.json");
    let error = (helo.keys.client)(setup(1), &keys).err().unwrap();
    assert_eq!(error.path, "certificates/device_certificate.json");
    // One that is there and broken is not replaced.
    let mut keys = whole;
    keys.insert("certificates/server_certificate.json".to_owned(), "{}".to_owned());
    assert!((helo.keys.server)(setup(0), &keys).is_err());
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

/// Files as they are on a disk, with a user.
struct Disk(BTreeMap<String, Vec<u8>>, Option<Account>);

impl KeySource for Disk {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        Ok(self.0.get(path).cloned())
    }

    fn account(&self) -> Option<Account> {
        self.1.clone()
    }
}

/// Writes what is in a file in another way.
type Rewrite = fn(&armour::Block) -> Vec<u8>;

/// A folder may have been through other programs: DER, lines of another length, text around them in another encoding.
#[test]
fn keys_and_certificates_may_be_written_in_other_ways() {
    for system in SYSTEMS {
        let keys = generate(system, 1, 1);
        let account = Folder(&keys).account();
        let setup = |number| Setup { epoch: NOW, ..Setup::lab(Profile::HARDENED, 1, number) };
        let ways: [(&str, Rewrite); 2] = [
            ("DER", |block| block.der.to_vec()),
            ("text around", |block| {
                let pem = block.to_pem().unwrap().replace('\n', "  \r\n");
                [b"caf\xe9\r\n", pem.as_bytes(), b"\xff"].concat()
            }),
        ];
        for (way, rewrite) in ways {
            let rewritten = keys.iter().map(|(path, text)| {
                let pem = text.starts_with("-----BEGIN ");
                let block = || armour::read(text.as_bytes()).unwrap().remove(0);
                (path.clone(), if pem { rewrite(&block()) } else { text.clone().into_bytes() })
            });
            let disk = Disk(rewritten.collect(), account.clone());
            let client = (system.keys.client)(setup(1), &disk).err();
            let server = (system.keys.server)(setup(0), &disk).err();
            assert_eq!((client, server), (None, None), "{} {way}", system.name);
        }
    }
}

#[test]
fn why_a_key_or_certificate_will_not_do_is_said() {
    let csr = SYSTEMS.iter().find(|system| system.name == "csr").unwrap();
    let keys = generate(csr, 1, 1);
    let said = |path: &str, text: &str| {
        let mut broken = keys.clone();
        broken.insert(path.to_owned(), text.to_owned());
        let setup = Setup { epoch: NOW, ..Setup::lab(Profile::HARDENED, 1, 1) };
        (csr.keys.client)(setup, &broken).err().unwrap().to_string()
    };
    let (key, cert) = ("device_server/device_private_key.pem", "device_server/device_cert.pem");
    let ca = "ca/ca_certificate.pem";
    for (path, text, expected) in [
        (key, &keys[key].replace("RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "encrypted; only"),
        (key, &keys[cert], "but: \"CERTIFICATE\""),
        (key, &keys[key].replace("END", "FIN"), "begins in line 1 has no END line"),
        (key, &keys[key].replace("MII", "M*I"), "begins in line 1 is not Base64"),
        (
            cert,
            &include_str!("openssl/party-bmp.pem").to_owned(),
            "ca_certificate.pem: another issuer",
        ),
        (
            ca,
            &include_str!("openssl/root-utf8.pem").to_owned(),
            "ca_certificate.pem: another issuer",
        ),
    ] {
        let said = said(path, text);
        assert!(said.contains(expected), "{path}: {said}");
    }
}
