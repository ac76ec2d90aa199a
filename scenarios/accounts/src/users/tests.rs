//! People in a folder: what is registered, what is refused, and that nobody gets lost.

use std::fs;

use protocol::entropy::Entropy;
use protocol::suite::CA_KEY;
use protocol::system::System;
use protocol::systems::SYSTEMS;

use super::*;
use crate::user_files::Existing::{Keep, Replace};
use crate::user_files::WriteError;

/// A folder of one test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("meddle-people-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// With the lab's authority in it.
    fn with_authority(name: &str) -> Self {
        let scratch = Self::new(name);
        for (path, text) in (suite().keys.lab.unwrap())() {
            if path.starts_with("crypto") {
                write(&scratch.0.join(path), text.as_bytes(), Keep).unwrap();
            }
        }
        scratch
    }

    fn people(&self, profile: &str) -> UserFolder {
        UserFolder::of(&self.0, Profile::named(suite(), profile).unwrap()).unwrap()
    }

    /// Every file below, by its path.
    fn files(&self) -> Vec<String> {
        let (mut folders, mut files) = (vec![self.0.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&self.0).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn suite() -> &'static System {
    SYSTEMS.iter().find(|system| system.name == "suite").unwrap()
}

fn register(people: &UserFolder, name: &str, password: &str) -> Result<AccountKeys, UserError> {
    let mut entropy = Entropy::new(1, name);
    let making = &mut Making { entropy: &mut entropy, from: protocol::system::EPOCH };
    people.register(&Account::new(name, password), making)
}

#[test]
fn who_registers_gets_keys_and_a_certificate_and_can_log_in() {
    let scratch = Scratch::with_authority("register");
    for profile in ["as-built", "hardened"] {
        let people = scratch.people(profile);
        let name = format!("ann.{profile}");
        let made = register(&people, &name, "secret").unwrap();
        assert!(matches!(made.keys, Part::Made(_)) && matches!(made.certificate, Part::Made(_)));
        assert_eq!(people.names().unwrap(), std::slice::from_ref(&name));
        people.log_in(&Account::new(&*name, "secret")).unwrap();
        for wrong in [Account::new(&*name, "Secret"), Account::new("bob", "secret")] {
            let refused = people.log_in(&wrong).unwrap_err().to_string();
            assert_eq!(refused, "wrong user name or password");
        }
        let key = people.private_key(&name).unwrap();
        assert_eq!(people.public_key(&name).unwrap(), key.public_key());
        let certificate = people.certificate(&name).unwrap();
        assert_eq!(certificate.common_name(), Some(name));
        assert_eq!(certificate.public_key(), Ok(key.public_key()));
        assert!(certificate.names_as_issuer(&people.authority().unwrap()));
    }
    let store = fs::read_to_string(scratch.0.join(PASSWORDS)).unwrap();
    assert!(store.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "at the cost for real users");
}

#[test]
fn a_name_never_leaves_the_folder_whatever_the_store_takes() {
    let scratch = Scratch::new("names");
    let inner = scratch.0.join("inner");
    fs::create_dir_all(&inner).unwrap();
    let people =
        |profile| UserFolder::of(&inner, Profile::named(suite(), profile).unwrap()).unwrap();
    let hostile = ["../x", "..", "/x", "a/b", ".x", "a b", "Server", "server"];
    for name in hostile {
        let unsuited = AccountKeys { keys: Part::Unsuited, certificate: Part::Unsuited };
        assert_eq!(register(&people("as-built"), name, "x").unwrap(), unsuited, "{name}");
        assert!(register(&people("hardened"), name, "x").is_err(), "{name}");
        assert!(people("as-built").private_key(name).is_err(), "{name}");
    }
    assert_eq!(scratch.files(), ["inner/data/.lock", "inner/data/auth.txt"]);
    assert_eq!(people("as-built").names().unwrap(), hostile);
    // The weakness stays one: a name with a line end registers somebody else as well.
    let hash = "0".repeat(64);
    register(&people("as-built"), &format!("eve,{hash}\nmallory"), "x").unwrap();
    assert_eq!(people("as-built").names().unwrap()[hostile.len()..], ["eve", "mallory"]);
    // And one with a comma spoils the file, for everybody.
    register(&people("as-built"), "a,b", "x").unwrap();
    let refused = people("as-built").names().unwrap_err().to_string();
    assert!(refused.contains("auth.txt`: line 11: not a name, a comma and a hash"), "{refused}");
}

#[test]
fn what_cannot_be_registered_changes_nothing() {
    let scratch = Scratch::new("refused");
    let people = scratch.people("hardened");
    assert_eq!(
        register(&people, "ann", "").unwrap_err().to_string(),
        "a password has 1 to 128 bytes"
    );
    assert!(people.names().unwrap().is_empty());
    assert_eq!(scratch.files(), ["data/.lock"]);
    register(&people, "ann", "x").unwrap();
    assert_eq!(register(&people, "ann", "y").unwrap_err().to_string(), "that name is taken");
    let orphan = scratch.0.join("data/keys/bob_public.pem");
    fs::write(&orphan, "").unwrap();
    assert!(matches!(register(&people, "bob", "x"), Err(UserError::Orphan(_))));
    fs::write(scratch.0.join("data/keys/cat_private.pem"), "nonsense").unwrap();
    assert!(matches!(register(&people, "cat", "x"), Err(UserError::Credential(_))));
    assert_eq!(people.names().unwrap(), ["ann"]);
    let nowhere = UserFolder::of(&scratch.0.join("nowhere"), Profile::HARDENED).unwrap_err();
    assert!(nowhere.to_string().contains("no such folder"));
}

#[test]
fn registering_at_the_same_time_loses_nobody() {
    let scratch = Scratch::new("crowd");
    let people = scratch.people("as-built");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let people = &people;
            scope.spawn(move || {
                for number in 0..8 {
                    // A space: no keys, which would take their time.
                    register(people, &format!("user {thread}.{number}"), "x").unwrap();
                }
            });
        }
    });
    assert_eq!(people.names().unwrap().len(), 64);
    assert_eq!(scratch.files(), ["data/.lock", "data/auth.txt"]);
}

