//! The log of a live proxy: small entries and the bytes they are about, in batches that two threads exchange.
//! The number of batches is fixed, so memory is bounded; a slow recorder causes backpressure on the links.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use protocol::endpoint::{Side, Tick};

/// How many batches there are.
const BATCHES: usize = 8;
/// The most entries of a batch.
const ENTRIES: usize = 16 * 1024;
/// The most bytes of a batch, but for a single piece that has more.
const BYTES: usize = 1024 * 1024;

/// Something that happened on a link. 24 bytes: at a million frames a second their size is what counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When, since the start.
    pub at: Tick,
    /// On which link, from 1.
    pub link: u32,
    /// How many bytes it is about.
    pub len: u32,
    /// What.
    pub what: LogEvent,
    /// Who sent it, did it, or was sent it.
    pub side: Side,
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogEvent {
    /// A client connected: addresses of the batch, by their place.
    Opened(u16),
    /// The attacker connected to the server: addresses of the batch, by their place.
    Connected(u16),
    /// A frame of this type, by its place in the layout, came from `side` and went on as it was.
    Passed(u16),
    /// The same of a frame whose bytes follow as [`LogEvent::Piece`].
    Begun(u16),
    /// Bytes of a frame that has begun.
    Piece,
    /// A frame of this type came from `side`, and something happens to it.
    Stopped(u16),
    /// The frame before does not go on, at least not now.
    Withheld,
    /// A frame of this type that was withheld goes to `side` now.
    Released(u16),
    /// The attacker made a frame of this type, for `side`.
    Made(u16),
    /// The attacker did this to the frame before: a text of the batch, by its place.
    AttackerAction(u16),
    /// These bytes went to `side`, on behalf of the attacker.
    Sent,
    /// `side` sends no more.
    Ended,
    /// The attacker closed the connection to `side`.
    Closed,
    /// The connection to `side` broke.
    Reset,
    /// Something went wrong: a text of the batch, by its place.
    Trouble(u16),
}

impl LogEvent {
    /// Whether it says something new, and not more of the frame before.
    fn begins(self) -> bool {
        !matches!(self, Self::AttackerAction(_) | Self::Withheld | Self::Sent)
    }

    /// Whether bytes of the batch belong to it, where bytes are kept.
    pub fn has_bytes(self) -> bool {
        matches!(self, Self::Passed(_) | Self::Piece | Self::Stopped(_) | Self::Sent)
    }
}

/// What happened in a row.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries, in order.
    pub entries: Vec<Entry>,
    /// The bytes of those that have some, one after the other, if the recorder wants them.
    pub bytes: Vec<u8>,
    /// Texts.
    pub texts: Vec<String>,
    /// Connections: who connected, and to whom.
    pub addresses: Vec<(SocketAddr, SocketAddr)>,
}

impl Batch {
    fn new(with_bytes: bool) -> Self {
        let mut bytes = vec![0; if with_bytes { BYTES } else { 0 }];
        bytes.clear();
        Self { entries: Vec::with_capacity(ENTRIES), bytes, ..Self::default() }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.texts.clear();
        self.addresses.clear();
        // One large frame must not keep its memory for ever.
        self.bytes.shrink_to(BYTES);
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES || self.bytes.len() >= BYTES
    }

    /// Every entry with its bytes; none where they are not kept.
    pub fn iter(&self) -> impl Iterator<Item = (&Entry, &[u8])> {
        let mut at = 0;
        self.entries.iter().map(move |entry| {
            let len = if entry.what.has_bytes() { entry.len as usize } else { 0 };
            let bytes = self.bytes.get(at..at + len).unwrap_or_default();
            at += bytes.len();
            (entry, bytes)
        })
    }

    /// The addresses of that place.
    pub fn address(&self, place: u16) -> Option<(SocketAddr, SocketAddr)> {
        self.addresses.get(usize::from(place)).copied()
    }

    /// The text of that place.
    pub fn text(&self, place: u16) -> &str {
        self.texts.get(usize::from(place)).map_or("", String::as_str)
    }
}

