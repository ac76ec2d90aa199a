//! `ratchet` with master keys of a file: a line a client, `<id> <key in hex>`. The published program has its keys
//! in its source.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::crypto::checksum::from_hex;
use crate::endpoint::Endpoint;
use crate::keyfiles::{KeyError, KeyFiles, KeyProblem, KeySet, KeySource, Wanted, need};
use crate::ratchet::{Keyring, client, server};

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
    lab: None,
    fresh: None,
    generate,
};

const MASTERS: &str = "master_keys.txt";
/// A key of at least this many bytes is asked for: 128 bits.
const SHORTEST: usize = 16;
const LONGEST: usize = 64;

fn keyring(source: &dyn KeySource) -> Result<Keyring, KeyError> {
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
    let mut text = String::new();
    for id in 1..=wanted.clients {
        if id > 255 {
            return Err(KeyError::new(MASTERS, KeyProblem::Unmakeable("more than 255 clients")));
        }
        let _ = write!(text, "{id} ");
        let key: [u8; 32] = wanted.entropy.bytes();
        for byte in key {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    Ok(KeyFiles::from([(MASTERS.to_owned(), text)]))
}
