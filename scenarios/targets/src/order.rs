//! What two programs said, in an order that cause and effect allow.
//!
//! What is known is a partial order: what each program said, it said in that order; and what one said before a frame of its own
//! went on comes before whatever the other said because of that frame. When it was read says nothing else: a program may print
//! late. Where the partial order leaves a choice, a cause is put before its effect, so no verdict rests on that choice.

use std::collections::{BTreeMap, VecDeque};

use mitm_proxy::trace::{Origin, Trace};
use protocol::endpoint::{Fact, Fingerprint, Message, Name, Side, Tick};

use super::Prompt;

/// Something a program said, with all there is to know of it.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// When it was read.
    pub(super) at: Tick,
    /// It was said before this place among all records.
    pub(super) by: u64,
    pub(super) who: Side,
    pub(super) conn: u32,
    pub(super) local: Option<Name>,
    pub(super) peer: Option<Name>,
    pub(super) fact: Fact,
}

/// The place of a side in a [`Prompt`].
pub(super) fn index(side: Side) -> usize {
    usize::from(side == Side::Client)
}

/// What the other program can rest on, or rests on itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Ground {
    Running(Fingerprint),
    Sent(Message),
    Delivered(Message),
}

/// What this fact is to the peer.
fn gives(fact: &Fact) -> Option<Ground> {
    match fact {
        Fact::Running(session) => Some(Ground::Running(*session)),
        Fact::Sent(message) => Some(Ground::Sent(message.clone())),
        Fact::Delivered(message) => Some(Ground::Delivered(message.clone())),
        _ => None,
    }
}

/// What the peer must have said first.
fn needs(fact: &Fact) -> Option<Ground> {
    match fact {
        Fact::Established(session) => Some(Ground::Running(*session)),
        Fact::Delivered(message) => Some(Ground::Sent(message.clone())),
        Fact::Acknowledged(message) => Some(Ground::Delivered(message.clone())),
        _ => None,
    }
}

/// Whether it waits for nobody and others may wait for it.
fn comes_first(fact: &Fact) -> bool {
    matches!(fact, Fact::Sent(_) | Fact::Running(_))
}

/// The places at which frames came from and went to one program, ascending.
struct Traffic {
    from: Vec<u64>,
    to: Vec<u64>,
}

impl Traffic {
    fn of(trace: &Trace, side: Side) -> Self {
        let from = trace.frames.iter().filter(|frame| frame.origin == Origin::Endpoint);
        let from = from.filter(|frame| frame.to != side).map(|frame| frame.moment);
        let to = trace.departures.iter().filter(|departure| departure.to == side);
        Self { from: from.collect(), to: to.map(|departure| departure.moment).collect() }
    }

    /// The last frame it was given before it sent one that it sent before it said this: it was said after that.
    fn floor(&self, by: u64) -> u64 {
        let before = |places: &[u64], limit: u64| {
            let count = places.partition_point(|place| *place < limit);
            count.checked_sub(1).and_then(|last| places.get(last).copied())
        };
        before(&self.from, by).and_then(|sent| before(&self.to, sent)).unwrap_or(0)
    }

    /// Whether it was given a frame from the first place on and before the second.
    fn was_given_between(&self, first: u64, second: u64) -> bool {
        let at = self.to.partition_point(|place| *place < first);
        self.to.get(at).is_some_and(|place| *place < second)
    }
}

/// What one program has left to say.
struct Queue {
    rest: VecDeque<(Said, u64)>,
    /// How often it has said what its peer may rest on, and how often it will yet.
    given: BTreeMap<Ground, (usize, usize)>,
    /// How often it has rested on something of its peer's.
    used: BTreeMap<Ground, usize>,
}

impl Queue {
    fn new(said: Vec<Said>, floor: impl Fn(u64) -> u64) -> Self {
        let mut given: BTreeMap<Ground, (usize, usize)> = BTreeMap::new();
        for ground in said.iter().filter_map(|one| gives(&one.fact)) {
            given.entry(ground).or_default().1 += 1;
        }
        let rest = said.into_iter().map(|one| {
            let floor = floor(one.by);
            (one, floor)
        });
        Self { rest: rest.collect(), given, used: BTreeMap::new() }
    }

