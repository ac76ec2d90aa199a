//! Why the reading of a capture stopped.

use std::fmt;
use std::io;

use super::format::LARGEST;
use super::visit::Summary;

/// A capture cannot be read any further. The visitor has had everything before.
#[derive(Debug)]
pub struct CaptureError {
    /// The packet that would have been next, from 1.
    pub packet: u64,
    /// Where in the file it is, in bytes from its beginning.
    pub offset: u64,
    /// What is wrong.
    pub why: Why,
    /// What was read before.
    pub so_far: Box<Summary>,
}

/// What can be wrong with a capture so that nothing after it can be found.
#[derive(Debug)]
pub enum Why {
    /// The input cannot be read.
    Failed(io::Error),
    /// The output cannot be written.
    Unwritable(io::Error),
    /// The file ends in the middle of something.
    Truncated {
        /// Of what.
        expected: &'static str,
        /// How many bytes it should have from here.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// It does not begin like a capture.
    NotACapture {
        /// Its first bytes.
        found: [u8; 4],
    },
    /// A section says its byte order in a way unknown.
    ByteOrder {
        /// What stands in its place.
        found: [u8; 4],
    },
    /// A version that is not 1.x for pcapng or 2.x for pcap.
    Version {
        /// The major number.
        major: u16,
        /// The minor number.
        minor: u16,
    },
    /// A block is shorter than its fields, longer than 16 MiB, or no multiple of four bytes long.
    BlockLength {
        /// The length it gives, in bytes.
        length: u32,
    },
    /// A block gives another length at its end.
    BlockEnd {
        /// At its beginning, in bytes.
        first: u32,
        /// At its end, in bytes.
        last: u32,
    },
    /// A packet of a pcap file is longer than 16 MiB.
    PacketLength {
        /// The length it gives, in bytes.
        length: u32,
    },
    /// More interfaces in a section than anybody has.
    Interfaces,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "packet {}, at byte {}: {}", self.packet, self.offset, self.why)
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Failed(error) | Why::Unwritable(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "cannot read: {error}"),
            Self::Unwritable(error) => write!(f, "cannot write: {error}"),
            Self::Truncated { expected, wanted, found } => {
                write!(f, "expected {wanted} bytes of {expected}, the file ends after {found}")
            }
            Self::NotACapture { found: [0x1f, 0x8b, ..] } => {
                write!(f, "expected a pcapng or pcap file, found a gzip file: unpack it first")
            }
            Self::NotACapture { found } => {
                write!(f, "expected a pcapng or pcap file, found {}", Hex(*found))
            }
            Self::ByteOrder { found } => {
                write!(f, "expected the byte-order magic 1a2b3c4d, found {}", Hex(*found))
            }
            Self::Version { major, minor } => {
                write!(f, "expected version 1.x of pcapng or 2.x of pcap, found {major}.{minor}")
            }
            Self::BlockLength { length } => write!(
                f,
                "expected the length of a block, which holds its fields, is a multiple of 4 and at most \
                 {LARGEST}, found {length}"
            ),
            Self::BlockEnd { first, last } => {
                write!(f, "expected the length {first} again at the end of the block, found {last}")
            }
            Self::PacketLength { length } => {
                write!(f, "expected the length of a packet, at most {LARGEST}, found {length}")
            }
            Self::Interfaces => write!(f, "expected packets, found ever more interfaces"),
        }
    }
}

struct Hex([u8; 4]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
