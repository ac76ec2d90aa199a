//! The contract between a system and whoever drives it: inputs in, effects out.
//!
//! A driver (the in-memory world, or a socket loop) hands an [`Endpoint`] one [`Input`] at a time
//! and carries out the [`Output`]. Endpoints state what they did as [`Claim`]s; they never judge.

use std::fmt::{self, Debug, Display};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::session_secret::SessionSecret;

mod reject;

pub use reject::{Check, Reject};

/// A point in time: nanoseconds since the run began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tick(pub u64);

impl Tick {
    /// The tick `delay` later; saturates instead of wrapping.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Whole milliseconds since the run began.
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

/// One connection, by the number the driver gave it. Both ends of a link share the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Conn(pub u32);

/// Which of a system's ports a connection goes to, by its place in the system's table. Most systems have one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PortIndex(pub u8);

/// One of the two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// The end that opened the connection.
    Client,
    /// The end that accepted it.
    Server,
}

impl Side {
    /// The opposite end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Its own of two things, the client's first.
    pub fn of<T>(self, [client, server]: &mut [T; 2]) -> &mut T {
        match self {
            Self::Client => client,
            Self::Server => server,
        }
    }

    /// `client` or `server`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The identity an endpoint has, or believes its peer to have: `device`, `client-3`, `server`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What sort of thing an application sends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A picture file, with its name.
    Image,
    /// A video file, with its name.
    Video,
    /// Comma-separated decimal numbers.
    Numbers,
    /// The aggregate a server computed, as text.
    Aggregate,
}

impl Kind {
    /// The word scenario files and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Numbers => "numbers",
            Self::Aggregate => "aggregate",
        }
    }

    /// Image or video, by the extension of a file name: what both ends of `helo` go by, because
    /// its frame does not say.
    pub fn of_file(name: &str) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let video = ["mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg"];
        if video.iter().any(|known| extension.eq_ignore_ascii_case(known)) {
            Self::Video
        } else {
            Self::Image
        }
    }
}

/// One application message. Equality is equality of kind, name and every byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// The file name, for files.
    pub name: Option<Name>,
    /// The content. Cheap to clone; a large body is shared, never copied.
    pub body: Bytes,
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self { kind: Kind::Text, name: None, body: Bytes::from(text.into()) }
    }

    /// Numbers, as the text that goes over the wire.
    pub fn numbers(text: impl Into<String>) -> Self {
        Self { kind: Kind::Numbers, name: None, body: Bytes::from(text.into()) }
    }

    /// An aggregate, as the text that goes over the wire.
    pub fn aggregate(text: impl Into<String>) -> Self {
        Self { kind: Kind::Aggregate, name: None, body: Bytes::from(text.into()) }
    }

    /// A file; image or video by its name.
    pub fn file(name: &str, body: Bytes) -> Self {
        Self { kind: Kind::of_file(name), name: Some(Name::from(name)), body }
    }
}

impl Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Kind and content, for people: text in quotes and cut after 40 characters, files by name and size.
impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind.name())?;
        if let Some(name) = &self.name {
            return write!(f, "{:?} ({} bytes)", name.as_str(), self.body.len());
        }
        // A prefix is enough to show, and a hostile body may be large.
        let head = self.body.get(..256).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(head);
        let shown: String = text.chars().take(40).collect();
        if shown.len() < text.len() || head.len() < self.body.len() {
            write!(f, "{shown:?}… ({} bytes)", self.body.len())
        } else {
            write!(f, "{shown:?}")
        }
    }
}

/// What an application asks of an endpoint. Commands queue until the session is ready for them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Command {
    /// Send one message.
    Send(Message),
    /// Say goodbye as the system does, and close.
    End,
}

/// One thing that happens to an endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A connection to this port is open: the client opened it, or the server accepted it.
    Opened(Conn, PortIndex),
    /// Bytes as one socket read returned them.
    Received(Conn, &'a [u8]),
    /// The peer closed the connection.
    Closed(Conn),
    /// The application asks for something.
    Command(&'a Command),
    /// A time asked for with [`Output::wake`] has come.
    Timeout,
}

/// Everything one step wants done, in order. The driver clears and reuses it.
#[derive(Debug, Default)]
pub struct Output {
    /// Bytes to write, each as one segment.
    pub writes: Vec<(Conn, Vec<u8>)>,
    /// Further connections that a client wants, after the writes. Each comes as [`Input::Opened`]; one that
    /// cannot be made comes as that and [`Input::Closed`].
    pub opens: Vec<PortIndex>,
    /// Connections to close, after the writes.
    pub closes: Vec<Conn>,
    /// Facts to record.
    pub claims: Vec<Claim>,
    /// Secrets of sessions, as they come into use: for a key log, and for nobody else.
    pub secrets: Vec<(Conn, SessionSecret)>,
    /// When to call back with [`Input::Timeout`]. A later wake-up replaces nothing: stale ones are
    /// ignored by the endpoint.
    pub wake: Option<Tick>,
    /// How far the endpoint has read its connections, in order. An endpoint that never says so is taken to read
    /// everything at once.
    pub readings: Vec<Reading>,
}

/// How far an endpoint has read one of its connections, at one point of a step. What the step claims, writes and closes
/// from there on is about what it read then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The connection.
    pub conn: Conn,
    /// How many bytes that have arrived on it stand behind those that were taken.
    pub left: usize,
    /// What stood at the front.
    pub found: Found,
    /// How many claims the step had made before.
    pub claims: usize,
    /// How many writes.
    pub writes: usize,
    /// How many closes.
    pub closes: usize,
}

