//! The in-memory back end: endpoints, attacker, links and a virtual clock in one value that can be forked.
//!
//! Everything happens in the order of (time, sequence): the same setup always gives the same trace.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Check, Command, Conn, Endpoint, Input, Output, PortIndex, Side, Tick};
use protocol::layout::Layout;
use protocol::system::System;
use protocol::weakness::Profile;
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::attacker::{Acting, Attacker};
use crate::rule::Rule;
use crate::script::Step;
use crate::trace::{ClaimRecord, Misfire, Trace};

mod ask;
mod carrier;
mod carry;
mod honest;
mod parts;
mod reading;

pub use ask::{Held, Reply};
pub use carrier::{Carrier, Leg, Way};
use honest::Honest;
pub use honest::LAB;
pub use parts::{Folder, Recording};
use reading::{Because, Unread};

/// How long a segment takes from an endpoint to the attacker, and from there to the other end.
pub const HOP: Duration = Duration::from_micros(500);

/// A run that needs more events than this does not come to rest.
const MAX_EVENTS: u64 = 2_000_000;

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The system under attack.
    pub system: &'static System,
    /// Which defences are off.
    pub profile: Profile,
    /// Decides every random byte.
    pub seed: u64,
    /// What each client does, by its number from 1; what the server says, at 0.
    pub scripts: BTreeMap<u32, Arc<[Step]>>,
    /// The attacker's rules.
    pub rules: Arc<[Rule]>,
    /// Key files the attacker has, by the name rules give each set. The set [`LAB`] is what the honest endpoints have instead
    /// of the keys of the lab.
    pub keys: BTreeMap<String, Folder>,
    /// Somebody who registered before the run, where the system has users: name and password.
    pub registered: Option<(String, String)>,
}

/// Endpoints, attacker and links at one moment. A clone is a fork: neither ever notices the other.
#[derive(Clone, Debug)]
pub struct World {
    plan: Arc<Plan>,
    actors: Vec<Actor>,
    links: BTreeMap<u32, Link>,
    attacker: Attacker,
    clock: Tick,
    queue: BTreeMap<(Tick, u64), Event>,
    sequence: u64,
    trace: Trace,
    out: Scratch,
    /// What the last question of a strategy was refused by.
    outcome: Option<Check>,
    /// The first refusal of any.
    refusal: Option<ClaimRecord>,
    /// How many events the questions of strategies took: those have a budget of their own.
    granted: u64,
    /// What takes bytes from end to end, if they do not simply arrive.
    carrier: Option<Box<dyn Carrier>>,
    /// What each end of a link has not read yet.
    unread: BTreeMap<(u32, Side), Unread>,
}

/// Reused between steps; a clone starts empty.
#[derive(Debug, Default)]
struct Scratch(Output);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Clone, Debug)]
struct Actor {
    endpoint: Box<dyn Endpoint>,
    script: Arc<[Step]>,
    at: usize,
    /// How many of a client's connections are open at its end.
    open: u32,
    waiting: bool,
    dead: bool,
    /// It is the attacker's.
    planted: Option<Planted>,
    /// It says how far it reads. Whoever never does is taken to read everything at once.
    says_what_it_reads: bool,
}

/// What somebody of the attacker's does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Planted {
    /// Plays this side.
    side: Side,
    /// Because of this rule, from 1.
    rule: u32,
    /// And makes no secret of who it is.
    insider: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Link {
    /// The client at its end; none on links of the attacker's own.
    client: Option<usize>,
    /// Who serves at the other: the server, or somebody the attacker has put there.
    server: usize,
    service: PortIndex,
    client_open: bool,
    server_open: bool,
}

impl Link {
    fn open(&mut self, side: Side) -> &mut bool {
        match side {
            Side::Client => &mut self.client_open,
            Side::Server => &mut self.server_open,
        }
    }

