//! A run: events happen one after the other, in the order of (time, sequence), until none is left.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use protocol::endpoint::{Command, Conn, Endpoint, Input, PortIndex, Side, Tick};
use protocol::layout::Layout;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::honest::Honest;
use super::spec::WorldSpec;
use super::state::{Actor, Event, HOP, Impostor, Link, SERVER, Scratch, World};
use super::transport::{Direction, Leg};
use super::unread::Cause;
use crate::attacker::{Acting, Attacker};
use crate::script::Step;
use crate::trace::{Misfire, Trace};

/// A run that needs more events than this does not come to rest.
const MAX_EVENTS: u64 = 2_000_000;

impl World {
    /// A world at time zero, every client about to connect.
    pub fn new(spec: &WorldSpec) -> Self {
        let WorldSpec { scripts, rules, .. } = spec;
        let actor = |endpoint, script| Actor {
            endpoint,
            script,
            at: 0,
            open: 0,
            waiting: false,
            dead: false,
            impostor: None,
            says_what_it_reads: false,
        };
        let last = scripts.keys().next_back().copied().unwrap_or(0);
        let script = |number| scripts.get(&number).cloned().unwrap_or_else(|| Arc::from([]));
        let Honest { endpoints, layout, problem } = Honest::new(spec, last);
        let numbered = (0..).zip(endpoints);
        let actors = numbered.map(|(number, endpoint)| actor(endpoint, script(number))).collect();
        let mut trace = Trace::default();
        trace.misfires.extend(problem.map(|why| Misfire { rule: 0, why }));
        trace.fired.resize(rules.len(), 0);
        let mut world = Self {
            spec: Arc::new(spec.clone()),
            actors,
            links: BTreeMap::new(),
            attacker: Attacker::new(layout, rules.clone()),
            clock: Tick::default(),
            queue: BTreeMap::new(),
            sequence: 0,
            trace,
            out: Scratch::default(),
            outcome: None,
            refusal: None,
            granted: 0,
            transport: None,
            unread: BTreeMap::new(),
        };
        world.advance(SERVER);
        for number in scripts.keys().filter(|number| **number > 0) {
            world.connect(*number as usize, PortIndex::default());
        }
        world
    }

    /// What happened so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What happened, the world being over.
    pub fn into_trace(self) -> Trace {
        self.trace
    }

