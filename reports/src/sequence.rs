//! The message ladder as a drawing (SVG): client on the left, attacker in the middle, server on the right, time downwards.
//!
//! Written for the inside of an HTML page, which has the style sheet: short classes, attributes without quotes where they need none. Under
//! a frame that the attacker changed lies a strip: the frame from its first byte to its last, its fields, and what was changed in red.

use std::fmt::Write;

use crate::ladder::{Entry, MOST_ROWS, entries};
use crate::plain::{line, visible};
use crate::view::anatomy::Anatomy;
use crate::view::{Case, Event, Frame, Weight};

/// Width of the drawing, in its own units.
const WIDTH: u32 = 570;
/// The lines of the three parties.
const CLIENT: u32 = 100;
const ATTACKER: u32 = 312;
const SERVER: u32 = 524;
/// Most columns of a line below a frame, or of an event.
const MOST_COLUMNS: usize = 78;
/// Most columns of the type of a frame.
const MOST_NAME: usize = 24;

/// Colours, light and dark, and what a drawing looks like.
const STYLE: &str =
    concat!(include_str!("../templates/colours.css"), include_str!("../templates/ladder.css"));

/// The ladder of a case as an SVG file that stands alone.
pub fn file(case: &Case) -> String {
    let Case { scenario, system, profile, .. } = case;
    let label = format!("{scenario} against {system} {profile}: {}", case.outcome());
    let drawing = svg(case, &label);
    let (head, body) = drawing.split_once('>').unwrap_or(("<svg", ""));
    let names = parties();
    let names = names.split_once("<defs>").map_or("", |(_, rest)| rest);
    let names = names.strip_suffix("</defs></svg>").unwrap_or_default();
    let style = format!("<style>{STYLE}svg{{background:var(--card)}}</style>");
    let whole = format!(
        "{head} xmlns=http://www.w3.org/2000/svg>{style}<title>{}</title><defs>{names}</defs>{body}\n",
        escape(&label)
    );
    visible(&quoted(&whole)).into_owned()
}

/// The same with quotes around all attributes, as XML wants them. Values have no `>` in them.
fn quoted(svg: &str) -> String {
    let mut quoted = String::with_capacity(svg.len() + svg.len() / 8);
    // Where we are: outside of tags, in one, in a value with quotes, in one without.
    let (mut inside, mut value, mut bare) = (false, false, false);
    let mut last = ' ';
    for character in svg.chars() {
        if bare && (character == ' ' || character == '>') {
            quoted.push('"');
            bare = false;
        }
        if inside && !value && last == '=' && character != '"' && !bare {
            quoted.push('"');
            bare = true;
        }
        match character {
            '<' if !value => inside = true,
            '>' if !value => inside = false,
            '"' if inside => value = !value,
            _ => {}
        }
        quoted.push(character);
        last = character;
    }
    quoted
}

/// The names of the parties, once for all drawings of a page: an element that shows nothing itself.
pub fn parties() -> String {
    let mut svg = "<svg class=defs aria-hidden=true><defs><g id=parties>".to_owned();
    for (party, name) in [(CLIENT, "client"), (ATTACKER, "attacker"), (SERVER, "server")] {
        let class = if party == ATTACKER { "\"p a\"" } else { "p" };
        let _ = write!(
            svg,
            "<rect class={class} x={} y=4 width=76 height=22 rx=4 /><text class=p x={party} y=19>{name}</text>",
            party - 38
        );
    }
    svg.push_str("</g></defs></svg>");
    svg
}

/// The ladder of a case as one `<svg>` element, for people who look at it; `label` is for those who do not.
pub fn svg(case: &Case, label: &str) -> String {
    let mut drawing = Drawing { body: String::new(), at: 28, links: false };
    drawing.links = case.frames.iter().any(|frame| frame.link > 1);
    let entries = entries(case);
    let left_out = entries.len().saturating_sub(MOST_ROWS);
    for entry in entries.into_iter().take(MOST_ROWS) {
        match entry {
            Entry::Frame(frame) => drawing.frame(frame),
            Entry::Event(event) => drawing.event(event),
        }
    }
    if left_out > 0 {
        drawing.at += 16;
        drawing.text("s", CLIENT + 12, &format!("… and {left_out} more rows"));
    }
    let bottom = drawing.at + 8;
    let mut svg = format!(
        "<svg class=ladder viewBox=\"0 0 {WIDTH} {}\" role=img aria-label=\"{}\"><path class=l d=\"",
        bottom + 6,
        escape(label),
    );
    for party in [CLIENT, ATTACKER, SERVER] {
        let _ = write!(svg, "M{party} 26V{bottom}");
    }
    svg.push_str("\"/>");
    svg.push_str("<use href=#parties />");
    svg.push_str(&drawing.body);
    svg.push_str("</svg>");
    svg
}

struct Drawing {
    body: String,
    /// The last line of text, in units from the top.
    at: u32,
    /// Whether to say on which link something is.
    links: bool,
}

