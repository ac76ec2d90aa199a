//! A capture as sessions and frames: what scenarios are made from, and what is played to a live server again.
//!
//! A [`Recording`] is read once to be listed, and once more for the bytes of one session. Sessions are those of the protocol: where
//! it has several ports, the connections of one client to them are one session.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use capture::{CaptureError, Ending, Summary};
use protocol::endpoint::{PortIndex, Side, Tick};
use protocol::layout::{Layout, RAW};

use files::diagnostic::quote_path;

pub mod claimed;
pub mod listing;
pub mod play;
mod recorder;
mod services;
pub mod verdict;
pub mod write;
pub(crate) mod writes;

use recorder::Recorder;
use services::{Seen, Services};

/// How much of a capture is read at once, in bytes.
const READ: usize = 1 << 20;

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
                write!(f, "session {number} has more than {} MiB", recorder::MOST_KEPT >> 20)
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

impl Recording {
    /// Read a capture and cut it. `ports` are those of the protocol: their distances tell connections apart.
    ///
    /// What there was before a capture breaks off is in the recording, and why it breaks off.
    ///
    /// # Errors
    /// There is no session in it, or the one to keep is too large.
    pub fn read(
        path: &Path,
        layout: &Arc<Layout>,
        ports: &[u16],
        keep: Keep,
    ) -> Result<Self, ImportError> {
        Self::cut(path, &|| open(path), layout, ports, keep)
    }

    /// The same of a capture in memory. `path` is for messages.
    ///
    /// # Errors
    /// As [`Recording::read`].
    pub fn of(
        path: &Path,
        capture: &[u8],
        layout: &Arc<Layout>,
        ports: &[u16],
        keep: Keep,
    ) -> Result<Self, ImportError> {
        Self::cut(path, &|| Ok(capture), layout, ports, keep)
    }

    /// Read what `open` opens, twice where connections have to be told apart by their ports.
    fn cut<R: Read>(
        path: &Path,
        open: &dyn Fn() -> Result<R, ImportError>,
        layout: &Arc<Layout>,
        ports: &[u16],
        keep: Keep,
    ) -> Result<Self, ImportError> {
        let services = if ports.len() > 1 {
            let mut seen = Seen::default();
            // What is wrong with the file is found again.
            let _ = capture::read(open()?, &mut seen);
            Services::found(&seen, ports)
        } else {
            Services::default()
        };
        let mut recorder = Recorder::new(layout.clone(), services, keep);
        let read = capture::read(open()?, &mut recorder);
        let (mut recording, overflow) = recorder.finish();
        match read {
            Ok(summary) if summary.sessions == 0 => {
                return Err(ImportError::NoSession(path.to_owned(), Box::new(summary)));
            }
            Ok(_) => {}
            Err(error) if recording.sessions.is_empty() => {
                return Err(ImportError::Useless(path.to_owned(), error));
            }
            Err(error) => {
                let shown = quote_path(path);
                recording.broken = Some(format!("{shown} ends early: {error}"));
            }
        }
        match keep {
            Keep::Session(number) if overflow => Err(ImportError::TooLarge(number)),
            _ => Ok(recording),
        }
    }

    /// The session of this number; without one the only one, or the first with frames of the layout, or with any.
    ///
    /// # Errors
    /// There is none.
    pub fn session(&self, wanted: Option<u32>) -> Result<&Session, ImportError> {
        let Some(number) = wanted else {
            let fitting = self.sessions.iter().find(|session| session.fits());
            let any = || self.sessions.iter().find(|session| !session.frames.is_empty());
            return fitting.or_else(any).ok_or(ImportError::NoFrames);
        };
        let found = self.sessions.iter().find(|session| session.number == number);
        found.ok_or(ImportError::NoSuchSession(number, self.sessions.len()))
    }
}

/// One session of a capture, with its bytes.
///
/// # Errors
/// There is no such session, its client sent nothing, or something of what it sent is missing.
pub fn session(
    path: &Path,
    layout: &Arc<Layout>,
    ports: &[u16],
    listed: &Recording,
    wanted: Option<u32>,
) -> Result<Session, ImportError> {
    let number = listed.session(wanted)?.number;
    let recording = Recording::read(path, layout, ports, Keep::Session(number))?;
    let session = recording.session(Some(number))?;
    match session.missing(Side::Client) {
        0 if session.of(Side::Client).next().is_none() => Err(ImportError::NothingSent(number)),
        0 => Ok(session.clone()),
        bytes => Err(ImportError::Missing(number, bytes)),
    }
}

fn open(path: &Path) -> Result<BufReader<File>, ImportError> {
    let opened = File::open(path).and_then(|file| {
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        Ok(file)
    });
    let file = opened.map_err(|error| ImportError::Unreadable(path.to_owned(), error))?;
    Ok(BufReader::with_capacity(READ, file))
}
