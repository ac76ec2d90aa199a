//! A capture as sessions and frames: what scenarios are made from, and what is played to a live server again.
//!
//! A [`Recording`] is read once to be listed, and once more for the bytes of one session. Sessions are those of the protocol: where
//! it has several ports, the connections of one client to them are one session.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use files::diagnostic::quote_path;
use protocol::endpoint::Side;
use protocol::layout::Layout;

pub mod claimed;
pub mod listing;
pub mod play;
mod recorder;
mod recording;
mod services;
pub mod verdict;
pub mod write;
pub(crate) mod writes;

use recorder::Recorder;
use services::{Seen, Services};

pub use recording::{ImportError, Keep, Link, Piece, Recording, Session};

/// How much of a capture is read at once, in bytes.
const READ: usize = 1 << 20;

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
