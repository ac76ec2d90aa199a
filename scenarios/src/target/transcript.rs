//! What programs say while they run: their claims, or what is taken for such, with the time they were read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mitm_proxy::net::proxy::{Batch, Recorder, What};
use protocol::endpoint::{Fact, Message, Name, Side, Tick};
use regex::Regex;
use tokio::time::Instant;

use super::claims::{self, Among, Line, Stated};
use super::conduct::since;
use super::process::Ended;
use super::stream::Cut;
use super::{
    Channel, JudgedFrom, MAX_CLAIM_BYTES, MAX_CLAIMS, MAX_LINE, NOT_IMPLEMENTED, Observed, Sign,
    Target,
};

/// The most remarks of one run.
const MAX_REMARKS: usize = 20;

/// Something a program said or did.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Where it belongs in the order of things.
    pub(super) at: Tick,
    /// By when the connection it was said on was there.
    pub(super) read: Tick,
    pub(super) who: Side,
    pub(super) conn: Option<u32>,
    pub(super) local: Option<Name>,
    pub(super) peer: Option<Name>,
    pub(super) content: Content,
}

/// What it said, as far as that is known.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// This.
    Known(Fact),
    /// Something of this sort about a message that nobody can see.
    Unknown(Observed),
}

impl Content {
    /// Whether others may rest on it: whoever delivers a message needs one that was sent.
    fn comes_first(&self) -> bool {
        matches!(
            self,
            Self::Known(Fact::Sent(_) | Fact::Running(_)) | Self::Unknown(Observed::Sent)
        )
    }
}

/// What comes next of what two programs said: a cause before its effect.
fn next(one: &mut VecDeque<Seen>, other: &mut VecDeque<Seen>) -> Option<Seen> {
    let (Some(first), Some(second)) = (one.front(), other.front()) else {
        return one.pop_front().or_else(|| other.pop_front());
    };
    let waits =
        first.rests_on(other) || (second.content.comes_first() && !first.content.comes_first());
    if waits && !second.rests_on(one) { other.pop_front() } else { one.pop_front() }
}

impl Seen {
    /// Whether it follows from something the peer is yet to say.
    fn rests_on(&self, peer: &VecDeque<Self>) -> bool {
        let says = |fact: &Fact| {
            peer.iter().any(|seen| matches!(&seen.content, Content::Known(said) if said == fact))
        };
        match &self.content {
            Content::Known(Fact::Delivered(message)) => says(&Fact::Sent(message.clone())),
            Content::Known(Fact::Acknowledged(message)) => says(&Fact::Delivered(message.clone())),
            Content::Known(Fact::Established(session)) => says(&Fact::Running(*session)),
            Content::Unknown(Observed::Delivered) => {
                peer.iter().any(|seen| seen.content.comes_first())
            }
            _ => false,
        }
    }
}

/// What is known of one program.
#[derive(Debug, Default)]
pub(super) struct Account {
    claims: usize,
    bytes: usize,
    /// Its claims cannot be read: where and why. No more are.
    pub(super) unreadable: Option<String>,
    /// How many claims came only when it was stopped.
    pub(super) late: u64,
    /// How and when it ended by itself.
    pub(super) ended: Option<(Ended, Tick)>,
    pub(super) is_not_implemented: bool,
}

/// Everything that was said so far.
#[derive(Debug)]
pub(super) struct Transcript<'a> {
    target: &'a Target,
    pub(super) seen: Vec<Seen>,
    server: Account,
    client: Account,
    pub(super) remarks: Vec<String>,
    began: Option<Instant>,
    /// When this look at the programs began, and the one before.
    now: Tick,
    before: Tick,
    /// Where this look's part of `seen` begins.
    turn: usize,
    moved: Option<Instant>,
    /// What a line must contain, and whether one did.
    wanted: Vec<u8>,
    met: bool,
    stopping: bool,
}

