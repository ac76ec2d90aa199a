//! **delivery-agreement**: when a sender believes that a message has arrived, the peer has delivered it, as
//! often as the sender believes.
//!
//! Source: agreement on data in the sense of Lowe 1997, from the sender's side.

use std::collections::BTreeMap;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Fact, Message};

use super::{Finished, Flow, Monitor, PropertySpec, Ruling, count, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::DeliveryAgreement,
    definition: "a message that is believed to have arrived has been delivered",
    source: "agreement on data, Lowe 1997",
    monitor: || Box::new(DeliveryAgreement::default()),
};

#[derive(Clone, Debug, Default)]
struct DeliveryAgreement {
    delivered: BTreeMap<(Flow, Message), usize>,
    acknowledged: BTreeMap<(Flow, Message), usize>,
    broken: Vec<String>,
    frames: Vec<u32>,
}

impl Monitor for DeliveryAgreement {
    fn observe(&mut self, record: &ClaimRecord) {
        match &record.claim.fact {
            Fact::Delivered(message) => {
                let key = (Flow::incoming(record), message.clone());
                *self.delivered.entry(key).or_default() += 1;
            }
            Fact::Acknowledged(message) => {
                let key = (Flow::outgoing(record), message.clone());
                let delivered = self.delivered.get(&key).copied().unwrap_or(0);
                let acknowledged = self.acknowledged.entry(key.clone()).or_default();
                *acknowledged += 1;
                if *acknowledged > delivered {
                    let cause: Vec<u32> = record.cause.into_iter().collect();
                    let (Flow { from, to }, at) = (key.0, frames(&cause));
                    let line = format!(
                        "{from} believes that {message} arrived{at}; {to} had not delivered it"
                    );
                    self.broken.push(line);
                    self.frames.extend(cause);
                }
            }
            _ => {}
        }
    }

    fn conclude(&self, _: &Finished<'_>) -> Ruling {
        if self.broken.is_empty() {
            let acknowledged = count(self.acknowledged.values().sum(), "acknowledgement");
            Ruling::held(format!("{acknowledged}, each after its delivery"))
        } else {
            Ruling::violated(self.broken.join("; "), self.frames.clone())
        }
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}
