//! Segments put together again that were one write: what a program that goes by reads takes for one message.

use bytes::{Bytes, BytesMut};
use protocol::endpoint::Side;
use protocol::layout::Layout;

/// No write is waited for longer than this, in bytes.
const LONGEST: usize = 1 << 20;

/// What waits for the end of its write, each direction of one connection. Where frames say how long they are, nothing does.
#[derive(Debug)]
pub(crate) struct Writes {
    by_read: bool,
    waiting: [BytesMut; 2],
}

impl Writes {
    /// For frames of this layout.
    pub(crate) fn new(layout: &Layout) -> Self {
        let by_read = layout.frames.iter().any(|spec| spec.is_one_read());
        Self { by_read, waiting: Default::default() }
    }

    /// Bytes arrive. What is complete, if anything is.
    pub(crate) fn data(&mut self, from: Side, bytes: &[u8]) -> Option<Bytes> {
        if !self.by_read {
            return Some(Bytes::copy_from_slice(bytes));
        }
        let waiting = from.of(&mut self.waiting);
        waiting.extend_from_slice(bytes);
        (waiting.len() >= LONGEST).then(|| waiting.split().freeze())
    }

    /// The write is over, or nothing more will come. What waited for that.
    pub(crate) fn ended(&mut self, from: Side) -> Option<Bytes> {
        let waiting = from.of(&mut self.waiting);
        (!waiting.is_empty()).then(|| waiting.split().freeze())
    }
}
