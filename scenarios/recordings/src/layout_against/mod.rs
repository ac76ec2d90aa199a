//! A layout against what was recorded of a protocol: every frame as it is cut, and what could not be.
//!
//! A [`Cutter`] is told of sessions and their data by whoever reads the recording. It lists the frames as they
//! complete, and sums up at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use capture::{Ending, Visitor};
use files::diagnostic::escape;
use protocol::endpoint::{PortIndex, Side, Tick};
use protocol::layout::{Deframer, Frame, Front, Layout, RAW};
use serde_json::{Value, json};

mod hint;
#[cfg(test)]
mod tests;

use hint::{hint, other_length};

/// How the frames are listed.
pub enum Listing<'w> {
    /// As lines for people, written here as they come.
    Text(&'w mut dyn Write),
    /// As one JSON document, which [`Cutter::finish`] returns.
    Json,
}

/// Cuts recorded sessions into frames and lists them.
pub struct Cutter<'w> {
    layout: Arc<Layout>,
    listing: Listing<'w>,
    /// Why the list could not be written, if so.
    failed: Option<io::Error>,
    sessions: BTreeMap<u32, [Stream; 2]>,
    rows: Vec<Value>,
    /// When the last thing was recorded.
    now: Tick,
    summary: Summary,
}

/// What came of a recording.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// The sessions.
    pub sessions: u64,
    /// How many frames of each type came out.
    pub frames: BTreeMap<&'static str, u64>,
    /// The bytes in them.
    pub cut: u64,
    /// The bytes that came out as RAW.
    pub raw: u64,
    /// The bytes of frames that were not complete at the end of their stream.
    pub unfinished: u64,
    /// What the reader could not make sense of.
    pub problems: u64,
    /// What is probably wrong, at the first RAW or unfinished bytes.
    pub hint: Option<String>,
}

impl Summary {
    /// Whether every byte belongs to a frame of the layout.
    pub fn is_complete(&self) -> bool {
        self.raw == 0 && self.unfinished == 0
    }
}

/// One direction of a session.
struct Stream {
    deframer: Deframer,
    waiting: BytesMut,
    /// How many of its bytes have been cut.
    taken: u64,
    /// The packet in which the first byte not cut arrived, and where the packet's bytes begin in the stream.
    packets: Vec<(u64, u64)>,
}

impl Stream {
    fn new(layout: &Arc<Layout>, from: Side) -> Self {
        let deframer = Deframer::new(layout.clone(), PortIndex(0), from);
        Self { deframer, waiting: BytesMut::new(), taken: 0, packets: Vec::new() }
    }

    /// The packet of the first byte that waits.
    fn packet(&self) -> u64 {
        let later = self.packets.partition_point(|(start, _)| *start <= self.taken);
        later.checked_sub(1).and_then(|at| self.packets.get(at)).map_or(0, |(_, packet)| *packet)
    }

    /// Forget the packets all of whose bytes are cut.
    fn forget(&mut self) {
        let later = self.packets.partition_point(|(start, _)| *start <= self.taken);
        self.packets.drain(..later.saturating_sub(1));
    }
}

/// Some bytes of a stream: where they are, and when the last of them came.
#[derive(Clone, Copy)]
struct Place {
    session: u32,
    from: Side,
    at: Tick,
    packet: u64,
    offset: u64,
}

