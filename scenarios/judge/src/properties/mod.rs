//! The properties: one file each, with its definition, and the table of them.
//!
//! A property is a monitor: it is fed the claims of a run in order and asked at the end. It sees what endpoints
//! did, never what a scenario is called or expects.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use mitm_proxy::trace::{ClaimRecord, Trace};
use protocol::endpoint::{Conn, Fact, Message, Name, Side};

use crate::property::{NotJudged, Outcome, Property};
use crate::search::Searches;
use crate::sent::Sent;

mod availability;
mod completeness;
mod delivery_agreement;
mod delivery_at_most_once;
mod forward_secrecy;
mod message_authenticity;
mod order;
pub mod peer_authentication;
mod post_compromise_security;
mod robustness;
mod secrecy;
pub mod uniform_errors;

/// A property, its definition, and what judges it.
#[derive(Clone, Debug)]
pub struct PropertySpec {
    /// Which property.
    pub property: Property,
    /// Its definition, in a sentence.
    pub definition: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// Makes a monitor for one run.
    pub monitor: MakeMonitor,
}

impl PropertySpec {
    /// A property of your own, judged when a run is over. The definition is for reports.
    ///
    /// ```
    /// use judge::prelude::*;
    ///
    /// let short = PropertySpec::new("short-conversation", "At most ten frames are sent.", |run| {
    ///     match run.trace.frames.len() {
    ///         frames @ 0..=10 => Ruling::held(format!("{frames} frames")),
    ///         frames => Ruling::violated(format!("{frames} frames"), Vec::new()),
    ///     }
    /// });
    /// assert_eq!(short.property.name(), "short-conversation");
    /// ```
    pub fn new(
        name: &'static str,
        definition: &'static str,
        judge: impl Fn(&Finished<'_>) -> Ruling + Send + Sync + 'static,
    ) -> Self {
        let judge = Arc::new(judge);
        let make = move || -> Box<dyn Monitor> { Box::new(AtTheEnd(judge.clone())) };
        let monitor = MakeMonitor::Shared(Arc::new(make));
        Self { property: Property::new(name), definition, source: "", monitor }
    }
}

/// Makes a monitor.
#[derive(Clone)]
pub enum MakeMonitor {
    /// A function, for tables.
    Function(fn() -> Box<dyn Monitor>),
    /// A closure.
    Shared(Arc<dyn Fn() -> Box<dyn Monitor> + Send + Sync>),
}

impl MakeMonitor {
    /// A new monitor.
    pub fn make(&self) -> Box<dyn Monitor> {
        match self {
            Self::Function(make) => make(),
            Self::Shared(make) => make(),
        }
    }
}

impl Debug for MakeMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MakeMonitor")
    }
}

/// A monitor that looks at nothing before the end.
#[derive(Clone)]
struct AtTheEnd<F>(Arc<F>);

impl<F> Debug for AtTheEnd<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtTheEnd")
    }
}

impl<F: Fn(&Finished<'_>) -> Ruling + Send + Sync + 'static> Monitor for AtTheEnd<F> {
    fn observe(&mut self, _: &ClaimRecord) {}

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        (self.0)(run)
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(Self(self.0.clone()))
    }
}

/// Every property, in the order reports show them.
pub const PROPERTIES: &[PropertySpec] = &[
    secrecy::SPEC,
    message_authenticity::SPEC,
    delivery_at_most_once::SPEC,
    order::SPEC,
    completeness::SPEC,
    peer_authentication::SPEC,
    delivery_agreement::SPEC,
    forward_secrecy::SPEC,
    post_compromise_security::SPEC,
    uniform_errors::SPEC,
    availability::SPEC,
    robustness::SPEC,
];

/// Judges one property of one run.
pub trait Monitor: Debug + Send {
    /// Take the next claim.
    fn observe(&mut self, record: &ClaimRecord);

    /// Say what is to be said at the end.
    fn conclude(&self, run: &Finished<'_>) -> Ruling;

    /// A copy that goes its own way.
    fn fork(&self) -> Box<dyn Monitor>;
}

/// A run that has come to rest.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// What happened.
    pub trace: &'a Trace,
    /// Connections still held open by an endpoint.
    pub open_ends: &'a [(u32, Side)],
    /// What happened in the same run without an attack; in the twin's own judgement, itself.
    pub twin: &'a Trace,
    /// The largest frame the system accepts, in bytes.
    pub largest_frame: usize,
    /// Searches recordings for what was sent.
    pub searches: &'a Searches,
}

