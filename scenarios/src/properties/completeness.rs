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
    delivered: BTreeMap<Flow, Vec<(Conn, Message)>>,
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
                let delivered = self.delivered.entry(Flow::incoming(record)).or_default();
                delivered.push((conn, message.clone()));
            }
            Fact::Ended(End::Clean) => self.clean.push((conn, Flow::incoming(record))),
            _ => {}
        }
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        // Each delivery answers for one message: of its own session if it can, else of another.
        let mut delivered = self.delivered.clone();
        let mut open = Vec::new();
        for key in &self.clean {
            for message in self.sent.get(key).into_iter().flatten() {
                let own = |(conn, other): &(Conn, Message)| *conn == key.0 && other == message;
                if !take(&mut delivered, &key.1, own) {
                    open.push((&key.1, message));
                }
            }
        }
        open.retain(|(flow, message)| !take(&mut delivered, flow, |(_, other)| other == *message));
        let missing = open;
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

/// Take the first delivery of `flow` that fits; whether there was one.
fn take(
    delivered: &mut BTreeMap<Flow, Vec<(Conn, Message)>>,
    flow: &Flow,
    fits: impl Fn(&(Conn, Message)) -> bool,
) -> bool {
    let Some(of_flow) = delivered.get_mut(flow) else { return false };
    let found = of_flow.iter().position(fits);
    found.map(|at| of_flow.swap_remove(at)).is_some()
}
