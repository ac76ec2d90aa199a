//! The attacker as a value: its rules, its links, the frames it holds and what it will do later.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Deframer, Layout};

use super::agreement::KeyAgreementMitm;
use super::matching::RuleMatcher;
use crate::action::Outgoing;
use crate::condition::{Client, OnLink};
use crate::memory::{Memory, Stolen};
use crate::rule::Rule;

/// The scripted attacker. A clone continues as its original would.
#[derive(Clone, Debug)]
pub struct Attacker {
    pub(super) layout: Arc<Layout>,
    pub(super) matcher: RuleMatcher,
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) held: BTreeMap<String, Vec<Outgoing>>,
    pub(super) planned: BTreeMap<u64, Planned>,
    pub(super) last_link: u32,
    pub(super) last_token: u64,
    /// How many frames the attacker has made.
    pub(super) made: u32,
    pub(super) stolen: Stolen,
    pub(super) key_agreements: BTreeMap<u32, KeyAgreementMitm>,
    /// Links with an impostor at one end, and the rule that put it there, from 1.
    pub(super) impostors: BTreeMap<u32, (Side, u32)>,
    /// Whether the trace gets every frame, or only those that a rule acts on.
    pub(super) records_every_frame: bool,
    /// If set, each frame of a replayed transcript waits for the answers that came before it in the recording, at most this long.
    /// Otherwise the frames keep the times of the recording.
    pub(super) patience: Option<Duration>,
}

/// Something the attacker does later.
#[derive(Clone, Hash, Debug)]
pub(super) enum Planned {
    Send {
        outgoing: Box<Outgoing>,
        rule: Option<u32>,
        on: u32,
    },
    Close {
        link: u32,
        to: Side,
    },
    /// Send the next frame of a transcript although its answers have not come.
    GoOn {
        link: u32,
    },
}

#[derive(Clone, Hash, Debug)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    pub(super) service: PortIndex,
    pub(super) from_client: Deframer,
    pub(super) from_server: Deframer,
    /// A frame that waits for the next one of its direction and type.
    pub(super) swap: Option<Outgoing>,
    /// Segments that wait for further frames, towards the client and the server.
    pub(super) joining: [Option<Joining>; 2],
    /// Which ends are gone: the client's, the server's.
    pub(super) closed: [bool; 2],
    /// The rest of a transcript, on a link of the attacker's own.
    pub(super) transcript: Option<Transcript>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum LinkKind {
    /// Between a client and the server.
    Relayed,
    /// Between a client and the attacker, who plays what the server sent on link `source`.
    Intercepted { source: u32, rule: u32, heard: usize },
    /// Between the attacker and the server.
    AttackerOwned,
}

#[derive(Clone, Hash, Debug)]
pub(super) struct Joining {
    pub(super) left: u32,
    pub(super) bytes: BytesMut,
    pub(super) numbers: Vec<u32>,
}

/// What is left of a transcript.
#[derive(Clone, Hash, Debug)]
pub(super) struct Transcript {
    /// The frames, in order.
    pub(super) rest: VecDeque<Outgoing>,
    /// The rule that plays it, from 1.
    pub(super) rule: u32,
    /// How many answers have come.
    pub(super) heard: u32,
    /// How many there were in the recording.
    pub(super) answers: u32,
    /// The wait that it goes on after at the latest, by its token.
    pub(super) wait: u64,
}

impl Attacker {
    /// An attacker with these rules, for a system with this layout.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use bytes::Bytes;
    /// use mitm_proxy::attacker::{Attacker, Effect, StepContext};
    /// use mitm_proxy::prelude::*;
    /// use protocol::endpoint::{PortIndex, Tick};
    /// use protocol::layout::{Field, FrameSpec, Layout, Role};
    ///
    /// let fields = vec![Field::new("length", Role::LENGTH, 1), Field::rest("text", Role::Bytes)];
    /// let frame = FrameSpec::of("MSG", None, fields, 256);
    /// let layout = Layout { system: "mine", frames: vec![frame.into()], turns: &[] };
    /// let rules = [Rule::new(when("MSG"), drop_frame())];
    /// let mut attacker = Attacker::new(Arc::new(layout), rules.into());
    ///
    /// let (mut trace, mut effects) = (Trace::default(), Vec::new());
    /// trace.fired.resize(1, 0);
    /// let mut ctx = StepContext { now: Tick(0), trace: &mut trace, effects: &mut effects };
    /// let link = attacker.next_link();
    /// attacker.on_open(&mut ctx, link, PortIndex(0));
    /// attacker.on_bytes(&mut ctx, link, Side::Client, &Bytes::from_static(b"\x02hi"));
    /// assert_eq!(trace.fired, [1]);
    /// assert_eq!(effects, [Effect::Connect { link, service: PortIndex(0) }]);
    /// ```
    pub fn new(layout: Arc<Layout>, rules: Arc<[Rule]>) -> Self {
        Self {
            layout,
            matcher: RuleMatcher::new(rules),
            links: BTreeMap::new(),
            held: BTreeMap::new(),
            planned: BTreeMap::new(),
            last_link: 0,
            last_token: 0,
            made: 0,
            stolen: Stolen::new(),
            key_agreements: BTreeMap::new(),
            impostors: BTreeMap::new(),
            records_every_frame: true,
            patience: None,
        }
    }

