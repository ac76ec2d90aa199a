//! Asking a victim: forged bytes go to one end of a link, and what it answers comes back at once. Questions are counted,
//! not kept as frames: a strategy asks thousands.

use bytes::Bytes;
use protocol::endpoint::{Check, Conn, Fact, Input, Output, PortIndex, Side, Tick};

use super::state::{Event, HOP, Link, SERVER, World};
use super::transport::{Direction, Leg};
use super::unread::Cause;
use crate::trace::{ClaimRecord, QuestionOutcome};

/// An event that the attacker keeps from happening.
#[derive(Debug)]
pub struct HeldEvent(Event);

/// What the attacker sees of a victim's answer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Reply {
    /// What the victim sent, segment by segment.
    pub segments: Vec<Bytes>,
    /// It closed the connection.
    pub closed: bool,
    /// There was nobody left to ask: the connection was gone before.
    pub gone: bool,
}

impl Reply {
    /// The answer in words: text as it is, anything else by its size. Two answers that an attacker without keys cannot tell
    /// apart read the same.
    pub fn describe(&self) -> String {
        if self.gone {
            return "nobody there".to_owned();
        }
        let mut words: Vec<String> = self.segments.iter().map(segment).collect();
        if self.closed {
            words.push("closes".to_owned());
        }
        if words.is_empty() { "silence".to_owned() } else { words.join(", ") }
    }
}

/// Printable text in quotes, other bytes by their number. A length in front does not hide a text.
fn segment(bytes: &Bytes) -> String {
    let text = |bytes: &[u8]| {
        let printable = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
        std::str::from_utf8(bytes)
            .ok()
            .filter(|text| printable && text.len() <= 64)
            .map(str::to_owned)
    };
    match text(bytes).or_else(|| bytes.get(4..).filter(|rest| rest.len() > 3).and_then(text)) {
        Some(text) => format!("{text:?}"),
        None => format!("{} bytes", bytes.len()),
    }
}

impl World {
    /// Keep the next event from happening. Time goes on without it.
    pub fn hold(&mut self) -> Option<HeldEvent> {
        self.queue.pop_first().map(|(_, event)| HeldEvent(event))
    }

    /// Let it happen now.
    pub fn release(&mut self, HeldEvent(event): HeldEvent) {
        // It goes before everything else that is due now, because it was due before.
        let first = self.queue.first_key_value().map_or(u64::MAX, |((_, sequence), _)| *sequence);
        self.queue.insert((self.clock, first.min(self.sequence).saturating_sub(1)), event);
        self.sequence += 1;
    }

    /// Open a connection of the attacker's own, to ask on; nothing of it is in the trace.
    pub fn dial(&mut self, service: PortIndex) -> u32 {
        let before = self.sequence;
        let link = self.attacker.next_link();
        let own =
            Link { client: None, server: SERVER, service, client_open: false, server_open: true };
        self.links.insert(link, own);
        self.probing(SERVER, Input::Opened(Conn(link), service));
        self.granted += self.sequence - before;
        link
    }

    /// Close such a connection.
    pub fn hang_up(&mut self, link: u32) {
        if self.shut(link, Side::Server) {
            self.transfer_close(Leg { link, side: Side::Server }, Direction::ToEndpoint);
            self.probing(SERVER, Input::Closed(Conn(link)));
        }
        self.links.remove(&link);
    }

    /// Send `bytes`, a forged `frame_type`, to one end of a link, and wait one round trip for the answer. The answer
    /// reaches nobody but the attacker.
    pub fn ask(&mut self, link: u32, to: Side, frame_type: &'static str, bytes: &[u8]) -> Reply {
        let before = self.sequence;
        let reply = self.ask_once(link, to, frame_type, bytes);
        self.granted += self.sequence - before;
        reply
    }

