//! A scenario from a recorded session: its client's frames by name, played into a new connection once the honest session is over.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use files::diagnostic::escape;
use files::scenario::MAX_ACTIONS;
use protocol::endpoint::{Kind, Side};
use protocol::layout::RAW;
use protocol::system::System;

use super::{Piece, Session};

/// Frames up to this size stand in the scenario; larger ones are files beside it. In bytes.
const INLINE: usize = 4096;
/// The most bytes in the scenario: as digits and with the rest they fit its largest file.
const MOST_INLINE: usize = 384 << 10;
/// The digits of a line, two a byte.
const LINE: usize = 96;
/// The time between two frames of the recording, in milliseconds of virtual time: enough for an answer.
const PACE: u64 = 5;

/// What it is for.
#[derive(Debug)]
pub enum Target<'a> {
    /// A system of the lab.
    System(&'a System),
    /// Somebody's own programs, which speak the layout in this file.
    Own(&'a str),
}

/// A scenario and what lies beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The scenario file.
    pub scenario: String,
    /// Frames that are too large for it, by path relative to its folder.
    pub files: Vec<(PathBuf, Bytes)>,
}

/// Several frames of the client that are sent as one.
struct Part<'s> {
    name: String,
    link: usize,
    kind: &'static str,
    frames: Vec<&'s Piece>,
}

impl Part<'_> {
    fn bytes(&self) -> Bytes {
        match self.frames.as_slice() {
            [only] => only.bytes.clone(),
            frames => frames.iter().flat_map(|piece| piece.bytes.iter().copied()).collect(),
        }
    }
}

/// Write the scenario called `name` for a session of `capture`.
pub fn written(name: &str, capture: &Path, session: &Session, target: &Target<'_>) -> Written {
    let parts = parts(session);
    let mut text = head(name, capture, session, target);
    let mut files = Vec::new();
    let mut inline = 0;
    let _ = writeln!(
        text,
        "\n# What the client of the recording sent, by number and type. A larger frame would be {{ file = \"…\" }}."
    );
    for part in &parts {
        let bytes = part.bytes();
        let of = session.links.len();
        let on = if of > 1 { format!(", connection {}", part.link + 1) } else { String::new() };
        let _ =
            writeln!(text, "[recorded.{}]  # {}{on}, {} bytes", part.name, part.kind, bytes.len());
        if bytes.len() <= INLINE && inline + bytes.len() <= MOST_INLINE {
            inline += bytes.len();
            let _ = writeln!(text, "{}", hex(&bytes));
        } else {
            let path = PathBuf::from(name).join(format!("{}.bin", part.name));
            let _ = writeln!(text, "file = \"{name}/{}.bin\"", part.name);
            files.push((path, bytes));
        }
    }
    text.push_str(&rule(&parts, session));
    text.push_str(&expectations(target));
    Written { scenario: text, files }
}

/// One part a frame; with more frames than a rule has actions, those without an answer between them, then neighbours, together.
fn parts(session: &Session) -> Vec<Part<'_>> {
    let one = |piece| Part {
        name: called(piece),
        link: piece.link,
        kind: piece.kind,
        frames: vec![piece],
    };
    let mut parts: Vec<Part<'_>> = session.of(Side::Client).map(one).collect();
    for joining in [Joining::Unanswered, Joining::Any] {
        let mut over = parts.len().saturating_sub(MAX_ACTIONS);
        let mut joined: Vec<Part<'_>> = Vec::new();
        // From the end: what comes first is a handshake.
        for part in parts.into_iter().rev() {
            let answered = |later: &Part<'_>| {
                let ends = part.frames.last().zip(later.frames.first());
                ends.is_none_or(|(from, to)| {
                    let between = from.order..to.order;
                    session.of(Side::Server).any(|piece| between.contains(&piece.order))
                })
            };
            let fits = |later: &&mut Part<'_>| {
                let alone = joining == Joining::Any || !answered(later);
                over > 0 && later.link == part.link && alone
            };
            match joined.last_mut().filter(fits) {
                Some(later) => {
                    over -= 1;
                    let mut frames = part.frames;
                    frames.append(&mut later.frames);
                    *later = Part { name: part.name, link: part.link, kind: "several", frames };
                }
                None => joined.push(part),
            }
        }
        joined.reverse();
        parts = joined;
    }
    parts
}

/// Which frames may be sent as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Joining {
    /// Those with no answer between them.
    Unanswered,
    /// Any that follow each other on a connection.
    Any,
}

/// `3-client-data`.
fn called(piece: &Piece) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let kind: String = piece.kind.chars().map(plain).take(60).collect();
    let words: Vec<&str> = kind.split('-').filter(|word| !word.is_empty()).collect();
    format!(
        "{}-{}",
        piece.number,
        if words.is_empty() { "frame".to_owned() } else { words.join("-") }
    )
}

