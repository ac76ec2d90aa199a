//! **completeness**: when an endpoint states that a session with a peer ended cleanly, everything the peer sent
//! to it in that session has been delivered.
//!
//! Source: truncation attacks, RFC 8446 section 6.1 (closure alerts).

use std::collections::BTreeMap;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Conn, End, Fact, Message};

use super::{Finished, Flow, Ledger, Monitor, PropertySpec, Ruling, count};
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
    ledger: Ledger,
    clean: Vec<(Conn, Flow)>,
}

impl Monitor for Completeness {
    fn observe(&mut self, record: &ClaimRecord) {
        let conn = record.claim.conn;
        self.ledger.observe(record);
        match &record.claim.fact {
            Fact::Sent(message) => {
                let key = (conn, Flow::outgoing(record));
                self.sent.entry(key).or_default().push(message.clone());
            }
            Fact::Ended(End::Clean) => self.clean.push((conn, Flow::incoming(record))),
            _ => {}
        }
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let mut ledger = self.ledger.clone();
        let mut missing = Vec::new();
        for key @ (conn, flow) in &self.clean {
            let sent = self.sent.get(key).into_iter().flatten();
            missing.extend(
                sent.filter(|message| !ledger.settle(flow, message, *conn)).map(|m| (flow, m)),
            );
        }
        if missing.is_empty() {
            let clean = count(self.clean.len(), "clean end");
            return Ruling::held(format!("{clean}, nothing missing"));
        }
        let lines = missing.iter().map(|(Flow { from, to }, message)| {
            format!("{to} saw a clean end without {message}, which {from} had sent")
        });
        let suppressed = run.trace.numbered();
        let suppressed = suppressed.filter(|(_, frame)| frame.is_altered());
        Ruling::violated(
            lines.collect::<Vec<_>>().join("; "),
            suppressed.map(|(number, _)| number).collect(),
        )
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}
