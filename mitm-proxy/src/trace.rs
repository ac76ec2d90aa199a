//! What happened: every frame, what the attacker did to it, and every claim. It is also the attacker's
//! memory: whatever it replays or splices it takes from here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Check, Claim, Fact, Message, PortIndex, Side, Tick};
use protocol::layout::Frame;
use protocol::session_secret::SessionSecret;

use crate::condition::FrameRef;
use crate::misfire::MisfireCause;

/// Everything that happened in one run, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Every frame that is not forgotten, in order; [`Trace::numbered`] says which is which.
    pub frames: Vec<FrameRecord>,
    /// Every claim.
    pub claims: Vec<ClaimRecord>,
    /// The secrets of sessions, as endpoints that are not the attacker's took them into use: for key logs. No rule sees them.
    pub secrets: Vec<SecretRecord>,
    /// Every opening and closing of a link.
    pub links: Vec<LinkRecord>,
    /// What the attacker put on its connections to the ends, in order.
    pub departures: Vec<Departure>,
    /// Whose each link is: the client's number. Links of the attacker's own are not here.
    pub owners: BTreeMap<u32, usize>,
    /// Actors that are the attacker's.
    pub impostors: BTreeSet<usize>,
    /// Links at one end of which is one of those.
    pub impostor_links: BTreeSet<u32>,
    /// How often each rule acted.
    pub fired: Vec<u32>,
    /// Rules that met their frame and could not act, and why.
    pub misfires: Vec<Misfire>,
    /// Endpoints that panicked.
    pub panics: Vec<Panic>,
    /// What the attacker has got hold of that is not on the wire.
    pub compromises: Vec<Compromise>,
    /// What the attacker has found out, beyond what stands on the wire in clear.
    pub knowledge: Vec<Knowledge>,
    /// What strategies have cost.
    pub efforts: Vec<Effort>,
    /// Links on which a strategy asked.
    pub asked: BTreeSet<u32>,
    /// What victims answered to the forgeries of strategies, by what became of them.
    pub answers: BTreeMap<(&'static str, QuestionOutcome, String), u64>,
    /// The most bytes any endpoint held unprocessed of one connection.
    pub peak_buffered: usize,
    /// Frames that were written to an end of which nobody knows that it has read them; only where a back end can tell.
    pub unread: Vec<u32>,
    /// Frames that went out before the end had read the frame before.
    pub hurried: Vec<u32>,
    /// Frames of a recorded transcript that went out although the answers before it had not come.
    pub unanswered: Vec<u32>,
    /// The run was over before the attacker had done all that it meant to.
    pub unfinished: bool,
    /// The run was stopped because it did not come to rest.
    pub exhausted: bool,
    /// How many records there are of all kinds: the place of the next one among them.
    moments: u64,
    /// The number of the last frame there was.
    last: u32,
}

/// One frame on its way.
#[derive(Clone, Debug)]
pub struct FrameRecord {
    /// Its number, from 1, in the order frames came and were made.
    pub number: u32,
    /// When the attacker had it.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// The link it travels on, from 1.
    pub link: u32,
    /// Where it goes.
    pub to: Side,
    /// The frame as it goes out.
    pub frame: Frame,
    /// The frame as its sender made it, where the attacker changed it.
    pub original: Option<Frame>,
    /// Who made it.
    pub origin: Origin,
    /// What the attacker did to it, in words, with the rule that said so (from 1).
    pub attacker_actions: Vec<AttackerAction>,
    /// The attacker sent it later, in other segments or in another order than it came.
    pub moved: bool,
    /// What became of it.
    pub fate: Fate,
    /// The last of all records there was when its sender wrote it, where that is known.
    pub sent: Option<u64>,
    /// The number of the frame that its sender had read last when it wrote this one.
    pub answers: Option<u32>,
    /// The place among all records at which its receiver first looked at it, where that is known.
    pub read: Option<u64>,
}

