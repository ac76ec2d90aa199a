//! The machine in the middle, without IO: it is told what the endpoints do and answers with effects.
//! Every back end drives this one piece of code, so a scenario means the same in memory and over TCP.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::compromise::Middle;
use protocol::endpoint::{Endpoint, Message, PortIndex, Side, Tick};
use protocol::layout::{Deframer, Frame, Layout};

use crate::actions::re_encrypt::replace;
use crate::actions::{Outgoing, Part, Target};
use crate::rule::{Client, Event, OnLink, Rule};
use crate::trace::{Deed, Fate, Finding, FrameRecord, LinkEvent, LinkRecord, Origin, Trace};

mod act;
mod pass;
mod send;
mod transcript;

pub use pass::Passage;
use transcript::Transcript;

/// What a back end has to do for the attacker.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Open a connection to the server for this link.
    Connect {
        /// The link.
        link: u32,
        /// To which of its ports.
        service: PortIndex,
    },
    /// Call [`Attacker::on_timer`] with this token.
    Wake {
        /// Which timer.
        token: u64,
        /// How much later.
        after: Duration,
    },
    /// Write one segment.
    Send {
        /// The link.
        link: u32,
        /// To which end.
        to: Side,
        /// The bytes.
        bytes: Bytes,
        /// The numbers of the frames this segment has bytes of.
        numbers: Vec<u32>,
    },
    /// Copy the memory of the endpoint at this end of a link into [`Attacker::take`].
    Steal {
        /// The link.
        link: u32,
        /// Which end.
        of: Side,
        /// The rule that says so, from 1.
        rule: u32,
    },
    /// Put somebody of the attacker's in the place of an honest endpoint.
    Play {
        /// For a server, the link it serves; for a client, the one it was made on.
        link: u32,
        /// The part.
        part: Part,
        /// The rule that says so, from 1.
        rule: u32,
    },
    /// Close the connection to one end.
    Close {
        /// The link.
        link: u32,
        /// Which end.
        to: Side,
    },
}

/// The scripted attacker. A clone continues as its original would.
#[derive(Clone, Debug)]
pub struct Attacker {
    layout: Arc<Layout>,
    rules: Arc<[Rule]>,
    /// How many frames or events each rule has matched, `nth` aside.
    matched: Vec<u32>,
    armed: bool,
    links: BTreeMap<u32, Link>,
    held: BTreeMap<String, Vec<Outgoing>>,
    planned: BTreeMap<u64, Planned>,
    last_link: u32,
    last_token: u64,
    /// How many frames the attacker has made.
    made: u32,
    stolen: Stolen,
    middles: BTreeMap<u32, Between>,
    /// Links at one end of which is somebody of the attacker's, put there by a rule.
    impostors: BTreeMap<u32, (Side, u32)>,
    /// Every frame is recorded, also those that nothing happens to.
    remembers: bool,
    /// A transcript waits for the answers it had, so long for each. Otherwise it keeps the times of the recording.
    patience: Option<Duration>,
}

/// Copies of memories, by actor: 0 the server, n client n.
pub type Stolen = BTreeMap<usize, Memory>;

/// A copy of an endpoint's memory. It is told all that the endpoint is told from then on.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The copy.
    pub endpoint: Box<dyn Endpoint>,
    /// The compromise it is, by its place from 0.
    pub compromise: usize,
    /// What the application told the endpoint to send since then, and the copy has not sent yet.
    pub told: Vec<Message>,
}

/// Somebody who takes part in the key agreement on both sides of a link.
#[derive(Debug)]
pub struct Between {
    /// Who.
    pub middle: Box<dyn Middle>,
    /// A text to find and one to put in its place.
    pub edit: Option<(String, String)>,
    /// How many bytes were read.
    pub read: usize,
}

impl Clone for Between {
    fn clone(&self) -> Self {
        Self { middle: self.middle.fork(), edit: self.edit.clone(), read: self.read }
    }
}

