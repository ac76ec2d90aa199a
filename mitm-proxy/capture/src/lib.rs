//! Captures for Wireshark: what went over a wire as TCP packets in a pcapng or pcap file, written and read.
//!
//! A [`Writer`] makes up the packets around the bytes of conversations; a [`Preserver`] keeps packets that somebody captured, as
//! they are; [`read()`] finds connections in any capture and
//! puts their bytes back in order. None of them opens a file or looks at a clock.
//!
//! ```
//! use capture::{Ending, Format, Visitor, Writer, read};
//! use protocol::endpoint::{Side, Tick};
//! # use std::net::SocketAddr;
//!
//! struct Texts(Vec<u8>);
//!
//! impl Visitor for Texts {
//!     fn opened(&mut self, _: u32, _: SocketAddr, _: SocketAddr, _: Tick) {}
//!     fn data(&mut self, _: u32, _: Side, _: Tick, _: u64, bytes: &[u8]) {
//!         self.0.extend_from_slice(bytes);
//!     }
//!     fn closed(&mut self, _: u32, _: Side, _: Tick, _: Ending) {}
//!     fn problem(&mut self, _: u64, _: &str) {}
//! }
//!
//! let mut writer = Writer::new(Vec::new(), Format::Pcapng, &[])?;
//! writer.open(0, 1, "127.0.0.1:4000".parse().unwrap(), "127.0.0.1:80".parse().unwrap())?;
//! writer.data(1, 1, Side::Client, b"hello", &[])?;
//! let file = writer.finish()?;
//!
//! let mut texts = Texts(Vec::new());
//! read(&file[..], &mut texts).unwrap();
//! assert_eq!(texts.0, b"hello");
//! # Ok::<(), std::io::Error>(())
//! ```

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
