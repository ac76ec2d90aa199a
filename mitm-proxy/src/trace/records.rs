//! What else the trace holds: claims, secrets, links, what left the attacker, rules that could not act, and panics.

use bytes::Bytes;
use protocol::endpoint::{Claim, PortIndex, Side, Tick};
use protocol::session_secret::SessionSecret;

use crate::misfire::MisfireCause;

/// One claim, with its circumstances.
#[derive(Clone, Debug)]
pub struct ClaimRecord {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// Which actor: 0 the server, n client n.
    pub actor: usize,
    /// The number of the frame that was being processed: of which the endpoint had read the last byte.
    pub cause: Option<u32>,
    /// What was claimed.
    pub claim: Claim,
}

/// A secret that an endpoint took into use.
#[derive(Clone, Debug)]
pub struct SecretRecord {
    /// Which actor: 0 the server, n client n.
    pub actor: usize,
    /// On which link, from 1.
    pub link: u32,
    /// The secret.
    pub secret: SessionSecret,
}

/// A link opened or closed.
#[derive(Clone, Debug)]
pub struct LinkRecord {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// Which link, from 1.
    pub link: u32,
    /// Which of the server's ports it goes to.
    pub service: PortIndex,
    /// What happened.
    pub event: LinkEvent,
    /// The rule that made the attacker do it, from 1.
    pub rule: Option<u32>,
    /// The number of the frame that an endpoint had read last when it closed the link.
    pub cause: Option<u32>,
    /// For a connection that the attacker closed: whether its end still had it open. Nothing where nobody knows.
    pub reached: Option<bool>,
}

/// What can happen to a link.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LinkEvent {
    /// A client opened it; the attacker passes it on to the server.
    Opened,
    /// A client opened it, and the attacker poses as the server.
    Intercepted,
    /// The attacker opened it, posing as a client.
    OpenedByAttacker,
    /// This end closed it.
    ClosedBy(Side),
    /// The attacker closed the connection to this end.
    ClosedTo(Side),
}

/// Something the attacker put on its connection to one end of a link.
#[derive(Clone, Debug)]
pub struct Departure {
    /// When.
    pub at: Tick,
    /// The last of all records there was then.
    pub moment: u64,
    /// The link, from 1.
    pub link: u32,
    /// To which end.
    pub to: Side,
    /// What.
    pub what: Departing,
}

/// What can leave the attacker.
#[derive(Clone, Debug)]
pub enum Departing {
    /// One segment.
    Segment {
        /// The bytes, shared with the frames.
        bytes: Bytes,
        /// The numbers of the frames it has bytes of.
        numbers: Vec<u32>,
    },
    /// A close.
    Close,
}

/// A rule met its frame and could not act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misfire {
    /// The rule, from 1.
    pub rule: u32,
    /// Why.
    pub why: MisfireCause,
}

/// An endpoint panicked: always a finding.
#[derive(Clone, Debug)]
pub struct Panic {
    /// Which actor.
    pub actor: usize,
    /// The frame it was processing.
    pub cause: Option<u32>,
    /// Its message.
    pub message: String,
}