/// What a monitor says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// The verdict.
    pub outcome: Outcome,
    /// Why, for people.
    pub evidence: String,
    /// The numbers of the frames that show it.
    pub frames: Vec<u32>,
    /// Why the property was not judged, if so. The evidence says the same in words.
    pub not_judged: Option<NotJudged>,
}

impl Ruling {
    fn new(outcome: Outcome, evidence: impl Into<String>, frames: Vec<u32>) -> Self {
        Self { outcome, evidence: evidence.into(), frames, not_judged: None }
    }

    /// It held. The evidence says over what.
    pub fn held(evidence: impl Into<String>) -> Self {
        Self::new(Outcome::Held, evidence, Vec::new())
    }

    /// It held over so many cases in which it could have been broken. Without any, nothing can be said, and `lacking` says what
    /// was missing: held needs evidence.
    pub fn held_over(
        cases: usize,
        evidence: impl Into<String>,
        lacking: impl Into<String>,
    ) -> Self {
        if cases == 0 { Self::inconclusive(lacking) } else { Self::held(evidence) }
    }

    /// It does not hold.
    pub fn violated(evidence: impl Into<String>, frames: Vec<u32>) -> Self {
        Self::new(Outcome::Violated, evidence, frames)
    }

    /// The property was not judged.
    pub fn not_judged(why: NotJudged) -> Self {
        Self { not_judged: Some(why.clone()), ..Self::inconclusive(why.to_string()) }
    }

    /// Nothing can be said.
    pub fn inconclusive(evidence: impl Into<String>) -> Self {
        Self::new(Outcome::Inconclusive, evidence, Vec::new())
    }
}

/// From whom to whom: one direction between two identities.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Flow {
    from: Name,
    to: Name,
}

impl Flow {
    /// The flow of something the claimant sent.
    fn outgoing(record: &ClaimRecord) -> Self {
        Self { from: record.claim.local.clone(), to: record.claim.peer.clone() }
    }

    /// The flow of something the claimant received.
    fn incoming(record: &ClaimRecord) -> Self {
        Self { from: record.claim.peer.clone(), to: record.claim.local.clone() }
    }
}

/// At which end of its connections a claimant is.
fn side(record: &ClaimRecord) -> Side {
    if record.actor == 0 { Side::Server } else { Side::Client }
}

/// How often each message was sent and delivered, connection by connection.
#[derive(Clone, Debug, Default)]
struct Ledger {
    entries: BTreeMap<(Flow, Message), BTreeMap<Conn, Tally>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sent: usize,
    delivered: usize,
    settled: usize,
}

impl Ledger {
    fn observe(&mut self, record: &ClaimRecord) {
        match &record.claim.fact {
            Fact::Sent(message) => self.sent(Flow::outgoing(record), message, record.claim.conn),
            Fact::Delivered(message) => {
                self.delivered(Flow::incoming(record), message, record.claim.conn);
            }
            _ => {}
        }
    }

    /// This was sent.
    fn sent(&mut self, flow: Flow, message: &Message, conn: Conn) {
        self.tally(flow, message, conn).sent += 1;
    }

    /// This was delivered.
    fn delivered(&mut self, flow: Flow, message: &Message, conn: Conn) {
        self.tally(flow, message, conn).delivered += 1;
    }

    fn tally(&mut self, flow: Flow, message: &Message, conn: Conn) -> &mut Tally {
        let of_message = self.entries.entry((flow, message.clone())).or_default();
        of_message.entry(conn).or_default()
    }

    /// Find the delivery that answers for one `message` sent on `conn`, and use it up: one on that connection,
    /// or else one on a connection where it was delivered more often than sent. `false` if there is none.
    fn settle(&mut self, flow: &Flow, message: &Message, conn: Conn) -> bool {
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
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What is said of each of so many, or what is said of none.
fn each(number: usize, what: &str, each: &str, none: &str) -> String {
    if number == 0 { none.to_owned() } else { format!("{}{each}", count(number, what)) }
}

/// `frame 3`, `frames 3 and 5`; empty for none.
fn frames(numbers: &[u32]) -> String {
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
    fn the_table_has_every_property_once_and_in_order() {
        let table: Vec<Property> = PROPERTIES.iter().map(|spec| spec.property).collect();
        assert_eq!(table, Property::ALL);
    }

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
