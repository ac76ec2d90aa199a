//! **delivery-at-most-once**: between two identities, no message that was sent has at any time been delivered
//! more often than it had been sent by then. Two messages are the same if kind, name and every byte are. Messages that were never sent are the
//! business of message-authenticity.
//!
//! Source: replay protection, RFC 4303 section 3.4.3; injective agreement on messages, Lowe 1997.

use std::collections::BTreeMap;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Fact, Message};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::{Flow, count, each, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::DeliveryAtMostOnce,
    definition: "no message is delivered more often than it was sent",
    source: "RFC 4303 section 3.4.3",
    monitor: MakeMonitor::Function(|| Box::new(DeliveryAtMostOnce::default())),
};

#[derive(Clone, Debug, Default)]
struct DeliveryAtMostOnce {
    messages: BTreeMap<(Flow, Message), Deliveries>,
}

#[derive(Clone, Debug, Default)]
struct Deliveries {
    sent: usize,
    delivered: usize,
    frames: Vec<u32>,
    /// How often it had been sent and delivered when there first was one delivery too many.
    repeated: Option<(usize, usize)>,
}

impl Monitor for DeliveryAtMostOnce {
    fn observe(&mut self, record: &ClaimRecord) {
        match &record.claim.fact {
            Fact::Sent(message) => {
                let key = (Flow::outgoing(record), message.clone());
                self.messages.entry(key).or_default().sent += 1;
            }
            Fact::Delivered(message) => {
                let key = (Flow::incoming(record), message.clone());
                let deliveries = self.messages.entry(key).or_default();
                deliveries.delivered += 1;
                deliveries.frames.extend(record.cause);
                let Deliveries { sent, delivered, .. } = *deliveries;
                if sent > 0 && delivered > sent {
                    deliveries.repeated = Some((sent, delivered));
                }
            }
            _ => {}
        }
    }

    fn conclude(&self, _: &Finished<'_>) -> Ruling {
        let repeated = self.messages.iter().filter(|(_, d)| d.repeated.is_some());
        let lines: Vec<String> = repeated
            .clone()
            .map(|((Flow { from, to }, message), d)| {
                let (sent, delivered) = d.repeated.unwrap_or((d.sent, d.delivered));
                let (sent, delivered) = (count(sent, "time"), count(delivered, "time"));
                let at = frames(&d.frames);
                format!("{to} delivered {message} {delivered}{at}; {from} had sent it {sent}")
            })
            .collect();
        if lines.is_empty() {
            // What nobody had sent is not counted: it may have been repeated.
            let sent = self.messages.values().filter(|d| d.sent > 0);
            let delivered = sent.map(|d| d.delivered).sum();
            let none = "nothing that was sent was delivered";
            return Ruling::held(each(delivered, "message", " delivered, none repeated", none));
        }
        let frames = repeated.flat_map(|(_, deliveries)| deliveries.frames.clone()).collect();
        Ruling::violated(lines.join("; "), frames)
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}
