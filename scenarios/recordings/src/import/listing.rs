//! A recording as lines for people, and as JSON.

use std::fmt::Write;

use protocol::endpoint::{Side, Tick};
use serde_json::{Value, json};

use super::{Recording, Session};

/// Every session with its frames, and what was amiss.
pub fn text(recording: &Recording) -> String {
    let mut text = String::new();
    for session in &recording.sessions {
        let several = session.links.len() > 1;
        let began = session.began();
        let lasted = seconds(Tick(session.last.0.saturating_sub(began.0)));
        let _ = writeln!(text, "session {}: {lasted} s, from {} s", session.number, seconds(began));
        for (at, link) in session.links.iter().enumerate() {
            let at = if several { format!("{}: ", at + 1) } else { String::new() };
            let _ = writeln!(text, "  {at}{} to {}", link.client, link.server);
        }
        let _ =
            writeln!(text, "  {}; {}", side(session, Side::Client), side(session, Side::Server));
        if session.raw() > 0 {
            let _ = writeln!(text, "  {} bytes are RAW: no frame of the layout", session.raw());
        }
        for piece in &session.frames {
            let link = if several { format!("{} ", piece.link + 1) } else { String::new() };
            let _ = writeln!(
                text,
                "{:>5}  {:>11}  {link}{}  {}  {} bytes",
                piece.number,
                seconds(piece.at),
                if piece.from == Side::Client { "──▶" } else { "◀──" },
                piece.kind,
                piece.len
            );
        }
        text.push('\n');
    }
    if recording.unlisted > 0 {
        let _ = writeln!(text, "… and {} frames more", recording.unlisted);
    }
    for (packet, what) in &recording.problems {
        let _ = writeln!(text, "packet {packet}: {what}");
    }
    if recording.unlisted_problems > 0 {
        let _ = writeln!(text, "… and {} problems more", recording.unlisted_problems);
    }
    text
}

/// What a side sent, in a few words.
fn side(session: &Session, side: Side) -> String {
    let frames = session.of(side).count();
    let s = if frames == 1 { "" } else { "s" };
    let mut words = format!("{side}: {frames} frame{s}, {} bytes", session.bytes(side));
    let missing = session.missing(side);
    if missing > 0 {
        let _ = write!(words, ", {missing} more are missing");
    }
    words
}

/// Seconds, to the microsecond.
fn seconds(at: Tick) -> String {
    let micros = at.0 / 1000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The same for programs. Times are nanoseconds since the first packet.
pub fn json(recording: &Recording) -> Value {
    let sessions: Vec<Value> = recording.sessions.iter().map(session).collect();
    let problem = |(packet, what): &(u64, String)| json!({ "packet": packet, "problem": what });
    json!({
        "sessions": sessions,
        "problems": recording.problems.iter().map(problem).collect::<Vec<_>>(),
        "unlisted": recording.unlisted,
        "unlisted_problems": recording.unlisted_problems,
        "broken": recording.broken,
    })
}

fn session(session: &Session) -> Value {
    let side = |side| {
        json!({
            "frames": session.of(side).count(),
            "bytes": session.bytes(side),
            "missing": session.missing(side),
        })
    };
    let links = session.links.iter().map(|link| {
        json!({
            "client": link.client.to_string(),
            "server": link.server.to_string(),
            "service": link.service.0,
            "opened": link.opened.0,
        })
    });
    let frames = session.frames.iter().map(|piece| {
        json!({
            "number": piece.number,
            "connection": piece.link + 1,
            "from": piece.from.to_string(),
            "time": piece.at.0,
            "packet": piece.packet,
            "type": piece.kind,
            "bytes": piece.len,
        })
    });
    json!({
        "session": session.number,
        "began": session.began().0,
        "last": session.last.0,
        "connections": links.collect::<Vec<_>>(),
        "client": side(Side::Client),
        "server": side(Side::Server),
        "raw": session.raw(),
        "frames": frames.collect::<Vec<_>>(),
    })
}