    /// From now on, each frame of a replayed transcript waits for the answers that came before it in the recording, at most this long.
    pub fn pace_by_answers(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }

    /// Whether something is to be done later, or waits for an answer.
    pub fn has_plans(&self) -> bool {
        !self.planned.is_empty()
    }

    /// From now on no rule acts, and every frame is forwarded. The honest run uses this.
    pub fn disarm(&mut self) {
        self.matcher.armed = false;
    }

    /// The frames it knows.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.matcher.rules
    }

    /// Use these rules from now on. A rule takes over the count of the rule that was in its place.
    pub fn replace_rules(&mut self, rules: Arc<[Rule]>) {
        self.matcher.matched.resize(rules.len(), 0);
        self.matcher.rules = rules;
    }

    /// Use these rules from now on. All counts begin at zero.
    pub fn begin_with(&mut self, rules: Arc<[Rule]>) {
        self.matcher.matched = vec![0; rules.len()];
        self.matcher.rules = rules;
    }

    /// Add the copy of an endpoint's memory. The actor is 0 for the server, n for client n.
    pub fn add_memory(&mut self, actor: usize, memory: Memory) {
        self.stolen.insert(actor, memory);
    }

    /// Remove the copy of that actor's memory: it no longer follows the original.
    pub fn forget_memory(&mut self, actor: usize) {
        self.stolen.remove(&actor);
    }

    /// The copy of that actor's memory, if there is one.
    pub fn memory_mut(&mut self, actor: usize) -> Option<&mut Memory> {
        self.stolen.get_mut(&actor)
    }

    /// From now on, take part in the key agreement on both sides of this link.
    pub fn join_key_agreement(&mut self, link: u32, between: KeyAgreementMitm) {
        self.key_agreements.insert(link, between);
    }

    /// The key agreements that the attacker takes part in.
    pub fn key_agreements(&self) -> impl Iterator<Item = &KeyAgreementMitm> {
        self.key_agreements.values()
    }

    /// Note that an impostor is at this end of the link.
    pub fn add_impostor(&mut self, link: u32, side: Side, rule: u32) {
        self.impostors.insert(link, (side, rule));
    }

    /// The number for the next link.
    pub fn next_link(&mut self) -> u32 {
        self.last_link += 1;
        self.last_link
    }

    /// Feed everything that decides the attacker's future, but its trace, into `hasher`.
    pub fn digest(&self, mut hasher: &mut dyn Hasher) {
        let RuleMatcher { rules, matched, armed } = &self.matcher;
        let Self { layout: _, links, held, planned, .. } = self;
        let Self { last_link, last_token, made, stolen, key_agreements, impostors, .. } = self;
        for (actor, memory) in stolen {
            actor.hash(&mut hasher);
            memory.endpoint.digest(hasher);
        }
        for (link, between) in key_agreements {
            // Its secrets follow from the seed and from what has passed, which both are in the digest of a world.
            (link, &between.edit, format!("{:?}", between.middle)).hash(&mut hasher);
        }
        impostors.hash(&mut hasher);
        // Actions are data behind a trait: their debug form is all of it.
        format!("{rules:?}").hash(&mut hasher);
        (matched, armed, links, held, planned, last_link, last_token, made).hash(&mut hasher);
    }

    /// A link, as far as rules look at it.
    pub(super) fn on_link(&self, link: u32) -> OnLink {
        let state = self.links.get(&link);
        let made = state.is_some_and(|state| state.kind == LinkKind::AttackerOwned);
        let is_attackers = made || matches!(self.impostors.get(&link), Some((Side::Client, _)));
        let client = if is_attackers { Client::Attacker } else { Client::Honest };
        let port = state.map_or(PortIndex(0), |state| state.service);
        OnLink { number: link, port, client }
    }

    pub(super) fn new_link(&self, kind: LinkKind, service: PortIndex) -> Link {
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
}

impl Link {
    pub(super) fn closed_mut(&mut self, side: Side) -> &mut bool {
        let [client, server] = &mut self.closed;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    pub(super) fn deframer(&self, from: Side) -> &Deframer {
        match from {
            Side::Client => &self.from_client,
            Side::Server => &self.from_server,
        }
    }

    pub(super) fn deframer_mut(&mut self, from: Side) -> &mut Deframer {
        match from {
            Side::Client => &mut self.from_client,
            Side::Server => &mut self.from_server,
        }
    }
}