impl Drawing {
    fn text(&mut self, class: &str, x: u32, text: &str) {
        let quote = if class.contains(' ') { "\"" } else { "" };
        let _ = write!(
            self.body,
            "<text class={quote}{class}{quote} x={x} y={}>{}</text>",
            self.at,
            escape(text)
        );
    }

    fn frame(&mut self, frame: &Frame) {
        let start = match frame.from.as_str() {
            "client" => CLIENT,
            "server" => SERVER,
            _ => ATTACKER,
        };
        let to_client = frame.to == "client";
        let (end, arrives) = match (frame.fate.as_str(), to_client) {
            ("dropped", _) => (ATTACKER, false),
            // The attacker is the one it was for.
            ("absorbed", _) => (ATTACKER, true),
            (fate, true) => (CLIENT, fate != "lost"),
            (fate, false) => (SERVER, fate != "lost"),
        };
        let touched = frame.is_touched();
        let class = if touched { "f a" } else { "f" };
        self.at += 25;
        let (ms, hundredths) = (frame.at_us / 1000, frame.at_us % 1000 / 10);
        let _ = write!(
            self.body,
            "<text x=22 y={}>{}<tspan x=64>{ms}.{hundredths:02}</tspan></text>",
            self.at, frame.number
        );
        let y = self.at - 4;
        let quote = if touched { "\"" } else { "" };
        let _ = write!(self.body, "<path class={quote}{class}{quote} d=\"M{start} {y}H{end}");
        let back: i32 = if end >= start { -7 } else { 7 };
        if arrives {
            let _ = write!(self.body, "m{back}-4l{} 4l{back} 4", -back);
        } else {
            self.body.push_str("m-4-4l8 8m0-8l-8 8");
        }
        self.body.push_str("\"/>");
        if touched {
            let _ = write!(self.body, "<circle cx={ATTACKER} cy={y} r=4 />");
        }
        // The name stands on the arrow, near where it begins.
        let name = line(&frame.kind, MOST_NAME);
        let mut about = name.clone();
        let _ = write!(about, " · {} B", frame.bytes);
        if self.links {
            let _ = write!(about, " · link {}", frame.link);
        }
        let class = if touched { "k a" } else { "k" };
        let from = start.min(end);
        let x = if from < ATTACKER { CLIENT + 12 } else { ATTACKER + 12 };
        self.at -= 9;
        self.text(class, x, &about);
        self.at += 9;
        self.below(frame);
    }

    /// What the attacker did to a frame, and where it is changed.
    fn below(&mut self, frame: &Frame) {
        if frame.did.is_empty() && frame.fate != "lost" {
            return;
        }
        let mut actions = frame.actions_by_rule();
        if frame.fate == "lost" {
            actions.push_str(if actions.is_empty() { "receiver gone" } else { " (receiver gone)" });
        }
        self.at += 12;
        let class = if frame.did.is_empty() { "s" } else { "a" };
        self.text(class, CLIENT + 12, &line(&actions, MOST_COLUMNS));
        if let Some(anatomy) = &frame.anatomy {
            self.strip(anatomy, frame.bytes);
        }
    }

    /// The frame from its first byte to its last.
    fn strip(&mut self, anatomy: &Anatomy, bytes: usize) {
        if anatomy.changes.is_empty() || bytes == 0 {
            return;
        }
        self.at += 9;
        let (left, width) = (CLIENT + 12, SERVER - CLIENT - 24);
        // Both are far below what would not fit: a frame has at most some hundred million bytes.
        let place = |byte: usize| {
            let along = byte.min(bytes) as u128 * u128::from(width) / bytes as u128;
            left + u32::try_from(along).unwrap_or(width)
        };
        let _ = write!(self.body, "<path class=b d=\"M{left} {}H{}\"/>", self.at, left + width);
        let mut ticks = String::new();
        for field in anatomy.fields.iter().filter(|field| field.offset > 0).take(40) {
            let _ = write!(ticks, "M{} {}v8", place(field.offset), self.at - 4);
        }
        if !ticks.is_empty() {
            let _ = write!(self.body, "<path class=i d=\"{ticks}\"/>");
        }
        let mut changed = String::new();
        for change in &anatomy.changes {
            let from = place(change.offset);
            let to = place(change.offset + change.bytes).max(from + 3);
            let _ = write!(changed, "M{from} {}H{}", self.at, to.min(left + width + 3));
        }
        let _ = write!(self.body, "<path class=c d=\"{changed}\"/>");
        self.at += 4;
    }

    fn event(&mut self, event: &Event) {
        let (sign, class) = match event.weight {
            Weight::Delivery => ('✓', "d"),
            Weight::Refusal => ('✗', "r"),
            Weight::Attack => ('●', "a"),
            Weight::Log | Weight::Step => ('·', "s"),
        };
        self.at += 16;
        let text = line(&format!("{sign} {} {}", event.who, event.what), MOST_COLUMNS);
        self.text(class, CLIENT + 12, &text);
    }
}

/// Text for the inside of an element or of a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