impl<'a> Transcript<'a> {
    pub(super) fn new(target: &'a Target) -> Self {
        Self {
            target,
            seen: Vec::new(),
            server: Account::default(),
            client: Account::default(),
            remarks: Vec::new(),
            began: None,
            now: Tick(0),
            before: Tick(0),
            turn: 0,
            moved: None,
            wanted: Vec::new(),
            met: false,
            stopping: false,
        }
    }

    /// Time counts from `began` on, as for the links.
    pub(super) fn begin(&mut self, began: Instant) {
        (self.began, self.moved) = (Some(began), Some(began));
    }

    /// Wait for a line with this text in it.
    pub(super) fn wait_for(&mut self, text: &[u8]) {
        self.wanted = text.to_vec();
    }

    /// Whether there was one.
    pub(super) fn has_met(&self) -> bool {
        self.met
    }

    /// Something the reader of a verdict should know, once.
    pub(super) fn remark(&mut self, remark: &str) {
        if self.remarks.len() < MAX_REMARKS && !self.remarks.iter().any(|known| known == remark) {
            self.remarks.push(remark.to_owned());
        }
    }

    /// What is said from now on is said because the programs are stopped.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    /// When something was last said, or somebody ended.
    pub(super) fn moved(&self) -> Option<Instant> {
        self.moved
    }

    pub(super) fn account(&self, who: Side) -> &Account {
        match who {
            Side::Server => &self.server,
            Side::Client => &self.client,
        }
    }

