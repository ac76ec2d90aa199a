//! What was sent and when, and whether something gives it away.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mitm_proxy::trace::{ClaimRecord, Finding};
use protocol::endpoint::{Fact, Message};

use crate::search::{Needles, SHORTEST};

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

    /// The bodies, in the order of [`Sent::iter`].
    pub(crate) fn bodies(&self) -> Vec<Bytes> {
        self.messages.keys().map(|message| message.body.clone()).collect()
    }

    /// The messages that what the attacker found out really says something of.
    pub(crate) fn shown_by<'a>(
        &'a self,
        finding: &'a Finding,
        needles: &Needles,
    ) -> impl Iterator<Item = (&'a Message, Times)> {
        let content: Option<&Bytes> = match finding {
            Finding::Content(content) => Some(content),
            _ => None,
        };
        let within = content.map_or_else(BTreeSet::new, |content| needles.within(content));
        let shown = self.iter().enumerate().filter(move |(at, (message, _))| {
            content.is_some_and(|content| {
                let part = content.len() >= SHORTEST && contains(&message.body, content);
                *content == message.body || part || within.contains(at)
            })
        });
        shown.map(|(_, sent)| sent)
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

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
