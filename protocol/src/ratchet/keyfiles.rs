//! `ratchet` with master keys of a file: a line a client, `<id> <key in hex>`. The published program has its keys
//! in its source.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::crypto::checksum::{from_hex, hex};
use crate::endpoint::Endpoint;
use crate::keyfiles::{KeyError, KeyFiles, KeyProblem, KeySource, need};
use crate::ratchet::keys::CLIENTS;
use crate::ratchet::{Keyring, client, server};
use crate::system::{KeySet, Wanted};
use crate::weakness::Profile;

/// The table entry.
pub(super) const KEYS: KeySet = KeySet {
    files: &[(MASTERS, "a line a client: its id from 1 to 255, a space, its key in hex")],
    client: |setup, source| {
        let keyring = keyring(source)?;
        let known = u8::try_from(setup.number).ok().and_then(|id| keyring.master(id));
        known.ok_or(KeyError::new(MASTERS, KeyProblem::Not("with a key for this client")))?;
        Ok(client(setup, &keyring))
    },
    server: |setup, source| -> Result<Box<dyn Endpoint>, KeyError> {
        Ok(server(setup, keyring(source)?))
    },
    layout: None,
    lab: None,
    fresh: None,
    generate,
};

const MASTERS: &str = "master_keys.txt";
/// A key of at least this many bytes is asked for: 128 bits.
const SHORTEST: usize = 16;
const LONGEST: usize = 64;

pub(super) fn keyring(source: &dyn KeySource) -> Result<Keyring, KeyError> {
    let text = need(source, MASTERS, "the clients' master keys")?;
    let mut masters = BTreeMap::new();
    for (at, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let expected = "an id from 1 to 255, a space, and 32 to 128 hexadecimal digits";
        let wrong = |expected| KeyError::new(MASTERS, KeyProblem::Line { line: at, expected });
        let (id, key) = line.trim().split_once(' ').ok_or(wrong(expected))?;
        let id: u8 = id.parse().ok().filter(|id| *id > 0).ok_or(wrong(expected))?;
        let key = from_hex(key.trim()).ok_or(wrong(expected))?;
        if !(SHORTEST..=LONGEST).contains(&key.len()) {
            return Err(wrong(expected));
        }
        if masters.insert(id, key).is_some() {
            return Err(wrong("each id once"));
        }
    }
    if masters.is_empty() {
        return Err(KeyError::new(MASTERS, KeyProblem::Missing("a key")));
    }
    Ok(Keyring::new(masters))
}

fn generate(wanted: &mut Wanted<'_>) -> Result<KeyFiles, KeyError> {
    let mut masters = BTreeMap::new();
    for number in 1..=wanted.clients {
        let id = u8::try_from(number);
        let unmakeable =
            |_| KeyError::new(MASTERS, KeyProblem::Unmakeable("more than 255 clients"));
        masters.insert(id.map_err(unmakeable)?, wanted.entropy.bytes::<32>().to_vec());
    }
    Ok(file(masters.iter().map(|(id, key)| (*id, key.as_slice()))))
}

/// The lab's keys: those of the published program can be guessed.
pub(super) fn lab(profile: Profile) -> KeyFiles {
    let lab = Keyring::lab(profile);
    file((1..=CLIENTS).filter_map(|id| Some((id, lab.master(id)?))))
}

/// The file with these keys.
fn file<'a>(masters: impl Iterator<Item = (u8, &'a [u8])>) -> KeyFiles {
    let mut text = String::new();
    for (id, key) in masters {
        let _ = writeln!(text, "{id} {}", hex(key));
    }
    KeyFiles::from([(MASTERS.to_owned(), text)])
}
