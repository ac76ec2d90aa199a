//! Carrying out what the attacker and the endpoints want.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Conn, Endpoint, Input, Output, Side, Tick};

use super::{Event, HOP, Leg, Link, SERVER, STEPPING, Way, World};
use crate::attacker::{Attacker, Effect};
use crate::trace::{ClaimRecord, Departing, Fate, Panic, SecretRecord, Trace};

impl World {
    pub(super) fn tell_attacker(
        &mut self,
        tell: impl FnOnce(&mut Attacker, Tick, &mut Trace, &mut Vec<Effect>),
    ) {
        let mut effects = Vec::new();
        let seen = self.trace.frames.len();
        tell(&mut self.attacker, self.clock, &mut self.trace, &mut effects);
        // A frame withheld from somebody who was gone was withheld from nobody.
        for record in self.trace.frames.iter_mut().skip(seen) {
            let open = self.links.get(&record.link).is_some_and(|link| link.is_open(record.to));
            if matches!(record.fate, Fate::Dropped | Fate::Held) && !open {
                record.fate = Fate::Lost;
            }
        }
        for effect in effects {
            match effect {
                Effect::Connect { link, service } => {
                    let own = Link {
                        client: None,
                        server: SERVER,
                        service,
                        client_open: false,
                        server_open: false,
                    };
                    self.links.entry(link).or_insert(own).server_open = true;
                    self.schedule(HOP, Event::Accept { link });
                }
                Effect::Send { link, to, bytes, numbers } => {
                    let (copy, known) = (bytes.clone(), numbers.clone());
                    let what = Departing::Segment { bytes: copy, numbers: known };
                    self.trace.depart(self.clock, link, to, what);
                    self.schedule(HOP, Event::Arrive { link, to, bytes, numbers });
                }
                Effect::Close { link, to } => {
                    self.trace.depart(self.clock, link, to, Departing::Close);
                    self.schedule(HOP, Event::Hangup { link, to });
                }
                Effect::Steal { link, of, rule } => self.steal(link, of, rule),
                Effect::Play { link, part, rule } => self.play(link, &part, rule),
                Effect::Wake { token, after } => self.schedule(after, Event::Timer { token }),
            }
        }
    }

    pub(super) fn arrive(&mut self, link: u32, to: Side, bytes: &Bytes, numbers: &[u32]) {
        let open = self.links.get(&link).is_some_and(|link| link.is_open(to));
        let fate = if open { Fate::Delivered(self.clock) } else { Fate::Lost };
        for number in numbers {
            // A frame that was taken in part was taken.
            if let Some(record) = self.trace.frame_mut(*number)
                && !matches!(record.fate, Fate::Delivered(_))
            {
                record.fate = fate;
            }
        }
        if open && let Some(actor) = self.actor_at(link, to) {
            let cause = numbers.last().copied();
            for bytes in self.carry(Leg { link, side: to }, Way::Out, bytes) {
                // Who has closed reads no more.
                if !self.links.get(&link).is_some_and(|link| link.is_open(to)) {
                    break;
                }
                self.dispatch(actor, Input::Received(Conn(link), &bytes), cause);
                let held = self.actors.get(actor).map_or(0, |actor| actor.endpoint.buffered());
                self.trace.peak_buffered = self.trace.peak_buffered.max(held);
            }
        }
    }

    pub(super) fn hangup(&mut self, link: u32, to: Side) {
        let Some(actor) = self.actor_at(link, to) else { return };
        if self.shut(link, to) {
            self.carry_close(Leg { link, side: to }, Way::Out);
            self.dispatch(actor, Input::Closed(Conn(link)), None);
            self.advance(actor);
        }
    }

    pub(super) fn actor_at(&self, link: u32, side: Side) -> Option<usize> {
        match side {
            Side::Server => Some(self.links.get(&link)?.server),
            Side::Client => self.links.get(&link)?.client,
        }
    }

    /// Give an actor one input; what it wants. A panic is recorded, and the end of the actor.
    pub(super) fn perform(
        &mut self,
        number: usize,
        input: Input<'_>,
        cause: Option<u32>,
    ) -> Option<Output> {
        let actor = self.actors.get_mut(number).filter(|actor| !actor.dead)?;
        let mut out = std::mem::take(&mut self.out.0);
        out.clear();
        let (now, endpoint) = (self.clock, &mut actor.endpoint);
        if let Err(message) = guarded(endpoint, now, input, &mut out) {
            actor.dead = true;
            self.trace.panics.push(Panic { actor: number, cause, message });
        }
        Some(out)
    }

    /// Give an actor one input and carry out what it wants.
    pub(super) fn dispatch(&mut self, number: usize, input: Input<'_>, cause: Option<u32>) {
        self.tell_thief(number, input, cause);
        let Some(mut out) = self.perform(number, input, cause) else { return };
        let now = self.clock;
        if self.planted(number).is_some_and(|planted| !planted.insider) {
            self.learn_from(&mut out, cause);
        }
        if !out.secrets.is_empty() && !self.trace.parts.contains(&number) {
            let record = |(Conn(link), secret)| SecretRecord { actor: number, link, secret };
            self.trace.secrets.extend(out.secrets.drain(..).map(record));
        }
        for claim in out.claims.drain(..) {
            let moment = self.trace.next_moment();
            self.trace.claim(ClaimRecord { at: now, moment, actor: number, cause, claim });
        }
        let from = self.side(number);
        for (Conn(link), bytes) in out.writes.drain(..) {
            if self.links.get(&link).is_some_and(|link| link.is_open(from)) {
                self.schedule(HOP, Event::Sent { link, from, bytes: bytes.into() });
            }
        }
        if let Some(at) = out.wake {
            let after = Duration::from_nanos(at.0.saturating_sub(now.0));
            self.schedule(after, Event::Wake { actor: number });
        }
        for service in out.opens.drain(..).filter(|_| from == Side::Client) {
            self.connect(number, service);
        }
        let closes = std::mem::take(&mut out.closes);
        self.out.0 = out;
        for Conn(link) in closes {
            if self.shut(link, from) {
                self.schedule(HOP, Event::Closed { link, from });
                if from == Side::Client {
                    self.schedule(Duration::ZERO, Event::Advance { actor: number });
                }
            }
        }
    }
}

/// Let an endpoint take one input. The message of its panic, if it panics.
pub(super) fn guarded(
    endpoint: &mut Box<dyn Endpoint>,
    now: Tick,
    input: Input<'_>,
    out: &mut Output,
) -> Result<(), String> {
    STEPPING.set(true);
    let stepped = catch_unwind(AssertUnwindSafe(|| endpoint.step(now, input, out)));
    STEPPING.set(false);
    stepped.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|message| (*message).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "panic".to_owned())
    })
}
