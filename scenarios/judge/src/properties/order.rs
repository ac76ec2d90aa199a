//! **order**: between two identities on one connection, messages are delivered in the order they were sent.
//! Repeated deliveries and messages that were never sent do not count here. A delivery is paired with the next equal message
//! that keeps the order, if there is one. Across connections no order is promised, as for any channel that
//! lives as long as its connection.
//!
//! Source: in-order delivery, RFC 9293 section 3.4; stateful authenticated encryption of level 3 and 4, Kohno,
//! Palacio and Black 2003.

use std::collections::BTreeMap;

use mitm_proxy::trace::{ClaimRecord, Origin, Trace};
use protocol::endpoint::{Conn, Fact, Message};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::{Flow, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Order,
    definition: "on one connection, messages are delivered in the order they were sent",
    source: "Kohno, Palacio and Black 2003",
    monitor: MakeMonitor::Function(|| Box::new(Order::default())),
};

#[derive(Clone, Debug, Default)]
struct Order {
    flows: BTreeMap<(Conn, Flow), Sequence>,
}

#[derive(Clone, Debug, Default)]
struct Sequence {
    sent: Vec<Message>,
    /// What was delivered after it was sent, with the frame it came in.
    delivered: Vec<(Message, Option<u32>)>,
}

/// Two deliveries of one flow, the wrong way round.
#[derive(Debug)]
struct Inversion<'a> {
    first: &'a (Message, Option<u32>),
    then: &'a (Message, Option<u32>),
}