fn head(name: &str, capture: &Path, session: &Session, target: &Target<'_>) -> String {
    let file = capture.file_name().map(|file| file.to_string_lossy().into_owned());
    let file = escape(&file.unwrap_or_default()).replace(['"', '\\'], "'");
    let (number, frames) = (session.number, session.of(Side::Client).count());
    let mut text = format!(
        "# Made by `scenarios import` from session {number} of {file}. Say below what you expect, and what there is to learn.\n\
         name = \"{name}\"\nfamily = \"replay\"\n\
         summary = \"Play a recorded session into a new connection: {frames} frames of its client.\"\n\
         teaches = \"\"\"\n\
         Recorded session played again. Whoever takes it cannot tell a client that is there now from a recording of one: nothing the\n\
         server chose anew went into what the client sent. A server that challenges with something new refuses it.\n\
         \"\"\"\n"
    );
    match target {
        Target::System(system) => {
            let name = system.name;
            let step = if system.carries.contains(&Kind::Text) {
                "{ text = \"pay bob 100\" }"
            } else {
                "{ numbers = [10.25, 20.5] }"
            };
            let _ = write!(
                text,
                "system = \"{name}\"\n\
                 # Another if the honest session fails by itself: as published, ccm loses one message in six.\n\
                 seed = 1\n\n\
                 # An honest session comes first. If the recording is taken and this is what it holds, it is delivered twice;\n\
                 # if it is not, the server delivers what nobody sent. `scenarios run … --text` says it for one run.\n\
                 script.client = [{step}, \"end\"]\n"
            );
        }
        Target::Own(layout) => {
            let layout = layout.replace('\\', "/").replace('"', "'");
            let _ = write!(
                text,
                "layout = \"{layout}\"\n\n\
                 # The programs: put your own here, and adjust the table below `expect` too. docs/claims.md says what they claim.\n\
                 # Instead of `claims`, tables [[target.mine.observe]] say what can be seen from outside.\n\
                 [target.mine]\n\
                 server.command = [\"your-server\", \"--port\", \"{{port}}\"]\n\
                 client.command = [\"your-client\", \"--port\", \"{{port}}\"]\n\
                 claims = \"stdout\"\n"
            );
        }
    }
    text
}

/// `hex = "…"`, in lines.
fn hex(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    if digits.len() <= LINE {
        return format!("hex = \"{digits}\"");
    }
    let mut text = "hex = \"\"\"\n".to_owned();
    let mut rest = digits.as_str();
    while let Some((line, left)) =
        rest.split_at_checked(LINE.min(rest.len())).filter(|(line, _)| !line.is_empty())
    {
        text.push_str(line);
        text.push('\n');
        rest = left;
    }
    text + "\"\"\""
}

fn rule(parts: &[Part<'_>], session: &Session) -> String {
    // The honest session is over when the connection that was closed last is.
    let order = |at: usize| {
        let closed = session.links.get(at).map(|link| link.closed);
        let [client, server] = closed.unwrap_or_default();
        [client, server].into_iter().flatten().map(|(order, _)| order).min()
    };
    let used = |at: &usize| parts.iter().any(|part| part.link == *at);
    let last = (0..session.links.len()).filter(used).max_by_key(|at| order(*at)).unwrap_or(0);
    let mut text = format!(
        "\n# When the honest session is over: a connection of the attacker's own, all frames in order, {PACE} ms apart so that each can\n\
         # be answered. Frames of one `link` share a connection.\n\
         [[rule]]\nwhen = {{ event = \"close\", link = {}, nth = 1 }}\ndo = [\n",
        last + 1
    );
    let mut delay = 0;
    for part in parts {
        delay += PACE;
        let link = part.link + 1;
        let raw = if part.kind == RAW { "  # no frame of the layout" } else { "" };
        let _ = writeln!(
            text,
            "  {{ inject = {{ to = \"server\", named = \"{}\", new_connection = true, link = {link}, delay_ms = {delay} }} }},{raw}",
            part.name
        );
    }
    text + "]\n"
}

fn expectations(target: &Target<'_>) -> String {
    let adjust = "\n# Expected is that nothing is taken: every property holds. Where that is not so, say what is, and what stops it:\n\
         # delivery-at-most-once = \"violated\"\n# peer-authentication = \"violated\"\n# blocked_by = \"server: mac\"\n";
    match target {
        Target::System(_) => format!("{adjust}[expect.as-built]\n\n[expect.hardened]\n"),
        Target::Own(_) => format!("{adjust}[expect.mine]\n"),
    }
}
