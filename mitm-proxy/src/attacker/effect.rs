//! What the attacker wants done: a back end carries it out and decides nothing.

use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{PortIndex, Side};

use crate::action::ImpostorSpec;

/// What a back end has to do for the attacker.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Open a connection to the server for this link.
    Connect {
        /// The link.
        link: u32,
        /// To which of its ports.
        service: PortIndex,
    },
    /// Call [`Attacker::on_timer`](crate::attacker::Attacker::on_timer) with this token.
    Wake {
        /// Which timer.
        token: u64,
        /// How much later.
        after: Duration,
    },
    /// Write one segment.
    Send {
        /// The link.
        link: u32,
        /// To which end.
        to: Side,
        /// The bytes.
        bytes: Bytes,
        /// The numbers of the frames this segment has bytes of.
        numbers: Vec<u32>,
    },
    /// Copy the memory of the endpoint at this end of a link into [`Attacker::add_memory`](crate::attacker::Attacker::add_memory).
    CopyMemory {
        /// The link.
        link: u32,
        /// Which end.
        of: Side,
        /// The rule that says so, from 1.
        rule: u32,
    },
    /// Put somebody of the attacker's in the place of an honest endpoint.
    PlaceImpostor {
        /// For a server, the link it serves; for a client, the one it was made on.
        link: u32,
        /// Who it is.
        impostor: ImpostorSpec,
        /// The rule that says so, from 1.
        rule: u32,
    },
    /// Close the connection to one end.
    Close {
        /// The link.
        link: u32,
        /// Which end.
        to: Side,
    },
}
