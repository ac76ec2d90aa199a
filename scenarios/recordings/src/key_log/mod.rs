//! Key logs: the secrets of sessions as a text file, so that whoever has a capture can read it.
//!
//! A line a secret, in the order in which they came into use; `docs/key-log.md` says what stands in it. Lines that begin with `#`
//! and empty lines say nothing.

use std::fmt::{self, Display, Write};
use std::net::SocketAddr;

use files::diagnostic::quote;
use protocol::endpoint::{PortIndex, Side};
use protocol::registry::Registry;
use protocol::session_secret::SessionSecret;
use protocol::system::System;
use protocol::weakness::Profile;

pub mod open;
#[cfg(test)]
mod tests;

/// What a key log begins with.
pub const HEAD: &str = "# Secrets of sessions: whoever has this file can read them (scenarios capture FILE --keys THIS).\n\
                        # system profile end link client server port label secret\n";

/// No key log is larger, in bytes.
pub const MOST: usize = 64 << 20;
/// The longest secret, in bytes.
const LONGEST: usize = 64;

/// A line of a key log.
#[derive(Clone, Debug)]
pub struct Line {
    /// The connection whose secret it is.
    pub connection: Connection,
    /// The secret.
    pub secret: SessionSecret,
}

/// One end of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// The system spoken.
    pub system: &'static System,
    /// In this profile.
    pub profile: Profile,
    /// Whose secrets they are.
    pub end: Side,
    /// Tells connections between the same addresses apart.
    pub link: u32,
    /// Who opened it.
    pub client: SocketAddr,
    /// Who accepted it.
    pub server: SocketAddr,
    /// Which of the system's ports it goes to.
    pub port: PortIndex,
}

impl PartialEq for Connection {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Connection {}

impl Connection {
    fn key(&self) -> (&str, &'static str, Side, u32, SocketAddr, SocketAddr, PortIndex) {
        let Self { system, profile, end, link, client, server, port } = self;
        (system.name, profile.name(), *end, *link, *client, *server, *port)
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection { system, profile, end, link, client, server, port } = self.connection;
        let (system, profile, port, label) =
            (system.name, profile.name(), port.0, self.secret.label);
        write!(f, "{system} {profile} {end} {link} {client} {server} {port} {label} ")?;
        f.write_str(&hex::encode(&self.secret.value))
    }
}

/// A whole key log.
pub fn written(lines: &[Line]) -> String {
    lines.iter().fold(HEAD.to_owned(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// What is wrong with a key log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What was expected, and what is there.
    pub what: String,
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Mistake {}

/// Read a key log.
///
/// # Errors
/// The first line that is none.
pub fn read(text: &str, registry: Registry) -> Result<Vec<Line>, Mistake> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            lines.push(read_line(line, registry).map_err(|what| Mistake { line: number, what })?);
        }
    }
    Ok(lines)
}

fn read_line(text: &str, registry: Registry) -> Result<Line, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [name, profile, side, number, client, server, port, label, secret] = words[..] else {
        let found = words.len();
        return Err(format!(
            "expected nine words (system profile end link client server port label secret), found {found}"
        ));
    };
    let expected = |what: &str, found: &str| format!("expected {what}, found {}", quote(found));
    let among = |what: &str, known: Vec<&str>, found| {
        expected(&format!("{what} ({})", known.join(", ")), found)
    };
    let system = registry.system(name);
    let system = system.ok_or_else(|| among("a system", registry.names(), name))?;
    let named = Profile::named(system, profile);
    let profile = named.ok_or_else(|| expected(&format!("a profile of {name}"), profile))?;
    let end = [Side::Client, Side::Server].into_iter().find(|end| end.name() == side);
    let end = end.ok_or_else(|| expected("`client` or `server`", side))?;
    let link: u32 = number.parse().map_err(|_| expected("the number of a connection", number))?;
    let address = |word: &str| {
        word.parse::<SocketAddr>().map_err(|_| expected("an address such as 10.0.0.1:49153", word))
    };
    let (client, server) = (address(client)?, address(server)?);
    let ports = system.ports.len();
    let port =
        port.parse().ok().filter(|port| usize::from(*port) < ports).ok_or_else(|| {
            expected(&format!("one of the {ports} ports of {name}, from 0"), port)
        })?;
    let labels = system.secrets.labels;
    let known = || labels.iter().map(|(label, _)| *label).collect();
    let found = labels.iter().find(|(known, _)| *known == label);
    let (label, _) = found.ok_or_else(|| among(&format!("a secret of {name}"), known(), label))?;
    let value = hex::decode(secret).ok();
    let value = value.filter(|bytes| (1..=LONGEST).contains(&bytes.len())).ok_or_else(|| {
        format!("expected 1 to {LONGEST} bytes of secret, two hexadecimal digits each")
    })?;
    let connection =
        Connection { system, profile, end, link, client, server, port: PortIndex(port) };
    Ok(Line { connection, secret: SessionSecret::new(label, &value) })
}
