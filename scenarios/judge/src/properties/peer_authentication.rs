//! **peer-authentication**: whenever an endpoint A believes to have completed a handshake with B, B has been
//! running the protocol with A on the same session data, and each run of B answers to at most one such belief
//! of A. That is injective agreement on peer, keys and transcript: the data is a hash over both. A key shared with somebody
//! else than one believes (unknown key share) breaks it, and so does being deceived about a peer by who has one's own key
//! (key-compromise impersonation).
//!
//! Source: Lowe, "A hierarchy of authentication specifications", 1997; Blake-Wilson, Johnson and Menezes 1997 for the two attacks. The evidence
//! names the strongest level that still held.

use std::collections::BTreeMap;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Fact, Fingerprint, Name};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::{each, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::PeerAuthentication,
    definition: "whoever completes a handshake with a peer agrees with one run of that peer, and with no \
                 other, on identities, keys and transcript",
    source: "injective agreement, Lowe 1997",
    monitor: MakeMonitor::Function(|| Box::new(PeerAuthentication::default())),
};

protocol::named_enum! {
    /// What a completed handshake guarantees of the peer: Lowe's hierarchy, weakest first.
    Agreement {
        /// The peer need not have taken part in anything.
        Nothing = "no agreement",
        /// The peer has been running the protocol, with somebody.
        Aliveness = "aliveness",
        /// It has been running it with the one who believes so, on whatever data.
        Weak = "weak agreement",
        /// On the same data.
        NonInjective = "non-injective agreement",
        /// And for no other belief.
        Injective = "injective agreement",
    }
}

/// What an endpoint believes when it has completed a handshake, and what there is to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Belief {
    /// On this link.
    pub link: u32,
    /// Who believes.
    pub who: Name,
    /// To be talking to this peer.
    pub with: Name,
    /// The frame that completed it.
    pub frame: Option<u32>,
    /// What holds.
    pub agreement: Agreement,
}

#[derive(Clone, Debug, Default)]
struct PeerAuthentication {
    /// Who ran with whom on what, and how often that is not yet taken.
    running: BTreeMap<(Name, Name, Fingerprint), usize>,
    /// All that ever ran.
    ran: Vec<(Name, Name, Fingerprint)>,
    beliefs: Vec<Belief>,
}

/// What every completed handshake agreed on.
pub fn beliefs(claims: &[ClaimRecord]) -> Vec<Belief> {
    let mut monitor = PeerAuthentication::default();
    for record in claims {
        monitor.observe(record);
    }
    monitor.beliefs
}

impl Monitor for PeerAuthentication {
    fn observe(&mut self, record: &ClaimRecord) {
        let (local, peer) = (record.claim.local.clone(), record.claim.peer.clone());
        match &record.claim.fact {
            Fact::Running(data) => {
                *self.running.entry((local.clone(), peer.clone(), *data)).or_default() += 1;
                self.ran.push((local, peer, *data));
            }
            Fact::Established(data) => {
                let agreement = self.strongest(&(peer.clone(), local.clone(), *data));
                let (link, frame) = (record.claim.conn.0, record.cause);
                self.beliefs.push(Belief { link, who: local, with: peer, frame, agreement });
            }
            _ => {}
        }
    }

    fn conclude(&self, _: &Finished<'_>) -> Ruling {
        let broken = self.beliefs.iter().filter(|belief| belief.agreement != Agreement::Injective);
        let lines: Vec<String> = broken.clone().map(describe).collect();
        if lines.is_empty() {
            let agreed = " completed, each in agreement with one run of the peer";
            let none = "no handshake was completed";
            Ruling::held(each(self.beliefs.len(), "handshake", agreed, none))
        } else {
            Ruling::violated(lines.join("; "), broken.filter_map(|belief| belief.frame).collect())
        }
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

fn describe(belief: &Belief) -> String {
    let Belief { link, who, with, frame, agreement } = belief;
    let cause: Vec<u32> = frame.iter().copied().collect();
    let at = frames(&cause);
    let why = match agreement {
        Agreement::Nothing if who == with => format!("{who} took its own run for that of its peer"),
        Agreement::Nothing => format!("{with} had taken no part by then"),
        Agreement::Aliveness => {
            format!("{with} was alive, but ran with somebody else (aliveness)")
        }
        Agreement::Weak => {
            format!("{with} ran with {who}, but had not on this data (weak agreement)")
        }
        Agreement::NonInjective => format!(
            "{with} ran once on this data, and that run was taken already (non-injective agreement)"
        ),
        Agreement::Injective => format!("{with} ran with {who} on this data"),
    };
    format!("{who} completed a handshake with {with} on link {link}{at}: {why}")
}

impl PeerAuthentication {
    /// The strongest of Lowe's levels that holds for a belief in this run of the peer; the run is then taken.
    fn strongest(&mut self, wanted: &(Name, Name, Fingerprint)) -> Agreement {
        let (peer, local, _) = wanted;
        if peer == local {
            // An end's own run is not that of a peer, whatever the peer is called.
            return Agreement::Nothing;
        }
        if let Some(free) = self.running.get_mut(wanted).filter(|free| **free > 0) {
            *free -= 1;
            Agreement::Injective
        } else if self.ran.contains(wanted) {
            Agreement::NonInjective
        } else if self.ran.iter().any(|(who, with, _)| who == peer && with == local) {
            Agreement::Weak
        } else if self.ran.iter().any(|(who, ..)| who == peer) {
            Agreement::Aliveness
        } else {
            Agreement::Nothing
        }
    }
}
