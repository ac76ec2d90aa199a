//! The ladder of a live proxy, a line when something happens. When more happens than anybody reads, it counts instead.

use std::io::{self, Write};

use files::diagnostic::escape;
use net::proxy::{Batch, Entry, LogEvent};
use reports::ladder::{Lanes, Links, Row};
use reports::text::{Page, Paint};
use reports::view::{ActionTaken, Event, Frame, Weight};

use super::Names;
use super::names::side;

/// The most lines of one second. What is more is counted.
const MOST_LINES: u32 = 200;
/// One second, in microseconds.
const SECOND: u64 = 1_000_000;

/// Draws.
pub struct Ladder {
    out: Box<dyn Write + Send>,
    paint: Paint,
    lanes: Lanes,
    open: Option<Frame>,
    number: u64,
    began: bool,
    /// The second at hand, the lines in it, and what was not shown.
    second: u64,
    lines: u32,
    skipped: (u64, u64),
}

impl Ladder {
    /// A ladder drawn on `out`.
    pub fn new(out: Box<dyn Write + Send>, page: Page) -> Self {
        let Page { paint, columns } = page;
        let (open, number, began) = (None, 0, false);
        let lanes = Lanes::new(Links::Several, columns.map(usize::from));
        Self { out, paint, lanes, open, number, began, second: 0, lines: 0, skipped: (0, 0) }
    }

    /// Draw what happened.
    pub(super) fn record(&mut self, batch: &Batch, names: &Names) -> io::Result<()> {
        for entry in &batch.entries {
            self.entry(entry, batch, names)?;
        }
        // Deeds may still come with the next batch, but nobody likes to wait.
        self.close()?;
        self.out.flush()
    }

    fn entry(&mut self, entry: &Entry, batch: &Batch, names: &Names) -> io::Result<()> {
        match entry.what {
            LogEvent::AttackerAction(text) => {
                if let Some(frame) = &mut self.open {
                    frame.did.push(action(batch.text(text)));
                }
                return Ok(());
            }
            LogEvent::Withheld => {
                if let Some(frame) = &mut self.open {
                    "dropped".clone_into(&mut frame.fate);
                }
                return Ok(());
            }
            LogEvent::Sent | LogEvent::Piece => return Ok(()),
            _ => {}
        }
        self.close()?;
        let at_us = entry.at.0 / 1000;
        let (end, other) = (side(entry.side), side(entry.side.other()));
        let name = names.of_entry(entry);
        if let LogEvent::Released(_) = entry.what {
            let name = name.unwrap_or_default();
            let what =
                format!("sends on what it held back: {name}, {} bytes to the {end}", entry.len);
            return self.event(entry, "attacker", what, Weight::Attack);
        }
        if let Some(name) = name {
            let (from, to) = match entry.what {
                LogEvent::Made(_) => ("attacker", end),
                _ => (end, other),
            };
            self.number += 1;
            self.open = Some(Frame {
                number: u32::try_from(self.number).unwrap_or(u32::MAX),
                at_us,
                moment: 0,
                link: entry.link,
                from: from.to_owned(),
                to: to.to_owned(),
                client: "client".to_owned(),
                kind: name.to_owned(),
                bytes: entry.len as usize,
                copy_of: None,
                did: Vec::new(),
                fate: "delivered".to_owned(),
                anatomy: None,
            });
            return Ok(());
        }
        let (who, what, weight) = match entry.what {
            LogEvent::Opened(place) => {
                let from =
                    batch.address(place).map_or_else(String::new, |(from, _)| from.to_string());
                (end, format!("connects from {from}"), Weight::Step)
            }
            LogEvent::Connected(place) => {
                let to = batch.address(place).map_or_else(String::new, |(_, to)| to.to_string());
                ("attacker", format!("connects to {to}"), Weight::Step)
            }
            LogEvent::Ended => (end, "ends".to_owned(), Weight::Step),
            LogEvent::Closed => {
                ("attacker", format!("closes the connection to the {end}"), Weight::Attack)
            }
            LogEvent::Reset => (end, "is gone: the connection broke".to_owned(), Weight::Refusal),
            LogEvent::Trouble(text) => (end, escape(batch.text(text)), Weight::Refusal),
            _ => return Ok(()),
        };
        self.event(entry, who, what, weight)
    }

    fn event(&mut self, entry: &Entry, who: &str, what: String, weight: Weight) -> io::Result<()> {
        let (at_us, link, who) = (entry.at.0 / 1000, entry.link, who.to_owned());
        let event = Event { at_us, moment: 0, link, who, what, weight, cause: None };
        self.show(at_us, 0, &self.lanes.event(&event))
    }

    /// Draw the frame that is complete now.
    fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(frame) => self.show(frame.at_us, frame.bytes as u64, &self.lanes.frame(&frame)),
            None => Ok(()),
        }
    }

    fn show(&mut self, at_us: u64, bytes: u64, row: &Row) -> io::Result<()> {
        if !self.began {
            self.began = true;
            writeln!(self.out, "{}", self.lanes.head())?;
        }
        if at_us / SECOND != self.second {
            self.tell_skipped()?;
            (self.second, self.lines) = (at_us / SECOND, 0);
        }
        self.lines += 1;
        if self.lines > MOST_LINES {
            self.skipped.0 += 1;
            self.skipped.1 += bytes;
            return Ok(());
        }
        writeln!(self.out, "{}", self.paint.row(row))
    }

    fn tell_skipped(&mut self) -> io::Result<()> {
        let (lines, bytes) = std::mem::take(&mut self.skipped);
        if lines > 0 {
            writeln!(self.out, "      … {lines} more lines in this second, {bytes} bytes")?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close()?;
        self.tell_skipped()?;
        self.out.flush()
    }
}

/// `rule 2: flip iv bit 3`, taken apart.
fn action(text: &str) -> ActionTaken {
    let parts = text.strip_prefix("rule ").and_then(|rest| rest.split_once(": "));
    let parts = parts.and_then(|(rule, what)| Some((rule.parse().ok()?, what)));
    let (rule, what) = parts.unwrap_or((0, text));
    ActionTaken { rule, what: what.to_owned() }
}

impl std::fmt::Debug for Ladder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ladder").finish_non_exhaustive()
    }
}
