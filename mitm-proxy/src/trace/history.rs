//! What happened: every frame, what the attacker did to it, and every claim. It is also the attacker's
//! memory: whatever it replays or splices it takes from here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use protocol::endpoint::{Fact, Message, PortIndex, Side, Tick};

use super::findings::{Compromise, Effort, Finding, Knowledge, QuestionOutcome};
use super::frame::{Fate, FrameRecord, Origin};
use super::records::{
    ClaimRecord, Departing, Departure, LinkEvent, LinkRecord, Misfire, Panic, SecretRecord,
};
use crate::condition::FrameRef;

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
    /// The number of the client of each link. Links that the attacker opened are not here.
    pub owners: BTreeMap<u32, usize>,
    /// Actors that are impostors.
    pub impostors: BTreeSet<usize>,
    /// Links with an impostor at one end.
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
    /// Frames that were written and, as far as the back end can see, not read.
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

    /// The run is over: frames that are still under way are lost, and frames that are held are dropped.
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