impl std::fmt::Debug for Cutter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cutter").field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Visitor for Cutter<'_> {
    fn opened(&mut self, session: u32, client: SocketAddr, server: SocketAddr, at: Tick) {
        self.summary.sessions += 1;
        self.now = at;
        self.streams(session);
        let line = format!("{:>5}  {}  session {session}: {client} to {server}", "", time(at));
        let row = json!({
            "session": session, "opened": at.0,
            "client": client.to_string(), "server": server.to_string(),
        });
        self.list(&line, row);
    }

    fn data(&mut self, session: u32, from: Side, at: Tick, packet: u64, bytes: &[u8]) {
        self.now = at;
        let stream = self.stream(session, from);
        let start = stream.taken + stream.waiting.len() as u64;
        stream.packets.push((start, packet));
        stream.waiting.extend_from_slice(bytes);
        loop {
            let stream = self.stream(session, from);
            let Front::Whole { spec, len } = stream.deframer.front(&stream.waiting) else { return };
            let spec = spec.clone();
            stream.deframer.take();
            let frame = Frame { spec, bytes: stream.waiting.split_to(len).freeze() };
            let (packet, offset) = (stream.packet(), stream.taken);
            stream.taken += len as u64;
            stream.forget();
            self.frame(Place { session, from, at, packet, offset }, &frame);
        }
    }

    fn closed(&mut self, session: u32, from: Side, at: Tick, how: Ending) {
        self.now = at;
        self.end(session, from, at);
        if how == Ending::Reset {
            self.end(session, other(from), at);
        }
    }

    fn problem(&mut self, packet: u64, what: &str) {
        self.summary.problems += 1;
        let what = escape(what);
        let line = format!("{:>5}  packet {packet}: {what}", "!");
        self.list(&line, json!({ "packet": packet, "problem": what }));
    }
}

impl<'w> Cutter<'w> {
    /// A cutter for recordings of this protocol. A recording does not say which of its ports is which: types of all are tried.
    pub fn new(layout: Arc<Layout>, listing: Listing<'w>) -> Self {
        let layout = Arc::new(Arc::unwrap_or_clone(layout).on_any_port());
        let (sessions, rows) = (BTreeMap::new(), Vec::new());
        let (now, summary) = (Tick(0), Summary::default());
        Self { layout, listing, failed: None, sessions, rows, now, summary }
    }

    /// The recording is over. In JSON, the document is all that was listed, and the summary.
    ///
    /// # Errors
    /// The list could not be written.
    pub fn finish(mut self) -> io::Result<(Summary, Value)> {
        let open: Vec<u32> = self.sessions.keys().copied().collect();
        for session in open {
            for from in [Side::Client, Side::Server] {
                self.end(session, from, self.now);
            }
        }
        let summary = self.summary;
        if let Listing::Text(out) = &mut self.listing {
            out.write_all(summed_up(&summary).as_bytes())?;
            out.flush()?;
        }
        let document = json!({
            "listing": self.rows,
            "summary": {
                "sessions": summary.sessions,
                "frames": summary.frames,
                "bytes_cut": summary.cut,
                "bytes_raw": summary.raw,
                "bytes_unfinished": summary.unfinished,
                "problems": summary.problems,
                "hint": summary.hint,
            },
        });
        self.failed.map_or(Ok((summary, document)), Err)
    }

    fn streams(&mut self, session: u32) -> &mut [Stream; 2] {
        let layout = &self.layout;
        let fresh = || [Side::Client, Side::Server].map(|from| Stream::new(layout, from));
        self.sessions.entry(session).or_insert_with(fresh)
    }

    fn stream(&mut self, session: u32, from: Side) -> &mut Stream {
        let [client, server] = self.streams(session);
        if from == Side::Client { client } else { server }
    }

    fn frame(&mut self, place: Place, frame: &Frame) {
        let name = frame.spec.name;
        let len = frame.bytes.len();
        *self.summary.frames.entry(name).or_default() += 1;
        let number: u64 = self.summary.frames.values().sum();
        let mut line = format!("{number:>5}  {}  {name}  {len} bytes", arrow(place));
        if name == RAW {
            self.summary.raw += len as u64;
            let _ = write!(line, ", offset {}, packet {}", place.offset, place.packet);
            let why = hint(&self.layout, place.from, &frame.bytes);
            let _ = write!(line, "\n         {}", shown(&frame.bytes));
            if self.summary.hint.is_none() {
                let _ = write!(line, "\n         {why}");
            }
            self.summary.hint.get_or_insert(format!("packet {}: {why}", place.packet));
        } else {
            self.summary.cut += len as u64;
            let fields: Vec<String> =
                fields(frame).map(|(name, value, _)| format!("{name} {value}")).collect();
            let _ = write!(line, "\n         {}", fields.join(", "));
        }
        let fields: Vec<Value> = fields(frame)
            .map(|(name, value, bytes)| json!({ "name": name, "value": value, "bytes": bytes }))
            .collect();
        let row =
            row(place, json!({ "number": number, "type": name, "bytes": len, "fields": fields }));
        self.list(&line, row);
    }