    fn account_mut(&mut self, who: Side) -> &mut Account {
        match who {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }

    /// Whether a program says that what is wanted is not implemented.
    pub(super) fn is_not_implemented(&self) -> bool {
        self.server.is_not_implemented || self.client.is_not_implemented
    }

    /// All programs are about to be looked at.
    pub(super) fn turn(&mut self) {
        (self.before, self.now) = (self.now, since(self.began, Instant::now()));
        self.turn = self.seen.len();
    }

    /// All programs have been looked at. No frame went through meanwhile, so what was said in one look has the order each
    /// program gave it, and between programs only that of cause and effect.
    pub(super) fn turned(&mut self) {
        let said = self.seen.split_off(self.turn);
        let (server, client): (Vec<Seen>, Vec<Seen>) =
            said.into_iter().partition(|seen| seen.who == Side::Server);
        let (mut server, mut client) = (self.dated(server), self.dated(client));
        while let Some(next) = next(&mut server, &mut client) {
            self.seen.push(next);
        }
    }

    /// Since the last look, the links have done what they had to: connections that programs spoke of are there.
    pub(super) fn settle(&mut self) {
        let now = since(self.began, Instant::now());
        for seen in self.seen.iter_mut().skip(self.turn) {
            // Whoever says that a session has ended may begin another one at once.
            if !matches!(seen.content, Content::Known(Fact::Ended(_))) {
                seen.read = now;
            }
        }
        self.turn = self.seen.len();
    }

    /// What others may rest on was said after the last look, and maybe right after: so was what came before it.
    fn dated(&self, mut said: Vec<Seen>) -> VecDeque<Seen> {
        let last = said.iter().rposition(|seen| seen.content.comes_first());
        for seen in said.iter_mut().take(last.map_or(0, |last| last + 1)) {
            seen.at = self.before;
        }
        said.into()
    }

    /// A program has ended; the first time counts.
    pub(super) fn ended(&mut self, who: Side, ended: Ended) {
        if self.stopping || self.account(who).ended.is_some() {
            return;
        }
        let now = self.now;
        let account = self.account_mut(who);
        account.ended = Some((ended, now));
        account.is_not_implemented |= ended == Ended::Status(NOT_IMPLEMENTED);
        self.moved = Some(Instant::now());
    }

    /// A program printed a line.
    pub(super) fn line(&mut self, who: Side, channel: Channel, number: u64, cut: Cut<'_>) {
        if !self.met && !self.wanted.is_empty() && channel != Channel::File {
            let (Cut::Line(line) | Cut::TooLong(line)) = cut;
            self.met = memchr::memmem::find(line, &self.wanted).is_some();
        }
        match self.target.judged_from {
            JudgedFrom::Claims(own) if own == channel => self.claim(who, channel, number, cut),
            JudgedFrom::Claims(_) => {}
            JudgedFrom::Observables(_) => self.output(who, cut),
        }
    }

    fn claim(&mut self, who: Side, channel: Channel, number: u64, cut: Cut<'_>) {
        let among = if channel == Channel::File { Among::Claims } else { Among::Output };
        let bytes = match cut {
            Cut::Line(line) | Cut::TooLong(line) => line.len(),
        };
        let parsed = match cut {
            Cut::Line(line) => claims::parse(line, among),
            Cut::TooLong(head) if among == Among::Claims || head.starts_with(b"{") => {
                Err(format!("it has more than {MAX_LINE} bytes"))
            }
            Cut::TooLong(_) => Ok(Line::Own),
        };
        let stopping = self.stopping;
        let account = self.account_mut(who);
        if account.unreadable.is_some() || parsed == Ok(Line::Own) {
            return;
        }
        if stopping {
            account.late += 1;
            return;
        }
        account.claims += 1;
        account.bytes += bytes;
        let why = match parsed {
            Err(why) => why,
            Ok(_) if account.claims > MAX_CLAIMS => format!("more than {MAX_CLAIMS} claims"),
            Ok(_) if account.bytes > MAX_CLAIM_BYTES => {
                format!("more than {MAX_CLAIM_BYTES} bytes of claims")
            }
            Ok(Line::Own) => return,
            Ok(Line::NotImplemented) => {
                account.is_not_implemented = true;
                return;
            }
            Ok(Line::Claim(stated)) => return self.state(who, stated),
        };
        account.unreadable = Some(format!("line {number} on {}: {why}", channel.in_words()));
    }

    fn state(&mut self, who: Side, stated: Stated) {
        let Stated { fact, conn, local, peer, remark } = stated;
        if let Some(remark) = remark {
            self.remark(&format!("{who}: {remark}"));
        }
        self.add(Seen {
            at: self.now,
            read: self.now,
            who,
            conn,
            local,
            peer,
            content: Content::Known(fact),
        });
    }

    fn add(&mut self, seen: Seen) {
        self.moved = Some(Instant::now());
        self.seen.push(seen);
    }

    fn output(&mut self, who: Side, cut: Cut<'_>) {
        let target = self.target;
        let of_who = target.observe.iter().filter(|one| one.who == who);
        for observation in of_who {
            let Sign::Output(pattern) = &observation.sign else { continue };
            let line = match cut {
                Cut::Line(line) => String::from_utf8_lossy(line),
                Cut::TooLong(_) => {
                    self.remark(&format!(
                        "{who}: a line of more than {MAX_LINE} bytes is not looked at"
                    ));
                    continue;
                }
            };
            let Some(content) = matched(pattern, line.trim_end_matches('\r'), observation.claim)
            else {
                continue;
            };
            let account = self.account_mut(who);
            account.claims += 1;
            account.bytes += line.len();
            let too_many = account.claims > MAX_CLAIMS || account.bytes > MAX_CLAIM_BYTES;
            if self.stopping {
                self.account_mut(who).late += 1;
            } else if too_many {
                let why =
                    format!("more than {MAX_CLAIMS} lines, or {MAX_CLAIM_BYTES} bytes, match");
                self.account_mut(who).unreadable = Some(why);
            } else {
                let (conn, local, peer) = (None, None, None);
                self.add(Seen { at: self.now, read: self.now, who, conn, local, peer, content });
            }
        }
    }
}

/// What a line of output is taken for, if it matches.
fn matched(pattern: &Regex, line: &str, claim: Observed) -> Option<Content> {
    let groups = pattern.captures(line)?;
    let group = |name: &str| groups.name(name).map(|group| group.as_str());
    let hex = group("hex").and_then(claims::hex).map(Bytes::from);
    let message = hex.or_else(|| group("text").map(|text| Bytes::from(text.to_owned())));
    let message = message.map(|body| Message { body, ..Message::text("") });
    let session = || claims::fingerprint(group("session").unwrap_or_default());
    Some(match (claim, message) {
        (Observed::Sent, Some(message)) => Content::Known(Fact::Sent(message)),
        (Observed::Delivered, Some(message)) => Content::Known(Fact::Delivered(message)),
        (Observed::Acknowledged, Some(message)) => Content::Known(Fact::Acknowledged(message)),
        (Observed::Running, _) => Content::Known(Fact::Running(session())),
        (Observed::Established, _) => Content::Known(Fact::Established(session())),
        (claim, _) => known(claim),
    })
}

/// What is concluded where no content is seen.
pub(super) fn known(claim: Observed) -> Content {
    match claim {
        Observed::Rejected(reject) => Content::Known(Fact::Rejected(reject)),
        Observed::Ended(end) => Content::Known(Fact::Ended(end)),
        unknown => Content::Unknown(unknown),
    }
}

/// What links do, as far as a run in progress has to know. Clones share everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse(Arc<Mutex<Beats>>);

#[derive(Debug, Default)]
struct Beats {
    moved: Option<Instant>,
    first_ends: BTreeMap<u32, (Side, Tick)>,
}

impl Pulse {
    /// When something last happened.
    pub(super) fn moved(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).moved
    }

