//! **completeness**: when an endpoint states that a session with a peer ended cleanly, everything the peer sent
//! to it in that session has been delivered. What was sent and what arrived are matched by connection first: an end may not know its
//! peer's name yet.
//!
//! Source: truncation attacks, RFC 8446 section 6.1 (closure alerts).

use std::collections::{BTreeMap, BTreeSet};

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Conn, End, Fact, Message, Side};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::{Flow, Ledger, each, side};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Completeness,
    definition: "a clean end means that everything sent in the session has arrived",
    source: "RFC 8446 section 6.1",
    monitor: MakeMonitor::Function(|| Box::new(Completeness::default())),
};

#[derive(Clone, Debug, Default)]
struct Completeness {
    /// By connection and sender: a sender knows from the beginning who it is and whom it talks to.
    sent: BTreeMap<(Conn, Side), Vec<(Flow, Message)>>,
    ledger: Ledger,
    /// Who was to hear everything, by connection and the other end.
    clean: BTreeSet<(Conn, Side)>,
}

impl Completeness {
    /// From whom to whom a delivery was: as its sender said on that connection, or else as the receiver believes.
    fn flow(&self, record: &ClaimRecord, message: &Message) -> Flow {
        let sent = self.sent.get(&(record.claim.conn, side(record).other()));
        let own = sent.into_iter().flatten().find(|(_, sent)| sent == message);
        own.map_or_else(|| Flow::incoming(record), |(flow, _)| flow.clone())
    }
}

impl Monitor for Completeness {
    fn observe(&mut self, record: &ClaimRecord) {
        let conn = record.claim.conn;
        match &record.claim.fact {
            Fact::Sent(message) => {
                let flow = Flow::outgoing(record);
                self.ledger.sent(flow.clone(), message, conn);
                let of_end = self.sent.entry((conn, side(record))).or_default();
                of_end.push((flow, message.clone()));
            }
            Fact::Delivered(message) => {
                let flow = self.flow(record, message);
                self.ledger.delivered(flow, message, conn);
            }
            Fact::Ended(End::Clean) => drop(self.clean.insert((conn, side(record).other()))),
            _ => {}
        }
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let mut ledger = self.ledger.clone();
        let mut missing = Vec::new();
        for key @ (conn, _) in &self.clean {
            let sent = self.sent.get(key).into_iter().flatten();
            missing.extend(sent.filter(|(flow, message)| !ledger.settle(flow, message, *conn)));
        }
        if missing.is_empty() {
            let clean = self.clean.len();
            let none = "no clean end, so nobody believes that all has arrived";
            return Ruling::held(each(clean, "clean end", ", nothing missing", none));
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
