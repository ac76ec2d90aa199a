//! One end of a link: the connection to a client or to the server, and what waits to be sent on it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

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
    /// How what it sends is taken.
    reading: Reading,
    /// Whether more can be sent to it.
    writing: Writing,
    /// It is told that the connection broke.
    reset: bool,
}

/// How what an end sends is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// It goes on.
    Open,
    /// It is thrown away, because the attacker has closed the connection.
    Ignored,
    /// It sends no more, or nobody listens to it.
    Ended,
}

/// Whether an end is sent anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Writing {
    /// It is.
    Open,
    /// No more than what waits.
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
        }
    }

    /// Whether what is sent now can still arrive.
    pub(super) fn takes(&self) -> bool {
        self.writing == Writing::Open
    }

    /// Whether the other end may be read.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() - self.sent < HIGH_WATER
    }

    /// Nothing happens at this end any more.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended() && self.writing == Writing::Shut
    }

    /// Send, at once if possible. Whether the task of its link has to go on with it.
    ///
    /// # Errors
    /// The connection broke, or too much waits.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        if self.queue.is_empty() {
            match self.writer.try_write(bytes) {
                Ok(count) if count == bytes.len() => return Ok(false),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if self.queue.len() - self.sent + bytes.len() > MOST_QUEUED {
            let why = format!("it does not read; {MOST_QUEUED} bytes wait for it");
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        self.queue.extend_from_slice(bytes);
        Ok(true)
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
        while self.sent < self.queue.len() {
            let rest = self.queue.get(self.sent..).unwrap_or_default();
            self.sent += ready!(Pin::new(&mut self.writer).poll_write(cx, rest))?;
        }
        if self.sent > 0 {
            (self.queue, self.sent) = (Vec::new(), 0);
        }
        if self.writing == Writing::Closing {
            self.writing = Writing::Shut;
            ready!(Pin::new(&mut self.writer).poll_shutdown(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// The connection broke, and who is there is told so.
    pub(super) fn reset(&mut self) {
        self.reset = self.writer.as_ref().set_zero_linger().is_ok();
        self.break_off();
    }

    /// The connection is over. One that broke must not end as others do.
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