#[test]
fn an_imported_key_gets_a_certificate_and_replaces_only_on_demand() {
    let scratch = Scratch::with_authority("import");
    let people = scratch.people("as-built");
    register(&people, "ann", "x").unwrap();
    let import = |name: &str, bits: usize, existing| {
        let mut entropy = Entropy::new(2, "import");
        let key = PrivateKey::generate(&mut entropy, bits).unwrap();
        let making = &mut Making { entropy: &mut entropy, from: protocol::system::EPOCH };
        people.import_key(name, &key, making, existing).map(|_| key.public_key())
    };
    let before = people.public_key("ann").unwrap();
    assert!(matches!(import("ann", 2048, Keep), Err(UserError::Write(WriteError::Exists(_)))));
    assert!(matches!(import("ann", 1024, Replace), Err(UserError::Small(1024))));
    assert!(matches!(import("bob", 2048, Replace), Err(UserError::Nobody(_))));
    assert_eq!(people.public_key("ann").unwrap(), before);
    let key = import("ann", 2048, Replace).unwrap();
    assert_eq!(people.public_key("ann").unwrap(), key);
    assert_eq!(people.certificate("ann").unwrap().public_key(), Ok(key));
}

#[test]
fn who_is_removed_leaves_nothing_unless_the_other_file_has_them_too() {
    let scratch = Scratch::with_authority("remove");
    let [as_built, hardened] = ["as-built", "hardened"].map(|profile| scratch.people(profile));
    register(&as_built, "ann", "x").unwrap();
    let kept = register(&hardened, "ann", "y").unwrap();
    assert!(matches!(kept.keys, Part::Kept(_)) && matches!(kept.certificate, Part::Kept(_)));
    assert_eq!(as_built.remove("ann").unwrap(), Vec::<PathBuf>::new());
    assert!(matches!(as_built.remove("ann"), Err(UserError::Nobody(_))));
    hardened.log_in(&Account::new("ann", "y")).unwrap();
    assert_eq!(hardened.remove("ann").unwrap().len(), 3);
    assert!(!scratch.files().iter().any(|file| file.contains("ann")));
}

#[test]
fn why_the_authority_issues_no_certificate_is_said() {
    let scratch = Scratch::with_authority("unissued");
    let other = (suite().keys.lab.unwrap())()["server_private.pem"].clone();
    write(&scratch.0.join(CA_KEY), other.as_bytes(), Replace).unwrap();
    let people = scratch.people("as-built");
    let error = register(&people, "ann", "secret").unwrap_err().to_string();
    let said = "crypto/certificates/ca_cert.pem is not the certificate of the key in crypto/certificates/ca_key.pem";
    assert!(error.contains(said), "{error}");
}
