//! Captures for Wireshark: what went over a wire as TCP packets in a pcapng or pcap file, written and read.
//!
//! A [`Writer`] makes up the packets around the bytes of conversations; a [`Preserver`] keeps packets that somebody captured, as
//! they are; [`read()`] finds connections in any capture and
//! puts their bytes back in order. Neither opens a file or looks at a clock.

mod annotate;
mod error;
mod format;
mod link;
mod packets;
mod preserve;
mod read;
mod record;
mod segment;
mod sessions;
mod sink;
mod source;
mod stream_reassembler;
#[cfg(test)]
mod tests;
mod unused;
mod visit;
mod writer;

pub use annotate::{Comments, annotate};
pub use error::{CaptureError, Why};
pub use format::{Ending, Format, Interface};
pub use preserve::Preserver;
pub use read::{read, read_within};
pub use unused::Unused;
pub use visit::{Limits, Summary, Visitor};
pub use writer::Writer;
