//! **secrecy**: nothing that an honest endpoint sent can be read in what endpoints put on the wire from then on.
//! Those frames, as their senders made them, are searched for the beginning, the middle and the end of every message,
//! as they are and in base64. Messages under 8 bytes are not searched for: they could stand in random bytes by
//! chance. Nor are messages that stood on the wire before they were sent: they are no secret.
//!
//! "Held" says that no content was found under this script. It does not say that two equal messages
//! look different, nor that a stronger attacker learns nothing. Source: one-wayness of the channel, the
//! weakest useful notion of confidentiality (Goldwasser and Micali 1984 call for more).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mitm_proxy::trace::{ClaimRecord, FrameRecord};
use protocol::endpoint::{Fact, Message};

use super::{Finished, Monitor, PropertySpec, Ruling, count};
use crate::property::Property;

/// The shortest message searched for, in bytes. By chance 8 given bytes stand in 64 MiB with a
/// probability of 2^-38.
const SHORTEST: usize = 8;
/// How many bytes of a longer message are searched for, in three places.
const PROBE: usize = 24;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Secrecy,
    definition: "nothing that was sent can be read in what the attacker saw",
    source: "recovery of plaintext, Goldwasser and Micali 1984",
    monitor: || Box::new(Secrecy::default()),
};

#[derive(Clone, Debug, Default)]
struct Secrecy {
    /// What was sent, with the moment it was sent first.
    sent: BTreeMap<Message, u64>,
}

impl Monitor for Secrecy {
    fn observe(&mut self, record: &ClaimRecord) {
        if let Fact::Sent(message) = &record.claim.fact {
            self.sent.entry(message.clone()).or_insert(record.moment);
        }
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let frames: Vec<(u32, &FrameRecord)> = run.trace.honest().collect();
        let (mut searched, mut skipped) = (0, 0);
        for (message, sent) in &self.sent {
            let probes = probes(&message.body);
            let shows = |(_, record): &&(u32, &FrameRecord)| {
                probes.iter().any(|probe| contains(&record.as_sent().bytes, probe))
            };
            let mut showing = frames.iter().filter(shows);
            match showing.next() {
                _ if message.body.len() < SHORTEST => skipped += 1,
                Some((_, record)) if record.moment < *sent => skipped += 1,
                Some((number, _)) => {
                    let evidence = format!("{message} can be read in frame {number}");
                    return Ruling::violated(evidence, vec![*number]);
                }
                None => searched += 1,
            }
        }
        if searched == 0 && skipped > 0 {
            return Ruling::inconclusive(
                "every message is too short to be searched for, or public",
            );
        }
        let bytes: usize = frames.iter().map(|(_, record)| record.as_sent().bytes.len()).sum();
        let aside = match skipped {
            0 => String::new(),
            skipped => format!(", {skipped} too short to tell, or public"),
        };
        let searched = count(searched, "message");
        Ruling::held(format!("none of {searched} found in {bytes} bytes{aside}"))
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// Pieces of a message that would give it away: beginning, middle and end, and each in base64 at
/// all three alignments.
fn probes(body: &[u8]) -> Vec<Vec<u8>> {
    let size = body.len().min(PROBE);
    let starts = BTreeSet::from([0, (body.len() - size) / 2, body.len() - size]);
    let pieces: Vec<&[u8]> =
        starts.into_iter().filter_map(|start| body.get(start..start + size)).collect();
    let encoded =
        pieces.iter().flat_map(|piece| (0..3).filter_map(|skip| encode(piece.get(skip..)?)));
    pieces.iter().map(|piece| piece.to_vec()).chain(encoded).collect()
}

/// The base64 of the whole groups of three in `bytes`, if that is long enough to be telling.
fn encode(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = bytes.get(..bytes.len() / 3 * 3)?;
    let encoded = STANDARD.encode(whole).into_bytes();
    (encoded.len() >= 12).then_some(encoded)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_message_as_it_is_and_in_base64_at_any_alignment() {
        let body = b"attack at dawn, at the north gate";
        // "attack at dawn, at the north gate" behind 0, 1 and 2 other bytes, in base64.
        let encoded = [
            "YXR0YWNrIGF0IGRhd24sIGF0IHRoZSBub3J0aCBnYXRl",
            "eGF0dGFjayBhdCBkYXduLCBhdCB0aGUgbm9ydGggZ2F0ZQ==",
            "eHhhdHRhY2sgYXQgZGF3biwgYXQgdGhlIG5vcnRoIGdhdGU=",
        ];
        for text in encoded.map(str::as_bytes).into_iter().chain([&body[..]]) {
            assert!(probes(body).iter().any(|probe| contains(text, probe)), "{text:?}");
        }
        assert!(!probes(body).iter().any(|probe| contains(b"nothing of the sort here", probe)));
    }
}