impl FrameRecord {
    /// The place among all records at which its sender wrote it; when the attacker had it, where nobody knows better.
    pub fn written(&self) -> u64 {
        self.sent.unwrap_or(self.moment)
    }

    /// Whether the attacker made a difference to it: made, changed, withheld or moved it.
    pub fn is_altered(&self) -> bool {
        self.origin != Origin::Endpoint
            || self.original.is_some()
            || self.moved
            || matches!(self.fate, Fate::Dropped | Fate::Held)
    }

    /// Whether that difference reached an endpoint: it took the frame, or went without it while it was there.
    pub fn has_landed(&self) -> bool {
        match self.fate {
            Fate::Delivered(_) => self.is_altered(),
            Fate::Dropped | Fate::Held => true,
            // Too late is as good as never.
            Fate::Lost => self.moved && self.origin == Origin::Endpoint,
            Fate::Pending | Fate::Absorbed => false,
        }
    }

    /// The frame as its sender made it.
    pub fn as_sent(&self) -> &Frame {
        self.original.as_ref().unwrap_or(&self.frame)
    }
}

/// Who made a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// An endpoint.
    Endpoint,
    /// The attacker, as a copy of the frame of that number, or from nothing.
    Attacker {
        /// The number of the frame it is a copy of.
        copy_of: Option<u32>,
    },
}

/// One thing the attacker did to a frame.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AttackerAction {
    /// The rule, from 1.
    pub rule: u32,
    /// What it did.
    pub what: String,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    /// Still under way.
    Pending,
    /// The attacker keeps it for later.
    Held,
    /// An endpoint took it.
    Delivered(Tick),
    /// The attacker suppressed it.
    Dropped,
    /// The attacker was the one it was for.
    Absorbed,
    /// Its receiver was gone.
    Lost,
}

/// One claim, with its circumstances.
#[derive(Clone, Debug)]
pub struct ClaimRecord {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// Which actor: 0 the server, n client n.
    pub actor: usize,
    /// The number of the frame that was being processed: of which the endpoint had read the last byte.
    pub cause: Option<u32>,
    /// What was claimed.
    pub claim: Claim,
}

/// A secret that an endpoint took into use.
#[derive(Clone, Debug)]
pub struct SecretRecord {
    /// Which actor: 0 the server, n client n.
    pub actor: usize,
    /// On which link, from 1.
    pub link: u32,
    /// The secret.
    pub secret: SessionSecret,
}

/// A link opened or closed.
#[derive(Clone, Debug)]
pub struct LinkRecord {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// Which link, from 1.
    pub link: u32,
    /// Which of the server's ports it goes to.
    pub service: PortIndex,
    /// What happened.
    pub event: LinkEvent,
    /// The rule that made the attacker do it, from 1.
    pub rule: Option<u32>,
    /// The number of the frame that an endpoint had read last when it closed the link.
    pub cause: Option<u32>,
    /// For a connection that the attacker closed: whether its end still had it open. Nothing where nobody knows.
    pub reached: Option<bool>,
}

/// What can happen to a link.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LinkEvent {
    /// A client opened it; the attacker passes it on to the server.
    Opened,
    /// A client opened it, and the attacker poses as the server.
    Intercepted,
    /// The attacker opened it, posing as a client.
    OpenedByAttacker,
    /// This end closed it.
    ClosedBy(Side),
    /// The attacker closed the connection to this end.
    ClosedTo(Side),
}

/// Something the attacker put on its connection to one end of a link.
#[derive(Clone, Debug)]
pub struct Departure {
    /// When.
    pub at: Tick,
    /// The last of all records there was then.
    pub moment: u64,
    /// The link, from 1.
    pub link: u32,
    /// To which end.
    pub to: Side,
    /// What.
    pub what: Departing,
}

/// What can leave the attacker.
#[derive(Clone, Debug)]
pub enum Departing {
    /// One segment.
    Segment {
        /// The bytes, shared with the frames.
        bytes: Bytes,
        /// The numbers of the frames it has bytes of.
        numbers: Vec<u32>,
    },
    /// A close.
    Close,
}

