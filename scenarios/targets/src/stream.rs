//! What a program prints, read as it comes and kept within bounds: the end of it, and lines that are not too long.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Mode, OFlags, open};
use tokio::net::unix::pipe::Receiver;

use super::MAX_LINE;

/// How much of the end is kept, in bytes.
const KEPT: usize = 1024;

/// The most that is read of one stream before others have their turn, in bytes.
const TURN: usize = 1 << 20;

/// The most one read returns, in bytes.
const READ: usize = 64 * 1024;

/// A line, or what there is of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut<'a> {
    /// All of it, without its end.
    Line(&'a [u8]),
    /// The beginning of one that has more than [`MAX_LINE`] bytes; the rest is skipped.
    TooLong(&'a [u8]),
}

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    skipping: bool,
    number: u64,
}

impl Lines {
    /// Take more bytes, and tell every line they end, with its number from 1.
    fn feed(&mut self, bytes: &[u8], tell: &mut dyn FnMut(u64, Cut<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            self.take(line, tell);
            self.end(tell);
        }
        self.take(rest, tell);
    }

    fn take(&mut self, piece: &[u8], tell: &mut dyn FnMut(u64, Cut<'_>)) {
        if self.skipping {
            return;
        }
        self.partial.extend_from_slice(piece);
        if self.partial.len() > MAX_LINE {
            tell(self.number + 1, Cut::TooLong(self.partial.get(..KEPT).unwrap_or_default()));
            self.skipping = true;
            self.partial = Vec::new();
        }
    }

    fn end(&mut self, tell: &mut dyn FnMut(u64, Cut<'_>)) {
        self.number += 1;
        if !std::mem::take(&mut self.skipping) {
            tell(self.number, Cut::Line(&self.partial));
        }
        self.partial.clear();
        self.partial.shrink_to(READ);
    }

    /// Nothing more comes: the last line may have no end.
    fn finish(&mut self, tell: &mut dyn FnMut(u64, Cut<'_>)) {
        if !self.partial.is_empty() {
            self.end(tell);
        }
    }
}

/// The end of a stream.
#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(bytes.len().saturating_sub(KEPT)..).unwrap_or_default();
        self.0.extend_from_slice(bytes);
        let beyond = self.0.len().saturating_sub(KEPT);
        self.0.drain(..beyond);
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        // A character that was cut in two is none.
        text.trim_start_matches('\u{fffd}').to_owned()
    }
}

/// Standard output or standard error of a program.
#[derive(Debug)]
pub(super) struct Stream {
    source: Option<Rc<Source>>,
    lines: Lines,
    tail: Tail,
    buffer: Vec<u8>,
}

/// A pipe, twice.
#[derive(Debug)]
pub(super) struct Source {
    /// To be read whatever the runtime has heard of it: what is there now counts.
    file: File,
    /// To be woken.
    receiver: Receiver,
}

impl Source {
    /// Wait until there may be something to read. It has to be read then.
    pub(super) async fn readable(&self) {
        let _ = self.receiver.readable().await;
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&self.file).read(buffer) {
            // This tells the runtime that there is nothing more.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.receiver.try_read(buffer)
            }
            result => result,
        }
    }
}

impl Stream {
    /// A stream that is read from now on.
    pub(super) fn new(source: impl Into<OwnedFd>) -> io::Result<Self> {
        let source = source.into();
        let file = File::from(source.try_clone()?);
        let receiver = Receiver::from_owned_fd(source)?;
        let source = Some(Rc::new(Source { file, receiver }));
        let (lines, tail) = (Lines::default(), Tail::default());
        Ok(Self { source, lines, tail, buffer: vec![0; READ] })
    }

    /// What it is read from, to wait for; nothing once it is over.
    pub(super) fn source(&self) -> Option<Rc<Source>> {
        self.source.clone()
    }

    /// Read what there is.
    pub(super) fn look(&mut self, tell: &mut dyn FnMut(u64, Cut<'_>)) {
        let mut read = 0;
        while let Some(source) = &self.source {
            match source.read(&mut self.buffer) {
                Ok(count @ 1..) => {
                    let bytes = self.buffer.get(..count).unwrap_or_default();
                    self.tail.push(bytes);
                    self.lines.feed(bytes, tell);
                    read += count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => {
                    self.source = None;
                    self.lines.finish(tell);
                }
            }
            if read >= TURN {
                return;
            }
        }
    }

    /// Nothing more comes, though it is still open: the last line may have no end.
    pub(super) fn finish(&mut self, tell: &mut dyn FnMut(u64, Cut<'_>)) {
        self.lines.finish(tell);
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        self.source.is_none()
    }

    /// The end of what came.
    pub(super) fn text(&self) -> String {
        self.tail.text()
    }
}

/// The file a program writes its claims to: a named pipe, so that nothing that was written can be taken back.
#[derive(Debug)]
pub(super) struct ClaimsFile {
    path: PathBuf,
    /// What tells it from another file of that name.
    identity: (u64, u64),
    pub(super) stream: Stream,
}

impl ClaimsFile {
    /// A new one at this path.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        make_pipe(path)?;
        // Open for writing too, so that no writer is the last one.
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let stream = Stream::new(open(path, flags, Mode::empty())?)?;
        let found = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), identity: (found.dev(), found.ino()), stream })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was done to it that must not be: what is claimed from then on goes elsewhere.
    pub(super) fn spoilt(&self) -> Option<&'static str> {
        let found = fs::metadata(&self.path);
        match found.map(|found| (found.dev(), found.ino())) {
            Ok(identity) if identity == self.identity => None,
            Ok(_) => Some("another file is in its place"),
            Err(_) => Some("it is gone"),
        }
    }
}

#[cfg(not(target_vendor = "apple"))]
fn make_pipe(path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, mkfifoat};
    Ok(mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR)?)
}

/// There is no call for it in `rustix`.
#[cfg(target_vendor = "apple")]
fn make_pipe(path: &Path) -> io::Result<()> {
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status()?;
    if made.success() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        let mut tell = |number: u64, cut: Cut<'_>| {
            told.push(match cut {
                Cut::Line(line) => format!("{number} {}", String::from_utf8_lossy(line)),
                Cut::TooLong(head) => format!("{number} too long, {} shown", head.len()),
            });
        };
        for piece in pieces {
            lines.feed(piece, &mut tell);
            assert!(lines.partial.len() <= MAX_LINE);
        }
        lines.finish(&mut tell);
        told
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let whole = b"one\n\ntwo\nthree";
        let expected = ["1 one", "2 ", "3 two", "4 three"];
        assert_eq!(told(&[whole]), expected);
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(told(&bytes), expected);
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        let piece = vec![b'x'; 300_000];
        let mut pieces: Vec<&[u8]> = vec![&piece; 10];
        pieces.push(b"\nnext\n");
        assert_eq!(told(&pieces), ["1 too long, 1024 shown", "2 next"]);
    }

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::default();
        for number in 0..1000 {
            tail.push(format!("{number}\n").as_bytes());
        }
        assert!(tail.text().ends_with("998\n999\n") && tail.text().len() <= KEPT);
        tail.push(&[b'x'; 5000]);
        assert_eq!(tail.text(), "x".repeat(KEPT));
        tail.push("ö".repeat(600).as_bytes());
        tail.push(b"!");
        assert!(tail.text().starts_with('ö'));
    }
}
