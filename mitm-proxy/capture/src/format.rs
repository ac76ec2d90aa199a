//! What all parts of this crate use: file formats, interfaces, how connections end, and the bounds of a capture.

use std::path::Path;

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
pub(super) const RAW: u16 = 101;

/// No block and no packet of a capture is longer, in bytes.
pub(super) const LARGEST: u32 = 16 << 20;