/// A rule met its frame and could not act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misfire {
    /// The rule, from 1.
    pub rule: u32,
    /// Why.
    pub why: MisfireCause,
}

/// An endpoint panicked: always a finding.
#[derive(Clone, Debug)]
pub struct Panic {
    /// Which actor.
    pub actor: usize,
    /// The frame it was processing.
    pub cause: Option<u32>,
    /// Its message.
    pub message: String,
}

/// Something secret that became the attacker's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compromise {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// The rule that said so, from 1.
    pub rule: u32,
    /// What it was.
    pub loot: Loot,
}

/// What can be stolen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Loot {
    /// The memory of this actor at that moment: 0 the server, n client n.
    Memory(usize),
    /// These files.
    Files(Vec<String>),
}

/// Something the attacker has found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knowledge {
    /// When.
    pub at: Tick,
    /// Its place among all records.
    pub moment: u64,
    /// How: the strategy, or what was done.
    pub how: &'static str,
    /// The compromise it rests on, by its place from 0; nothing where it took none.
    pub from: Option<usize>,
    /// The frame it was in.
    pub frame: Option<u32>,
    /// What.
    pub what: Finding,
}

/// What there is to find out. Whether it is true is for the judge to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// These bytes are in what was sent.
    Content(Bytes),
    /// What was sent in this other frame begins with the same bytes, as many as this; nobody knows which.
    SameBeginning {
        /// The number of the other frame.
        other: u32,
        /// How many bytes.
        bytes: usize,
    },
    /// Two messages were encrypted under one nonce: their keystreams cancel out.
    NonceReuse {
        /// The number of the other frame.
        other: u32,
    },
    /// A user's password.
    Password {
        /// Whose.
        user: String,
        /// The password.
        password: String,
    },
}

/// What a strategy has cost, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effort {
    /// The strategy.
    pub strategy: &'static str,
    /// What it asked victims.
    pub queries: u64,
    /// What it tried on its own, without asking anybody.
    pub tries: u64,
    /// The bytes it recovered.
    pub recovered: usize,
    /// The queries that recovering took, without those spent on finding out how to.
    pub spent: u64,
    /// Virtual time it took.
    pub time: Duration,
    /// How it ended, in words.
    pub ended: String,
    /// It did nothing that would tell anything: why.
    pub idle: Option<String>,
    /// It stopped because its budget was spent, and had not come to an end.
    pub exhausted: bool,
}

impl Effort {
    /// Nothing yet.
    pub fn of(strategy: &'static str) -> Self {
        Self {
            strategy,
            queries: 0,
            tries: 0,
            recovered: 0,
            spent: 0,
            time: Duration::ZERO,
            ended: String::new(),
            idle: None,
            exhausted: false,
        }
    }
}

/// What became of a forgery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum QuestionOutcome {
    /// The victim refused it by this check.
    Refused(Check),
    /// The victim refused nothing.
    Taken,
}