/// Is told what happens, on a thread of its own.
pub trait Recorder: Send {
    /// Whether it wants the bytes too.
    fn wants_bytes(&self) -> bool;

    /// This happened.
    fn record(&mut self, batch: &Batch);

    /// Nothing more happens.
    fn finish(&mut self);
}

/// The near end of a recorder.
#[derive(Debug)]
pub(super) struct Log {
    batch: Batch,
    with_bytes: bool,
    /// The rule whose text is in the batch already, and where.
    known: Option<(usize, u16)>,
    full: Option<SyncSender<Batch>>,
    free: Receiver<Batch>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    pub(super) fn new(mut recorder: Box<dyn Recorder>) -> io::Result<Self> {
        let with_bytes = recorder.wants_bytes();
        let (full, to_record) = sync_channel::<Batch>(BATCHES);
        let (done, free) = sync_channel(BATCHES);
        for _ in 1..BATCHES {
            let _ = done.send(Batch::new(with_bytes));
        }
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            for mut batch in to_record {
                recorder.record(&batch);
                batch.clear();
                let _ = done.send(batch);
            }
            recorder.finish();
        })?;
        let (batch, full, thread) = (Batch::new(with_bytes), Some(full), Some(thread));
        Ok(Self { batch, with_bytes, known: None, full, free, thread })
    }

    /// Whether the recorder wants the bytes.
    pub(super) fn wants_bytes(&self) -> bool {
        self.with_bytes
    }

    /// Add an entry, with its bytes. Whether it is the first of its batch.
    pub(super) fn add(&mut self, entry: Entry, bytes: &[u8]) -> bool {
        // What belongs to the entry before stays with it.
        if entry.what.begins() {
            self.make_room();
        }
        let first = self.batch.entries.is_empty();
        self.batch.entries.push(entry);
        if self.with_bytes && entry.what.has_bytes() {
            self.batch.bytes.extend_from_slice(bytes);
        }
        first
    }

    /// Add an entry with addresses.
    pub(super) fn add_connection(
        &mut self,
        entry: Entry,
        what: fn(u16) -> LogEvent,
        addresses: (SocketAddr, SocketAddr),
    ) -> bool {
        self.make_room();
        let place = place(self.batch.addresses.len());
        self.batch.addresses.push(addresses);
        self.add(Entry { what: what(place), ..entry }, &[])
    }

    /// Add an entry with a text.
    pub(super) fn add_text(
        &mut self,
        entry: Entry,
        what: fn(u16) -> LogEvent,
        text: String,
    ) -> bool {
        if what(0).begins() {
            self.make_room();
        }
        let place = place(self.batch.texts.len());
        self.batch.texts.push(text);
        self.add(Entry { what: what(place), ..entry }, &[])
    }

    /// Add an entry that says what a rule does, over and over: the text is there once a batch.
    pub(super) fn add_text_again(
        &mut self,
        entry: Entry,
        rule: usize,
        text: impl FnOnce() -> String,
    ) {
        let place = match self.known {
            Some((known, place)) if known == rule => place,
            _ => {
                let place = place(self.batch.texts.len());
                self.batch.texts.push(text());
                self.known = Some((rule, place));
                place
            }
        };
        self.add(Entry { what: LogEvent::AttackerAction(place), ..entry }, &[]);
    }

    /// Begin another batch if this one is full.
    fn make_room(&mut self) {
        if self.batch.is_full() {
            self.flush();
        }
    }

    /// Hand over what there is, and wait for an empty batch.
    pub(super) fn flush(&mut self) {
        if self.batch.entries.is_empty() {
            return;
        }
        // A recorder that panicked takes no more.
        let Ok(free) = self.free.recv() else { return self.batch.clear() };
        let batch = std::mem::replace(&mut self.batch, free);
        self.known = None;
        if let Some(full) = &self.full {
            let _ = full.send(batch);
        }
    }

    /// Hand over the rest, and wait until all of it is recorded.
    pub(super) fn finish(&mut self) {
        self.flush();
        self.full = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// There is no text for a frame to which more than 65,535 things are done.
fn place(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

impl Drop for Log {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 24);
    }
}
