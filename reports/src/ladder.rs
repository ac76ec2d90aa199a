//! The message ladder: client on the left, attacker in the middle, server on the right, time downwards.

use std::fmt::Write;

use crate::view::{Case, Event, Frame, Weight};

/// Columns from the client's to the server's line.
const WIDTH: usize = 60;
/// The attacker's column.
const MIDDLE: usize = WIDTH / 2;
/// The most rows shown; a flood is cut, and says so.
pub(crate) const MOST_ROWS: usize = 400;

/// One line of a ladder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The line, without colour.
    pub text: String,
    /// What it shows.
    pub tone: Tone,
}

/// What a row shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// The names of the parties.
    Head,
    /// A frame nobody touched.
    Plain,
    /// A frame the attacker changed, withheld or made.
    Attack,
    /// A step of an honest run.
    Step,
    /// A message delivered.
    Delivery,
    /// A refusal.
    Refusal,
}

/// The ladder of a case.
pub fn rows(case: &Case) -> Vec<Row> {
    let links = case.frames.iter().any(|frame| frame.link > 1);
    let mut rows = vec![Row { text: head(links), tone: Tone::Head }];
    let entries = entries(case);
    let left_out = entries.len().saturating_sub(MOST_ROWS);
    for entry in entries.into_iter().take(MOST_ROWS) {
        rows.push(match entry {
            Entry::Frame(frame) => frame_row(frame, links),
            Entry::Event(event) => event_row(event, links),
        });
    }
    if left_out > 0 {
        rows.push(Row { text: format!("… and {left_out} more lines"), tone: Tone::Step });
    }
    rows
}

/// Something a ladder shows.
pub(crate) enum Entry<'a> {
    /// A frame.
    Frame(&'a Frame),
    /// Something else that happened.
    Event(&'a Event),
}

/// All a ladder shows of a case, in order.
pub(crate) fn entries(case: &Case) -> Vec<Entry<'_>> {
    let mut entries: Vec<((u64, u64), Entry<'_>)> = Vec::new();
    let frames = case.frames.iter();
    entries.extend(frames.map(|frame| ((frame.at_us, frame.moment), Entry::Frame(frame))));
    let shown = case.events.iter().filter(|event| event.weight != Weight::Log);
    entries.extend(shown.map(|event| ((event.at_us, event.moment), Entry::Event(event))));
    entries.sort_by_key(|(at, _)| *at);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// The names of the parties; with a column for links, if wanted.
pub fn head(links: bool) -> String {
    let link = if links { "link " } else { "" };
    let gap = " ".repeat(MIDDLE - "client".len() - "attacker".len() / 2);
    let rest = " ".repeat(MIDDLE - "attacker".len() / 2 - "server".len() + 1);
    format!("   #        ms {link} client{gap}attacker{rest}server")
}

fn left(number: Option<u32>, at_us: u64, link: u32, links: bool) -> String {
    let number = number.map_or_else(String::new, |number| number.to_string());
    let ms = format!("{}.{:02}", at_us / 1000, at_us % 1000 / 10);
    let link = match (links, link) {
        (false, _) => String::new(),
        // What is on no link.
        (true, 0) => " ".repeat(5),
        (true, link) => format!("{link:>4} "),
    };
    format!("{number:>4} {ms:>9} {link} ")
}

/// One frame.
pub fn frame_row(frame: &Frame, links: bool) -> Row {
    let start = match frame.from.as_str() {
        "client" => 0,
        "server" => WIDTH,
        _ => MIDDLE,
    };
    let (end, tip) = match (frame.fate.as_str(), frame.to.as_str()) {
        ("dropped" | "absorbed", _) => (MIDDLE, '✗'),
        ("lost", "client") => (0, '✗'),
        ("lost", _) => (WIDTH, '✗'),
        (_, "client") => (0, '◀'),
        _ => (WIDTH, '▶'),
    };
    let attacked = !frame.did.is_empty() || start == MIDDLE;
    let mut lane = vec![' '; WIDTH + 1];
    let (low, high) = (start.min(end), start.max(end));
    for cell in lane.iter_mut().take(high + 1).skip(low) {
        *cell = '─';
    }
    let mut put = |at: usize, symbol: char| {
        if let Some(cell) = lane.get_mut(at) {
            *cell = symbol;
        }
    };
    if attacked {
        put(MIDDLE, '●');
    }
    put(end, if frame.fate == "absorbed" { '●' } else { tip });
    let name: Vec<char> = format!(" {} ", frame.kind).chars().collect();
    let from = if start <= end { low + 2 } else { (high - 1).saturating_sub(name.len()) };
    for (offset, symbol) in name.into_iter().enumerate() {
        put(from + offset, symbol);
    }
    let lane: String = lane.into_iter().collect();
    let mut text = left(Some(frame.number), frame.at_us, frame.link, links);
    text.push_str(&lane);
    let _ = write!(text, " {:>5} B", frame.bytes);
    if !frame.did.is_empty() {
        let _ = write!(text, "  {}", frame.deeds_by_rule());
    }
    if frame.fate == "lost" {
        text.push_str("  (receiver gone)");
    }
    Row { text, tone: if attacked { Tone::Attack } else { Tone::Plain } }
}

/// Something else that happened.
pub fn event_row(event: &Event, links: bool) -> Row {
    let (sign, tone) = match event.weight {
        Weight::Delivery => ('✓', Tone::Delivery),
        Weight::Refusal => ('✗', Tone::Refusal),
        Weight::Attack => ('●', Tone::Attack),
        Weight::Log | Weight::Step => ('·', Tone::Step),
    };
    let left = left(None, event.at_us, event.link, links);
    Row { text: format!("{left}  {sign} {} {}", event.who, event.what), tone }
}
