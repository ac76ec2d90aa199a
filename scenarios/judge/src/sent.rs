//! What was sent and when, and whether something gives it away.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mitm_proxy::trace::{ClaimRecord, Finding};
use protocol::endpoint::{Fact, Message};

use crate::search::{Needles, SHORTEST};

/// Every message that was sent.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    messages: BTreeMap<Message, Times>,
}

/// When a message was sent, by places among all records, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// First.
    pub first: u64,
    /// Last.
    pub last: u64,
    /// How often.
    pub count: usize,
}

impl Sent {
    /// Take the next claim.
    pub fn observe(&mut self, record: &ClaimRecord) {
        if let Fact::Sent(message) = &record.claim.fact {
            let (first, last) = (record.moment, record.moment);
            let new = Times { first, last, count: 0 };
            let times = self.messages.entry(message.clone()).or_insert(new);
            (times.last, times.count) = (last, times.count + 1);
        }
    }

    /// Every message, with its times.
    pub fn iter(&self) -> impl Iterator<Item = (&Message, Times)> {
        self.messages.iter().map(|(message, times)| (message, *times))
    }

    /// How many were sent before that moment.
    pub fn before(&self, moment: u64) -> usize {
        self.messages.values().filter(|times| times.last < moment).count()
    }

    /// The bodies, in the order of [`Sent::iter`].
    pub fn bodies(&self) -> Vec<Bytes> {
        self.messages.keys().map(|message| message.body.clone()).collect()
    }

    /// The messages that what the attacker found out really says something of.
    pub fn shown_by<'a>(
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
    pub fn share_beginning(&self, bytes: usize) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// These texts, sent at moments 1, 2 and so on.
    fn sent(texts: &[&str]) -> Sent {
        let mut sent = Sent::default();
        for (moment, text) in (1..).zip(texts) {
            let record = testing::claim(1, 1, Fact::Sent(Message::text(*text)));
            sent.observe(&ClaimRecord { moment, ..record });
        }
        sent
    }

    #[test]
    fn a_message_was_sent_before_a_moment_if_its_last_copy_was() {
        let sent = sent(&["one", "two", "one"]);
        assert_eq!([1, 2, 3, 4].map(|moment| sent.before(moment)), [0, 0, 1, 2]);
        let times = |text: &str| {
            let (_, times) = sent.iter().find(|(message, _)| message.body == text).unwrap();
            (times.first, times.last, times.count)
        };
        assert_eq!((times("one"), times("two")), ((1, 3, 2), (2, 2, 1)));
    }

    #[test]
    fn a_finding_shows_the_messages_it_is_or_is_part_of_or_that_are_in_it() {
        let long = (0..40).map(|at| format!("{at:03}")).collect::<Vec<_>>().concat();
        let sent = sent(&["hi", &long, "pay bob 100"]);
        let shown = |content: &str| -> Vec<String> {
            let finding = Finding::Content(Bytes::from(content.to_owned()));
            let needles = Needles::of(sent.bodies().iter());
            let shown = sent.shown_by(&finding, &needles);
            shown.map(|(message, _)| String::from_utf8_lossy(&message.body).into_owned()).collect()
        };
        assert_eq!(shown("hi"), ["hi"], "all of it, however short");
        assert_eq!(shown(&long[30..30 + SHORTEST]), [long.as_str()], "a part of it");
        assert_eq!(shown(&long[30..30 + SHORTEST - 1]), [""; 0], "a part too short to tell");
        assert_eq!(shown("he says: pay bob 100!"), ["pay bob 100"], "it and more");
        assert_eq!(shown("something else"), [""; 0]);
    }

    #[test]
    fn only_long_messages_share_a_beginning() {
        let share = |texts: &[&str]| sent(texts).share_beginning(8);
        assert!(!share(&["12345678 a", "1234567x b"]));
        assert!(share(&["12345678 a", "12345678 b"]));
        assert!(share(&["12345678", "12345678 b"]));
        assert!(share(&["12345678", "12345678"]), "sent twice");
        assert!(!share(&["1234567", "1234567"]), "too short");
        assert!(!share(&["12345678 a"]));
    }
}
