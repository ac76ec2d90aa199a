//! What was sent and when, and whether something gives it away.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mitm_proxy::trace::{ClaimRecord, Finding};
use protocol::endpoint::{Fact, Message};

/// The shortest message searched for, in bytes. By chance 8 given bytes stand in 64 MiB with a
/// probability of 2^-38.
pub(crate) const SHORTEST: usize = 8;
/// How many bytes of a longer message are searched for, in three places.
const PROBE: usize = 24;

/// Every message that was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    messages: BTreeMap<Message, Times>,
}

/// When a message was sent, by places among all records, and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// First.
    pub(crate) first: u64,
    /// Last.
    pub(crate) last: u64,
    /// How often.
    pub(crate) count: usize,
}

impl Sent {
    pub(crate) fn observe(&mut self, record: &ClaimRecord) {
        if let Fact::Sent(message) = &record.claim.fact {
            let (first, last) = (record.moment, record.moment);
            let new = Times { first, last, count: 0 };
            let times = self.messages.entry(message.clone()).or_insert(new);
            (times.last, times.count) = (last, times.count + 1);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Message, Times)> {
        self.messages.iter().map(|(message, times)| (message, *times))
    }

    /// How many were sent before that moment.
    pub(crate) fn before(&self, moment: u64) -> usize {
        self.messages.values().filter(|times| times.last < moment).count()
    }

    /// How many were sent after that moment.
    pub(crate) fn after(&self, moment: u64) -> usize {
        self.messages.values().filter(|times| times.first > moment).count()
    }

    /// The messages that what the attacker found out really says something of.
    pub(crate) fn shown_by<'a>(
        &'a self,
        finding: &'a Finding,
    ) -> impl Iterator<Item = (&'a Message, Times)> {
        self.iter().filter(move |(message, _)| match finding {
            Finding::Content(content) => shows(content, &message.body),
            _ => false,
        })
    }

    /// Whether two of them begin with that many equal bytes, or one was sent more than once.
    pub(crate) fn share_beginning(&self, bytes: usize) -> bool {
        let long = self.messages.iter().filter(|(message, _)| message.body.len() >= bytes);
        let mut seen = BTreeSet::new();
        long.into_iter().any(|(message, times)| {
            times.count > 1 || !seen.insert(message.body.get(..bytes).unwrap_or_default())
        })
    }
}

/// Whether recovered bytes are part of a message, or have a part of it in them.
fn shows(content: &[u8], body: &[u8]) -> bool {
    content == body
        || (content.len() >= SHORTEST && contains(body, content))
        || (body.len() >= SHORTEST && probes(body).iter().any(|probe| contains(content, probe)))
}

/// Pieces of a message that would give it away: beginning, middle and end, and each in base64 at
/// all three alignments.
pub(crate) fn probes(body: &[u8]) -> Vec<Vec<u8>> {
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

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
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
