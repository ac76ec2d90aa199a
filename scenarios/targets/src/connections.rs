//! Which connection a program speaks of that does not say.

use std::collections::{BTreeMap, BTreeSet};

use files::target_file::Observed;
use mitm_proxy::trace::{LinkEvent, Origin, Trace};
use protocol::endpoint::{Fact, Side};

use super::transcript::{Content, Seen};

/// What came from and went to each program, by place among all records: what tells connections apart.
pub(super) struct Connections {
    /// By side: the server's, the client's. All ascending by place.
    of: [Links; 2],
    /// The connections that clients opened.
    clients: BTreeSet<u32>,
}

#[derive(Default)]
struct Links {
    /// A frame came from it, on this link.
    from: Vec<(u64, u32)>,
    /// It was given something, on this link.
    to: Vec<(u64, u32)>,
    /// It got this link.
    opened: Vec<(u64, u32)>,
}

impl Connections {
    pub(super) fn of(trace: &Trace) -> Self {
        let of = |side: Side| {
            let is_its = |event: LinkEvent| match side {
                Side::Server => matches!(event, LinkEvent::Opened | LinkEvent::OpenedByAttacker),
                Side::Client => matches!(event, LinkEvent::Opened | LinkEvent::Intercepted),
            };
            let from = trace.frames.iter().filter(|frame| frame.origin == Origin::Endpoint);
            let from = from.filter(|frame| frame.to != side).map(|one| (one.moment, one.link));
            let to = trace.departures.iter().filter(|departure| departure.to == side);
            let opened = trace.links.iter().filter(|record| is_its(record.event));
            Links {
                from: from.collect(),
                to: to.map(|one| (one.moment, one.link)).collect(),
                opened: opened.map(|one| (one.moment, one.link)).collect(),
            }
        };
        let opened = trace.links.iter().filter(|record| record.event == LinkEvent::Opened);
        let clients = opened.map(|record| record.link).collect();
        Self { of: [of(Side::Server), of(Side::Client)], clients }
    }

    /// The connections that clients opened before the attacker opened this one; nothing if it did not.
    pub(super) fn clients_before(&self, link: u32) -> Option<impl Iterator<Item = u32> + '_> {
        let is_client = self.clients.contains(&link);
        (!is_client).then(|| self.clients.range(..link).copied())
    }

    /// From which place on it is not certain which connection a program speaks of: frames of one come between those of another.
    /// Connections that the attacker opens do not count: what it does is done one after the other.
    pub(super) fn several(&self, who: Side) -> Option<u64> {
        let [server, client] = &self.of;
        let links = if who == Side::Server { server } else { client };
        let frames = links.from.iter().chain(&links.to);
        let mut places: Vec<_> =
            frames.filter(|(_, link)| self.clients.contains(link)).copied().collect();
        places.sort_unstable();
        let mut left = BTreeSet::new();
        let mut newest: Option<u32> = None;
        let mut since = BTreeMap::new();
        for (place, link) in places {
            since.entry(link).or_insert(place);
            if let Some(before) = newest.filter(|before| *before != link) {
                if left.contains(&link) {
                    return since.get(&before).copied();
                }
                left.insert(before);
            }
            newest = Some(link);
        }
        None
    }

    /// What is said to be sent goes with the next frame of that program, and what it took came with the last one it was given.
    /// Anything else is about the newest connection it had by then.
    pub(super) fn of_claim(&self, seen: &Seen) -> u32 {
        let [server, client] = &self.of;
        let links = if seen.who == Side::Server { server } else { client };
        let by = seen.by;
        let next = |places: &[(u64, u32)]| {
            places.get(places.partition_point(|(place, _)| *place < by)).map(|(_, link)| *link)
        };
        let last = |places: &[(u64, u32)]| {
            let count = places.partition_point(|(place, _)| *place < by);
            count.checked_sub(1).and_then(|at| places.get(at)).map(|(_, link)| *link)
        };
        let found = match &seen.content {
            Content::Known(Fact::Sent(_) | Fact::Running(_)) | Content::Unknown(Observed::Sent) => {
                next(&links.from)
            }
            Content::Known(
                Fact::Delivered(_)
                | Fact::Acknowledged(_)
                | Fact::Rejected(_)
                | Fact::Established(_),
            )
            | Content::Unknown(_) => last(&links.to),
            Content::Known(_) => None,
        };
        let newest = || last(&links.opened).or_else(|| next(&links.opened));
        found.or_else(newest).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use mitm_proxy::trace::Departing;

    use super::*;
    use judge::testing;

    fn given(frames: &[(u64, u32)], clients: &[u32]) -> Connections {
        let server = Links { to: frames.to_vec(), ..Links::default() };
        Connections { of: [server, Links::default()], clients: clients.iter().copied().collect() }
    }

    #[test]
    fn sessions_one_after_the_other_are_told_apart() {
        let one_by_one = [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)];
        assert_eq!(given(&one_by_one, &[1, 2, 3]).several(Side::Server), None);
        assert_eq!(given(&[], &[]).several(Side::Server), None);
    }

    #[test]
    fn sessions_at_a_time_are_not_told_apart_from_the_second_on() {
        let at_a_time = [(1, 1), (3, 2), (4, 1), (5, 2)];
        let connections = given(&at_a_time, &[1, 2]);
        assert_eq!(connections.several(Side::Server), Some(3));
        assert_eq!(connections.several(Side::Client), None);
        // The attacker's own.
        assert_eq!(given(&at_a_time, &[1]).several(Side::Server), None);
    }

    /// Which connection this end spoke of, having said so before that place.
    fn of_claim(trace: &Trace, who: Side, by: u64, fact: Fact) -> u32 {
        let (conn, local, peer, content) = (None, None, None, Content::Known(fact));
        let at = protocol::endpoint::Tick(0);
        let seen = Seen { at, by, who, conn, local, peer, content };
        Connections::of(trace).of_claim(&seen)
    }

    #[test]
    fn what_is_sent_goes_with_the_next_frame_of_its_own_and_what_is_taken_with_the_last_given() {
        let (client, server) = (Side::Client, Side::Server);
        let mut trace = testing::trace([testing::frame(2, server), testing::frame(3, client)], []);
        let bytes = trace.frames[0].frame.bytes.clone();
        let what = Departing::Segment { bytes, numbers: vec![1] };
        trace.depart(protocol::endpoint::Tick(0), 4, server, what);
        let text = protocol::endpoint::Message::text("x");
        let (sent, taken) = (Fact::Sent(text.clone()), Fact::Delivered(text));
        assert_eq!(of_claim(&trace, client, 0, sent.clone()), 2);
        assert_eq!(of_claim(&trace, client, 1, sent.clone()), 2, "the frame at that place");
        assert_eq!(of_claim(&trace, client, 2, sent.clone()), 1, "no frame came after it");
        assert_eq!(of_claim(&trace, server, 0, sent), 3);
        assert_eq!(of_claim(&trace, server, 9, taken.clone()), 4);
        assert_eq!(of_claim(&trace, server, 2, taken.clone()), 1, "it was given that later");
        assert_eq!(of_claim(&trace, client, 9, taken), 1, "nothing was given to it");
    }
}