    fn ask_once(&mut self, link: u32, to: Side, frame_type: &'static str, bytes: &[u8]) -> Reply {
        self.pass(self.clock.after(HOP));
        let open = self.links.get(&link).is_some_and(|link| link.is_open(to));
        let Some(actor) = self.actor_at(link, to).filter(|_| open) else {
            return Reply { gone: true, ..Reply::default() };
        };
        self.trace.asked.insert(link);
        let (leg, mut reply) = (Leg { link, side: to }, Reply::default());
        let mut closes = Vec::new();
        let simply = self.transport.is_none();
        let carried = if simply {
            Vec::new()
        } else {
            self.transfer(leg, Direction::ToEndpoint, &bytes.to_vec().into())
        };
        for piece in simply.then_some(bytes).into_iter().chain(carried.iter().map(AsRef::as_ref)) {
            self.asks(link, to, piece.len());
            let mut out = self.probing(actor, Input::Received(Conn(link), piece));
            for (conn, segment) in out.writes.drain(..) {
                let bytes: Bytes = segment.into();
                if conn == Conn(link) && simply {
                    reply.segments.push(bytes);
                } else if conn == Conn(link) {
                    reply
                        .segments
                        .push(self.transfer(leg, Direction::ToAttacker, &bytes).concat().into());
                } else {
                    let because = Cause { moment: self.trace.moments(), ..Cause::default() };
                    self.schedule(HOP, Event::Sent { link: conn.0, from: to, bytes, because });
                }
            }
            closes.append(&mut out.closes);
            self.out.0 = out;
            if !closes.is_empty() {
                break;
            }
        }
        for Conn(closed) in closes {
            if self.shut(closed, to) {
                reply.closed |= closed == link;
                if self.links.get(&closed).is_some_and(|link| link.client.is_some()) {
                    self.schedule(
                        HOP,
                        Event::Closed { link: closed, from: to, because: Cause::default() },
                    );
                } else {
                    self.transfer_close(Leg { link: closed, side: to }, Direction::ToAttacker);
                }
            }
        }
        let outcome = self.outcome.take().map_or(QuestionOutcome::Taken, QuestionOutcome::Refused);
        *self.trace.answers.entry((frame_type, outcome, reply.describe())).or_default() += 1;
        self.pass(self.clock.after(HOP));
        reply
    }

    /// The attack has failed: put the first refusal of its questions into the trace, where the judge looks for what stopped it.
    pub fn give_up(&mut self) {
        if let Some(mut record) = self.refusal.take() {
            record.moment = self.trace.next_moment();
            self.trace.claim(record);
        }
    }

    /// Whether a victim gave a message to its application that came in a question.
    pub fn took_a_forgery(&self) -> bool {
        let delivered = |fact: &Fact| matches!(fact, Fact::Delivered(_));
        self.trace.claims.iter().any(|r| r.cause.is_none() && delivered(&r.claim.fact))
    }

    /// Let everything happen that is due until then.
    fn pass(&mut self, until: Tick) {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= until) {
            if !self.step() {
                break;
            }
        }
        self.clock = until.max(self.clock);
    }

    /// Give an actor an input of the attacker's. Refusals and lines of a log are counted, every delivery is kept, and what it
    /// believes of whom, once each.
    fn probing(&mut self, number: usize, input: Input<'_>) -> Output {
        let Some(mut out) = self.perform(number, input, None) else { return Output::default() };
        self.given(number, input, &out);
        for reading in std::mem::take(&mut out.readings) {
            self.takes(number, &reading);
        }
        if let Some(at) = out.wake {
            let after = at.0.saturating_sub(self.clock.0);
            self.schedule(std::time::Duration::from_nanos(after), Event::Wake { actor: number });
        }
        for claim in out.claims.drain(..) {
            let moment = 0;
            let refused: Option<Check> = match &claim.fact {
                Fact::Rejected(reject) => Some(reject.check),
                _ => None,
            };
            let (delivered, believed) = match claim.fact {
                Fact::Delivered(_) => (true, false),
                Fact::Established(_) => (false, true),
                _ => (false, false),
            };
            let mut record =
                ClaimRecord { at: self.clock, moment, actor: number, cause: None, claim };
            if let Some(check) = refused {
                self.outcome = Some(check);
                self.refusal.get_or_insert(record);
            } else if delivered || (believed && self.is_news(&record)) {
                record.moment = self.trace.next_moment();
                self.trace.claim(record);
            }
        }
        out
    }

    /// Whether no question before has made this actor believe in this peer.
    fn is_news(&self, new: &ClaimRecord) -> bool {
        let same = |old: &ClaimRecord| {
            let believed = matches!(old.claim.fact, Fact::Established(_));
            let of_same = old.actor == new.actor && old.claim.peer == new.claim.peer;
            believed && of_same && old.cause.is_none()
        };
        !self.trace.claims.iter().any(same)
    }
}
