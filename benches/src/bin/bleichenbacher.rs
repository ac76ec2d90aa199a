//! How many questions Bleichenbacher's attack takes, by the size of the modulus and by what an oracle looks at.
//!
//! `bleichenbacher [KEYS]` attacks so many messages of each kind, 20 if not given. The oracle is a function: it knows
//! the plaintext, so nobody decrypts, and the modulus is any number without small factors. An oracle `TTT` looks at the first two bytes;
//! `FFT` wants eight bytes of padding and an end besides, as PKCS #1 says (names of Bardou et al. 2012). `bleichenbacher text [KEYS]`
//! is about one that answers only what is UTF-8 besides, under 1024 bits, as the published server of `ccm` does.

use std::env;
use std::error::Error;
use std::io::{self, Write};

use bytes::Bytes;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use mitm_proxy::strategies::bleichenbacher::{Attack, PublicKey, Question};
use mitm_proxy::world::Reply;
use num_bigint::BigUint;
use protocol::entropy::Entropy;

/// No attack here may take more.
const BUDGET: u64 = 100_000_000;
/// The size of the key that is encrypted, in bytes.
const KEY: usize = 32;

type Oracle = fn(&[u8]) -> bool;

const LENIENT: (&str, Oracle) = ("TTT", |block| block.starts_with(&[0, 2]));
const STANDARD: (&str, Oracle) = ("FFT", |block| message(block).is_some());
const TEXT: (&str, Oracle) =
    ("text", |block| message(block).is_some_and(|message| str::from_utf8(message).is_ok()));

fn message(block: &[u8]) -> Option<&[u8]> {
    let padded = block.strip_prefix(&[0, 2])?;
    let end = padded.iter().position(|byte| *byte == 0).filter(|end| *end >= 8)?;
    padded.get(end + 1..)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1).peekable();
    let text = args.next_if(|word| word == "text").is_some();
    let keys: u64 = args.next().map_or(Ok(20), |keys| keys.parse())?;
    let sizes: &[usize] = if text { &[128] } else { &[64, 128, 256] };
    let oracles: &[(&str, Oracle)] = if text { &[TEXT] } else { &[LENIENT, STANDARD] };
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_header(["modulus", "oracle", "min", "median", "mean", "max"]);
    for bytes in sizes.iter().copied() {
        for (name, oracle) in oracles.iter().copied() {
            let mut taken = Vec::new();
            for seed in 0..keys {
                taken.push(attack(seed, bytes, oracle)?);
                write!(io::stderr(), "\r{} bits, {name}: {} of {keys}", bytes * 8, seed + 1)?;
            }
            taken.sort_unstable();
            let at = |place: usize| taken.get(place).copied().unwrap_or_default();
            let mean = taken.iter().sum::<u64>() / keys.max(1);
            let half = taken.len() / 2;
            let row = [at(0), at(half), mean, at(taken.len().saturating_sub(1))];
            let head = [format!("{} bits", bytes * 8), name.to_owned()];
            table.add_row(head.into_iter().chain(row.map(|count| count.to_string())));
        }
    }
    writeln!(io::stderr())?;
    writeln!(io::stdout(), "{table}")?;
    Ok(())
}

/// How many questions one attack took.
fn attack(seed: u64, bytes: usize, oracle: Oracle) -> Result<u64, String> {
    let mut entropy = Entropy::new(seed, "a modulus and a message");
    let modulus = modulus(&mut entropy, bytes);
    let padding = draw(&mut entropy, bytes - 3 - KEY);
    let mut message = vec![0, 2];
    message.extend(padding.iter().map(|byte| (*byte).max(1)));
    message.push(0);
    message.extend(draw(&mut entropy, KEY).iter().map(|byte| byte & 0x7f));
    let message = BigUint::from_bytes_be(&message);
    let key = PublicKey::new(&modulus.to_bytes_be(), &[1, 0, 1]);
    let target = key.ciphertext(&[], &Question::Block(message.clone()));
    let mut attack = Attack::new(key, &target, Entropy::new(seed, "the attacker"), BUDGET);
    let mut asked = 0;
    while let Some(question) = attack.question() {
        asked += 1;
        let number = match question {
            Question::Block(block) => block,
            Question::Times(s) => s * &message % &modulus,
        };
        let digits = number.to_bytes_be();
        let mut block = vec![0; bytes.saturating_sub(digits.len())];
        block.extend(digits);
        let segments = if oracle(&block) { vec![Bytes::from_static(b"right")] } else { Vec::new() };
        attack.answer(&Reply { segments, ..Reply::default() });
    }
    match attack.verdict() {
        verdict if verdict == "decrypted" => Ok(asked),
        other => Err(other),
    }
}

fn draw(entropy: &mut Entropy, len: usize) -> Vec<u8> {
    (0..len).flat_map(|_| entropy.bytes::<1>()).collect()
}

/// A number of so many bytes, its highest bit set, without small factors.
fn modulus(entropy: &mut Entropy, bytes: usize) -> BigUint {
    let small: BigUint = (2..5000u64).map(BigUint::from).product();
    loop {
        let mut digits = draw(entropy, bytes);
        if let Some(first) = digits.first_mut() {
            *first |= 0x80;
        }
        let modulus = BigUint::from_bytes_be(&digits);
        if modulus.modinv(&small).is_some() {
            return modulus;
        }
    }
}
