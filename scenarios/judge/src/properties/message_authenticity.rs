//! **message-authenticity**: whatever an endpoint delivers as coming from a peer, that peer had sent to it
//! before, as the same kind with the same name and bytes.
//!
//! Source: INT-PTXT, Bellare and Namprempre 2000; non-injective agreement on messages, Lowe 1997.

use std::collections::BTreeSet;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Fact, Message};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::{Flow, each, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::MessageAuthenticity,
    definition: "whatever is delivered had been sent by the peer it is attributed to",
    source: "INT-PTXT, Bellare and Namprempre 2000",
    monitor: MakeMonitor::Function(|| Box::new(MessageAuthenticity::default())),
};

#[derive(Clone, Debug, Default)]
struct MessageAuthenticity {
    sent: BTreeSet<(Flow, Message)>,
    delivered: usize,
    forged: Vec<String>,
    frames: Vec<u32>,
}

impl Monitor for MessageAuthenticity {
    fn observe(&mut self, record: &ClaimRecord) {
        match &record.claim.fact {
            Fact::Sent(message) => {
                self.sent.insert((Flow::outgoing(record), message.clone()));
            }
            Fact::Delivered(message) => {
                self.delivered += 1;
                let key = (Flow::incoming(record), message.clone());
                if !self.sent.contains(&key) {
                    let cause: Vec<u32> = record.cause.into_iter().collect();
                    let (Flow { from, to }, at) = (key.0, frames(&cause));
                    let line =
                        format!("{to} delivered {message}{at}, which {from} had not sent to it");
                    self.forged.push(line);
                    self.frames.extend(cause);
                }
            }
            _ => {}
        }
    }

    fn conclude(&self, _: &Finished<'_>) -> Ruling {
        if self.forged.is_empty() {
            Ruling::held(each(
                self.delivered,
                "message",
                " delivered, each as it was sent",
                "no message was delivered",
            ))
        } else {
            Ruling::violated(self.forged.join("; "), self.frames.clone())
        }
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}
