//! `equality`: find records whose ciphertext begins alike, and nonces or initialization vectors that come twice. Under one key and
//! one initialization vector, equal beginnings of plaintext give equal blocks; two messages under one nonce give away their
//! difference. Keys may change between the two: whoever watches cannot see that, and a sender that comes back to a vector after a
//! change of keys is one step from using it under one key. Nobody is asked, and no key is needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::layout::Role;

use super::forging::{ciphertext, value};
use crate::misfire::MisfireCause;
use crate::strategy::{Strategy, StrategySpec, Tools};
use crate::trace::{Effort, Finding};
use crate::world::World;

/// The size of a block in bytes: AES.
const BLOCK: usize = 16;

/// The name in files and reports.
const NAME: &str = "equality";

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: NAME,
    about: "find records that begin alike, and nonces or vectors that come twice, in what was recorded",
    waits: false,
    params: &[],
    build: |_| Ok(Arc::new(Equality)),
};

/// The type of a frame, and the first block of its ciphertext.
type First<'a> = (&'a str, Vec<u8>);

#[derive(Clone, Copy, Debug)]
struct Equality;

impl Strategy for Equality {
    fn review(&self, world: &mut World, _: &Tools<'_>) -> Result<(), MisfireCause> {
        let mut records = 0;
        let mut blocks: BTreeMap<First<'_>, (u32, Vec<u8>)> = BTreeMap::new();
        let mut nonces: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut found = Vec::new();
        for (number, record) in world.trace().honest() {
            let frame = record.as_sent();
            let Some(ciphertext) = ciphertext(frame).and_then(|name| frame.field(name)) else {
                continue;
            };
            records += 1;
            let nonce = value(frame, Role::Nonce).or_else(|| value(frame, Role::Iv));
            if let Some(nonce) = nonce
                && let Some(other) = nonces.insert(nonce.to_vec(), number)
            {
                found.push((number, Finding::NonceReuse { other }));
            }
            let Some(first) = ciphertext.get(..BLOCK) else { continue };
            let key = (frame.spec.name, first.to_vec());
            if let Some((other, earlier)) = blocks.get(&key) {
                let bytes = alike(earlier, ciphertext);
                found.push((number, Finding::SameBeginning { other: *other, bytes }));
            } else {
                blocks.insert(key, (number, ciphertext.to_vec()));
            }
        }
        let ended = match found.len() {
            0 => format!("{records} records, none like another"),
            pairs => format!("{records} records, {pairs} like an earlier one"),
        };
        let idle = (records < 2).then(|| "there are no two records to compare".to_owned());
        let now = world.now();
        let trace = world.trace_mut();
        for (number, finding) in found {
            trace.know(now, "the search for equal blocks", None, Some(number), finding);
        }
        trace.efforts.push(Effort { tries: records, ended, idle, ..Effort::of(NAME) });
        Ok(())
    }
}

/// How many whole blocks two ciphertexts begin with alike, in bytes.
fn alike(one: &[u8], two: &[u8]) -> usize {
    let (one, _) = one.as_chunks::<BLOCK>();
    let (two, _) = two.as_chunks::<BLOCK>();
    BLOCK * one.iter().zip(two).take_while(|(one, two)| one == two).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_blocks_count() {
        let one: Vec<u8> = (0..40).collect();
        let mut two = one.clone();
        two[33] = 0;
        assert_eq!(alike(&one, &two), 32);
        two[31] = 0;
        assert_eq!((alike(&one, &two), alike(&one, &[])), (16, 0));
    }
}