/// Something the attacker does later.
#[derive(Clone, Hash, Debug)]
enum Planned {
    Send {
        outgoing: Box<Outgoing>,
        rule: Option<u32>,
        on: u32,
    },
    Close {
        link: u32,
        to: Side,
    },
    /// The next frame of a transcript goes out although the answers have not come, if it has not gone out yet.
    GoOn {
        link: u32,
    },
}

#[derive(Clone, Hash, Debug)]
struct Link {
    kind: LinkKind,
    service: PortIndex,
    from_client: Deframer,
    from_server: Deframer,
    /// A frame that waits for the next one of its direction and type.
    swap: Option<Outgoing>,
    /// Segments that wait for further frames, towards the client and the server.
    joining: [Option<Joining>; 2],
    /// Which ends are gone: the client's, the server's.
    closed: [bool; 2],
    /// The rest of a transcript, on a link of the attacker's own.
    transcript: Option<Transcript>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum LinkKind {
    /// Between a client and the server.
    Relayed,
    /// Between a client and the attacker, who plays what the server sent on link `source`.
    Intercepted { source: u32, rule: u32, heard: usize },
    /// Between the attacker and the server.
    Own,
}

#[derive(Clone, Hash, Debug)]
struct Joining {
    left: u32,
    bytes: BytesMut,
    numbers: Vec<u32>,
}

/// A rule that is about to act, and on what.
#[derive(Clone, Debug)]
pub struct Acting {
    /// The rule, by its place from 0.
    pub rule: usize,
    /// What is about to happen.
    pub event: Event,
    /// On which link.
    pub link: u32,
    /// Who sent the frame, or did the thing to the link.
    pub from: Side,
    /// The frame, if it is one.
    pub frame: Option<Frame>,
}

impl Attacker {
    /// An attacker with these rules, for a system with this layout.
    pub fn new(layout: Arc<Layout>, rules: Arc<[Rule]>) -> Self {
        let matched = vec![0; rules.len()];
        let (links, held) = (BTreeMap::new(), BTreeMap::new());
        let planned = BTreeMap::new();
        Self {
            layout,
            rules,
            matched,
            armed: true,
            links,
            held,
            planned,
            last_link: 0,
            last_token: 0,
            made: 0,
            stolen: Stolen::new(),
            middles: BTreeMap::new(),
            impostors: BTreeMap::new(),
            remembers: true,
            patience: None,
        }
    }

    /// From now on, a transcript that is replayed waits for the answers it had in the recording, so long for each.
    pub fn pace_by_answers(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }

    /// Whether something is to be done later, or waits for an answer.
    pub fn has_plans(&self) -> bool {
        !self.planned.is_empty()
    }

    /// From now on only forward: the honest twin.
    pub fn disarm(&mut self) {
        self.armed = false;
    }

    /// The frames it knows.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Use other rules from now on. What the old ones have counted stays.
    pub fn replace_rules(&mut self, rules: Arc<[Rule]>) {
        self.matched.resize(rules.len(), 0);
        self.rules = rules;
    }

    /// Use other rules from now on, and count from nothing.
    pub fn begin_with(&mut self, rules: Arc<[Rule]>) {
        self.matched = vec![0; rules.len()];
        self.rules = rules;
    }

    /// A memory that was stolen.
    pub fn take(&mut self, actor: usize, memory: Memory) {
        self.stolen.insert(actor, memory);
    }

    /// The copy of that actor's memory is of no use any more.
    pub fn lose(&mut self, actor: usize) {
        self.stolen.remove(&actor);
    }

    /// The copy of that actor's memory, if there is one.
    pub fn memory_mut(&mut self, actor: usize) -> Option<&mut Memory> {
        self.stolen.get_mut(&actor)
    }

    /// From now on, be between the ends of this link.
    pub fn step_between(&mut self, link: u32, between: Between) {
        self.middles.insert(link, between);
    }

    /// All who are between the ends of a link.
    pub fn between(&self) -> impl Iterator<Item = &Between> {
        self.middles.values()
    }

