//! Captures for Wireshark: what went over a wire as TCP packets in a pcapng or pcap file, written and read.
//!
//! A [`Writer`] makes up the packets around the bytes of conversations; a [`Preserver`] keeps packets that somebody captured, as
//! they are; [`read()`] finds connections in any capture and
//! puts their bytes back in order. Neither opens a file or looks at a clock.

use std::path::Path;

mod annotate;
mod error;
mod link;
mod packets;
mod preserve;
mod read;
mod record;
mod segment;
mod sessions;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod unused;
mod visit;
mod way;
mod writer;

pub use annotate::{Comments, annotate};
pub use error::{CaptureError, Why};
pub use preserve::Preserver;
pub use read::{read, read_within};
pub use unused::Unused;
pub use visit::{Limits, Summary, Visitor};
pub use writer::Writer;

/// How a capture is kept in a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Format {
    /// The pcap next generation file (draft-ietf-opsawg-pcapng): packets can have comments.
    #[default]
    Pcapng,
    /// The classic file (draft-ietf-opsawg-pcap) with nanoseconds: it has no place for comments.
    Pcap,
}

impl Format {
    /// The format a file of that name has: classic for `.pcap`, else pcapng.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("pcap") => Self::Pcap,
            _ => Self::Pcapng,
        }
    }
}

/// What packets of a capture were taken from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Interface {
    /// What the system calls it; empty where nobody says.
    pub name: String,
    /// What its packets begin with: a `LINKTYPE_` number, such as 1 for Ethernet.
    pub link: u16,
}

/// How an end of a connection closes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// With FIN: it sends no more, the other may.
    Finished,
    /// With RST: the connection is over.
    Reset,
}

/// The link type of packets that begin with their IP header (`LINKTYPE_RAW`).
const RAW: u16 = 101;