/// What an endpoint found at the front of what had arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A frame, and took it.
    Frame,
    /// Something it refuses, and did not take.
    Refused,
    /// The beginning of a frame: it waits for the rest.
    Incomplete,
}

impl Output {
    /// Forget everything, keep the memory.
    pub fn clear(&mut self) {
        self.writes.clear();
        self.opens.clear();
        self.closes.clear();
        self.claims.clear();
        self.secrets.clear();
        self.wake = None;
        self.readings.clear();
    }

    /// Say how far `conn` has been read: `left` bytes stand behind what was taken.
    pub fn read(&mut self, conn: Conn, left: usize, found: Found) {
        let (claims, writes, closes) = (self.claims.len(), self.writes.len(), self.closes.len());
        self.readings.push(Reading { conn, left, found, claims, writes, closes });
    }

    /// Ask for a [`Input::Timeout`] at `at`, or sooner if that was asked already.
    pub fn wake_at(&mut self, at: Tick) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }
}

/// What two ends of one session agree on: a hash over keys and transcript. Two runs share a
/// fingerprint only if they share the keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 8]);

impl Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A fact an endpoint states about one connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Claim {
    /// The connection it happened on.
    pub conn: Conn,
    /// Who the endpoint is.
    pub local: Name,
    /// Whom it believes to be talking to.
    pub peer: Name,
    /// What it states.
    pub fact: Fact,
}

/// The content of a [`Claim`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Fact {
    /// Takes part in a run with the peer, and has fixed this data (Lowe's "running").
    Running(Fingerprint),
    /// Has completed the handshake and believes the peer took part with this data (Lowe's "commit").
    Established(Fingerprint),
    /// Handed this message to the network, for the peer.
    Sent(Message),
    /// Gave this message to the application, as coming from the peer.
    Delivered(Message),
    /// Believes the peer has received this message.
    Acknowledged(Message),
    /// Refused something.
    Rejected(Reject),
    /// The session is over.
    Ended(End),
    /// A line of the endpoint's own log.
    Logged(&'static str),
}

/// How an endpoint saw a session end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// As it should: everything that was to come has come, as far as the endpoint can tell.
    Clean,
    /// The connection went away before the goodbye.
    Truncated,
    /// The endpoint broke off because it refused something, or waited too long.
    Aborted,
    /// The peer said that it broke off.
    AbortedByPeer,
}

impl End {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean end",
            Self::Truncated => "truncated",
            Self::Aborted => "aborted",
            Self::AbortedByPeer => "aborted by peer",
        }
    }
}

/// A client or server of one system.
pub trait Endpoint: Debug + Send {
    /// Take one input and append all effects to `out`: nothing is left to drain.
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output);

    /// A deep copy; the original never notices.
    fn fork(&self) -> Box<dyn Endpoint>;

    /// Feed everything that decides this endpoint's future into `hasher`.
    fn digest(&self, hasher: &mut dyn Hasher);

    /// The most bytes any one connection has received and not yet processed: what a hostile peer can make the
    /// endpoint hold.
    fn buffered(&self) -> usize;

    /// What a thief of this endpoint's memory has: a copy that knows all it knows at this moment, and whose randomness from
    /// now on is its own. By default nothing: then nobody can take the memory, and a scenario that wants it is inconclusive.
    fn compromised(&self, _seed: u64) -> Option<Box<dyn Endpoint>> {
        None
    }

    /// What such a thief can make of a frame that the peer sent on `conn` and that has not been processed yet: decrypt it with
    /// the keys in memory, let `edit` change the plaintext (the bytes inside the encryption, without padding and MAC), and seal it again as the peer would have.
    /// Nothing if the memory holds no keys for it. Signatures of long-term keys that are not in memory stay as they are.
    ///
    /// Initialization vectors and nonces stay too, so an edit that changes nothing gives the frame itself. Nothing also for a frame that
    /// the endpoint would refuse, and for more plaintext than its system can send at once. By default nothing: the rule that wants
    /// it cannot act, and its scenario is inconclusive.
    fn rewrite(
        &self,
        _conn: Conn,
        _frame: &[u8],
        _edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        None
    }
}

impl Clone for Box<dyn Endpoint> {
    fn clone(&self) -> Self {
        self.fork()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_its_head_and_never_its_whole_body() {
        assert_eq!(Message::text("pay bob 100").to_string(), "text \"pay bob 100\"");
        let long = Message::text("x".repeat(1000)).to_string();
        assert_eq!(long, format!("text \"{}\"… (1000 bytes)", "x".repeat(40)));
        let file = Message::file("a\nb.png", Bytes::from_static(b"123"));
        assert_eq!(file.to_string(), "image \"a\\nb.png\" (3 bytes)");
    }

    #[test]
    fn the_kind_of_a_file_follows_its_extension() {
        assert_eq!(Kind::of_file("clip.MP4"), Kind::Video);
        assert_eq!(Kind::of_file("cat.png"), Kind::Image);
        assert_eq!(Kind::of_file("mp4"), Kind::Image);
    }
}