    /// Somebody of the attacker's is at this end of the link.
    pub fn plant(&mut self, link: u32, side: Side, rule: u32) {
        self.impostors.insert(link, (side, rule));
    }

    /// The number for the next link.
    pub fn next_link(&mut self) -> u32 {
        self.last_link += 1;
        self.last_link
    }

    /// Feed everything that decides the attacker's future, but its trace, into `hasher`.
    pub fn digest(&self, mut hasher: &mut dyn Hasher) {
        let Self { layout: _, rules, matched, armed, links, held, planned, .. } = self;
        let Self { last_link, last_token, made, stolen, middles, impostors, .. } = self;
        for (actor, memory) in stolen {
            actor.hash(&mut hasher);
            memory.endpoint.digest(hasher);
        }
        for (link, between) in middles {
            // Its secrets follow from the seed and from what has passed, which both are in the digest of a world.
            (link, &between.edit, format!("{:?}", between.middle)).hash(&mut hasher);
        }
        impostors.hash(&mut hasher);
        // Actions are data behind a trait: their debug form is all of it.
        format!("{rules:?}").hash(&mut hasher);
        (matched, armed, links, held, planned, last_link, last_token, made).hash(&mut hasher);
    }

    /// The rule that would act if these bytes came now.
    pub fn would_act_on(&self, link: u32, from: Side, bytes: &Bytes) -> Option<Acting> {
        let state = self.links.get(&link)?;
        let mut matched = self.matched.clone();
        let mut frames = Vec::new();
        state.deframer(from).clone().push(bytes, &mut frames);
        frames.into_iter().find_map(|frame| {
            let on = self.on_link(link);
            let rule = self.select_frame(&mut matched, on, from, &frame)?;
            Some(Acting { rule, event: Event::Frame, link, from, frame: Some(frame) })
        })
    }

    /// The rule that would act if a client opened this link to this port now.
    pub fn would_act_on_open(&self, link: u32, port: PortIndex) -> Option<Acting> {
        // Nobody has heard of the link yet.
        let on = OnLink { port, ..self.on_link(link) };
        self.would_act_on_event(Event::Open, on, Side::Client)
    }

    /// The rule that would act if this end closed the link now.
    pub fn would_act_on_close(&self, link: u32, from: Side) -> Option<Acting> {
        self.would_act_on_event(Event::Close, self.on_link(link), from)
    }

    fn would_act_on_event(&self, event: Event, on: OnLink, from: Side) -> Option<Acting> {
        let rule = self.select_event(&mut self.matched.clone(), event, on, from)?;
        Some(Acting { rule, event, link: on.number, from, frame: None })
    }

    /// A client opened a link to this port.
    pub fn on_open(
        &mut self,
        now: Tick,
        link: u32,
        service: PortIndex,
        trace: &mut Trace,
        effects: &mut Vec<Effect>,
    ) {
        self.links.insert(link, self.new_link(LinkKind::Relayed, service));
        let mut matched = std::mem::take(&mut self.matched);
        let on = self.on_link(link);
        let rule = self.select_event(&mut matched, Event::Open, on, Side::Client);
        self.matched = matched;
        let (at, moment) = (trace.links.len(), trace.next_moment());
        if let Some(rule) = rule {
            self.act(now, rule, link, Side::Client, None, trace, effects);
        }
        let kind = self.links.get(&link).map(|state| state.kind);
        let (event, rule) = if let Some(LinkKind::Intercepted { rule, .. }) = kind {
            // What the server said before it was asked anything.
            self.play(now, link, trace, effects);
            (LinkEvent::Intercepted, Some(rule))
        } else {
            effects.insert(0, Effect::Connect { link, service });
            (LinkEvent::Opened, None)
        };
        trace.links.insert(
            at,
            LinkRecord { at: now, moment, link, service, event, rule, cause: None, reached: None },
        );
    }

