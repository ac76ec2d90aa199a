//! What a live endpoint shows: a log with times on standard error and in a file, what it delivers on standard
//! output, received files in the store, and a bar while something large is under way.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use files::diagnostic::escape;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use net::{Event, Observer};
use protocol::endpoint::{Claim, Conn, End, Fact, Kind, Message, Tick};
use recordings::claim_text::describe;
use reports::view::Weight;
use serde_json::{Map, Value, json};
use terminal;
use terminal::stdout::Stdout;

use super::keys::Keys;
use super::store::Store;
use super::tap::Tap;

/// What goes to standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// Every message delivered, a line each.
    Messages,
    /// Every claim as a JSON object, a line each.
    Claims,
}

/// How much of the log goes to standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loudness {
    /// All of it.
    Log,
    /// Refusals and troubles only.
    Trouble,
}

/// What happened so far, for whoever has to conclude.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Messages sent.
    pub sent: u64,
    /// Messages the peer is known to have.
    pub acknowledged: u64,
    /// Everything refused, in words.
    pub refused: Vec<String>,
    /// How the last session ended.
    pub end: Option<End>,
}

/// What is written beside the journal.
#[derive(Debug)]
pub struct Files {
    tap: Option<Tap>,
    keys: Option<Keys>,
    lost: Rc<Cell<bool>>,
}

impl Files {
    /// Write the rest; whether all of it was written, the log, received files and standard output too.
    pub fn finish(&self) -> bool {
        let captured = self.tap.as_ref().is_none_or(Tap::finish);
        captured && self.keys.as_ref().is_none_or(Keys::is_whole) && !self.lost.get()
    }
}

/// The observer of a live endpoint.
#[derive(Debug)]
pub struct Journal {
    began: SystemTime,
    shown: Shown,
    /// Until it cannot be written.
    out: Option<Stdout>,
    loudness: Loudness,
    file: Option<File>,
    store: Store,
    /// Something could not be written.
    lost: Rc<Cell<bool>>,
    bars: MultiProgress,
    bar: BTreeMap<Conn, ProgressBar>,
    tally: Rc<RefCell<Tally>>,
    tap: Option<Tap>,
    keys: Option<Keys>,
}

impl Journal {
    /// A journal that begins now.
    #[expect(clippy::disallowed_methods, reason = "the log of a live endpoint has real times")]
    pub fn new(shown: Shown, loudness: Loudness, file: Option<File>, store: Store) -> Self {
        Self {
            began: SystemTime::now(),
            shown,
            out: Some(Stdout::new()),
            loudness,
            file,
            store,
            lost: Rc::default(),
            bars: MultiProgress::with_draw_target(target()),
            bar: BTreeMap::new(),
            tally: Rc::default(),
            tap: None,
            keys: None,
        }
    }

    /// With a capture of the same events, and a key log.
    #[must_use]
    pub fn with_files(mut self, tap: Option<Tap>, keys: Option<Keys>) -> Self {
        (self.tap, self.keys) = (tap, keys);
        self
    }

    /// The capture and the key log, if there are any.
    pub fn files(&self) -> Files {
        Files { tap: self.tap.clone(), keys: self.keys.clone(), lost: self.lost.clone() }
    }

    /// What happened so far; it goes on counting.
    pub fn tally(&self) -> Rc<RefCell<Tally>> {
        self.tally.clone()
    }