impl Monitor for Order {
    fn observe(&mut self, record: &ClaimRecord) {
        let conn = record.claim.conn;
        match &record.claim.fact {
            Fact::Sent(message) => {
                let sequence = self.flows.entry((conn, Flow::outgoing(record))).or_default();
                sequence.sent.push(message.clone());
            }
            Fact::Delivered(message) => {
                if let Some(sequence) = self.flows.get_mut(&(conn, Flow::incoming(record)))
                    && sequence.sent.contains(message)
                {
                    sequence.delivered.push((message.clone(), record.cause));
                }
            }
            _ => {}
        }
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let (mut lines, mut numbers) = (Vec::new(), Vec::new());
        for ((_, Flow { from, to }), sequence) in &self.flows {
            for Inversion { first, then } in sequence.inversions(run.trace) {
                let causes: Vec<u32> = first.1.into_iter().chain(then.1).collect();
                let (earlier, later, shown) = (&first.0, &then.0, frames(&causes));
                lines.push(format!(
                    "{to} delivered {earlier} before {later}{shown}; {from} sent them the other way round"
                ));
                numbers.extend(causes);
            }
        }
        if lines.is_empty() {
            let repeated = self.flows.values().any(Sequence::has_surplus);
            let aside = if repeated { ", but for those that are repeated" } else { "" };
            Ruling::held(format!("every delivery in the order of sending{aside}"))
        } else {
            Ruling::violated(lines.join("; "), numbers)
        }
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

impl Sequence {
    /// Each delivery that steps back behind the one before it. Those that keep the order from there on are no further inversions.
    fn inversions(&self, trace: &Trace) -> Vec<Inversion<'_>> {
        let mut done = vec![false; self.sent.len()];
        // What was delivered, and which of what was sent that is.
        let mut paired: Vec<(usize, &(Message, Option<u32>))> = Vec::new();
        let mut inversions = Vec::new();
        for delivery in self.once(trace) {
            let message = &delivery.0;
            let open = self.sent.iter().zip(&done).enumerate();
            let mut open =
                open.filter(|(_, (sent, done))| !**done && *sent == message).map(|(at, _)| at);
            let latest = paired.iter().map(|(at, _)| *at).max().unwrap_or(0);
            let first = open.clone().next();
            let Some(at) = open.find(|at| *at >= latest).or(first) else { continue };
            if let Some(done) = done.get_mut(at) {
                *done = true;
            }
            let steps_back = paired.last().is_some_and(|(before, _)| *before > at);
            let before = paired
                .iter()
                .rev()
                .find(|(other, delivery)| steps_back && *other > at && delivery.0 != *message);
            if let Some((_, first)) = before {
                inversions.push(Inversion { first, then: delivery });
            }
            paired.push((at, delivery));
        }
        inversions
    }

    /// Whether something was delivered more often than it was sent.
    fn has_surplus(&self) -> bool {
        self.surplus().values().any(|surplus| *surplus > 0)
    }

    /// By how much each message was delivered more often than it was sent.
    fn surplus(&self) -> BTreeMap<&Message, isize> {
        let mut surplus: BTreeMap<&Message, isize> = BTreeMap::new();
        for (message, _) in &self.delivered {
            *surplus.entry(message).or_default() += 1;
        }
        for message in &self.sent {
            *surplus.entry(message).or_default() -= 1;
        }
        surplus
    }

    /// The deliveries without the repeated ones: of a message that was delivered more often than sent, those that came in a
    /// copy of the attacker's are left out, as long as there are too many.
    fn once(&self, trace: &Trace) -> Vec<&(Message, Option<u32>)> {
        let mut surplus = self.surplus();
        let is_copy = |cause: Option<u32>| {
            let record = cause.and_then(|number| trace.frame(number));
            record.is_some_and(|record| record.origin != Origin::Endpoint)
        };
        let mut kept = Vec::new();
        for delivery @ (message, cause) in &self.delivered {
            match surplus.get_mut(message).filter(|surplus| **surplus > 0 && is_copy(*cause)) {
                Some(surplus) => *surplus -= 1,
                None => kept.push(delivery),
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use mitm_proxy::trace::FrameRecord;
    use protocol::endpoint::Side;

    use super::*;
    use crate::testing;

    fn inversions(sent: &[&str], delivered: &[&str]) -> Vec<(String, String)> {
        let text = |text: &&str| Message::text(*text);
        let sequence = Sequence {
            sent: sent.iter().map(text).collect(),
            delivered: delivered.iter().map(|message| (text(message), None)).collect(),
        };
        let trace = Trace::default();
        let found = sequence.inversions(&trace);
        let name = |message: &Message| String::from_utf8(message.body.to_vec()).unwrap();
        found.iter().map(|i| (name(&i.first.0), name(&i.then.0))).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(one, two)| ((*one).to_owned(), (*two).to_owned())).collect()
    }

    #[test]
    fn what_keeps_the_order_after_an_inversion_is_no_other_one() {
        let sent = ["1", "2", "3", "4", "5"];
        assert_eq!(inversions(&sent, &["5", "1", "2", "3", "4"]), pairs(&[("5", "1")]));
        assert_eq!(inversions(&sent, &["5", "2", "1"]), pairs(&[("5", "2"), ("2", "1")]));
        assert_eq!(inversions(&sent, &["2", "1", "4", "3"]), pairs(&[("2", "1"), ("4", "3")]));
        assert_eq!(inversions(&sent, &["1", "3", "5"]), []);
    }

    #[test]
    fn a_message_never_comes_before_itself() {
        assert_eq!(inversions(&["a", "b", "a"], &["b", "a", "a"]), pairs(&[("b", "a")]));
        assert_eq!(inversions(&["a", "b", "a"], &["a", "b", "a"]), []);
        assert_eq!(inversions(&["a", "a"], &["a", "a"]), []);
    }

    /// The causes of the deliveries that are left when the repeated ones are not. Frame 1 is honest, the others are copies of it.
    fn once(sent: usize, causes: &[u32]) -> Vec<u32> {
        let text = Message::text("pay bob 100");
        let copy = || FrameRecord {
            origin: Origin::Attacker { copy_of: Some(1) },
            ..testing::frame(1, Side::Server)
        };
        let trace = testing::trace([testing::frame(1, Side::Server), copy(), copy()], []);
        let delivered = causes.iter().map(|cause| (text.clone(), Some(*cause))).collect();
        let sequence = Sequence { sent: vec![text; sent], delivered };
        assert_eq!(sequence.has_surplus(), causes.len() > sent);
        sequence.once(&trace).iter().filter_map(|(_, cause)| *cause).collect()
    }

    #[test]
    fn of_repeated_deliveries_copies_are_left_out_as_long_as_there_are_too_many() {
        assert_eq!(once(1, &[1, 2]), [1]);
        assert_eq!(once(1, &[2, 1]), [1]);
        assert_eq!(once(1, &[1, 2, 3]), [1]);
        assert_eq!(once(1, &[2, 3]), [3], "one of them is the delivery");
        assert_eq!(once(2, &[1, 2]), [1, 2], "none is too many");
        assert_eq!(once(1, &[1, 1]), [1, 1], "none is a copy");
    }
}
