//! The world as a value: endpoints, attacker, links, and what is going to happen when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Check, Endpoint, Output, PortIndex, Side, Tick};

use super::spec::WorldSpec;
use super::transport::Transport;
use super::unread::{Cause, Unread};
use crate::attacker::Attacker;
use crate::script::Step;
use crate::trace::{ClaimRecord, Trace};

/// How long a segment takes from an endpoint to the attacker, and from there to the other end.
pub const HOP: Duration = Duration::from_micros(500);

/// Endpoints, attacker and links at one moment. A clone is a fork: neither ever notices the other.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) spec: Arc<WorldSpec>,
    pub(super) actors: Vec<Actor>,
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) attacker: Attacker,
    pub(super) clock: Tick,
    pub(super) queue: BTreeMap<(Tick, u64), Event>,
    pub(super) sequence: u64,
    pub(super) trace: Trace,
    pub(super) out: Scratch,
    /// What the last question of a strategy was refused by.
    pub(super) outcome: Option<Check>,
    /// The first refusal of any.
    pub(super) refusal: Option<ClaimRecord>,
    /// How many events the questions of strategies took: those have a budget of their own.
    pub(super) granted: u64,
    /// What takes bytes from end to end, if they do not simply arrive.
    pub(super) transport: Option<Box<dyn Transport>>,
    /// What each end of a link has not read yet.
    pub(super) unread: BTreeMap<(u32, Side), Unread>,
}

/// Reused between steps; a clone starts empty.
#[derive(Debug, Default)]
pub(super) struct Scratch(pub(super) Output);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) endpoint: Box<dyn Endpoint>,
    pub(super) script: Arc<[Step]>,
    pub(super) at: usize,
    /// How many of a client's connections are open at its end.
    pub(super) open: u32,
    pub(super) waiting: bool,
    pub(super) dead: bool,
    /// Set for an impostor.
    pub(super) impostor: Option<Impostor>,
    /// It says how far it reads. Whoever never does is taken to read everything at once.
    pub(super) says_what_it_reads: bool,
}

/// The role of an impostor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Impostor {
    /// Plays this side.
    pub(super) side: Side,
    /// The rule that put it there, from 1.
    pub(super) rule: u32,
    /// It is a registered user with keys of its own.
    pub(super) insider: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Link {
    /// The client at its end; none on links of the attacker's own.
    pub(super) client: Option<usize>,
    /// Who serves at the other: the server, or somebody the attacker has put there.
    pub(super) server: usize,
    pub(super) service: PortIndex,
    pub(super) client_open: bool,
    pub(super) server_open: bool,
}

impl Link {
    pub(super) fn open(&mut self, side: Side) -> &mut bool {
        match side {
            Side::Client => &mut self.client_open,
            Side::Server => &mut self.server_open,
        }
    }

    pub(super) fn is_open(&self, side: Side) -> bool {
        match side {
            Side::Client => self.client_open,
            Side::Server => self.server_open,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Event {
    /// A client connects.
    Connect { actor: usize, link: u32 },
    /// The server accepts.
    Accept { link: u32 },
    /// Bytes reach the attacker.
    Sent { link: u32, from: Side, bytes: Bytes, because: Cause },
    /// A close reaches the attacker.
    Closed { link: u32, from: Side, because: Cause },
    /// A segment with bytes of these frames reaches an endpoint.
    Arrive { link: u32, to: Side, bytes: Bytes, numbers: Vec<u32> },
    /// A close reaches an endpoint.
    Hangup { link: u32, to: Side },
    /// A timer the attacker asked for.
    Timer { token: u64 },
    /// A timeout an endpoint asked for.
    Wake { actor: usize },
    /// A client's script goes on, its wait being over.
    Resume { actor: usize },
    /// A client's script goes on if it is not waiting.
    Advance { actor: usize },
}

impl Event {
    pub(super) fn is_for_endpoint(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Sent { .. } | Self::Closed { .. } | Self::Timer { .. } => {
                false
            }
            Self::Accept { .. }
            | Self::Arrive { .. }
            | Self::Hangup { .. }
            | Self::Wake { .. }
            | Self::Resume { .. }
            | Self::Advance { .. } => true,
        }
    }
}

pub(super) const SERVER: usize = 0;