    /// An endpoint sent bytes.
    pub fn on_bytes(
        &mut self,
        now: Tick,
        link: u32,
        from: Side,
        bytes: &Bytes,
        trace: &mut Trace,
        effects: &mut Vec<Effect>,
    ) {
        let Some(state) = self.links.get_mut(&link) else { return };
        let mut frames = Vec::new();
        state.deframer_mut(from).push(bytes, &mut frames);
        for frame in frames {
            self.on_frame(now, link, from, frame, trace, effects);
        }
    }

    /// An endpoint closed its connection. The attacker closes the other one, and only then acts.
    pub fn on_close(
        &mut self,
        now: Tick,
        link: u32,
        from: Side,
        trace: &mut Trace,
        effects: &mut Vec<Effect>,
    ) {
        let on = self.on_link(link);
        let Some(state) = self.links.get_mut(&link) else { return };
        let happened = trace.moments();
        trace.link(now, link, state.service, LinkEvent::ClosedBy(from), None);
        *state.closed_mut(from) = true;
        if let Some(rest) = state.deframer_mut(from).finish() {
            self.on_frame(now, link, from, rest, trace, effects);
        }
        self.flush(now, link, from, happened, trace, effects);
        self.forget_transcript(link);
        if let Some(state) = self.links.get_mut(&link) {
            *state.closed_mut(from.other()) = true;
        }
        effects.push(Effect::Close { link, to: from.other() });
        // The rule acts once the link is gone at both ends.
        let mut matched = std::mem::take(&mut self.matched);
        let rule = self.select_event(&mut matched, Event::Close, on, from);
        self.matched = matched;
        if let Some(rule) = rule {
            self.act(now, rule, link, from, None, trace, effects);
        }
    }

    /// A link, as far as rules look at it.
    fn on_link(&self, link: u32) -> OnLink {
        let state = self.links.get(&link);
        let made = state.is_some_and(|state| state.kind == LinkKind::Own);
        let is_attackers = made || matches!(self.impostors.get(&link), Some((Side::Client, _)));
        let client = if is_attackers { Client::Attackers } else { Client::Honest };
        let port = state.map_or(PortIndex(0), |state| state.service);
        OnLink { number: link, port, client }
    }

    fn new_link(&self, kind: LinkKind, service: PortIndex) -> Link {
        Link {
            kind,
            service,
            from_client: Deframer::new(self.layout.clone(), service, Side::Client),
            from_server: Deframer::new(self.layout.clone(), service, Side::Server),
            swap: None,
            joining: [None, None],
            closed: [false, false],
            transcript: None,
        }
    }

    fn select_frame(
        &self,
        matched: &mut [u32],
        link: OnLink,
        from: Side,
        frame: &Frame,
    ) -> Option<usize> {
        self.select(matched, |rule| rule.when.matches_frame(link, from, frame))
    }

    fn select_event(
        &self,
        matched: &mut [u32],
        event: Event,
        link: OnLink,
        from: Side,
    ) -> Option<usize> {
        self.select(matched, |rule| rule.when.matches_event(event, link, from))
    }

    /// The first rule that matches and whose turn it is. All that match count, so `nth` means the n-th
    /// frame of its kind whatever other rules do.
    fn select(&self, matched: &mut [u32], fits: impl Fn(&Rule) -> bool) -> Option<usize> {
        if !self.armed {
            return None;
        }
        let mut selected = None;
        for (at, (rule, matched)) in self.rules.iter().zip(matched).enumerate() {
            if fits(rule) {
                *matched = matched.saturating_add(1);
                if selected.is_none() && rule.when.nth.is_none_or(|nth| nth == *matched) {
                    selected = Some(at);
                }
            }
        }
        selected
    }

    fn on_frame(
        &mut self,
        now: Tick,
        link: u32,
        from: Side,
        frame: Frame,
        trace: &mut Trace,
        effects: &mut Vec<Effect>,
    ) {
        let mut matched = std::mem::take(&mut self.matched);
        let rule = self.select_frame(&mut matched, self.on_link(link), from, &frame);
        self.matched = matched;
        self.take_frame(now, link, from, frame, rule, trace, effects);
    }

