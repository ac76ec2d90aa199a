//! Texts encrypted, hashed and signed. Keys, ciphertexts, hashes and signatures are hexadecimal digits. Every
//! question is asked before an answer is looked at: a mistake in one never turns the next into a choice.

use anyhow::{Result, anyhow, bail};
use files::diagnostic::{escape, quote};
use protocol::crypto::cbc::{self, Key128, Key256};
use protocol::crypto::checksum::{Algorithm, checksum, from_hex, hex, verify_hash};
use protocol::crypto::{Secret, sha256};

use super::Menu;
use super::console::say;

/// An AES key as the menu takes it.
enum Key {
    Short(Key128),
    Long(Key256),
}

pub(super) fn encrypt(menu: &mut Menu<'_>) -> Result<()> {
    let text = menu.console.ask("text: ")?;
    let key = menu.console.ask("key, 32 or 64 hexadecimal digits, or empty for a new one: ")?;
    let key = if key.trim().is_empty() {
        let key: [u8; 16] = menu.entropy.bytes();
        say(&format!("key: {}\n", hex(&key)))?;
        Key::Short(Secret(key).into())
    } else {
        read_key(&key)?
    };
    // A fresh one for every text stands before it.
    let iv: [u8; cbc::BLOCK] = menu.entropy.bytes();
    let mut sealed = [&iv[..], text.as_bytes()].concat();
    match key {
        Key::Short(key) => cbc::encrypt(key.ready(), &iv, &mut sealed, iv.len()),
        Key::Long(key) => cbc::encrypt(key.ready(), &iv, &mut sealed, iv.len()),
    }
    say(&format!("encrypted: {}\n", hex(&sealed)))
}

pub(super) fn decrypt(menu: &mut Menu<'_>) -> Result<()> {
    let (sealed, key) = (menu.console.ask("encrypted: ")?, menu.console.ask("key: ")?);
    let (sealed, key) = (digits(&sealed)?, read_key(&key)?);
    let (iv, ciphertext) = sealed
        .split_first_chunk::<{ cbc::BLOCK }>()
        .ok_or_else(|| anyhow!("shorter than an initialization vector"))?;
    let mut ciphertext = ciphertext.to_vec();
    let opened = match key {
        Key::Short(key) => cbc::decrypt(key.ready(), iv, &mut ciphertext),
        Key::Long(key) => cbc::decrypt(key.ready(), iv, &mut ciphertext),
    };
    let opened = opened.map_err(|_| anyhow!("another key, or not what was encrypted"))?;
    let text = std::str::from_utf8(opened).map_err(|_| anyhow!("another key, or no text"))?;
    say(&format!("text: {}\n", escape(text)))
}

pub(super) fn hash(menu: &mut Menu<'_>) -> Result<()> {
    let text = menu.console.ask("text: ")?;
    let algorithm = algorithm(menu)?;
    say(&format!("{}: {}\n", algorithm.name(), checksum(text.as_bytes(), algorithm)))
}

pub(super) fn check_hash(menu: &mut Menu<'_>) -> Result<()> {
    let text = menu.console.ask("text: ")?;
    let hash = menu.console.ask("hash: ")?;
    let fits = verify_hash(text.as_bytes(), hash.trim(), algorithm(menu)?.name())?;
    say(if fits { "the hash is that of the text\n" } else { "the hash is ANOTHER text's\n" })
}

pub(super) fn sign(menu: &mut Menu<'_>) -> Result<()> {
    let text = menu.console.ask("text: ")?;
    let key = menu.people.private_key(&menu.user()?.name)?;
    let signature = key.sign_pkcs1v15(&sha256(&[text.as_bytes()]))?;
    say(&format!("signature: {}\n", hex(&signature)))
}

pub(super) fn check_sign(menu: &mut Menu<'_>) -> Result<()> {
    let text = menu.console.ask("text: ")?;
    let signature = menu.console.ask("signature: ")?;
    let signer = menu.console.ask("signed by, or empty for you: ")?;
    let signature = digits(&signature)?;
    let signer = match signer.trim() {
        "" => &menu.user()?.name,
        name => name,
    };
    let key = menu.people.public_key(signer)?;
    let verified = key.verify_pkcs1v15(&sha256(&[text.as_bytes()]), &signature);
    let said = if verified.is_ok() { "signed" } else { "NOT signed" };
    say(&format!("{said} by {}\n", quote(signer)))
}

fn algorithm(menu: &Menu<'_>) -> Result<Algorithm> {
    let name = menu.console.ask("algorithm, sha256 or md5, or empty for sha256: ")?;
    match name.trim() {
        "" => Ok(Algorithm::Sha256),
        name => Algorithm::named(name)
            .ok_or_else(|| anyhow!("no algorithm {}: there are `sha256` and `md5`", quote(name))),
    }
}

fn read_key(text: &str) -> Result<Key> {
    let bytes = digits(text)?;
    if let Ok(key) = <[u8; 16]>::try_from(&*bytes) {
        return Ok(Key::Short(Secret(key).into()));
    }
    match <[u8; 32]>::try_from(&*bytes) {
        Ok(key) => Ok(Key::Long(Secret(key).into())),
        Err(_) => bail!("a key of {} bytes: it has 16 or 32", bytes.len()),
    }
}

fn digits(text: &str) -> Result<Vec<u8>> {
    from_hex(text.trim()).ok_or_else(|| anyhow!("expected pairs of hexadecimal digits"))
}
