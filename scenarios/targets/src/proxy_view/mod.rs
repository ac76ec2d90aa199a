//! What a live proxy shows: a ladder on standard output, a log and a capture in files, and counts at the end.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use net::proxy::{Batch, Entry, LogEvent, Recorder, Tap};

#[cfg(unix)]
mod ladder;
mod log;
mod names;

#[cfg(unix)]
pub use ladder::Ladder;
pub use log::Log;
pub use names::Names;

/// What passed, in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Links that clients opened.
    pub links: u64,
    /// Frames that endpoints sent.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames to which a rule did something, or that it withheld.
    pub stopped: u64,
    /// The frame before came from an endpoint, and nothing was told of it yet.
    untouched: bool,
    /// Frames the attacker made.
    pub made: u64,
    /// Connections that broke or could not be made, in words, the first few.
    pub troubles: Vec<String>,
    /// Files that could not be written to the end, and why.
    pub failed: Vec<String>,
}

impl Tally {
    /// In one line.
    pub fn describe(&self) -> String {
        let Self { links, frames, bytes, stopped, made, .. } = self;
        let count = |number: u64, what: &str| {
            format!("{number} {what}{}", if number == 1 { "" } else { "s" })
        };
        let mut line =
            [count(*links, "link"), count(*frames, "frame"), count(*bytes, "byte")].join(", ");
        if stopped + made > 0 {
            let (on, made) = (count(*stopped, "frame"), count(*made, "frame"));
            let _ = write!(line, "; rules acted on {on} and made {made}");
        }
        line
    }
}

/// The most troubles that are kept.
const MOST_TROUBLES: usize = 20;

/// Tells all that watch.
pub struct Watch {
    names: Names,
    ladder: Option<Ladder>,
    log: Option<Log>,
    tap: Option<Tap<Box<dyn Write + Send>>>,
    tally: Arc<Mutex<Tally>>,
}

impl Watch {
    /// Watched by nobody yet.
    pub fn new(names: Names) -> Self {
        Self { names, ladder: None, log: None, tap: None, tally: Arc::default() }
    }

    /// With a ladder.
    #[must_use]
    pub fn with_ladder(mut self, ladder: Option<Ladder>) -> Self {
        self.ladder = ladder;
        self
    }

    /// With a log.
    #[must_use]
    pub fn with_log(mut self, log: Option<Log>) -> Self {
        self.log = log;
        self
    }

    /// With a capture.
    #[must_use]
    pub fn with_capture(mut self, tap: Option<Tap<Box<dyn Write + Send>>>) -> Self {
        self.tap = tap;
        self
    }

    /// The counts; they are complete when the proxy is over.
    pub fn tally(&self) -> Arc<Mutex<Tally>> {
        self.tally.clone()
    }

    fn count(tally: &mut Tally, entry: &Entry, batch: &Batch) {
        match entry.what {
            LogEvent::Opened(_) => tally.links += 1,
            LogEvent::Passed(_) | LogEvent::Begun(_) | LogEvent::Stopped(_) => {
                tally.frames += 1;
                tally.bytes += u64::from(entry.len);
                tally.untouched = true;
            }
            LogEvent::Made(_) => {
                tally.made += 1;
                tally.untouched = false;
            }
            // Rules that look back stop every frame; only what is done to one counts.
            LogEvent::AttackerAction(_) | LogEvent::Withheld
                if std::mem::take(&mut tally.untouched) =>
            {
                tally.stopped += 1;
            }
            LogEvent::Trouble(text) if tally.troubles.len() < MOST_TROUBLES => {
                tally.troubles.push(batch.text(text).to_owned());
            }
            _ => {}
        }
    }
}

impl Recorder for Watch {
    fn wants_bytes(&self) -> bool {
        self.tap.is_some()
    }

    fn record(&mut self, batch: &Batch) {
        let tally = self.tally.clone();
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in &batch.entries {
            Self::count(&mut tally, entry, batch);
        }
        // What cannot be written is given up; the traffic goes on, and what was written stays.
        if let Some(ladder) = &mut self.ladder
            && let Err(error) = ladder.record(batch, &self.names)
        {
            self.ladder = None;
            give_up(&mut tally, "ladder", &error);
        }
        if let Some(log) = &mut self.log
            && let Err(error) = log.record(batch, &self.names)
        {
            self.log = None;
            give_up(&mut tally, "log", &error);
        }
        if let Some(tap) = &mut self.tap
            && let Err(error) = tap.record(batch)
        {
            self.tap = None;
            give_up(&mut tally, "capture", &error);
        }
    }

    fn finish(&mut self) {
        let tally = self.tally.clone();
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = self.ladder.take().map(Ladder::finish) {
            give_up(&mut tally, "ladder", &error);
        }
        if let Some(Err(error)) = self.log.take().map(Log::finish) {
            give_up(&mut tally, "log", &error);
        }
        if let Some(Err(error)) = self.tap.take().map(Tap::finish) {
            give_up(&mut tally, "capture", &error);
        }
    }
}

fn give_up(tally: &mut Tally, what: &str, error: &io::Error) {
    let why = format!("the {what} is given up: {error}");
    let _ = writeln!(io::stderr(), "warning: {why}");
    tally.failed.push(why);
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("tally", &self.tally).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use protocol::endpoint::{Side, Tick};

    use super::*;

    #[test]
    fn only_frames_that_something_was_done_to_count_as_acted_on() {
        let mut tally = Tally::default();
        let batch = Batch::default();
        let entry = |what| Entry { at: Tick(0), link: 1, len: 3, what, side: Side::Client };
        // A rule that looks back stops every frame, and acts on one.
        let told = [
            LogEvent::Stopped(0),
            LogEvent::Sent,
            LogEvent::Stopped(0),
            LogEvent::AttackerAction(0),
            LogEvent::AttackerAction(0),
            LogEvent::Withheld,
            LogEvent::Made(0),
            LogEvent::AttackerAction(0),
            LogEvent::Passed(0),
        ];
        for what in told {
            Watch::count(&mut tally, &entry(what), &batch);
        }
        assert_eq!((tally.frames, tally.stopped, tally.made), (3, 1, 1));
        let line = tally.describe();
        assert!(line.ends_with("rules acted on 1 frame and made 1 frame"), "{line}");
    }
}