    /// Record a frame, such as one at which [`Attacker::look`] stopped, let this rule act on it, and send what is left of it.
    #[expect(clippy::too_many_arguments, reason = "a frame, where it is, and what to do with it")]
    pub fn take_frame(
        &mut self,
        now: Tick,
        link: u32,
        from: Side,
        frame: Frame,
        rule: Option<usize>,
        trace: &mut Trace,
        effects: &mut Vec<Effect>,
    ) {
        let Some(state) = self.links.get(&link) else { return };
        let kind = state.kind;
        let planted = self.impostors.get(&link).filter(|(side, _)| *side == from).copied();
        let (moment, to) = (trace.next_moment(), from.other());
        let number = trace.add(FrameRecord {
            number: 0,
            at: now,
            moment,
            link,
            to,
            frame: frame.clone(),
            original: None,
            origin: match planted {
                Some(_) => Origin::Attacker { copy_of: None },
                None => Origin::Endpoint,
            },
            deeds: planted
                .map(|(_, rule)| Deed { rule, what: "impostor".to_owned() })
                .into_iter()
                .collect(),
            moved: false,
            fate: Fate::Pending,
            sent: None,
            answers: None,
            read: None,
        });
        let relayed = kind == LinkKind::Relayed;
        let mut trigger = relayed.then(|| outgoing(number, frame, to, link));
        if let (Some(outgoing), Some(between)) = (&mut trigger, self.middles.get_mut(&link)) {
            between.relay(now, from, number, outgoing, trace);
        }
        match (rule, trigger) {
            (Some(rule), trigger) => {
                let trigger = trigger.map(|outgoing| (number, outgoing));
                self.act(now, rule, link, from, trigger, trace, effects);
            }
            (None, Some(outgoing)) => self.send(now, outgoing, None, link, trace, effects),
            (None, None) => {}
        }
        if !relayed && let Some(record) = trace.frame_mut(number) {
            record.fate = Fate::Absorbed;
        }
        self.send_swapped(now, number, link, trace, effects);
        if from == Side::Server {
            self.heard_answer(now, link, trace, effects);
        }
        if from == Side::Client
            && let Some(LinkKind::Intercepted { heard, .. }) =
                self.links.get_mut(&link).map(|state| &mut state.kind)
        {
            *heard += 1;
            self.play(now, link, trace, effects);
        }
    }
}

impl Between {
    /// What goes on instead of a frame.
    fn relay(
        &mut self,
        now: Tick,
        from: Side,
        number: u32,
        outgoing: &mut Outgoing,
        trace: &mut Trace,
    ) {
        let edit = self.edit.clone();
        let mut edited = false;
        let bytes = self.middle.relay(from, &outgoing.frame, &mut |_, plaintext| {
            if let Some((find, put)) = &edit {
                edited |= replace(plaintext, find.as_bytes(), put.as_bytes());
            }
        });
        if bytes != outgoing.frame.bytes {
            let deed = if edited { "changed and re-encrypted" } else { "made anew" };
            outgoing.edit(deed.to_owned(), |frame| *frame = bytes);
        }
        for message in self.middle.read() {
            self.read += message.body.len();
            let content = Finding::Content(message.body.clone());
            trace.know(now, "the key agreement in the middle", None, Some(number), content);
        }
    }
}

impl Link {
    fn closed_mut(&mut self, side: Side) -> &mut bool {
        let [client, server] = &mut self.closed;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn deframer(&self, from: Side) -> &Deframer {
        match from {
            Side::Client => &self.from_client,
            Side::Server => &self.from_server,
        }
    }

    fn deframer_mut(&mut self, from: Side) -> &mut Deframer {
        match from {
            Side::Client => &mut self.from_client,
            Side::Server => &mut self.from_server,
        }
    }
}

fn outgoing(number: u32, frame: Frame, to: Side, link: u32) -> Outgoing {
    Outgoing {
        frame,
        to,
        on: Target::Link(link),
        number: Some(number),
        copy_of: None,
        after: Duration::ZERO,
        cuts: Vec::new(),
        join: 0,
        answers: 0,
        deeds: Vec::new(),
    }
}
