//! `cbc-rewrite`: turn a record whose text is known into one with a text of the attacker's choice, where integrity is a hash
//! without a key.
//!
//! In CBC, what is changed in the block in front changes the same bits of a plaintext block. Where the initialization
//! vector is on the wire, the first block can be anything, at no cost, and the hash is computed anew. Where it is not, the first block is out
//! of reach; a change to any other garbles the block in front of it, and with that no hash can be known.

use std::sync::Arc;
use std::time::Duration;

use protocol::crypto::checksum::hex;
use protocol::crypto::sha256;
use protocol::layout::{Frame, Role};

use super::forging::{ciphertext, reforge};
use crate::attacker::Acting;
use crate::misfire::MisfireCause;
use crate::params::{Args, BuildError, Param, ParamKind, text};
use crate::strategy::{Strategy, StrategySpec, Tools};
use crate::trace::Effort;
use crate::world::World;

/// The size of a block in bytes: AES.
const BLOCK: usize = 16;

/// The name in files and reports.
const NAME: &str = "cbc-rewrite";

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: NAME,
    about: "rewrite a record of known text into one of chosen text, and compute its hash anew",
    waits: true,
    params: &[
        Param::new("known", ParamKind::Text, "the text of the record"),
        Param::new(
            "put",
            ParamKind::Text,
            "the text wanted, as long and different in one block of 16 bytes only",
        ),
    ],
    build,
};

fn build(args: &Args) -> Result<Arc<dyn Strategy>, BuildError> {
    let (Some(known), Some(put)) = (text(args, "known"), text(args, "put")) else {
        return Err(BuildError("`cbc-rewrite` needs `known` and `put`"));
    };
    let (known, put) = (known.as_bytes().to_vec(), put.as_bytes().to_vec());
    if put.len() != known.len() {
        return Err(BuildError("`known` and `put` must be of the same length"));
    }
    let block = differing(&known, &put);
    let block = block.ok_or(BuildError("`put` must differ in exactly one block of 16 bytes"))?;
    Ok(Arc::new(Rewrite { known, put, block }))
}

/// The one block in which two texts differ.
fn differing(known: &[u8], put: &[u8]) -> Option<usize> {
    let blocks = known.chunks(BLOCK).zip(put.chunks(BLOCK)).enumerate();
    let mut differing = blocks.filter(|(_, (known, put))| known != put);
    let (at, _) = differing.next()?;
    differing.next().is_none().then_some(at)
}

#[derive(Debug)]
struct Rewrite {
    known: Vec<u8>,
    put: Vec<u8>,
    block: usize,
}

impl Rewrite {
    /// The frame with the chosen text; nothing if nothing on the wire stands in front of the block to change.
    fn forge(&self, frame: &Frame) -> Result<Option<Vec<u8>>, MisfireCause> {
        let name = frame.spec.name;
        let field = |role| frame.spec.fields.iter().find(move |field| field.role == role);
        let ct_field = ciphertext(frame).ok_or(MisfireCause::NoCiphertext(name))?;
        let mut ct = frame.field(ct_field).unwrap_or_default().to_vec();
        let from = self.block * BLOCK;
        let change = |front: &mut [u8]| {
            let texts = self.known.iter().zip(&self.put).skip(from);
            for (byte, (known, put)) in front.iter_mut().zip(texts) {
                *byte ^= known ^ put;
            }
        };
        let iv_field = field(Role::Iv);
        let mut iv = iv_field.and_then(|iv| frame.field(iv.name)).map(<[u8]>::to_vec);
        match (self.block.checked_sub(1), &mut iv) {
            (Some(front), _) => {
                change(ct.get_mut(front * BLOCK..from).ok_or(MisfireCause::RecordTooShort)?);
            }
            (None, Some(iv)) => change(iv),
            (None, None) => return Ok(None),
        }
        let digest = sha256(&[&self.put]);
        let mac = field(Role::Mac);
        let digest = match mac.and_then(|mac| frame.field(mac.name)).map(<[u8]>::len) {
            Some(64) => hex(&digest).into_bytes(),
            _ => digest.to_vec(),
        };
        let mut values = vec![(ct_field, &ct[..])];
        if let (Some(field), Some(iv)) = (iv_field, &iv) {
            values.push((field.name, iv));
        }
        if let Some(mac) = mac {
            values.push((mac.name, &digest));
        }
        reforge(frame, &values).map(Some)
    }
}

impl Strategy for Rewrite {
    fn attack(
        &self,
        world: &mut World,
        acting: &Acting,
        _: &Tools<'_>,
    ) -> Result<(), MisfireCause> {
        let frame = acting.frame.as_ref().ok_or(MisfireCause::NoFrame)?;
        let began = world.now();
        let forged = self.forge(frame)?;
        let queries = u64::from(forged.is_some());
        let ended = match forged {
            Some(forged) => {
                world.ask(acting.link, acting.from.other(), frame.spec.name, &forged);
                "one forgery"
            }
            None => "nothing on the wire stands in front of the block to change",
        };
        if !world.took_a_forgery() {
            world.give_up();
        }
        let time = Duration::from_nanos(world.now().0 - began.0);
        let ended = ended.to_owned();
        let idle = (queries == 0).then(|| ended.clone());
        let effort = Effort { queries, time, ended, idle, ..Effort::of(NAME) };
        world.trace_mut().efforts.push(effort);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_must_differ_in_one_block() {
        let args = |known: &str, put: &str| {
            let text = |text: &str| crate::params::Arg::Text(text.to_owned());
            Args::from([("known", text(known)), ("put", text(put))])
        };
        assert!(build(&args("pay bob 100", "pay eve 900")).is_ok());
        assert!(build(&args("pay bob 100", "pay eve 9000")).is_err());
        assert!(build(&args("pay bob 100", "pay bob 100")).is_err());
        let long = "first block here, second block here";
        assert!(build(&args(long, "first block HERE, second block HERE")).is_err());
    }
}