    /// Write a line into the log.
    pub fn log(&mut self, at: SystemTime, weight: Weight, line: &str) {
        let line = format!("{} {line}\n", humantime::format_rfc3339_millis(at));
        if self.loudness == Loudness::Log || weight == Weight::Refusal {
            self.bars.suspend(|| {
                let _ = io::stderr().write_all(line.as_bytes());
            });
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(line.as_bytes())
        {
            self.file = None;
            self.give_up(&format!("the log file is given up: {error}"));
        }
    }

    fn give_up(&self, why: &str) {
        self.lost.set(true);
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr(), "warning: {why}");
        });
    }

    fn print(&mut self, line: &str) {
        let Some(out) = &mut self.out else { return };
        let write = || out.write_all(line.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = self.bars.suspend(write) {
            self.out = None;
            self.give_up(&error.to_string());
        }
    }

    fn claimed(&mut self, at: SystemTime, claim: &Claim) {
        let Claim { conn, local, peer, fact } = claim;
        let (weight, what) = describe(claim);
        self.log(at, weight, &format!("{local} #{} {peer}: {what}", conn.0));
        let mut stored = None;
        match fact {
            Fact::Sent(_) => self.tally.borrow_mut().sent += 1,
            Fact::Acknowledged(_) => self.tally.borrow_mut().acknowledged += 1,
            Fact::Rejected(reject) => self.tally.borrow_mut().refused.push(reject.to_string()),
            Fact::Ended(end) => self.tally.borrow_mut().end = Some(*end),
            Fact::Delivered(message) => {
                stored = self.deliver(at, claim, message);
            }
            Fact::Running(_) | Fact::Established(_) | Fact::Logged(_) => {}
        }
        if self.shown == Shown::Claims {
            let mut line = claim_json(at, claim);
            if let Some(path) = stored {
                line.insert("stored".into(), json!(path));
            }
            self.print(&format!("{}\n", Value::Object(line)));
        }
    }

    /// Show a message, or store it; return where.
    fn deliver(&mut self, at: SystemTime, claim: &Claim, message: &Message) -> Option<String> {
        let Claim { conn, local, peer, .. } = claim;
        let from = escape(peer.as_str());
        if !matches!(message.kind, Kind::Image | Kind::Video) {
            if self.shown == Shown::Messages {
                let text = escape(&String::from_utf8_lossy(&message.body));
                self.print(&format!("{from}: {text}\n"));
            }
            return None;
        }
        match self.store.keep(at, message) {
            Ok(path) => {
                let path = path.display().to_string();
                let size = message.body.len();
                self.log(at, Weight::Step, &format!("{local} #{} stored as {path}", conn.0));
                if self.shown == Shown::Messages {
                    self.print(&format!("{from}: {path} ({size} bytes)\n"));
                }
                Some(path)
            }
            Err(error) => {
                self.lost.set(true);
                self.log(at, Weight::Refusal, &format!("{local} #{}: {error}", conn.0));
                None
            }
        }
    }

    fn progress(&mut self, conn: Conn, what: &'static str, done: u64, total: Option<u64>) {
        let bars = &self.bars;
        let bar = self.bar.entry(conn).or_insert_with(|| {
            let template = if total.is_some() {
                "{prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}"
            } else {
                "{prefix} {spinner} {bytes} {bytes_per_sec}"
            };
            let style = ProgressStyle::with_template(template);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            bars.add(bar.with_style(style).with_prefix(format!("#{} {what}", conn.0)))
        });
        bar.set_position(done);
        if total.is_some_and(|total| done >= total) {
            self.forget(conn);
        }
    }

    fn forget(&mut self, conn: Conn) {
        if let Some(bar) = self.bar.remove(&conn) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }
}

/// Where bars are drawn.
fn target() -> ProgressDrawTarget {
    if terminal::draws() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

impl Observer for Journal {
    fn on_event(&mut self, now: Tick, event: Event<'_>) {
        if let Some(tap) = &self.tap {
            tap.record(now, &event);
        }
        if let Some(keys) = &self.keys {
            keys.record(&event);
        }
        let at = self.began + Duration::from_nanos(now.0);
        match event {
            Event::Opened { conn, address, .. } => {
                self.log(at, Weight::Step, &format!("#{} connected with {address}", conn.0));
            }
            Event::Closed { conn } => {
                self.forget(conn);
                self.log(at, Weight::Step, &format!("#{} closed", conn.0));
            }
            Event::Trouble { conn, what } => {
                let on = conn.map_or_else(String::new, |conn| format!("#{} ", conn.0));
                self.log(at, Weight::Refusal, &format!("{on}{what}"));
            }
            Event::Sending { conn, done, total } => {
                self.progress(conn, "sending", done, Some(total));
            }
            Event::Receiving { conn, waiting } => {
                self.progress(conn, "receiving", waiting, None);
            }
            Event::Claimed(claim) => {
                if matches!(claim.fact, Fact::Delivered(_) | Fact::Acknowledged(_)) {
                    self.forget(claim.conn);
                }
                self.claimed(at, claim);
            }
            // Of use to the capture and the key log only.
            Event::Secret { .. }
            | Event::Stepped(_)
            | Event::Discarded { .. }
            | Event::Wrote { .. }
            | Event::HungUp { .. }
            | Event::Reset { .. }
            | Event::Finished { .. } => {}
        }
    }
}

/// A claim as one JSON object.
pub(crate) fn claim_json(at: SystemTime, claim: &Claim) -> Map<String, Value> {
    let Claim { conn, local, peer, fact } = claim;
    let (name, detail) = match fact {
        Fact::Running(data) => ("running", json!(format!("{data:?}"))),
        Fact::Established(data) => ("established", json!(format!("{data:?}"))),
        Fact::Sent(message) => ("sent", message_json(message)),
        Fact::Delivered(message) => ("delivered", message_json(message)),
        Fact::Acknowledged(message) => ("acknowledged", message_json(message)),
        Fact::Rejected(reject) => {
            ("rejected", json!({ "check": reject.check.name(), "field": reject.field }))
        }
        Fact::Ended(end) => ("ended", json!(end.name())),
        Fact::Logged(line) => ("logged", json!(line)),
    };
    let mut line = Map::new();
    line.insert("at".into(), json!(humantime::format_rfc3339_millis(at).to_string()));
    line.insert("connection".into(), json!(conn.0));
    line.insert("local".into(), json!(local.as_str()));
    line.insert("peer".into(), json!(peer.as_str()));
    line.insert(name.into(), detail);
    line
}

fn message_json(message: &Message) -> Value {
    let (kind, bytes) = (message.kind.name(), message.body.len());
    if let Some(name) = &message.name {
        return json!({ "kind": kind, "bytes": bytes, "name": name.as_str() });
    }
    let text = String::from_utf8_lossy(&message.body);
    json!({ "kind": kind, "bytes": bytes, "text": text })
}
