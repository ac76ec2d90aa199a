//! **peer-authentication**: whenever an endpoint A believes to have completed a handshake with B, B has been
//! running the protocol with A on the same session data, and each run of B answers to at most one such belief
//! of A. That is injective agreement on peer and keys.
//!
//! Source: Lowe, "A hierarchy of authentication specifications", 1997. The evidence names the strongest
//! level that still held: aliveness, weak agreement, non-injective agreement.

use std::collections::BTreeMap;

use mitm_proxy::trace::ClaimRecord;
use protocol::endpoint::{Fact, Fingerprint, Name};

use super::{Finished, Monitor, PropertySpec, Ruling, count, frames};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::PeerAuthentication,
    definition: "whoever completes a handshake with a peer agrees with one run of that peer, and with no \
                 other, on identities and keys",
    source: "injective agreement, Lowe 1997",
    monitor: || Box::new(PeerAuthentication::default()),
};

#[derive(Clone, Debug, Default)]
struct PeerAuthentication {
    /// Who ran with whom on what, and how often that is not yet taken.
    running: BTreeMap<(Name, Name, Fingerprint), usize>,
    /// All that ever ran.
    ran: Vec<(Name, Name, Fingerprint)>,
    established: usize,
    broken: Vec<String>,
    frames: Vec<u32>,
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
                self.established += 1;
                let key = (peer.clone(), local.clone(), *data);
                // An end's own run is not that of a peer, whatever the peer is called.
                let run = self.running.get_mut(&key).filter(|free| **free > 0);
                if let Some(free) = run.filter(|_| local != peer) {
                    *free -= 1;
                    return;
                }
                let level = self.strongest(&key);
                let cause: Vec<u32> = record.cause.into_iter().collect();
                let (at, link) = (frames(&cause), record.claim.conn.0);
                self.broken.push(format!(
                    "{local} completed a handshake with {peer} on link {link}{at}: {level}"
                ));
                self.frames.extend(cause);
            }
            _ => {}
        }
    }

    fn conclude(&self, _: &Finished<'_>) -> Ruling {
        if self.broken.is_empty() {
            let established = count(self.established, "handshake");
            Ruling::held(format!(
                "{established} completed, each in agreement with one run of the peer"
            ))
        } else {
            Ruling::violated(self.broken.join("; "), self.frames.clone())
        }
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

impl PeerAuthentication {
    /// Which of Lowe's weaker levels held for a belief in the run `wanted` that found none of its own.
    fn strongest(&self, wanted: &(Name, Name, Fingerprint)) -> String {
        let (peer, local, _) = wanted;
        if peer == local {
            format!("{local} took its own run for that of its peer")
        } else if self.ran.contains(wanted) {
            format!(
                "{peer} ran once on this data, and that run was taken already (non-injective agreement)"
            )
        } else if self.ran.iter().any(|(who, with, _)| who == peer && with == local) {
            format!("{peer} ran with {local}, but never on this data (weak agreement)")
        } else if self.ran.iter().any(|(who, ..)| who == peer) {
            format!("{peer} was alive, but ran with somebody else (aliveness)")
        } else {
            format!("{peer} took no part at all")
        }
    }
}
