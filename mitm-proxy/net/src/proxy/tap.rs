//! The log of a proxy as a capture: for every link one connection between client and attacker, and one between attacker and server.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};

use protocol::endpoint::Side;

use super::record::{Batch, Entry, LogEvent};
use capture::{Ending, Format, Writer};

/// A batch of fewer bytes is in the file at once.
const SOON: usize = 256 * 1024;

/// Writes batches into a capture.
#[derive(Debug)]
pub struct Tap<W: Write> {
    writer: Writer<W>,
    /// The start of the proxy, in nanoseconds since 1970.
    began: u64,
    /// A frame that was stopped. It is written when it is known what was done to it.
    stopped: Option<(Entry, Vec<u8>)>,
    /// What was done to the frame at hand.
    done: Vec<String>,
    /// Who sends nothing more, by conversation: the connecting end, the other one.
    finished: BTreeMap<u32, [bool; 2]>,
}

impl<W: Write> Tap<W> {
    /// A capture of a proxy that was started at `began`, in nanoseconds since 1970, with these comments on the whole.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(out: W, format: Format, began: u64, comments: &[String]) -> io::Result<Self> {
        let writer = Writer::new(out, format, comments)?;
        let (stopped, done, finished) = (None, Vec::new(), BTreeMap::new());
        Ok(Self { writer, began, stopped, done, finished })
    }

    /// Write what happened.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn record(&mut self, batch: &Batch) -> io::Result<()> {
        for (entry, bytes) in batch.iter() {
            self.entry(entry, bytes, batch)?;
        }
        // Wireshark may be reading along.
        if batch.bytes.len() < SOON {
            self.writer.flush()?;
        }
        Ok(())
    }

    /// Write what is left.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.came()?;
        self.writer.finish()
    }

    fn entry(&mut self, entry: &Entry, bytes: &[u8], batch: &Batch) -> io::Result<()> {
        match entry.what {
            LogEvent::AttackerAction(text) => {
                self.done.push(batch.text(text).to_owned());
                return Ok(());
            }
            LogEvent::Withheld => {
                self.done.push("withheld".to_owned());
                return Ok(());
            }
            _ => {}
        }
        if !matches!(entry.what, LogEvent::Sent) || self.stopped.is_some() {
            self.came()?;
        }
        let at = self.began.saturating_add(entry.at.0);
        match entry.what {
            LogEvent::Opened(place) | LogEvent::Connected(place) => {
                let number = conversation(entry.link, entry.side);
                let Some((from, to)) = batch.address(place) else { return Ok(()) };
                self.finished.insert(number, [false; 2]);
                self.writer.open(at, number, from, to)
            }
            LogEvent::Passed(_) | LogEvent::Piece => {
                self.data(at, entry.link, entry.side, entry.side, bytes, &[])?;
                self.data(at, entry.link, entry.side.other(), entry.side, bytes, &[])
            }
            LogEvent::Stopped(_) => {
                self.stopped = Some((*entry, bytes.to_vec()));
                Ok(())
            }
            LogEvent::Sent => {
                let done = std::mem::take(&mut self.done);
                self.data(at, entry.link, entry.side, entry.side.other(), bytes, &done)
            }
            LogEvent::Ended => {
                for leg in [entry.side, entry.side.other()] {
                    self.close(at, entry.link, leg, entry.side, Ending::Finished)?;
                }
                Ok(())
            }
            LogEvent::Closed => {
                self.close(at, entry.link, entry.side, entry.side.other(), Ending::Finished)
            }
            LogEvent::Reset => {
                self.close(at, entry.link, entry.side, entry.side, Ending::Reset)?;
                let other = entry.side.other();
                self.close(at, entry.link, other, entry.side, Ending::Reset)
            }
            LogEvent::Made(_) | LogEvent::Released(_) => {
                self.done.clear();
                Ok(())
            }
            LogEvent::Begun(_)
            | LogEvent::Trouble(_)
            | LogEvent::AttackerAction(_)
            | LogEvent::Withheld => Ok(()),
        }
    }

    /// Write the frame that was stopped, with what was done to it.
    fn came(&mut self) -> io::Result<()> {
        let Some((entry, bytes)) = self.stopped.take() else {
            self.done.clear();
            return Ok(());
        };
        let at = self.began.saturating_add(entry.at.0);
        let done = self.done.clone();
        self.data(at, entry.link, entry.side, entry.side, &bytes, &done)
    }

    /// Bytes on the connection of the attacker with `leg`, sent on behalf of `from`.
    fn data(
        &mut self,
        at: u64,
        link: u32,
        leg: Side,
        from: Side,
        bytes: &[u8],
        comments: &[String],
    ) -> io::Result<()> {
        let number = conversation(link, leg);
        if self.takes(number, from) {
            self.writer.data(at, number, from, bytes, comments)?;
        }
        Ok(())
    }

    fn close(&mut self, at: u64, link: u32, leg: Side, from: Side, how: Ending) -> io::Result<()> {
        let number = conversation(link, leg);
        if !self.takes(number, from) {
            return Ok(());
        }
        if let Some(finished) = self.finished.get_mut(&number) {
            *place(finished, from) = true;
            if how == Ending::Reset || *finished == [true; 2] {
                self.finished.remove(&number);
            }
        }
        let closed = self.writer.close(at, number, from, how, &[]);
        closed.or_else(
            |error| if error.kind() == ErrorKind::InvalidInput { Ok(()) } else { Err(error) },
        )
    }

    /// Whether a connection is open, and this end of it sends still.
    fn takes(&mut self, number: u32, from: Side) -> bool {
        self.finished.get_mut(&number).is_some_and(|finished| !*place(finished, from))
    }
}

fn place(finished: &mut [bool; 2], side: Side) -> &mut bool {
    let [client, server] = finished;
    match side {
        Side::Client => client,
        Side::Server => server,
    }
}

/// The number of the connection between the attacker and one end of a link.
fn conversation(link: u32, leg: Side) -> u32 {
    link.wrapping_mul(2).wrapping_add(u32::from(leg == Side::Server))
}