    /// Whether what it says next follows from something its peer is yet to say.
    fn waits(&self, peer: &Self) -> bool {
        let Some(ground) = self.rest.front().and_then(|(said, _)| needs(&said.fact)) else {
            return false;
        };
        let (given, to_come) = peer.given.get(&ground).copied().unwrap_or_default();
        to_come > 0 && given <= self.used.get(&ground).copied().unwrap_or_default()
    }

    /// Whether its peer has said all that certainly came before what it says next.
    fn may_go_on(&self, peer: &Self) -> bool {
        let floor = self.rest.front().map_or(0, |(_, floor)| *floor);
        peer.rest.front().is_none_or(|(said, _)| said.by > floor)
    }

    fn comes_first(&self) -> bool {
        self.rest.front().is_some_and(|(said, _)| comes_first(&said.fact))
    }

    fn pop(&mut self) -> Option<Said> {
        let (said, _) = self.rest.pop_front()?;
        if let Some(ground) = gives(&said.fact) {
            let (given, to_come) = self.given.entry(ground).or_default();
            (*given, *to_come) = (*given + 1, to_come.saturating_sub(1));
        }
        if let Some(ground) = needs(&said.fact) {
            *self.used.entry(ground).or_default() += 1;
        }
        Some(said)
    }
}

/// Bring what the server and the client said, each in its own order, into one. Where a program is not known to be prompt, that
/// something of it was read late does not mean that it was said late.
pub(super) fn in_order(
    trace: &Trace,
    server: Vec<Said>,
    client: Vec<Said>,
    prompt: Prompt,
) -> Vec<Said> {
    let queue = |said: Vec<Said>, side: Side| {
        let traffic = Traffic::of(trace, side);
        let is_prompt = prompt.get(index(side)) == Some(&true);
        Queue::new(said, |by| if is_prompt { traffic.floor(by) } else { 0 })
    };
    let (mut server, mut client) = (queue(server, Side::Server), queue(client, Side::Client));
    let mut order = Vec::with_capacity(server.rest.len() + client.rest.len());
    while let Some(next) = next(&mut server, &mut client) {
        order.push(next);
    }
    order
}

fn next(one: &mut Queue, other: &mut Queue) -> Option<Said> {
    if one.rest.is_empty() {
        return other.pop();
    }
    let other_may = !other.rest.is_empty() && other.may_go_on(one);
    if !one.may_go_on(other) && other_may {
        return other.pop();
    }
    let waits = one.waits(other) || (other.comes_first() && !one.comes_first());
    if other_may && waits && !other.waits(one) { other.pop() } else { one.pop() }
}

/// Whether each program said everything that its peer rested on before it sent the frame that told the peer so. It is asked of
/// an honest run: a program that prints late there may print late under attack too.
pub(super) fn prompt(trace: &Trace, order: &[Said]) -> Prompt {
    let mut prompt = [true; 2];
    let traffic = [Traffic::of(trace, Side::Server), Traffic::of(trace, Side::Client)];
    let mut said: BTreeMap<(Side, Ground), VecDeque<u64>> = BTreeMap::new();
    for one in order {
        if let Some(ground) = gives(&one.fact) {
            said.entry((one.who, ground)).or_default().push_back(one.by);
        }
    }
    for one in order {
        let Some(ground) = needs(&one.fact).filter(|ground| !matches!(ground, Ground::Sent(_)))
        else {
            continue;
        };
        let peer = one.who.other();
        let given = said.get_mut(&(peer, ground)).and_then(VecDeque::pop_front);
        let its = traffic.get(index(one.who));
        let in_time = given.zip(its).is_some_and(|(by, its)| its.was_given_between(by, one.by));
        if !in_time && let Some(prompt) = prompt.get_mut(index(peer)) {
            *prompt = false;
        }
    }
    prompt
}

#[cfg(test)]
mod tests;