impl Trace {
    /// The place of a new record among all records.
    pub fn next_moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }

    /// The place of the last of all records.
    pub fn moments(&self) -> u64 {
        self.moments
    }

    /// Add something that happened to a link.
    pub fn link(
        &mut self,
        at: Tick,
        link: u32,
        service: PortIndex,
        event: LinkEvent,
        rule: Option<u32>,
    ) {
        let moment = self.next_moment();
        let (cause, reached) = (None, None);
        self.links.push(LinkRecord { at, moment, link, service, event, rule, cause, reached });
    }

    /// Add something that leaves the attacker.
    pub fn depart(&mut self, at: Tick, link: u32, to: Side, what: Departing) {
        let moment = self.moments;
        self.departures.push(Departure { at, moment, link, to, what });
    }

    /// The number the next frame will get. The first frame is 1.
    pub fn next_number(&self) -> u32 {
        self.last.saturating_add(1)
    }

    /// Add a frame; its number.
    pub fn add(&mut self, mut record: FrameRecord) -> u32 {
        self.last = self.next_number();
        record.number = self.last;
        self.frames.push(record);
        self.last
    }

    /// A frame passed of which nothing is kept but its number.
    pub fn pass_by(&mut self) {
        self.last = self.next_number();
    }

    fn place(&self, number: u32) -> Option<usize> {
        // As a rule nothing is missing between.
        let guess = number.checked_sub(self.frames.first()?.number)? as usize;
        match self.frames.get(guess) {
            Some(record) if record.number == number => Some(guess),
            _ => self.frames.binary_search_by_key(&number, |record| record.number).ok(),
        }
    }

    /// The frame of that number.
    pub fn frame(&self, number: u32) -> Option<&FrameRecord> {
        self.frames.get(self.place(number)?)
    }

    /// The frame of that number, to change.
    pub fn frame_mut(&mut self, number: u32) -> Option<&mut FrameRecord> {
        let place = self.place(number)?;
        self.frames.get_mut(place)
    }

    /// Every frame with its number.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &FrameRecord)> {
        self.frames.iter().map(|record| (record.number, record))
    }

    /// Frames that endpoints made, with their numbers.
    pub fn honest(&self) -> impl Iterator<Item = (u32, &FrameRecord)> {
        self.numbered().filter(|(_, record)| record.origin == Origin::Endpoint)
    }

    /// Forget all but the last frames, as many as this, and what happened to links and left before: for a trace
    /// without an end.
    pub fn forget_all_but(&mut self, last: usize) {
        let gone = self.frames.len().saturating_sub(last);
        self.frames.drain(..gone);
        self.links.clear();
        self.departures.clear();
    }

    /// At rest: what is still under way never arrives, and what is held never will.
    pub fn settle(&mut self) {
        for record in &mut self.frames {
            match record.fate {
                Fate::Pending => record.fate = Fate::Lost,
                Fate::Held => record.fate = Fate::Dropped,
                _ => {}
            }
        }
    }

    /// The recorded frame a scenario means.
    pub fn find(&self, wanted: &FrameRef) -> Option<(u32, &FrameRecord)> {
        self.honest()
            .filter(|(_, record)| wanted.matches(record.link, record.to.other(), record.as_sent()))
            .nth(wanted.nth.saturating_sub(1) as usize)
    }

    /// Which session each link belongs to: the client's number, and how many sessions that client had before. A link
    /// to a system's first port begins one; links to others belong to the last one begun.
    pub fn sessions(&self) -> BTreeMap<u32, (usize, usize)> {
        let services: BTreeMap<u32, PortIndex> =
            self.links.iter().map(|record| (record.link, record.service)).collect();
        let mut begun: BTreeMap<usize, usize> = BTreeMap::new();
        let of_link = self.owners.iter().map(|(link, client)| {
            let begun = begun.entry(*client).or_default();
            if services.get(link).copied().unwrap_or_default() == PortIndex::default() {
                *begun += 1;
            }
            (*link, (*client, begun.saturating_sub(1)))
        });
        of_link.collect()
    }

    /// Add something the attacker has found out.
    pub fn know(
        &mut self,
        at: Tick,
        how: &'static str,
        from: Option<usize>,
        frame: Option<u32>,
        what: Finding,
    ) {
        let moment = self.next_moment();
        self.knowledge.push(Knowledge { at, moment, how, from, frame, what });
    }

    /// Add a claim. A large body equal to one already known shares its memory.
    pub fn claim(&mut self, mut record: ClaimRecord) {
        if let Fact::Sent(message) | Fact::Delivered(message) | Fact::Acknowledged(message) =
            &mut record.claim.fact
            && message.body.len() > 4096
            && let Some(known) = self.known_body(message)
        {
            message.body = known;
        }
        self.claims.push(record);
    }

    fn known_body(&self, message: &Message) -> Option<Bytes> {
        self.claims.iter().find_map(|known| match &known.claim.fact {
            Fact::Sent(other) | Fact::Delivered(other) if other.body == message.body => {
                Some(other.body.clone())
            }
            _ => None,
        })
    }
}