    /// Who was the first to end each link, and when.
    pub(super) fn first_ends(&self) -> BTreeMap<u32, (Side, Tick)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first_ends.clone()
    }
}

impl Recorder for Pulse {
    fn wants_bytes(&self) -> bool {
        false
    }

    fn record(&mut self, batch: &Batch) {
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.moved = Some(Instant::now());
        for (entry, _) in batch.iter() {
            if matches!(entry.what, What::Ended | What::Reset | What::Closed) {
                // Whom the attacker has closed the connection to has not closed it.
                let by = if entry.what == What::Closed { entry.side.other() } else { entry.side };
                beats.first_ends.entry(entry.link).or_insert((by, entry.at));
            }
        }
    }

    fn finish(&mut self) {}
}

#[cfg(test)]
mod tests {
    use protocol::endpoint::{End, Fingerprint};

    use super::*;

    fn said(who: Side, facts: &[Fact]) -> VecDeque<Seen> {
        let seen = |fact: &Fact| Seen {
            at: Tick(0),
            read: Tick(0),
            who,
            conn: None,
            local: None,
            peer: None,
            content: Content::Known(fact.clone()),
        };
        facts.iter().map(seen).collect()
    }

    #[test]
    fn a_cause_is_before_its_effect_whoever_is_read_first() {
        let (a, b) = (Message::text("a"), Message::text("b"));
        let session = Fingerprint([1; 8]);
        let server = [
            Fact::Running(session),
            Fact::Delivered(a.clone()),
            Fact::Sent(b.clone()),
            Fact::Ended(End::Clean),
        ];
        let client = [
            Fact::Established(session),
            Fact::Sent(a.clone()),
            Fact::Delivered(b.clone()),
            Fact::Acknowledged(a.clone()),
        ];
        for server_first in [true, false] {
            let mut one = said(Side::Server, &server);
            let mut other = said(Side::Client, &client);
            if !server_first {
                std::mem::swap(&mut one, &mut other);
            }
            let mut order = Vec::new();
            while let Some(seen) = next(&mut one, &mut other) {
                let Content::Known(fact) = seen.content else { panic!() };
                order.push(fact);
            }
            let place = |fact: &Fact| order.iter().position(|one| one == fact).unwrap();
            assert!(server.is_sorted_by_key(place) && client.is_sorted_by_key(place), "{order:?}");
            for (cause, effect) in [
                (&server[0], &client[0]),
                (&client[1], &server[1]),
                (&server[2], &client[2]),
                (&server[1], &client[3]),
            ] {
                assert!(place(cause) < place(effect), "{order:?}");
            }
        }
        // What nobody can have said in this order still comes out.
        let mut one = said(Side::Server, &[Fact::Delivered(a.clone()), Fact::Sent(b.clone())]);
        let mut other = said(Side::Client, &[Fact::Delivered(b), Fact::Sent(a)]);
        assert_eq!(std::iter::from_fn(|| next(&mut one, &mut other)).count(), 4);
    }
}
