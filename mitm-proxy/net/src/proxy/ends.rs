//! One end of a link: the connection to a client or to the server, and what waits to be sent on it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Duration, Instant};

use super::unread::unread;

/// What waits to be sent before the other end is no longer read: this one must read first.
const HIGH_WATER: usize = 256 * 1024;
/// The most that may wait: rules can send to an end that does not read. In bytes.
const MOST_QUEUED: usize = 64 * 1024 * 1024;

/// One end of a link.
#[derive(Debug)]
pub(super) struct End {
    writer: OwnedWriteHalf,
    /// What waits to be sent, from `sent` on.
    queue: Vec<u8>,
    sent: usize,
    /// Bytes that came from here and are not used yet: the beginning of a frame.
    pub(super) partial: Vec<u8>,
    /// How much more of the frame that is passing comes from here.
    pub(super) passing: usize,
    /// What is done with bytes that it sends.
    reading: Reading,
    /// Whether more can be sent to it.
    writing: Writing,
    /// The connection is to be reset.
    reset: bool,
    /// How segments are spaced, if they are.
    spacing: Option<Spacing>,
}

/// Segments wait until the end has read what was written before.
#[derive(Debug)]
struct Spacing {
    /// The longest one waits.
    patience: Duration,
    /// Segments that wait, with the frames they have bytes of.
    waiting: VecDeque<(Bytes, Vec<u32>)>,
    /// How many bytes those have.
    bytes: usize,
    /// Frames that were written and may not have been read, and since when.
    written: Vec<u32>,
    since: Option<Instant>,
    /// Frames that were written although the end had not read the one before.
    hurried: Vec<u32>,
    /// A check is scheduled.
    looking: bool,
}

impl Spacing {
    /// Whether the next segment may be written.
    fn is_due(&mut self, writer: &OwnedWriteHalf) -> bool {
        let Some(since) = self.since else { return true };
        if unread_by(writer).is_none_or(|bytes| bytes == 0) {
            self.written.clear();
            self.since = None;
            return true;
        }
        since.elapsed() >= self.patience
    }

    fn next(&mut self) -> Option<Bytes> {
        let (bytes, numbers) = self.waiting.pop_front()?;
        self.bytes -= bytes.len();
        if self.since.is_some() {
            self.hurried.extend(&numbers);
        }
        self.written.extend(numbers);
        self.since = Some(Instant::now());
        Some(bytes)
    }
}

/// How many bytes the program at the other side of a connection has not read yet. `None` if it is gone or the system does not say.
fn unread_by(writer: &OwnedWriteHalf) -> Option<u64> {
    let addresses = writer.local_addr().and_then(|own| Ok((writer.peer_addr()?, own)));
    addresses.ok().and_then(|(of, from)| unread(of, from))
}

/// Frames that an end did not get, or did not read.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// They were never written.
    pub(super) unwritten: Vec<u32>,
    /// They were written, and it is not known that they were read.
    pub(super) unread: Vec<u32>,
    /// They were written although the one before had not been read.
    pub(super) hurried: Vec<u32>,
}

/// What is done with bytes that an end sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// They are passed on.
    Open,
    /// They are thrown away, because the attacker has closed the connection.
    Ignored,
    /// It sends no more, or nobody listens to it.
    Ended,
}

/// Whether anything is sent to an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Writing {
    /// Everything is.
    Open,
    /// Only what waits already.
    Closing,
    /// Nothing any more.
    Shut,
}

impl End {
    pub(super) fn new(writer: OwnedWriteHalf) -> Self {
        Self {
            writer,
            queue: Vec::new(),
            sent: 0,
            partial: Vec::new(),
            passing: 0,
            reading: Reading::Open,
            writing: Writing::Open,
            reset: false,
            spacing: None,
        }
    }

    /// From now on, write a segment only once the ones before have been read, or so much time has passed.
    pub(super) fn space(&mut self, patience: Duration) {
        self.spacing = Some(Spacing {
            patience,
            waiting: VecDeque::new(),
            bytes: 0,
            written: Vec::new(),
            since: None,
            hurried: Vec::new(),
            looking: false,
        });
    }

    /// Whether a check has to be scheduled: segments wait for the end to read, and none is scheduled. From now on one is.
    pub(super) fn wants_look(&mut self) -> bool {
        let Some(spacing) = &mut self.spacing else { return false };
        !spacing.waiting.is_empty() && !std::mem::replace(&mut spacing.looking, true)
    }

    /// The scheduled check happens now.
    pub(super) fn looked(&mut self) {
        if let Some(spacing) = &mut self.spacing {
            spacing.looking = false;
        }
    }

