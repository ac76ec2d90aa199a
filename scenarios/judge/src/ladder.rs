//! What happened in a run, as lines of text: for the messages of assertions. Reports draw better ones.

use std::collections::BTreeMap;
use std::fmt::Write;

use mitm_proxy::trace::{Fate, FrameRecord, Trace};
use protocol::endpoint::{Claim, Fact, Side};

use crate::case::actor_name;

/// The most lines.
const MOST_LINES: usize = 200;

/// Frames and claims in the order in which they happened, at most [`MOST_LINES`] of them.
pub(crate) fn ladder(trace: &Trace) -> String {
    let mut lines: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for record in &trace.frames {
        lines.entry(record.moment).or_default().push(frame(record));
    }
    for record in &trace.claims {
        if let Some(what) = claim(&record.claim) {
            let line = format!("      {} {what}", actor_name(record.actor));
            lines.entry(record.moment).or_default().push(line);
        }
    }
    let all: Vec<String> = lines.into_values().flatten().collect();
    let mut text = String::new();
    for line in all.iter().take(MOST_LINES) {
        let _ = writeln!(text, "{line}");
    }
    if all.len() > MOST_LINES {
        let _ = writeln!(text, "… and {} more lines", all.len() - MOST_LINES);
    }
    text
}

fn frame(record: &FrameRecord) -> String {
    let arrow = match record.to {
        Side::Server => "client -> server",
        Side::Client => "server -> client",
    };
    let FrameRecord { number, link, frame, .. } = record;
    let (name, size) = (frame.spec.name, frame.bytes.len());
    let mut line = format!("{number:>4}  link {link}  {arrow}  {name}, {size} bytes");
    for action in &record.attacker_actions {
        let _ = write!(line, "; attacker: {}", action.what);
    }
    if !matches!(record.fate, Fate::Delivered(_)) {
        line.push_str("; never arrives");
    }
    line
}

/// What an endpoint states, but for its log.
fn claim(claim: &Claim) -> Option<String> {
    Some(match &claim.fact {
        Fact::Running(_) | Fact::Logged(_) => return None,
        Fact::Established(_) => format!("has a session with {}", claim.peer),
        Fact::Sent(message) => format!("sends {message}"),
        Fact::Delivered(message) => format!("delivers {message}"),
        Fact::Acknowledged(message) => format!("knows that {message} arrived"),
        Fact::Rejected(reject) => format!("refuses: {reject}"),
        Fact::Ended(end) => format!("ends: {}", end.name()),
    })
}
