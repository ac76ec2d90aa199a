//! **completeness**: when an endpoint states that a session with a peer ended cleanly, everything the peer sent
//! to it in that session has been delivered.
//!
//! Source: truncation attacks, RFC 8446 section 6.1 (closure alerts).

use std::collections::BTreeMap;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Conn, End, Fact, Message};

use super::{Finished, Flow, Monitor, PropertySpec, Ruling, count};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Completeness,
    definition: "a clean end means that everything sent in the session has arrived",
    source: "RFC 8446 section 6.1",
    monitor: || Box::new(Completeness::default()),
};

#[derive(Clone, Debug, Default)]
struct Completeness {
    sent: BTreeMap<(Conn, Flow), Vec<Message>>,
    delivered: BTreeMap<Flow, Vec<Message>>,
    clean: Vec<(Conn, Flow)>,
}

impl Monitor for Completeness {
    fn observe(&mut self, record: &ClaimRecord) {
        let conn = record.claim.conn;
        match &record.claim.fact {
            Fact::Sent(message) => {
                let key = (conn, Flow::outgoing(record));
                self.sent.entry(key).or_default().push(message.clone());
            }
            Fact::Delivered(message) => {
                self.delivered.entry(Flow::incoming(record)).or_default().push(message.clone());
            }
            Fact::Ended(End::Clean) => self.clean.push((conn, Flow::incoming(record))),
            _ => {}
        }
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let mut missing = Vec::new();
        for key @ (_, flow) in &self.clean {
            let mut delivered = self.delivered.get(flow).cloned().unwrap_or_default();
            for message in self.sent.get(key).into_iter().flatten() {
                match delivered.iter().position(|other| other == message) {
                    Some(at) => {
                        delivered.swap_remove(at);
                    }
                    None => missing.push((flow, message)),
                }
            }
        }
        if missing.is_empty() {
            let clean = count(self.clean.len(), "clean end");
            return Ruling::held(format!("{clean}, nothing missing"));
        }
        let lines = missing.iter().map(|(Flow { from, to }, message)| {
            format!("{to} saw a clean end without {message}, which {from} had sent")
        });
        let suppressed = (1..).zip(&run.trace.frames);
        let suppressed = suppressed.filter(|(_, frame)| !frame.deeds.is_empty());
        Ruling::violated(
            lines.collect::<Vec<_>>().join("; "),
            suppressed.map(|(number, _)| number).collect(),
        )
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}
