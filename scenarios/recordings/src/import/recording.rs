//! A recording as data: sessions, connections and pieces, and why there is none.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use capture::{CaptureError, Ending, Summary};
use files::diagnostic::quote_path;
use protocol::endpoint::{PortIndex, Side, Tick};
use protocol::layout::RAW;

/// The most bytes of a session that are kept.
pub(super) const MOST_KEPT: usize = 256 << 20;

/// A capture, cut.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The sessions, in the order they began. They are numbered from 1.
    pub sessions: Vec<Session>,
    /// What the reader could not make sense of, and after which packet.
    pub problems: Vec<(u64, String)>,
    /// Why the capture could not be read to its end, if so.
    pub broken: Option<String>,
    /// Frames that were counted and not kept: there were too many.
    pub unlisted: u64,
    /// Problems likewise.
    pub unlisted_problems: u64,
}

/// The connections a client and a server had together.
#[derive(Clone, Debug)]
pub struct Session {
    /// From 1.
    pub number: u32,
    /// The connections, in the order they were opened.
    pub links: Vec<Link>,
    /// The frames of all connections, in the order they were complete.
    pub frames: Vec<Piece>,
    /// When the last of it was recorded.
    pub last: Tick,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// The session's client on it.
    pub client: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// Which of the protocol's ports it was to.
    pub service: PortIndex,
    /// When it was opened.
    pub opened: Tick,
    /// Its place among the events of the capture.
    pub order: u64,
    /// How the client and the server closed it, if they did: the place of it, and how.
    pub closed: [Option<(u64, Ending)>; 2],
    /// Bytes of each that the capture lacks.
    pub missing: [u64; 2],
}

/// A frame as it was recorded.
#[derive(Clone, Debug)]
pub struct Piece {
    /// From 1, in its session.
    pub number: u32,
    /// Which connection of the session, from 0.
    pub link: usize,
    /// Who sent it.
    pub from: Side,
    /// When it was complete.
    pub at: Tick,
    /// Its place among the events of the capture.
    pub order: u64,
    /// The packet that completed it.
    pub packet: u64,
    /// Its type.
    pub kind: &'static str,
    /// Its size in bytes.
    pub len: usize,
    /// Its bytes, where they were to be kept.
    pub bytes: Bytes,
}

impl Session {
    /// The frames of one side.
    pub fn of(&self, side: Side) -> impl Iterator<Item = &Piece> {
        self.frames.iter().filter(move |piece| piece.from == side)
    }

    /// The bytes in frames of one side.
    pub fn bytes(&self, side: Side) -> u64 {
        self.of(side).map(|piece| piece.len as u64).sum()
    }

    /// The bytes that were cut as RAW.
    pub fn raw(&self) -> u64 {
        let raw = self.frames.iter().filter(|piece| piece.kind == RAW);
        raw.map(|piece| piece.len as u64).sum()
    }

    /// The bytes of one side that the capture lacks.
    pub fn missing(&self, side: Side) -> u64 {
        let of = |[client, server]: [u64; 2]| if side == Side::Client { client } else { server };
        self.links.iter().map(|link| of(link.missing)).sum()
    }

    /// When it began.
    pub fn began(&self) -> Tick {
        self.links.first().map_or(Tick(0), |link| link.opened)
    }

    /// Whether anything in it is a frame of the layout.
    pub fn fits(&self) -> bool {
        self.frames.iter().any(|piece| piece.kind != RAW)
    }
}

/// Whose bytes to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Nobody's: types and sizes are enough.
    Nothing,
    /// Those of the session of this number.
    Session(u32),
}

/// Why nothing could be made of a capture.
#[derive(Debug)]
pub enum ImportError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is no capture, or ends before the first connection.
    Useless(PathBuf, CaptureError),
    /// There is no connection in it.
    NoSession(PathBuf, Box<Summary>),
    /// There is no session of this number; there are so many.
    NoSuchSession(u32, usize),
    /// No session has a frame.
    NoFrames,
    /// The session has more bytes than are kept.
    TooLarge(u32),
    /// The capture lacks bytes of the client.
    Missing(u32, u64),
    /// The client of the session sent nothing.
    NothingSent(u32),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", quote_path(path)),
            Self::Useless(path, error) => write!(f, "{}: {error}", quote_path(path)),
            Self::NoSession(path, summary) => {
                write!(f, "{} has {}", quote_path(path), summary.reasons())
            }
            Self::NoSuchSession(number, there) => {
                write!(f, "--session {number}: the capture has sessions 1 to {there}")
            }
            Self::NoFrames => write!(f, "no session of the capture has a byte of data"),
            Self::TooLarge(number) => {
                write!(f, "session {number} has more than {} MiB", MOST_KEPT >> 20)
            }
            Self::Missing(number, bytes) => write!(
                f,
                "session {number} lacks {bytes} bytes of its client: the capture has not seen every packet"
            ),
            Self::NothingSent(number) => {
                write!(f, "the client of session {number} sent nothing that could be played again")
            }
        }
    }
}

impl std::error::Error for ImportError {}
