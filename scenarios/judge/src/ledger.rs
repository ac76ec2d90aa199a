//! What properties count by: messages sent and delivered between two identities, and numbers in words.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Conn, Fact, Message, Name, Side};

/// From whom to whom: one direction between two identities.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Flow {
    pub(crate) from: Name,
    pub(crate) to: Name,
}

impl Flow {
    /// The flow of something the claimant sent.
    pub(crate) fn outgoing(record: &ClaimRecord) -> Self {
        Self { from: record.claim.local.clone(), to: record.claim.peer.clone() }
    }

    /// The flow of something the claimant received.
    pub(crate) fn incoming(record: &ClaimRecord) -> Self {
        Self { from: record.claim.peer.clone(), to: record.claim.local.clone() }
    }
}

/// At which end of its connections a claimant is.
pub(crate) fn side(record: &ClaimRecord) -> Side {
    if record.actor == 0 { Side::Server } else { Side::Client }
}

/// How often each message was sent and delivered, connection by connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: BTreeMap<(Flow, Message), BTreeMap<Conn, Tally>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: usize,
    pub(crate) delivered: usize,
    pub(crate) settled: usize,
}

impl Ledger {
    pub(crate) fn observe(&mut self, record: &ClaimRecord) {
        match &record.claim.fact {
            Fact::Sent(message) => self.sent(Flow::outgoing(record), message, record.claim.conn),
            Fact::Delivered(message) => {
                self.delivered(Flow::incoming(record), message, record.claim.conn);
            }
            _ => {}
        }
    }

    /// This was sent.
    pub(crate) fn sent(&mut self, flow: Flow, message: &Message, conn: Conn) {
        self.tally(flow, message, conn).sent += 1;
    }

    /// This was delivered.
    pub(crate) fn delivered(&mut self, flow: Flow, message: &Message, conn: Conn) {
        self.tally(flow, message, conn).delivered += 1;
    }

    pub(crate) fn tally(&mut self, flow: Flow, message: &Message, conn: Conn) -> &mut Tally {
        let of_message = self.entries.entry((flow, message.clone())).or_default();
        of_message.entry(conn).or_default()
    }

    /// Find the delivery that answers for one `message` sent on `conn`, and use it up: one on that connection,
    /// or else one on a connection where it was delivered more often than sent. `false` if there is none.
    pub(crate) fn settle(&mut self, flow: &Flow, message: &Message, conn: Conn) -> bool {
        let key = (flow.clone(), message.clone());
        let Some(tallies) = self.entries.get_mut(&key) else { return false };
        let own = tallies.get_mut(&conn).filter(|tally| tally.delivered > tally.settled);
        if let Some(own) = own {
            own.settled += 1;
            return true;
        }
        let mut others = tallies.iter_mut().filter(|(other, _)| **other != conn);
        let spare = others.find(|(_, tally)| tally.delivered > tally.sent.max(tally.settled));
        if let Some((_, tally)) = spare {
            // What is spare counts from the deliveries beyond those of its own connection.
            tally.settled = tally.settled.max(tally.sent) + 1;
            return true;
        }
        false
    }
}

/// `1 message`, `2 messages`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What is said of each of so many, or what is said of none.
pub(crate) fn each(number: usize, what: &str, each: &str, none: &str) -> String {
    if number == 0 { none.to_owned() } else { format!("{}{each}", count(number, what)) }
}

/// `frame 3`, `frames 3 and 5`; empty for none.
pub(crate) fn frames(numbers: &[u32]) -> String {
    match numbers {
        [] => String::new(),
        [one] => format!(" (frame {one})"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(u32::to_string).collect();
            format!(" (frames {} and {last})", first.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn actor_0_is_at_the_servers_end_and_every_other_at_the_clients() {
        let sides = [0, 1, 2].map(|actor| side(&testing::claim(actor, 1, Fact::Logged("x"))));
        assert_eq!(sides, [Side::Server, Side::Client, Side::Client]);
    }

    #[test]
    fn a_delivery_settles_one_sending_on_its_connection_or_what_is_spare_on_another() {
        let flow = Flow { from: Name::from("client"), to: Name::from("server") };
        let text = Message::text("pay bob 100");
        let mut ledger = Ledger::default();
        let (first, second) = (Conn(1), Conn(2));
        // Sent once on each connection; delivered on the second only, three times.
        for conn in [first, second] {
            ledger.sent(flow.clone(), &text, conn);
        }
        for _ in 0..3 {
            ledger.delivered(flow.clone(), &text, second);
        }
        assert!(ledger.settle(&flow, &text, first), "two are spare");
        assert!(ledger.settle(&flow, &text, first), "one is spare");
        assert!(!ledger.settle(&flow, &text, first), "the last is the second connection's own");
        assert!(!ledger.settle(&flow, &Message::text("pay eve 200"), first));
        let back = Flow { from: flow.to.clone(), to: flow.from.clone() };
        assert!(!ledger.settle(&back, &text, first));
    }

    #[test]
    fn deliveries_settle_sendings_of_their_own_connection_one_by_one() {
        let flow = Flow { from: Name::from("client"), to: Name::from("server") };
        let (text, conn) = (Message::text("pay bob 100"), Conn(1));
        let mut ledger = Ledger::default();
        for _ in 0..2 {
            ledger.sent(flow.clone(), &text, conn);
            ledger.delivered(flow.clone(), &text, conn);
        }
        assert_eq!([(); 3].map(|()| ledger.settle(&flow, &text, conn)), [true, true, false]);
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(
            [0, 1, 2].map(|number| count(number, "message")),
            ["0 messages", "1 message", "2 messages"]
        );
        assert_eq!(frames(&[]), "");
        assert_eq!(frames(&[3]), " (frame 3)");
        assert_eq!(frames(&[3, 5, 8]), " (frames 3, 5 and 8)");
        assert_eq!(each(0, "frame", " is sealed", "nothing was sent"), "nothing was sent");
        assert_eq!(each(2, "frame", " are sealed", "nothing was sent"), "2 frames are sealed");
    }
}
