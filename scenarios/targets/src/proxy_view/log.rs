//! The log of a live proxy: everything that happened, a line of JSON each.

use std::io::{self, Write};

use net::proxy::{Batch, Entry, LogEvent};
use serde_json::{Map, Value, json};

use super::Names;
use super::names::side;

/// Writes lines of JSON.
pub struct Log {
    out: Box<dyn Write + Send>,
    /// The frame whose actions are still to come.
    open: Option<Map<String, Value>>,
    frames: u64,
}

impl Log {
    /// A log into `out`.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out, open: None, frames: 0 }
    }

    /// Write what happened.
    pub(super) fn record(&mut self, batch: &Batch, names: &Names) -> io::Result<()> {
        for entry in &batch.entries {
            self.entry(entry, batch, names)?;
        }
        // Somebody may be reading along.
        self.close()?;
        self.out.flush()
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close()?;
        self.out.flush()
    }

    fn entry(&mut self, entry: &Entry, batch: &Batch, names: &Names) -> io::Result<()> {
        match entry.what {
            LogEvent::AttackerAction(text) => {
                if let Some(open) = &mut self.open
                    && let Some(Value::Array(did)) =
                        Some(open.entry("did").or_insert_with(|| json!([])))
                {
                    did.push(json!(batch.text(text)));
                }
                return Ok(());
            }
            LogEvent::Withheld => {
                if let Some(open) = &mut self.open {
                    open.insert("withheld".into(), json!(true));
                }
                return Ok(());
            }
            // Where bytes went is seen from the frames.
            LogEvent::Sent | LogEvent::Piece => return Ok(()),
            _ => {}
        }
        self.close()?;
        let mut line = Map::new();
        line.insert("us".into(), json!(entry.at.0 / 1000));
        line.insert("link".into(), json!(entry.link));
        let mut put = |name: &str, value: Value| {
            line.insert(name.into(), value);
        };
        let (what, role) = match entry.what {
            LogEvent::Opened(_) => ("opened", "by"),
            LogEvent::Connected(_) => ("connected", "to"),
            LogEvent::Released(_) => ("released", "to"),
            LogEvent::Made(_) => ("made", "to"),
            LogEvent::Ended => ("ended", "by"),
            LogEvent::Closed => ("closed", "to"),
            LogEvent::Reset => ("reset", "by"),
            LogEvent::Trouble(_) => ("trouble", "with"),
            _ => ("frame", "from"),
        };
        put("what", json!(what));
        put(role, json!(side(entry.side)));
        if let Some(name) = names.of_entry(entry) {
            put("type", json!(name));
            put("bytes", json!(entry.len));
        }
        match entry.what {
            LogEvent::Opened(place) | LogEvent::Connected(place) => {
                if let Some((from, to)) = batch.address(place) {
                    put("address", json!(from.to_string()));
                    put("at", json!(to.to_string()));
                }
            }
            LogEvent::Trouble(text) => put("text", json!(batch.text(text))),
            LogEvent::Passed(_) | LogEvent::Begun(_) | LogEvent::Stopped(_) | LogEvent::Made(_) => {
                self.frames += 1;
                put("number", json!(self.frames));
            }
            _ => {}
        }
        self.open = Some(line);
        Ok(())
    }

    /// Write the line that is complete now.
    fn close(&mut self) -> io::Result<()> {
        let Some(line) = self.open.take() else { return Ok(()) };
        serde_json::to_writer(&mut self.out, &line)?;
        self.out.write_all(b"\n")
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
