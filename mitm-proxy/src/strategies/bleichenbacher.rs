//! `bleichenbacher`: decrypt a key that was sent under RSA by asking a server whose answers to right and wrong padding differ
//! (Bleichenbacher 1998).
//!
//! Multiplying a ciphertext by the encryption of s multiplies the plaintext by s. Every s for which the product begins like a
//! padded message says in which intervals the plaintext lies. The search leaves out what cannot be
//! and follows several intervals at once (Klíma, Pokorný and Rosa 2003; Bardou et al. 2012).
//!
//! What an answer means is not configured. The attacker can encrypt, so it asks about plaintexts that it knows: random
//! numbers, whose padding is wrong, and well padded messages. That also says how many right paddings are answered as such, before
//! the victim's ciphertext is touched. It works on a recording, long after the session it is from.

use std::sync::Arc;
use std::time::Duration;

use protocol::crypto::rsa;
use protocol::endpoint::{PortIndex, Side};
use protocol::entropy::Entropy;
use protocol::keyfiles::KeySource;
use protocol::layout::Frame;

use super::forging::reforge;
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, number};
use crate::strategy::{Strategy, StrategySpec, Tools};
use crate::trace::{Effort, Finding};
use crate::world::{Recording, World};

mod attack;
mod bounds;
#[cfg(test)]
mod tests;
mod trim;

pub use attack::{Attack, PublicKey, Question};

/// The most questions if nothing else is said.
const BUDGET: u64 = 200_000;

/// The name in files and reports.
const NAME: &str = "bleichenbacher";

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: NAME,
    about: "decrypt a recorded key by asking the server about the padding of others",
    waits: false,
    params: &[Param::new(
        "budget",
        ParamKind::Number(1, 1 << 40),
        "the most questions; 200000 if not given",
    )],
    build: |args| Ok(Arc::new(Bleichenbacher { budget: number(args, "budget").unwrap_or(BUDGET) })),
};

#[derive(Clone, Copy, Debug)]
struct Bleichenbacher {
    budget: u64,
}

impl Strategy for Bleichenbacher {
    fn review(&self, world: &mut World, tools: &Tools<'_>) -> Result<(), MisfireCause> {
        let system = world.spec().system().ok_or(MisfireCause::NoKeyUnderRsa)?;
        let transport = system.transport.ok_or(MisfireCause::NoKeyUnderRsa)?;
        let public = world.spec().lab_keys().read(transport.public_key).ok().flatten();
        let public = public.and_then(|pem| rsa::PublicKey::from_pem(&pem).ok());
        let public = public.ok_or(MisfireCause::NoPublicKey(transport.public_key))?;
        let key = PublicKey::new(&public.modulus(), &public.exponent());
        let of_type = |recording: &Recording| {
            let mut frames = recording.frames.iter();
            frames.find(|(.., frame)| frame.spec.name == transport.frame).cloned()
        };
        let recordings = world.recordings();
        let target = recordings.iter().find_map(|r| Some((r, of_type(r)?)));
        let (recording, (frame_number, service, from, frame)) =
            target.ok_or(MisfireCause::NothingOfType(transport.frame))?;
        let ciphertext = frame.field(transport.field).unwrap_or_default();

        let (began, budget) = (world.now(), tools.budget.unwrap_or(self.budget));
        let entropy = Entropy::new(world.spec().seed, "the attacker's padding");
        let mut attack = Attack::new(key.clone(), ciphertext, entropy, budget);
        let asking = Asking { service, to: from.other(), frame: &frame, field: transport.field };
        let (mut queries, mut spent) = (0, 0);
        let ended = loop {
            let Some(question) = attack.question() else { break attack.verdict() };
            if queries >= budget {
                break format!("the budget of {budget} questions is spent");
            }
            let reply = asking.ask(world, &key.ciphertext(ciphertext, &question))?;
            queries += 1;
            spent += u64::from(attack.is_decrypting());
            attack.answer(&reply);
            if queries.is_multiple_of(1024) {
                tools.progress.report(NAME, attack.known(), key.size as u64, queries);
            }
        };
        let exhausted = !attack.is_over();
        let recovered = attack.recovered().map(<[u8]>::to_vec);
        let profile = world.spec().profile;
        let (now, trace) = (world.now(), world.trace_mut());
        if let Some(secret) = &recovered {
            let number = Some(frame_number);
            trace.know(now, NAME, None, number, Finding::Content(secret.clone().into()));
            for (place, message) in (transport.open)(profile, secret, &recording.overheard()) {
                let content = Finding::Content(message.body);
                trace.know(now, NAME, None, recording.number(place), content);
            }
        }
        let ended = match &recovered {
            Some(secret) => {
                let (bytes, frame, name) = (secret.len(), transport.frame, system.name);
                format!(
                    "decrypted: the {bytes} bytes in {frame} of {name} are the key that was chosen"
                )
            }
            None => ended,
        };
        let time = Duration::from_nanos(now.0.saturating_sub(began.0));
        let length = recovered.as_ref().map_or(0, Vec::len);
        let counted = Effort { queries, spent, time, ..Effort::of(NAME) };
        let effort = Effort { recovered: length, ended, exhausted, ..counted };
        trace.efforts.push(effort);
        if length == 0 {
            world.give_up();
        }
        Ok(())
    }
}

/// How questions are asked: each on a connection of its own, in a frame like the recorded one.
struct Asking<'a> {
    service: PortIndex,
    to: Side,
    frame: &'a Frame,
    field: &'static str,
}

impl Asking<'_> {
    fn ask(
        &self,
        world: &mut World,
        ciphertext: &[u8],
    ) -> Result<crate::world::Reply, MisfireCause> {
        let forged = reforge(self.frame, &[(self.field, ciphertext)])?;
        let link = world.dial(self.service);
        let reply = world.ask(link, self.to, self.frame.spec.name, &forged);
        world.hang_up(link);
        Ok(reply)
    }
}
