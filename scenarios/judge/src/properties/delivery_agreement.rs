//! **delivery-agreement**: when a sender believes that a message has arrived, the peer has delivered it, as
//! often as the sender believes.
//!
//! Source: agreement on data in the sense of Lowe 1997, from the sender's side.

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::Fact;

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::{Flow, Ledger, each, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::DeliveryAgreement,
    definition: "a message that is believed to have arrived has been delivered",
    source: "agreement on data, Lowe 1997",
    monitor: MakeMonitor::Function(|| Box::new(DeliveryAgreement::default())),
};

#[derive(Clone, Debug, Default)]
struct DeliveryAgreement {
    ledger: Ledger,
    acknowledged: usize,
    broken: Vec<String>,
    frames: Vec<u32>,
}

impl Monitor for DeliveryAgreement {
    fn observe(&mut self, record: &ClaimRecord) {
        self.ledger.observe(record);
        if let Fact::Acknowledged(message) = &record.claim.fact {
            self.acknowledged += 1;
            let flow = Flow::outgoing(record);
            if !self.ledger.settle(&flow, message, record.claim.conn) {
                let cause: Vec<u32> = record.cause.into_iter().collect();
                let (Flow { from, to }, at) = (flow, frames(&cause));
                let line = format!(
                    "{from} believes that {message} arrived{at}; {to} had not delivered it"
                );
                self.broken.push(line);
                self.frames.extend(cause);
            }
        }
    }

    fn conclude(&self, _: &Finished<'_>) -> Ruling {
        if self.broken.is_empty() {
            Ruling::held(each(
                self.acknowledged,
                "acknowledgement",
                ", each after its delivery",
                "nobody believes that a message arrived",
            ))
        } else {
            Ruling::violated(self.broken.join("; "), self.frames.clone())
        }
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}
