//! `cbc-rewrite`: turn a record whose text is known into one with a text of the attacker's choice, where integrity is a hash
//! without a key.
//!
//! In CBC, what is changed in the block in front changes the same bits of a plaintext block. Where the initialization
//! vector is on the wire, the first block can be anything, at no cost, and the hash is computed anew. Where it is not, the block in front is garbled by it: the
//! forgery says something unreadable, then what the attacker wants, and its hash cannot be known. A victim that uses a message
//! before it looks at the hash takes it if the garbled bytes happen to be text: a few of a million are; the attacker varies
//! what it does not care for, and tries.

use std::sync::Arc;
use std::time::Duration;

use protocol::crypto::checksum::hex;
use protocol::crypto::sha256;
use protocol::layout::{Frame, Role};

use super::{Strategy, StrategySpec, Tools, reforge};
use crate::actions::{Args, BuildError, Param, ParamKind, number, text};
use crate::attacker::Acting;
use crate::trace::Effort;
use crate::world::World;

/// The size of a block in bytes: AES.
const BLOCK: usize = 16;

/// The most forgeries if nothing else is said.
const BUDGET: u64 = 20_000;

/// What stands in the chosen text for a number that does not matter.
const NUMBER: &str = "{number}";

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
            "the text wanted, as long and different in one block of 16 bytes only; `{number}` stands for six digits that do not matter",
        ),
        Param::new("budget", ParamKind::Number(1, 1 << 24), "the most forgeries; 20000 if not given"),
    ],
    build,
};

fn build(args: &Args) -> Result<Arc<dyn Strategy>, BuildError> {
    let (Some(known), Some(put)) = (text(args, "known"), text(args, "put")) else {
        return Err(BuildError("`cbc-rewrite` needs `known` and `put`"));
    };
    let budget = number(args, "budget").unwrap_or(BUDGET);
    let plan = Rewrite { known: known.as_bytes().to_vec(), put: put.to_owned(), budget };
    let first = plan.chosen(0);
    if first.len() != plan.known.len() {
        return Err(BuildError("`known` and `put` must be of the same length"));
    }
    plan.block(&first).ok_or(BuildError("`put` must differ in exactly one block of 16 bytes"))?;
    Ok(Arc::new(plan))
}

#[derive(Debug)]
struct Rewrite {
    known: Vec<u8>,
    put: String,
    budget: u64,
}

impl Rewrite {
    /// The text wanted, with this number in it.
    fn chosen(&self, number: u64) -> Vec<u8> {
        self.put.replace(NUMBER, &format!("{:06}", number % 1_000_000)).into_bytes()
    }

    /// The one block that differs.
    fn block(&self, chosen: &[u8]) -> Option<usize> {
        let blocks = self.known.chunks(BLOCK).zip(chosen.chunks(BLOCK)).enumerate();
        let mut differing = blocks.filter(|(_, (known, chosen))| known != chosen);
        let (at, _) = differing.next()?;
        differing.next().is_none().then_some(at)
    }

    /// The frame with the chosen text.
    fn forge(&self, frame: &Frame, chosen: &[u8]) -> Result<Vec<u8>, String> {
        let name = frame.spec.name;
        let field = |role| frame.spec.fields.iter().find(move |field| field.role == role);
        let ct_field = field(Role::Ciphertext).ok_or_else(|| format!("{name} has no ciphertext"))?;
        let mut ct = frame.field(ct_field.name).unwrap_or_default().to_vec();
        let block = self.block(chosen).ok_or("the texts differ in more than one block")?;
        let (from, to) = (block * BLOCK, (block * BLOCK + BLOCK).min(chosen.len()));
        let change = |front: &mut [u8]| {
            let texts = self.known.iter().zip(chosen).skip(from).take(to - from);
            for (byte, (known, chosen)) in front.iter_mut().zip(texts) {
                *byte ^= known ^ chosen;
            }
        };
        let iv_field = field(Role::Iv);
        let mut iv = iv_field.and_then(|iv| frame.field(iv.name)).map(<[u8]>::to_vec);
        match (block.checked_sub(1), &mut iv) {
            (Some(front), _) => {
                change(ct.get_mut(front * BLOCK..from).ok_or("the record is too short")?);
            }
            (None, Some(iv)) => change(iv),
            (None, None) => return Err("nothing on the wire stands in front of the first block".into()),
        }
        let digest = sha256(&[chosen]);
        let mac = field(Role::Mac);
        let digest = match mac.and_then(|mac| frame.field(mac.name)).map(<[u8]>::len) {
            Some(64) => hex(&digest).into_bytes(),
            _ => digest.to_vec(),
        };
        let mut values = vec![(ct_field.name, &ct[..])];
        if let (Some(field), Some(iv)) = (iv_field, &iv) {
            values.push((field.name, iv));
        }
        if let Some(mac) = mac {
            values.push((mac.name, &digest));
        }
        reforge(frame, &values)
    }
}

impl Strategy for Rewrite {
    fn attack(&self, world: &mut World, acting: &Acting, tools: &Tools<'_>) -> Result<(), String> {
        let frame = acting.frame.as_ref().ok_or("there is no frame in hand")?;
        let budget = tools.budget.unwrap_or(self.budget);
        let (link, to, began) = (acting.link, acting.from.other(), world.now());
        let exact = self.block(&self.chosen(0)) == Some(0);
        let tries = if exact || !self.put.contains(NUMBER) { 1 } else { budget };
        let mut queries = 0;
        let ended = loop {
            if queries == tries {
                break if exact { "one forgery, exact" } else { "all forgeries sent" };
            }
            let forged = self.forge(frame, &self.chosen(queries))?;
            let reply = world.ask(link, to, frame.spec.name, &forged);
            queries += 1;
            if reply.closed || reply.gone {
                break "a forgery ended the session";
            }
        };
        if !world.took_a_forgery() {
            world.give_up();
        }
        let time = Duration::from_nanos(world.now().0 - began.0);
        let (ended, recovered) = (ended.to_owned(), 0);
        world.trace_mut().efforts.push(Effort {
            strategy: NAME,
            queries,
            tries: 0,
            recovered,
            spent: 0,
            time,
            ended,
            idle: None,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_must_differ_in_one_block() {
        let args = |known: &str, put: &str| {
            let text = |text: &str| crate::actions::Arg::Text(text.to_owned());
            Args::from([("known", text(known)), ("put", text(put))])
        };
        assert!(build(&args("pay bob 100", "pay eve 900")).is_ok());
        assert!(build(&args("pay bob 100", "pay eve 9000")).is_err());
        assert!(build(&args("pay bob 100", "pay bob 100")).is_err());
        let long = "first block here, second block here";
        assert!(build(&args(long, "first block HERE, second block HERE")).is_err());
    }
}
