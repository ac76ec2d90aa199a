//! One frame in the trace: who made it, what the attacker did to it, and what became of it.

use protocol::endpoint::{Side, Tick};
use protocol::layout::Frame;

/// One frame on its way.
#[derive(Clone, Debug)]
pub struct FrameRecord {
    /// Its number, from 1, in the order frames came and were made.
    pub number: u32,
    /// When the attacker had it.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// The link it travels on, from 1.
    pub link: u32,
    /// Where it goes.
    pub to: Side,
    /// The frame as it goes out.
    pub frame: Frame,
    /// The frame as its sender made it, where the attacker changed it.
    pub original: Option<Frame>,
    /// Who made it.
    pub origin: Origin,
    /// What the attacker did to it, in words, with the rule that said so (from 1).
    pub attacker_actions: Vec<AttackerAction>,
    /// The attacker sent it later, in other segments or in another order than it came.
    pub moved: bool,
    /// What became of it.
    pub fate: Fate,
    /// The last of all records there was when its sender wrote it, where that is known.
    pub sent: Option<u64>,
    /// The number of the frame that its sender had read last when it wrote this one.
    pub answers: Option<u32>,
    /// The place among all records at which its receiver first looked at it, where that is known.
    pub read: Option<u64>,
}

impl FrameRecord {
    /// The place among all records at which its sender wrote it; when the attacker had it, where nobody knows better.
    pub fn written(&self) -> u64 {
        self.sent.unwrap_or(self.moment)
    }

    /// Whether the attacker made a difference to it: made, changed, withheld or moved it.
    pub fn is_altered(&self) -> bool {
        self.origin != Origin::Endpoint
            || self.original.is_some()
            || self.moved
            || matches!(self.fate, Fate::Dropped | Fate::Held)
    }

    /// Whether that difference reached an endpoint: it took the frame, or went without it while it was there.
    pub fn has_landed(&self) -> bool {
        match self.fate {
            Fate::Delivered(_) => self.is_altered(),
            Fate::Dropped | Fate::Held => true,
            // A frame that was delayed until its receiver had closed has the effect of one that was dropped.
            Fate::Lost => self.moved && self.origin == Origin::Endpoint,
            Fate::Pending | Fate::Absorbed => false,
        }
    }

    /// The frame as its sender made it.
    pub fn as_sent(&self) -> &Frame {
        self.original.as_ref().unwrap_or(&self.frame)
    }
}

/// Who made a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// An endpoint.
    Endpoint,
    /// The attacker, as a copy of the frame of that number, or from nothing.
    Attacker {
        /// The number of the frame it is a copy of.
        copy_of: Option<u32>,
    },
}

/// One thing the attacker did to a frame.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AttackerAction {
    /// The rule, from 1.
    pub rule: u32,
    /// What it did.
    pub what: String,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    /// Still under way.
    Pending,
    /// The attacker keeps it for later.
    Held,
    /// An endpoint took it.
    Delivered(Tick),
    /// The attacker suppressed it.
    Dropped,
    /// The attacker was the one it was for.
    Absorbed,
    /// Its receiver was gone.
    Lost,
}
