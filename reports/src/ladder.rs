//! The message ladder: client on the left, attacker in the middle, server on the right, time downwards.

use std::fmt::Write;

use crate::view::{Case, Event, Frame, Weight};

/// Columns from the client's to the server's line, where there is room.
const WIDTH: usize = 60;
/// The fewest: the names of the parties stand above them.
const NARROWEST: usize = 30;
/// Columns left and right of the lanes: number and time; bytes.
const MARGINS: usize = 16 + 8;
/// Columns of the number of a link.
const LINK: usize = 5;
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

/// Whether a ladder says on which link something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Links {
    /// There is one.
    One,
    /// There may be several, and each row names its own.
    Several,
}

/// How wide a ladder is, and what its rows say.
#[derive(Clone, Copy, Debug)]
pub struct Lanes {
    links: Links,
    /// Columns from the client's to the server's line, an even number.
    width: usize,
}

impl Lanes {
    /// Lanes that fit into so many columns, if that is possible; as wide as is good to read where that is not known.
    pub fn new(links: Links, columns: Option<usize>) -> Self {
        let margins = MARGINS + if links == Links::Several { LINK } else { 0 };
        let room = columns.map_or(WIDTH, |columns| columns.saturating_sub(margins + 1));
        Self { links, width: room.clamp(NARROWEST, WIDTH) / 2 * 2 }
    }

    /// The attacker's column.
    fn middle(self) -> usize {
        self.width / 2
    }
}

/// The ladder of a case, in so many columns.
pub fn rows(case: &Case, columns: Option<usize>) -> Vec<Row> {
    let several = case.frames.iter().any(|frame| frame.link > 1);
    let lanes = Lanes::new(if several { Links::Several } else { Links::One }, columns);
    let mut rows = vec![Row { text: lanes.head(), tone: Tone::Head }];
    let entries = entries(case);
    let left_out = entries.len().saturating_sub(MOST_ROWS);
    for entry in entries.into_iter().take(MOST_ROWS) {
        rows.push(match entry {
            Entry::Frame(frame) => lanes.frame(frame),
            Entry::Event(event) => lanes.event(event),
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

impl Lanes {
    /// The names of the parties.
    pub fn head(self) -> String {
        let link = if self.links == Links::Several { "link " } else { "" };
        let gap = " ".repeat(self.middle() - "client".len() - "attacker".len() / 2);
        let rest = " ".repeat(self.middle() - "attacker".len() / 2 - "server".len() + 1);
        format!("   #        ms {link} client{gap}attacker{rest}server")
    }

    fn left(self, number: Option<u32>, at_us: u64, link: u32) -> String {
        let number = number.map_or_else(String::new, |number| number.to_string());
        let ms = format!("{}.{:02}", at_us / 1000, at_us % 1000 / 10);
        let link = match (self.links, link) {
            (Links::One, _) => String::new(),
            // What is on no link.
            (Links::Several, 0) => " ".repeat(LINK),
            (Links::Several, link) => format!("{link:>4} "),
        };
        format!("{number:>4} {ms:>9} {link} ")
    }

    /// One frame.
    pub fn frame(self, frame: &Frame) -> Row {
        let (width, middle) = (self.width, self.middle());
        let start = match frame.from.as_str() {
            "client" => 0,
            "server" => width,
            _ => middle,
        };
        let (end, tip) = match (frame.fate.as_str(), frame.to.as_str()) {
            ("dropped" | "absorbed", _) => (middle, '✗'),
            ("lost", "client") => (0, '✗'),
            ("lost", _) => (width, '✗'),
            (_, "client") => (0, '◀'),
            _ => (width, '▶'),
        };
        let attacked = !frame.did.is_empty() || start == middle;
        let mut lane = vec![' '; width + 1];
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
            put(middle, '●');
        }
        put(end, if frame.fate == "absorbed" { '●' } else { tip });
        let name: Vec<char> = format!(" {} ", frame.kind).chars().collect();
        let from = if start <= end { low + 2 } else { (high - 1).saturating_sub(name.len()) };
        for (offset, symbol) in name.into_iter().enumerate() {
            put(from + offset, symbol);
        }
        let lane: String = lane.into_iter().collect();
        let mut text = self.left(Some(frame.number), frame.at_us, frame.link);
        text.push_str(&lane);
        let _ = write!(text, " {:>5} B", frame.bytes);
        if !frame.did.is_empty() {
            let _ = write!(text, "  {}", frame.actions_by_rule());
        }
        if frame.fate == "lost" {
            text.push_str("  (receiver gone)");
        }
        Row { text, tone: if attacked { Tone::Attack } else { Tone::Plain } }
    }

    /// Something else that happened.
    pub fn event(self, event: &Event) -> Row {
        let (sign, tone) = match event.weight {
            Weight::Delivery => ('✓', Tone::Delivery),
            Weight::Refusal => ('✗', Tone::Refusal),
            Weight::Attack => ('●', Tone::Attack),
            Weight::Log | Weight::Step => ('·', Tone::Step),
        };
        let left = self.left(None, event.at_us, event.link);
        Row { text: format!("{left}  {sign} {} {}", event.who, event.what), tone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lanes: Lanes) -> String {
        let frame = Frame {
            number: 12,
            at_us: 1_234_560,
            moment: 0,
            link: 1,
            from: "client".to_owned(),
            to: "server".to_owned(),
            client: "client".to_owned(),
            kind: "HELLO".to_owned(),
            bytes: 99_999,
            copy_of: None,
            did: Vec::new(),
            fate: "delivered".to_owned(),
            anatomy: None,
        };
        lanes.frame(&frame).text
    }

    #[test]
    fn a_ladder_fits_where_there_is_room_and_is_never_wider_than_is_good_to_read() {
        for links in [Links::One, Links::Several] {
            for columns in [60, 79, 80, 81, 300] {
                let lanes = Lanes::new(links, Some(columns));
                for line in [lanes.head(), row(lanes)] {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                }
            }
            let (unknown, wide) = (Lanes::new(links, None), Lanes::new(links, Some(300)));
            assert_eq!(row(unknown), row(wide));
            assert_eq!(row(Lanes::new(links, Some(0))), row(Lanes::new(links, Some(50))));
        }
    }
}
