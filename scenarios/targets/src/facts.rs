//! The facts of what programs said or were seen to do: on which connection, and about which message.

use std::collections::{BTreeMap, BTreeSet};

use files::target_file::Observed;
use mitm_proxy::trace::Trace;
use protocol::endpoint::{Fact, Message, Side};

use super::Unmatched;
use super::connections::Connections;
use super::order::Said;
use super::transcript::{Content, Seen};

/// The facts of what was seen, each program's in its own order, and what could not be told of them. What nobody can see is
/// taken from the messages of that connection, one after the other.
pub(super) fn facts(trace: &Trace, seen: Vec<Seen>) -> (Vec<Said>, Unmatched) {
    let connections = Connections::of(trace);
    let mut placed = Vec::with_capacity(seen.len());
    let mut sent: BTreeMap<(Side, u32), Vec<Message>> = BTreeMap::new();
    let mut done = Done::default();
    for mut seen in seen {
        let conn = seen.conn.unwrap_or_else(|| {
            let newest = connections.of_claim(&seen);
            done.overdue(&connections, &seen, newest, &sent).unwrap_or(newest)
        });
        done.note(&seen, conn);
        let known = sent.entry((seen.who, conn)).or_default();
        if let Content::Unknown(Observed::Sent) = seen.content {
            let nth = known.len() + 1;
            let message = Message::text(format!("message {nth}, content unknown"));
            seen.content = Content::Known(Fact::Sent(message));
        }
        if let Content::Known(Fact::Sent(message)) = &seen.content {
            known.push(message.clone());
        }
        placed.push((seen, conn));
    }
    let mut unmatched = Unmatched::default();
    let mut told: BTreeMap<(Side, u32, bool), usize> = BTreeMap::new();
    let said = placed.into_iter().map(|(seen, conn)| {
        let Seen { at, by, who, local, peer, content, .. } = seen;
        let fact = match content {
            Content::Known(fact) => fact,
            Content::Unknown(claim) => {
                let delivered = claim == Observed::Delivered;
                let from = if delivered { who.other() } else { who };
                let nth = told.entry((who, conn, delivered)).or_default();
                let message = sent.get(&(from, conn)).and_then(|sent| sent.get(*nth));
                *nth += 1;
                match (delivered, message) {
                    (true, Some(message)) => {
                        unmatched.unseen += 1;
                        Fact::Delivered(message.clone())
                    }
                    (false, Some(message)) => Fact::Acknowledged(message.clone()),
                    (true, None) => {
                        unmatched.delivered += 1;
                        Fact::Logged("took a message, content unknown")
                    }
                    (false, None) => {
                        unmatched.acknowledged += 1;
                        Fact::Logged("knows that a message arrived, content unknown")
                    }
                }
            }
        };
        Said { at, by, who, conn, local, peer, fact }
    });
    (said.collect(), unmatched)
}

/// What each program has said of each connection so far.
#[derive(Default)]
struct Done {
    delivered: BTreeMap<(Side, u32, Message), usize>,
    ended: BTreeSet<(Side, u32)>,
}

impl Done {
    fn note(&mut self, seen: &Seen, conn: u32) {
        match &seen.content {
            Content::Known(Fact::Delivered(message)) => {
                *self.delivered.entry((seen.who, conn, message.clone())).or_default() += 1;
            }
            Content::Known(Fact::Ended(_)) => {
                self.ended.insert((seen.who, conn));
            }
            _ => {}
        }
    }

    /// Where a claim seems to be about a connection of the attacker's: an earlier one that it may as well be about, said late. That
    /// is one on which the message was sent and has not been taken, or that has not ended.
    fn overdue(
        &self,
        connections: &Connections,
        seen: &Seen,
        newest: u32,
        sent: &BTreeMap<(Side, u32), Vec<Message>>,
    ) -> Option<u32> {
        let mut earlier = connections.clients_before(newest)?;
        earlier.find(|conn| match &seen.content {
            Content::Known(Fact::Delivered(message)) => {
                let sent = sent.get(&(seen.who.other(), *conn)).into_iter().flatten();
                let taken = self.delivered.get(&(seen.who, *conn, message.clone()));
                sent.filter(|sent| *sent == message).count() > taken.copied().unwrap_or_default()
            }
            Content::Known(Fact::Ended(_)) => !self.ended.contains(&(seen.who, *conn)),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mitm_proxy::trace::{Departing, Departure, Fate, FrameRecord, LinkEvent, Origin};
    use protocol::endpoint::{End, PortIndex, Tick};
    use protocol::layout::{Frame, FrameSpec};

    use super::*;

    /// A client's connection, on which it sends two frames, and then one of the attacker's with copies of them.
    fn trace() -> Trace {
        let mut trace = Trace::default();
        for (link, event) in [(1, LinkEvent::Opened), (2, LinkEvent::OpenedByAttacker)] {
            trace.link(Tick(0), link, PortIndex::default(), event, None);
            for _ in 0..2 {
                let moment = trace.next_moment();
                let spec = Arc::new(FrameSpec::raw());
                let number = trace.add(FrameRecord {
                    number: 0,
                    at: Tick(0),
                    moment,
                    link,
                    to: Side::Server,
                    frame: Frame { spec, bytes: "x".into() },
                    original: None,
                    origin: if link == 1 {
                        Origin::Endpoint
                    } else {
                        Origin::Attacker { copy_of: Some(1) }
                    },
                    attacker_actions: Vec::new(),
                    moved: false,
                    fate: Fate::Pending,
                    sent: None,
                    answers: None,
                    read: None,
                });
                let what = Departing::Segment { bytes: "x".into(), numbers: vec![number] };
                let (at, to) = (Tick(0), Side::Server);
                trace.departures.push(Departure { at, moment, link, to, what });
            }
        }
        trace
    }

    fn seen(who: Side, by: u64, fact: Fact) -> Seen {
        let (conn, local, peer) = (None, None, None);
        Seen { at: Tick(0), by, who, conn, local, peer, content: Content::Known(fact) }
    }

    #[test]
    fn what_a_server_says_late_of_a_session_is_not_about_the_attackers_connection() {
        let message = |text: &str| Message::text(text);
        let late = u64::MAX;
        let said = vec![
            seen(Side::Client, 1, Fact::Sent(message("a"))),
            seen(Side::Client, 2, Fact::Sent(message("b"))),
            seen(Side::Server, late, Fact::Delivered(message("a"))),
            seen(Side::Server, late, Fact::Delivered(message("b"))),
            seen(Side::Server, late, Fact::Ended(End::Clean)),
            // And only then what it took again.
            seen(Side::Server, late, Fact::Delivered(message("a"))),
            seen(Side::Server, late, Fact::Ended(End::Clean)),
        ];
        let (said, _) = facts(&trace(), said);
        let links: Vec<u32> = said.iter().map(|said| said.conn).collect();
        assert_eq!(links, [1, 1, 1, 1, 1, 2, 2]);
    }
}
