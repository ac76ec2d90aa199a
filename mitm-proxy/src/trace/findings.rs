//! What the attacker has got hold of and found out, and what that has cost.

use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Check, Tick};

/// A secret that the attacker has got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compromise {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// The rule that said so, from 1.
    pub rule: u32,
    /// What it was.
    pub loot: Loot,
}

/// What can be stolen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Loot {
    /// The memory of this actor at that moment: 0 the server, n client n.
    Memory(usize),
    /// These files.
    Files(Vec<String>),
}

/// Something the attacker has found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knowledge {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// How: the strategy, or what was done.
    pub how: &'static str,
    /// The compromise it rests on, by its place from 0; nothing where it took none.
    pub from: Option<usize>,
    /// The frame it was in.
    pub frame: Option<u32>,
    /// What.
    pub what: Finding,
}

/// What there is to find out. Whether it is true is for the judge to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// These bytes are in what was sent.
    Content(Bytes),
    /// What was sent in this other frame begins with the same bytes, as many as this; nobody knows which.
    SameBeginning {
        /// The number of the other frame.
        other: u32,
        /// How many bytes.
        bytes: usize,
    },
    /// Two messages were encrypted under one nonce: their keystreams cancel out.
    NonceReuse {
        /// The number of the other frame.
        other: u32,
    },
    /// A user's password.
    Password {
        /// Whose.
        user: String,
        /// The password.
        password: String,
    },
}

/// What a strategy has cost, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effort {
    /// The strategy.
    pub strategy: &'static str,
    /// What it asked victims.
    pub queries: u64,
    /// What it tried on its own, without asking anybody.
    pub tries: u64,
    /// The bytes it recovered.
    pub recovered: usize,
    /// The queries that recovering took, without those spent on finding out how to.
    pub spent: u64,
    /// Virtual time it took.
    pub time: Duration,
    /// How it ended, in words.
    pub ended: String,
    /// Why its result proves nothing, if so.
    pub idle: Option<String>,
    /// It stopped because its budget was spent, and had not come to an end.
    pub exhausted: bool,
}

impl Effort {
    /// Nothing yet.
    pub fn of(strategy: &'static str) -> Self {
        Self {
            strategy,
            queries: 0,
            tries: 0,
            recovered: 0,
            spent: 0,
            time: Duration::ZERO,
            ended: String::new(),
            idle: None,
            exhausted: false,
        }
    }
}

/// What became of a forgery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum QuestionOutcome {
    /// The victim refused it by this check.
    Refused(Check),
    /// The victim refused nothing.
    Taken,
}
