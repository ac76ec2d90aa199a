//! What the attacker and the endpoints want is applied to the world here. Nothing is decided: every effect becomes an event in the queue,
//! one hop later.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Conn, Input, Output, Side};

use super::guarded::guarded;
use super::state::{Event, HOP, Link, SERVER, World};
use super::step_causes::{StepCauses, UpTo};
use super::transport::{Direction, Leg, Transport};
use super::unread::Cause;
use crate::attacker::{Attacker, Effect, StepContext};
use crate::misfire::MisfireCause;
use crate::trace::{
    ClaimRecord, Departing, Fate, LinkEvent, LinkRecord, Misfire, Origin, Panic, SecretRecord,
};

impl World {
    pub(super) fn step_attacker(
        &mut self,
        because: Cause,
        act: impl FnOnce(&mut Attacker, &mut StepContext<'_>),
    ) {
        let mut effects = Vec::new();
        let (seen, links) = (self.trace.frames.len(), self.trace.links.len());
        let now = self.clock;
        let mut ctx = StepContext { now, trace: &mut self.trace, effects: &mut effects };
        act(&mut self.attacker, &mut ctx);
        // Withholding a frame makes no difference if its receiver has closed.
        for record in self.trace.frames.iter_mut().skip(seen) {
            let open = self.links.get(&record.link).is_some_and(|link| link.is_open(record.to));
            if matches!(record.fate, Fate::Dropped | Fate::Held) && !open {
                record.fate = Fate::Lost;
            }
            if record.origin == Origin::Endpoint {
                (record.answers, record.sent) = (because.frame, Some(because.moment));
            }
        }
        for record in self.trace.links.iter_mut().skip(links) {
            if matches!(record.event, LinkEvent::ClosedBy(_)) {
                record.cause = because.frame;
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
                Effect::CopyMemory { link, of, rule } => self.copy_memory(link, of, rule),
                Effect::PlaceImpostor { link, impostor, rule } => {
                    self.place_impostor(link, &impostor, rule);
                }
                Effect::Wake { token, after } => self.schedule(after, Event::Timer { token }),
            }
        }
    }

    pub(super) fn arrive(&mut self, link: u32, to: Side, bytes: &Bytes, numbers: &[u32]) {
        let open = self.links.get(&link).is_some_and(|link| link.is_open(to));
        let fate = if open { Fate::Delivered(self.clock) } else { Fate::Lost };
        for number in numbers {
            // A frame in several segments counts as delivered when its first segment was.
            if let Some(record) = self.trace.frame_mut(*number)
                && !matches!(record.fate, Fate::Delivered(_))
            {
                record.fate = fate;
            }
        }
        if open && let Some(actor) = self.actor_at(link, to) {
            self.arrives(link, to, bytes.len(), numbers);
            let cause = numbers.last().copied();
            for bytes in self.transfer(Leg { link, side: to }, Direction::ToEndpoint, bytes) {
                // The endpoint may have closed while it read the piece before.
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
        let was_open = self.shut(link, to);
        let closed = |record: &&mut LinkRecord| {
            record.link == link && record.event == LinkEvent::ClosedTo(to)
        };
        if let Some(record) = self.trace.links.iter_mut().find(closed) {
            record.reached.get_or_insert(was_open);
        }
        if was_open {
            self.transfer_close(Leg { link, side: to }, Direction::ToEndpoint);
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

    /// Give an actor one input, and return what it wants. If it panics, the panic is recorded and the actor gets no more inputs.
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

    /// Give an actor one input and apply what it wants. `cause` is the frame it is about, unless the actor says how far it
    /// has read.
    pub(super) fn dispatch(&mut self, number: usize, input: Input<'_>, cause: Option<u32>) {
        let Some(mut out) = self.perform(number, input, cause) else { return };
        let now = self.clock;
        self.given(number, input, &out);
        if !out.secrets.is_empty() && !self.trace.impostors.contains(&number) {
            let record = |(Conn(link), secret)| SecretRecord { actor: number, link, secret };
            self.trace.secrets.extend(out.secrets.drain(..).map(record));
        }
        let step_causes = self.record(number, &mut out, cause);
        self.step_stolen_copy(number, input, &step_causes);
        let from = self.side(number);
        for (at, (Conn(link), bytes)) in out.writes.drain(..).enumerate() {
            if self.links.get(&link).is_some_and(|link| link.is_open(from)) {
                let because = step_causes.of_write(at);
                self.schedule(HOP, Event::Sent { link, from, bytes: bytes.into(), because });
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
        for (at, Conn(link)) in closes.into_iter().enumerate() {
            if self.shut(link, from) {
                self.schedule(HOP, Event::Closed { link, from, because: step_causes.of_close(at) });
                if from == Side::Client {
                    self.schedule(Duration::ZERO, Event::Advance { actor: number });
                }
            }
        }
    }

    /// Put what an actor claims into the trace, and return for which frame it did what. One input may hold several frames; readings say
    /// how many claims, writes and closes the actor had made when it had read each of them.
    fn record(&mut self, number: usize, out: &mut Output, cause: Option<u32>) -> StepCauses {
        let learns = self.impostor(number).is_some_and(|impostor| !impostor.insider);
        let mut step_causes = StepCauses::default();
        let mut because = Cause { frame: cause, moment: self.trace.moments() };
        let mut claims = std::mem::take(&mut out.claims).into_iter().enumerate().peekable();
        let readings = std::mem::take(&mut out.readings);
        for reading in readings.iter().map(Some).chain([None]) {
            let due = reading.map_or(usize::MAX, |reading| reading.claims);
            while let Some((_, claim)) = claims.next_if(|(at, _)| *at < due) {
                if learns {
                    self.learn_from(claim, because.frame);
                } else {
                    let (at, moment) = (self.clock, self.trace.next_moment());
                    let cause = because.frame;
                    self.trace.claim(ClaimRecord { at, moment, actor: number, cause, claim });
                }
            }
            because.moment = self.trace.moments();
            step_causes.until.push((UpTo::of(reading), because));
            if let Some(reading) = reading {
                because.frame = self.takes(number, reading).or(because.frame);
            }
        }
        step_causes
    }

    /// From now on, all bytes go over this transport.
    pub fn use_transport(&mut self, transport: Box<dyn Transport>) {
        self.transport = Some(transport);
    }

    /// Move bytes over the transport, and return what each read at the other end returned.
    pub(super) fn transfer(&mut self, leg: Leg, direction: Direction, bytes: &Bytes) -> Vec<Bytes> {
        let Some(transport) = &mut self.transport else { return vec![bytes.clone()] };
        let pieces = transport.transfer(leg, direction, bytes);
        pieces.unwrap_or_else(|error| {
            self.broken(leg, &error);
            Vec::new()
        })
    }

    /// Close over the transport.
    pub(super) fn transfer_close(&mut self, leg: Leg, direction: Direction) {
        let closed =
            self.transport.as_mut().map_or(Ok(()), |transport| transport.close(leg, direction));
        if let Err(error) = closed {
            self.broken(leg, &error);
        }
    }

    /// The transport failed by itself. That proves nothing about the attack, so it is a misfire.
    fn broken(&mut self, Leg { link, side }: Leg, error: &io::Error) {
        let why = MisfireCause::PathBroke { side, link, error: error.to_string() };
        self.trace.misfires.push(Misfire { rule: 0, why });
    }
}