    /// Frames that this end did not get, or did not read. Called when it is over.
    pub(super) fn missed(&mut self) -> Missed {
        let Some(spacing) = &mut self.spacing else { return Missed::default() };
        let unwritten = spacing.waiting.drain(..).flat_map(|(_, numbers)| numbers).collect();
        let mut unread = std::mem::take(&mut spacing.written);
        // Closing a socket with unread bytes resets the connection, so a reset leaves it open whether they were read.
        if unread_by(&self.writer).map_or(!self.reset, |bytes| bytes == 0) {
            unread.clear();
        }
        Missed { unwritten, unread, hurried: std::mem::take(&mut spacing.hurried) }
    }

    /// Whether what is sent now can still arrive.
    pub(super) fn takes(&self) -> bool {
        self.writing == Writing::Open
    }

    /// Whether the other end may be read.
    pub(super) fn has_room(&self) -> bool {
        self.waiting() < HIGH_WATER
    }

    /// Nothing happens at this end any more.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended() && self.writing == Writing::Shut
    }

    /// How many bytes wait.
    fn waiting(&self) -> usize {
        self.queue.len() - self.sent + self.spacing.as_ref().map_or(0, |spacing| spacing.bytes)
    }

    /// Send bytes of these frames, at once if possible. Whether the task of its link has to go on with it.
    ///
    /// # Errors
    /// The connection broke, or too much waits.
    pub(super) fn send(&mut self, mut bytes: &[u8], numbers: &[u32]) -> io::Result<bool> {
        if self.spacing.is_some() {
            self.check_room(bytes.len())?;
        }
        if let Some(spacing) = &mut self.spacing {
            spacing.bytes += bytes.len();
            spacing.waiting.push_back((Bytes::copy_from_slice(bytes), numbers.to_vec()));
            return Ok(true);
        }
        if self.queue.is_empty() {
            match self.writer.try_write(bytes) {
                Ok(count) if count == bytes.len() => return Ok(false),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.check_room(bytes.len())?;
        self.queue.extend_from_slice(bytes);
        Ok(true)
    }

    fn check_room(&self, more: usize) -> io::Result<()> {
        if self.waiting() + more > MOST_QUEUED {
            let why = format!("it does not read; {MOST_QUEUED} bytes wait for it");
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        Ok(())
    }

    /// Send no more, once what waits is sent. The task of its link has to go on with it.
    pub(super) fn close(&mut self) {
        if self.writing == Writing::Open {
            self.writing = Writing::Closing;
        }
    }

    /// It sends no more.
    pub(super) fn end(&mut self) {
        self.reading = Reading::Ended;
    }

    /// Whether it sends no more.
    pub(super) fn has_ended(&self) -> bool {
        self.reading == Reading::Ended
    }

    /// What it sends from now on is thrown away.
    pub(super) fn ignore(&mut self) {
        if self.reading == Reading::Open {
            self.reading = Reading::Ignored;
        }
    }

    /// Whether what it sends is thrown away.
    pub(super) fn is_ignored(&self) -> bool {
        self.reading == Reading::Ignored
    }

    /// Write what waits, and then shut down if that is wanted.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.sent < self.queue.len() {
                let rest = self.queue.get(self.sent..).unwrap_or_default();
                self.sent += ready!(Pin::new(&mut self.writer).poll_write(cx, rest))?;
            }
            if self.sent > 0 {
                (self.queue, self.sent) = (Vec::new(), 0);
            }
            let Some(spacing) = self.spacing.as_mut().filter(|one| !one.waiting.is_empty()) else {
                break;
            };
            if !spacing.is_due(&self.writer) {
                return Poll::Pending;
            }
            self.queue.extend(spacing.next().unwrap_or_default());
        }
        if self.writing == Writing::Closing {
            self.writing = Writing::Shut;
            ready!(Pin::new(&mut self.writer).poll_shutdown(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// The connection broke: reset it.
    pub(super) fn reset(&mut self) {
        self.reset = self.writer.as_ref().set_zero_linger().is_ok();
        self.break_off();
    }

    /// The connection is over. One that broke must be reset and not closed with FIN, which would look like a proper end.
    pub(super) fn leave(self) {
        if self.reset {
            self.writer.forget();
        }
    }

    /// The connection is gone.
    pub(super) fn break_off(&mut self) {
        (self.reading, self.writing) = (Reading::Ended, Writing::Shut);
        self.queue = Vec::new();
        self.sent = 0;
    }
}
