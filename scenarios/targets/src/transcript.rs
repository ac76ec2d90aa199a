//! What programs say while they run: their claims, or what is taken for such, in the order each of them said it, and before
//! which frames.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use files::target_file::{Channel, JudgedFrom, Observed, Sign, Target};
use net::proxy::{Batch, LogEvent, Recorder};
use protocol::endpoint::{Fact, Message, Name, Side, Tick};
use regex::Regex;
use tokio::time::Instant;

use super::claims::{self, Among, Line, Stated};
use super::elapsed::since;
use super::process::Ended;
use super::stream::Cut;
use super::{MAX_CLAIM_BYTES, MAX_CLAIMS, MAX_LINE, NOT_IMPLEMENTED};

/// The most remarks of one run.
const MAX_REMARKS: usize = 20;

/// The place of what was said when nothing came from a program any more.
pub(super) const NEVER: u64 = u64::MAX;

/// Something a program said or did.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When it was read.
    pub(super) at: Tick,
    /// It was said before this place among all records of the trace.
    pub(super) by: u64,
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
pub(super) struct Transcript {
    target: Rc<Target>,
    pub(super) seen: Vec<Seen>,
    /// How many of `seen` have their place.
    placed: usize,
    server: Account,
    client: Account,
    pub(super) remarks: Vec<String>,
    began: Option<Instant>,
    /// When this look at the programs began.
    now: Tick,
    moved: Option<Instant>,
    /// What a line must contain, and whether one did.
    wanted: Vec<u8>,
    met: bool,
    stopping: bool,
}

impl Transcript {
    pub(super) fn new(target: Rc<Target>) -> Self {
        Self {
            target,
            seen: Vec::new(),
            placed: 0,
            server: Account::default(),
            client: Account::default(),
            remarks: Vec::new(),
            began: None,
            now: Tick(0),
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

    /// How many sessions a program says are over.
    pub(super) fn ends_claimed(&self, who: Side) -> usize {
        let ended = |seen: &&Seen| {
            seen.who == who && matches!(seen.content, Content::Known(Fact::Ended(_)))
        };
        self.seen.iter().filter(ended).count()
    }

    /// All programs are about to be looked at.
    pub(super) fn turn(&mut self) {
        self.now = since(self.began, Instant::now());
    }

    /// Something came from a program and has not gone on yet. All that was said until now was said before that place.
    pub(super) fn place(&mut self, moment: u64) {
        for seen in self.seen.iter_mut().skip(self.placed) {
            seen.by = moment;
        }
        self.placed = self.seen.len();
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

    /// What a program claims from here on is not known.
    pub(super) fn spoilt(&mut self, who: Side, how: &str) {
        if !self.stopping {
            let account = self.account_mut(who);
            account.unreadable.get_or_insert_with(|| format!("its file of claims: {how}"));
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
        let content = Content::Known(fact);
        self.add(Seen { at: self.now, by: NEVER, who, conn, local, peer, content });
    }

    fn add(&mut self, seen: Seen) {
        self.moved = Some(Instant::now());
        self.seen.push(seen);
    }

    fn output(&mut self, who: Side, cut: Cut<'_>) {
        let target = self.target.clone();
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
                self.add(Seen { at: self.now, by: NEVER, who, conn, local, peer, content });
            }
        }
    }
}

/// What a line of output is taken for, if it matches.
fn matched(pattern: &Regex, line: &str, claim: Observed) -> Option<Content> {
    let groups = pattern.captures(line)?;
    let group = |name: &str| groups.name(name).map(|group| group.as_str());
    let hex = group("hex").and_then(|digits| hex::decode(digits).ok()).map(Bytes::from);
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
            if matches!(entry.what, LogEvent::Ended | LogEvent::Reset | LogEvent::Closed) {
                // Whom the attacker has closed the connection to has not closed it.
                let by =
                    if entry.what == LogEvent::Closed { entry.side.other() } else { entry.side };
                beats.first_ends.entry(entry.link).or_insert((by, entry.at));
            }
        }
    }

    fn finish(&mut self) {}
}
