//! **availability**: the honest run goes on, or ends at once and everybody knows. That is broken when
//!
//! - an endpoint is left waiting for ever: at rest it still holds a connection of a client open; or
//! - a session that the attacker did not touch delivers, acknowledges or cleanly ends less than it does
//!   without the attack.
//!
//! An attacker on the path can always cut the line; a session it cut that ends as aborted or truncated is no
//! violation. Source: fail-stop behaviour, Schlichting and Schneider 1983.

use std::collections::{BTreeMap, BTreeSet};

use mitm_proxy::trace::{ClaimRecord, LinkEvent, Origin, Trace};
use protocol::endpoint::{Conn, End, Fact};

use super::{Finished, Monitor, PropertySpec, Ruling, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Availability,
    definition: "the honest run goes on, or ends at once and everybody knows",
    source: "fail-stop processors, Schlichting and Schneider 1983",
    monitor: || Box::new(Availability),
};

#[derive(Clone, Debug)]
struct Availability;

impl Monitor for Availability {
    fn observe(&mut self, _: &ClaimRecord) {}

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let mut broken: Vec<String> = Vec::new();
        for (link, side) in run.open_ends {
            broken.push(format!("the {side} end of link {link} waits for ever"));
        }
        let touched = touched(run.trace);
        let twin = sessions(run.twin);
        let mut suspects = BTreeSet::new();
        for (client, session) in sessions(run.trace) {
            let Some(expected) = twin.get(&client) else { continue };
            if !touched.contains(&session.link) && !session.did.covers(&expected.did) {
                let (actor, nth) = client;
                let (link, which) = (session.link, if nth == 0 { "" } else { " later" });
                let (did, expected) = (&session.did, &expected.did);
                broken.push(format!(
                    "client {actor}'s{which} session on link {link}, which was not attacked, got {did} instead \
                     of {expected}"
                ));
                suspects.extend(made_by_attacker(run.trace));
            }
        }
        if broken.is_empty() {
            return Ruling::held("every session went on, or ended and both ends know");
        }
        let suspects: Vec<u32> = suspects.into_iter().collect();
        Ruling::violated(format!("{}{}", broken.join("; "), frames(&suspects)), suspects)
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// What became of one session, as both ends see it.
#[derive(Debug)]
struct Session {
    link: u32,
    did: Did,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Did {
    delivered: usize,
    acknowledged: usize,
    clean: usize,
}

impl Did {
    fn covers(&self, other: &Self) -> bool {
        self.delivered >= other.delivered
            && self.acknowledged >= other.acknowledged
            && self.clean >= other.clean
    }
}

impl std::fmt::Display for Did {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { delivered, acknowledged, clean } = self;
        write!(f, "{delivered} delivered, {acknowledged} acknowledged, {clean} clean ends")
    }
}

/// The sessions of a run, by client and how many that client had before: link numbers differ between a
/// run and its twin when the attacker opens links of its own.
fn sessions(trace: &Trace) -> BTreeMap<(usize, usize), Session> {
    let mut of_client: BTreeMap<usize, Vec<Conn>> = BTreeMap::new();
    for record in trace.claims.iter().filter(|record| record.actor > 0) {
        let conns = of_client.entry(record.actor).or_default();
        if !conns.contains(&record.claim.conn) {
            conns.push(record.claim.conn);
        }
    }
    let mut sessions = BTreeMap::new();
    for (client, conns) in of_client {
        for (nth, conn) in conns.into_iter().enumerate() {
            let mut did = Did::default();
            for record in trace.claims.iter().filter(|record| record.claim.conn == conn) {
                match record.claim.fact {
                    Fact::Delivered(_) => did.delivered += 1,
                    Fact::Acknowledged(_) => did.acknowledged += 1,
                    Fact::Ended(End::Clean) => did.clean += 1,
                    _ => {}
                }
            }
            sessions.insert((client, nth), Session { link: conn.0, did });
        }
    }
    sessions
}

/// The links on which the attacker changed, withheld or added something.
fn touched(trace: &Trace) -> BTreeSet<u32> {
    let frames = trace.frames.iter();
    let frames = frames.filter(|frame| frame.is_altered());
    let links = trace
        .links
        .iter()
        .filter(|link| matches!(link.event, LinkEvent::Intercepted | LinkEvent::ClosedTo(_)));
    frames.map(|frame| frame.link).chain(links.map(|link| link.link)).collect()
}

fn made_by_attacker(trace: &Trace) -> impl Iterator<Item = u32> {
    let frames = (1..).zip(&trace.frames);
    frames.filter(|(_, frame)| frame.origin != Origin::Endpoint).map(|(number, _)| number)
}
