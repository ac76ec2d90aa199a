//! `padding-oracle`: decrypt CBC by asking a victim whose answer to wrong padding differs from its other answers (Vaudenay 2002).
//!
//! The meaning of an answer is not configured. The answer to a forgery whose padding is certainly wrong means wrong padding; every
//! other answer means right padding. Bytes are guessed in the order of their likelihood
//! ([`ranking`](super::ranking)): a random byte takes 128.5 questions on average, which is the least there can be, and one of text five to eight.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::attacker::Acting;
use crate::misfire::MisfireCause;
use crate::params::{Param, ParamKind, number};
use crate::strategy::{Strategy, StrategySpec, Tools};
use crate::trace::{Effort, Finding};
use crate::world::World;

mod attack;
mod target;
#[cfg(test)]
mod tests;

pub use attack::Attack;
pub use target::Target;

/// The most questions if nothing else is said.
const BUDGET: u64 = 1_000_000;

/// The name in files and reports.
const NAME: &str = "padding-oracle";

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: NAME,
    about: "decrypt a CBC record by asking its receiver about forged ones",
    waits: true,
    params: &[
        Param::new(
            "budget",
            ParamKind::Number(1, 1 << 40),
            "the most questions; 1000000 if not given",
        ),
        Param::new(
            "skip_last",
            ParamKind::Number(0, 1024),
            "bytes at the end of the plaintext not worth the questions, such as a MAC inside the encryption; 0 if not given",
        ),
    ],
    build: |args| {
        let skip_last = number(args, "skip_last").unwrap_or(0);
        Ok(Arc::new(PaddingOracle {
            budget: number(args, "budget").unwrap_or(BUDGET),
            skip_last: usize::try_from(skip_last).unwrap_or(usize::MAX),
        }))
    },
};

#[derive(Clone, Copy, Debug)]
struct PaddingOracle {
    budget: u64,
    skip_last: usize,
}

impl Strategy for PaddingOracle {
    fn attack(
        &self,
        world: &mut World,
        acting: &Acting,
        tools: &Tools<'_>,
    ) -> Result<(), MisfireCause> {
        let frame = acting.frame.as_ref().ok_or(MisfireCause::NoFrame)?;
        let target = Target::of(frame)?;
        let budget = tools.budget.unwrap_or(self.budget);
        let (link, to, began) = (acting.link, acting.from.other(), world.now());
        let mut ask = |bytes: &[u8]| world.ask(link, to, frame.spec.name, bytes);
        let (mut queries, mut spent) = (0, 0);
        let mut attack = Attack::new(&target, self.skip_last);
        let mut questions = VecDeque::new();
        let mut exhausted = false;
        let ended = loop {
            if queries >= budget {
                exhausted = true;
                break format!("the budget of {budget} questions is spent");
            }
            if questions.is_empty() {
                attack.questions(1, &mut questions);
            }
            let Some(question) = questions.pop_front() else { break attack.verdict() };
            let reply = ask(&target.forge(frame, &question)?);
            queries += 1;
            spent += u64::from(attack.is_decrypting());
            attack.answer(&reply);
            if queries.is_multiple_of(4096) {
                let (done, total) = (attack.plaintext.len() as u64, attack.wanted() as u64);
                tools.progress.report(NAME, done, total, queries);
            }
        };
        let plaintext = attack.recovered();
        let (now, trace) = (world.now(), world.trace_mut());
        let number = trace.next_number();
        let recovered = attack.plaintext.len();
        if recovered > 0 {
            trace.know(now, NAME, None, Some(number), Finding::Content(plaintext));
        }
        let time = std::time::Duration::from_nanos(now.0 - began.0);
        let counted = Effort { queries, spent, time, ..Effort::of(NAME) };
        let idle = attack.reaches_nothing();
        let effort = Effort { recovered, ended, idle, exhausted, ..counted };
        trace.efforts.push(effort);
        if recovered == 0 {
            world.give_up();
        }
        Ok(())
    }
}