    /// What is left of a stream was never completed.
    fn end(&mut self, session: u32, from: Side, at: Tick) {
        let stream = self.stream(session, from);
        let (packet, offset, len) = (stream.packet(), stream.taken, stream.waiting.len());
        if len == 0 {
            return;
        }
        let what = match stream.deframer.front(&stream.waiting) {
            Front::Begun { spec, len: all } => {
                let other = other_length(spec, &stream.waiting);
                let other = other.map_or_else(String::new, |words| format!("; {words}"));
                format!("{len} of the {all} bytes of {}{other}", spec.name)
            }
            _ => format!("{len} bytes, and no end of a frame in them"),
        };
        let bytes = shown(&stream.waiting);
        stream.waiting.advance(len);
        stream.taken += len as u64;
        stream.deframer.take();
        let place = Place { session, from, at, packet, offset };
        self.summary.unfinished += len as u64;
        self.summary.hint.get_or_insert(format!("packet {packet}: unfinished: {what}"));
        let line = format!(
            "{:>5}  {}  unfinished: {what}, offset {offset}, packet {packet}\n         {bytes}",
            "!",
            arrow(place)
        );
        self.list(&line, self::row(place, json!({ "unfinished": what, "bytes": len })));
    }

    fn list(&mut self, line: &str, row: Value) {
        match &mut self.listing {
            Listing::Json => self.rows.push(row),
            // After one that failed, nothing more is written.
            Listing::Text(out) if self.failed.is_none() => {
                self.failed = writeln!(out, "{line}").err();
            }
            Listing::Text(_) => {}
        }
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// Seconds, to the microsecond.
fn time(at: Tick) -> String {
    let micros = at.0 / 1000;
    format!("{:>4}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn arrow(place: Place) -> String {
    let arrow = if place.from == Side::Client { "──▶" } else { "◀──" };
    format!("{}  {} {arrow}", time(place.at), place.session)
}

fn row(place: Place, mut row: Value) -> Value {
    if let Value::Object(row) = &mut row {
        row.insert("session".to_owned(), place.session.into());
        row.insert("from".to_owned(), place.from.to_string().into());
        row.insert("time".to_owned(), place.at.0.into());
        row.insert("offset".to_owned(), place.offset.into());
        row.insert("packet".to_owned(), place.packet.into());
    }
    row
}

/// Each field of a frame: its name, its value in short, its size.
fn fields(frame: &Frame) -> impl Iterator<Item = (&'static str, String, usize)> {
    frame.spec.ranges(&frame.bytes).map(|(field, range)| {
        let bytes = frame.bytes.get(range).unwrap_or_default();
        let number = field.role.encoding().and_then(|encoding| encoding.read(bytes));
        let value = number.map_or_else(|| shown(bytes), |number| number.to_string());
        (field.name, value, bytes.len())
    })
}

/// Bytes in short: text where they are text, else hexadecimal digits.
fn shown(bytes: &[u8]) -> String {
    const TEXT: usize = 32;
    const HEX: usize = 8;
    if bytes.is_empty() {
        return "empty".to_owned();
    }
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    let most = if bytes.iter().all(is_text) { TEXT } else { HEX };
    let (head, cut) = match bytes.get(..most) {
        Some(head) if bytes.len() > most => (head, format!("… ({})", bytes.len())),
        _ => (bytes, String::new()),
    };
    if most == TEXT {
        return format!("\"{}\"{cut}", head.escape_ascii());
    }
    hex::encode(head) + &cut
}

fn summed_up(summary: &Summary) -> String {
    let count = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let frames: Vec<String> =
        summary.frames.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let frames = if frames.is_empty() { "no frames".to_owned() } else { frames.join(", ") };
    let mut text = format!(
        "\n{}: {frames}; {} cut, {} RAW, {} unfinished\n",
        count(summary.sessions, "session"),
        count(summary.cut, "byte"),
        summary.raw,
        summary.unfinished
    );
    if summary.problems > 0 {
        let _ = writeln!(text, "{} with the recording", count(summary.problems, "problem"));
    }
    if let Some(hint) = &summary.hint {
        let _ = writeln!(text, "first at {hint}");
    }
    text
}
