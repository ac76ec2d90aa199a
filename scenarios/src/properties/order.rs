//! **order**: between two identities on one connection, messages are delivered in the order they were sent.
//! Repeated deliveries and messages that were never sent do not count here. A delivery is paired with the next equal message
//! that keeps the order, if there is one. Across connections no order is promised, as for any channel that
//! lives as long as its connection.
//!
//! Source: in-order delivery, RFC 9293 section 3.4; stateful authenticated encryption of level 3 and 4, Kohno,
//! Palacio and Black 2003.

use std::collections::BTreeMap;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Conn, Fact, Message};

use super::{Finished, Flow, Monitor, PropertySpec, Ruling, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Order,
    definition: "on one connection, messages are delivered in the order they were sent",
    source: "Kohno, Palacio and Black 2003",
    monitor: || Box::new(Order::default()),
};

#[derive(Clone, Debug, Default)]
struct Order {
    flows: BTreeMap<(Conn, Flow), Sequence>,
    inversions: Vec<String>,
    frames: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Sequence {
    sent: Vec<Message>,
    /// Which of `sent` have been delivered.
    done: Vec<bool>,
    /// The latest of `sent` that was delivered, and the frame it came in.
    latest: Option<(usize, Option<u32>)>,
}

impl Monitor for Order {
    fn observe(&mut self, record: &ClaimRecord) {
        match &record.claim.fact {
            Fact::Sent(message) => {
                let sequence =
                    self.flows.entry((record.claim.conn, Flow::outgoing(record))).or_default();
                sequence.sent.push(message.clone());
                sequence.done.push(false);
            }
            Fact::Delivered(message) => self.delivered(record, message),
            _ => {}
        }
    }

    fn conclude(&self, _: &Finished<'_>) -> Ruling {
        if self.inversions.is_empty() {
            Ruling::held("every delivery in the order of sending")
        } else {
            Ruling::violated(self.inversions.join("; "), self.frames.clone())
        }
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

impl Order {
    fn delivered(&mut self, record: &ClaimRecord, message: &Message) {
        let flow = Flow::incoming(record);
        let key = (record.claim.conn, flow.clone());
        let Some(sequence) = self.flows.get_mut(&key) else { return };
        let open = sequence.sent.iter().zip(&sequence.done).enumerate();
        let open = open.filter(|(_, (sent, done))| !**done && *sent == message).map(|(at, _)| at);
        let open: Vec<usize> = open.collect();
        let latest = sequence.latest.map_or(0, |(latest, _)| latest);
        let in_order = open.iter().find(|at| **at >= latest);
        let Some(at) = in_order.or(open.first()).copied() else { return };
        if let Some(done) = sequence.done.get_mut(at) {
            *done = true;
        }
        match sequence.latest {
            Some((latest, cause)) if latest > at => {
                let numbers: Vec<u32> = cause.into_iter().chain(record.cause).collect();
                let Flow { from, to } = &flow;
                if let Some(later) = sequence.sent.get(latest) {
                    let shown = frames(&numbers);
                    self.inversions.push(format!(
                        "{to} delivered {later} before {message}{shown}; {from} sent them the other way round"
                    ));
                }
                self.frames.extend(numbers);
            }
            _ => sequence.latest = Some((at, record.cause)),
        }
    }
}