    fn is_open(&self, side: Side) -> bool {
        match side {
            Side::Client => self.client_open,
            Side::Server => self.server_open,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Event {
    /// A client connects.
    Connect { actor: usize, link: u32 },
    /// The server accepts.
    Accept { link: u32 },
    /// Bytes reach the attacker.
    Sent { link: u32, from: Side, bytes: Bytes, because: Because },
    /// A close reaches the attacker.
    Closed { link: u32, from: Side, because: Because },
    /// A segment with bytes of these frames reaches an endpoint.
    Arrive { link: u32, to: Side, bytes: Bytes, numbers: Vec<u32> },
    /// A close reaches an endpoint.
    Hangup { link: u32, to: Side },
    /// A timer the attacker asked for.
    Timer { token: u64 },
    /// A timeout an endpoint asked for.
    Wake { actor: usize },
    /// A client's script goes on, its wait being over.
    Resume { actor: usize },
    /// A client's script goes on if it is not waiting.
    Advance { actor: usize },
}

impl Event {
    fn is_for_endpoint(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Sent { .. } | Self::Closed { .. } | Self::Timer { .. } => {
                false
            }
            Self::Accept { .. }
            | Self::Arrive { .. }
            | Self::Hangup { .. }
            | Self::Wake { .. }
            | Self::Resume { .. }
            | Self::Advance { .. } => true,
        }
    }
}

const SERVER: usize = 0;

thread_local! {
    static STEPPING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside an endpoint's step right now. A panic there is caught and becomes a finding, so
/// a panic hook may keep silent about it.
pub fn stepping() -> bool {
    STEPPING.get()
}

impl World {
    /// A world at time zero, every client about to connect.
    pub fn new(plan: &Plan) -> Self {
        let Plan { scripts, rules, .. } = plan;
        let actor = |endpoint, script| Actor {
            endpoint,
            script,
            at: 0,
            open: 0,
            waiting: false,
            dead: false,
            planted: None,
            says_what_it_reads: false,
        };
        let last = scripts.keys().next_back().copied().unwrap_or(0);
        let script = |number| scripts.get(&number).cloned().unwrap_or_else(|| Arc::from([]));
        let Honest { endpoints, layout, problem } = Honest::new(plan, last);
        let numbered = (0..).zip(endpoints);
        let actors = numbered.map(|(number, endpoint)| actor(endpoint, script(number))).collect();
        let mut trace = Trace::default();
        trace.misfires.extend(problem.map(|why| Misfire { rule: 0, why }));
        trace.fired.resize(rules.len(), 0);
        let mut world = Self {
            plan: Arc::new(plan.clone()),
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
            carrier: None,
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
    pub fn plan(&self) -> &Plan {
        &self.plan
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

    /// A deep copy.
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
            (left, actor.open, actor.waiting, actor.dead, actor.planted).hash(&mut hasher);
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

    /// With a rule about to act: let everything happen that it cannot change. What is on its way to an endpoint
    /// already arrives before anything the attacker sends now, so the forks made next need not repeat it.
    pub fn ripen(&mut self) {
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
                self.tell_attacker(Because::default(), |attacker, now, trace, effects| {
                    attacker.on_open(now, link, service, trace, effects);
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
                for bytes in self.carry(Leg { link, side: from }, Way::In, &bytes) {
                    self.tell_attacker(because, |attacker, now, trace, effects| {
                        attacker.on_bytes(now, link, from, &bytes, trace, effects);
                    });
                }
            }
            Event::Closed { link, from, because } => {
                self.carry_close(Leg { link, side: from }, Way::In);
                self.tell_attacker(because, |attacker, now, trace, effects| {
                    attacker.on_close(now, link, from, trace, effects);
                });
            }
            Event::Timer { token } => {
                self.tell_attacker(Because::default(), |attacker, now, trace, effects| {
                    attacker.on_timer(now, token, trace, effects);
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

    fn schedule(&mut self, after: Duration, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.clock.after(after), self.sequence), event);
    }

    /// What an actor is to the attacker, if it is the attacker's.
    fn planted(&self, actor: usize) -> Option<Planted> {
        self.actors.get(actor).and_then(|actor| actor.planted)
    }

    /// Which end of its links an actor is at.
    fn side(&self, actor: usize) -> Side {
        let own = if actor == SERVER { Side::Server } else { Side::Client };
        self.planted(actor).map_or(own, |planted| planted.side)
    }

    /// A client opens a link to this port.
    fn connect(&mut self, actor: usize, service: PortIndex) {
        let link = self.attacker.next_link();
        let client = Some(actor);
        if let Some(planted) = self.planted(actor) {
            self.attacker.plant(link, Side::Client, planted.rule);
            self.trace.planted.insert(link);
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

    fn service(&self, link: u32) -> PortIndex {
        self.links.get(&link).map_or(PortIndex::default(), |link| link.service)
    }

    /// One end of a link closes. Whether it was open.
    fn shut(&mut self, link: u32, side: Side) -> bool {
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
    fn advance(&mut self, number: usize) {
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
            |actor: Option<usize>| actor.is_some_and(|actor| self.planted(actor).is_none());
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