    /// What happened so far, to add to.
    pub fn trace_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }

    /// What the world was made from.
    pub fn spec(&self) -> &WorldSpec {
        &self.spec
    }

    /// The frames that are exchanged.
    pub fn layout(&self) -> &Layout {
        self.attacker.layout()
    }

    /// The attacker.
    pub fn attacker_mut(&mut self) -> &mut Attacker {
        &mut self.attacker
    }

    /// The virtual time.
    pub fn now(&self) -> Tick {
        self.clock
    }

    /// A copy of the endpoint at one end of a link.
    pub fn endpoint(&self, link: u32, side: Side) -> Option<Box<dyn Endpoint>> {
        let actor = self.actors.get(self.actor_at(link, side)?)?;
        Some(actor.endpoint.fork())
    }

    /// A deep copy. Neither world ever notices the other.
    ///
    /// ```
    /// use mitm_proxy::prelude::*;
    /// use protocol::systems::SYSTEMS;
    ///
    /// let victim = SYSTEMS.first().unwrap();
    /// let mut world = World::new(&WorldSpec::new(Victims::System(victim)).client([Step::End]));
    /// let fork = world.fork();
    /// assert_eq!(world.digest(), fork.digest());
    /// world.run();
    /// assert_ne!(world.digest(), fork.digest());
    /// ```
    #[must_use]
    pub fn fork(&self) -> Self {
        self.clone()
    }

    /// 128 bits over everything that decides the future: worlds of equal digest go on equally.
    pub fn digest(&self) -> u128 {
        let mut hasher = SipHasher24::new();
        for actor in &self.actors {
            actor.endpoint.digest(&mut hasher);
            let left = actor.script.get(actor.at..);
            (left, actor.open, actor.waiting, actor.dead, actor.impostor).hash(&mut hasher);
        }
        self.attacker.digest(&mut hasher);
        let Self { links, clock, queue, .. } = self;
        (links, clock).hash(&mut hasher);
        // The order of events counts, not the numbers it is kept by.
        for ((at, _), event) in queue {
            (at, event).hash(&mut hasher);
        }
        // What the attacker has seen it can send again.
        for record in &self.trace.frames {
            (record.link, record.to, &record.frame).hash(&mut hasher);
            (&record.original, record.origin).hash(&mut hasher);
        }
        hasher.finish128().as_u128()
    }

    /// Run until nothing is left to happen.
    pub fn run(&mut self) {
        while self.step() {}
        self.settle();
    }

    /// Run until a rule is about to act; it has not acted yet. `None` when the run ended without.
    ///
    /// ```
    /// use mitm_proxy::prelude::*;
    /// use protocol::systems::SYSTEMS;
    ///
    /// let victim = SYSTEMS.first().unwrap();
    /// let rule = Rule::new(when_any_frame().from(Side::Client).nth(1), drop_frame());
    /// let mut world = World::new(&WorldSpec::new(Victims::System(victim)).client([Step::End]).rule(rule));
    /// let acting = world.run_until_rule().unwrap();
    /// assert_eq!((acting.rule, acting.from), (0, Side::Client));
    /// assert_eq!(world.trace().fired, [0]);
    /// ```
    pub fn run_until_rule(&mut self) -> Option<Acting> {
        loop {
            if let Some(acting) = self.next_acting() {
                return Some(acting);
            }
            if !self.step() {
                self.settle();
                return None;
            }
        }
    }

    /// With a rule about to act: run the events that the rule cannot change any more. Those are the events for endpoints that are due
    /// within one hop and were scheduled before. Whatever the attacker sends now arrives later. The forks that are made next need not
    /// repeat these events.
    pub fn run_independent_events(&mut self) {
        let Some((key @ (now, last), acting)) = self.queue.pop_first() else { return };
        let (horizon, last) = (now.after(HOP), self.sequence.max(last));
        let due = |(key, event): (&(Tick, u64), &Event)| {
            (key.0 <= horizon && key.1 <= last && event.is_for_endpoint()).then_some(*key)
        };
        while let Some(key) = self.queue.iter().find_map(due) {
            let Some(event) = self.queue.remove(&key) else { break };
            self.happen(key.0, event);
        }
        self.queue.insert(key, acting);
    }

    /// The rule that the next event would set off.
    fn next_acting(&self) -> Option<Acting> {
        let (_, event) = self.queue.first_key_value()?;
        match event {
            Event::Sent { link, from, bytes, .. } => {
                self.attacker.would_act_on(*link, *from, bytes)
            }
            Event::Connect { link, .. } => {
                self.attacker.would_act_on_open(*link, self.service(*link))
            }
            Event::Closed { link, from, .. } => self.attacker.would_act_on_close(*link, *from),
            _ => None,
        }
    }

    /// Let one event happen. `false` when there is none left.
    pub fn step(&mut self) -> bool {
        if self.sequence - self.granted > MAX_EVENTS {
            self.trace.exhausted = true;
            return false;
        }
        let Some(((at, _), event)) = self.queue.pop_first() else { return false };
        self.happen(at, event);
        true
    }

    fn happen(&mut self, at: Tick, event: Event) {
        self.clock = at;
        match event {
            Event::Connect { actor, link } => {
                let service = self.service(link);
                self.step_attacker(Cause::default(), |attacker, ctx| {
                    attacker.on_open(ctx, link, service);
                });
                self.dispatch(actor, Input::Opened(Conn(link), service), None);
                self.advance(actor);
            }
            Event::Accept { link } => {
                let service = self.service(link);
                let server = self.links.get(&link).map_or(SERVER, |link| link.server);
                self.dispatch(server, Input::Opened(Conn(link), service), None);
            }
            Event::Sent { link, from, bytes, because } => {
                for bytes in self.transfer(Leg { link, side: from }, Direction::ToAttacker, &bytes)
                {
                    self.step_attacker(because, |attacker, ctx| {
                        attacker.on_bytes(ctx, link, from, &bytes);
                    });
                }
            }
            Event::Closed { link, from, because } => {
                self.transfer_close(Leg { link, side: from }, Direction::ToAttacker);
                self.step_attacker(because, |attacker, ctx| {
                    attacker.on_close(ctx, link, from);
                });
            }
            Event::Timer { token } => {
                self.step_attacker(Cause::default(), |attacker, ctx| {
                    attacker.on_timer(ctx, token);
                });
            }
            Event::Arrive { link, to, bytes, numbers } => self.arrive(link, to, &bytes, &numbers),
            Event::Hangup { link, to } => self.hangup(link, to),
            Event::Wake { actor } => self.dispatch(actor, Input::Timeout, None),
            Event::Advance { actor } => self.advance(actor),
            Event::Resume { actor } => {
                if let Some(actor) = self.actors.get_mut(actor) {
                    actor.waiting = false;
                }
                self.advance(actor);
            }
        }
    }

    pub(super) fn schedule(&mut self, after: Duration, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.clock.after(after), self.sequence), event);
    }

    /// The role of an actor that is an impostor.
    pub(super) fn impostor(&self, actor: usize) -> Option<Impostor> {
        self.actors.get(actor).and_then(|actor| actor.impostor)
    }

    /// Which end of its links an actor is at.
    pub(super) fn side(&self, actor: usize) -> Side {
        let own = if actor == SERVER { Side::Server } else { Side::Client };
        self.impostor(actor).map_or(own, |impostor| impostor.side)
    }

    /// A client opens a link to this port.
    pub(super) fn connect(&mut self, actor: usize, service: PortIndex) {
        let link = self.attacker.next_link();
        let client = Some(actor);
        if let Some(impostor) = self.impostor(actor) {
            self.attacker.add_impostor(link, Side::Client, impostor.rule);
            self.trace.impostor_links.insert(link);
        } else {
            self.trace.owners.insert(link, actor);
        }
        self.links.insert(
            link,
            Link { client, server: SERVER, service, client_open: true, server_open: false },
        );
        if let Some(actor) = self.actors.get_mut(actor) {
            actor.open += 1;
        }
        self.schedule(Duration::ZERO, Event::Connect { actor, link });
    }

    pub(super) fn service(&self, link: u32) -> PortIndex {
        self.links.get(&link).map_or(PortIndex::default(), |link| link.service)
    }

    /// One end of a link closes. Whether it was open.
    pub(super) fn shut(&mut self, link: u32, side: Side) -> bool {
        let Some(state) = self.links.get_mut(&link) else { return false };
        let was_open = std::mem::replace(state.open(side), false);
        let client = state.client;
        if was_open
            && side == Side::Client
            && let Some(actor) = client.and_then(|client| self.actors.get_mut(client))
        {
            actor.open -= 1;
        }
        self.leaves_unread(link, side);
        was_open
    }

    /// Go on with a client's script as far as it can go now.
    pub(super) fn advance(&mut self, number: usize) {
        loop {
            let Some(actor) = self.actors.get_mut(number) else { return };
            if actor.waiting || actor.dead {
                return;
            }
            // A server keeps what it has to say for whoever comes.
            let open = actor.open > 0 || number == SERVER;
            let Some(step) = actor.script.get(actor.at).cloned() else { return };
            match step {
                Step::Connect if open => return,
                Step::Connect => {
                    actor.at += 1;
                    return self.connect(number, PortIndex::default());
                }
                Step::Wait(time) => {
                    actor.at += 1;
                    actor.waiting = true;
                    return self.schedule(time, Event::Resume { actor: number });
                }
                // What was still to be said in a session that is over is never said.
                Step::Send(_) | Step::End if !open => actor.at += 1,
                Step::Send(message) => {
                    actor.at += 1;
                    self.dispatch(number, Input::Command(&Command::Send(message)), None);
                }
                Step::End => {
                    actor.at += 1;
                    self.dispatch(number, Input::Command(&Command::End), None);
                }
            }
        }
    }

    /// Connections that an endpoint still holds open, of links that have a client.
    pub fn open_ends(&self) -> impl Iterator<Item = (u32, Side)> {
        let honest =
            |actor: Option<usize>| actor.is_some_and(|actor| self.impostor(actor).is_none());
        self.links.iter().filter(move |(_, link)| honest(link.client)).flat_map(|(number, link)| {
            [Side::Client, Side::Server]
                .into_iter()
                .filter(|side| {
                    link.is_open(*side) && (*side == Side::Client || link.server == SERVER)
                })
                .map(|side| (*number, side))
        })
    }
}
