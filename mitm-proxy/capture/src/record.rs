//! Packets as records of a file: blocks of pcapng (draft-ietf-opsawg-pcapng), records of pcap. All numbers are
//! little-endian. Records are collected in one buffer, so that a packet costs one copy and no allocation.

use std::io::{self, Write};

use super::format::{Format, Interface};
use super::source::Endian;

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const NANOSECONDS: u32 = 0xA1B2_3C4D;

const OPTION_COMMENT: u16 = 1;
const OPTION_APPLICATION: u16 = 4;
const OPTION_INTERFACE_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;

/// The largest packet a capture may hold, in bytes: what Wireshark takes.
const LARGEST_PACKET: u32 = 262_144;
/// A block takes no more comments when its options have this many bytes.
const MOST_OPTIONS: usize = 1 << 20;
const PROGRAM: &[u8] = b"meddle";

/// Records that wait to be written.
#[derive(Debug)]
pub(super) struct Records {
    format: Format,
    /// The records, whole.
    pub(super) bytes: Vec<u8>,
}

impl Records {
    /// Nothing yet.
    pub(super) fn empty(format: Format) -> Self {
        Self { format, bytes: Vec::new() }
    }

    /// The head of a file, all of whose packets are of this interface.
    pub(super) fn new(format: Format, interface: &Interface, comments: &[String]) -> Self {
        let mut records = Self::empty(format);
        match format {
            Format::Pcapng => {
                records.block(SECTION, |bytes| {
                    put(bytes, &BYTE_ORDER.to_le_bytes());
                    put(bytes, &[1, 0, 0, 0]);
                    // How long the section is, nobody knows yet.
                    put(bytes, &u64::MAX.to_le_bytes());
                    put_comments(bytes, comments);
                    put_option(bytes, OPTION_APPLICATION, PROGRAM);
                    put_option(bytes, 0, &[]);
                });
                records.block(INTERFACE, |bytes| {
                    put(bytes, &u32::from(interface.link).to_le_bytes());
                    put(bytes, &LARGEST_PACKET.to_le_bytes());
                    if !interface.name.is_empty() {
                        put_option(bytes, OPTION_INTERFACE_NAME, interface.name.as_bytes());
                    }
                    put_option(bytes, OPTION_RESOLUTION, &[9]);
                    put_option(bytes, 0, &[]);
                });
            }
            Format::Pcap => {
                let version = [2, 0, 4, 0];
                put(&mut records.bytes, &NANOSECONDS.to_le_bytes());
                put(&mut records.bytes, &version);
                put(&mut records.bytes, &[0; 8]);
                put(&mut records.bytes, &LARGEST_PACKET.to_le_bytes());
                put(&mut records.bytes, &u32::from(interface.link).to_le_bytes());
            }
        }
        records
    }

    /// A packet, given in pieces, at this time in nanoseconds since 1970.
    pub(super) fn packet(&mut self, at: u64, pieces: [&[u8]; 4], comments: &[String]) {
        let length = size(pieces.iter().map(|piece| piece.len()).sum());
        self.part(at, length, pieces, comments);
    }

    /// The beginning of a packet that had `whole` bytes.
    pub(super) fn part(&mut self, at: u64, whole: u32, pieces: [&[u8]; 4], comments: &[String]) {
        let length = size(pieces.iter().map(|piece| piece.len()).sum());
        let whole = whole.max(length);
        match self.format {
            Format::Pcapng => self.block(ENHANCED_PACKET, |bytes| {
                put(bytes, &[0; 4]);
                // The high half first, each in the section's byte order.
                put(bytes, &at.rotate_right(32).to_le_bytes());
                put(bytes, &length.to_le_bytes());
                put(bytes, &whole.to_le_bytes());
                for piece in pieces {
                    put(bytes, piece);
                }
                pad(bytes, length as usize);
                if !comments.is_empty() {
                    put_comments(bytes, comments);
                    put_option(bytes, 0, &[]);
                }
            }),
            Format::Pcap => {
                let seconds = u32::try_from(at / 1_000_000_000).unwrap_or(u32::MAX);
                let rest = at % 1_000_000_000;
                let bytes = &mut self.bytes;
                put(bytes, &seconds.to_le_bytes());
                put(bytes, &u32::try_from(rest).unwrap_or_default().to_le_bytes());
                put(bytes, &length.to_le_bytes());
                put(bytes, &whole.to_le_bytes());
                for piece in pieces {
                    put(bytes, piece);
                }
            }
        }
    }

    /// Write what waits.
    pub(super) fn hand_on(&mut self, out: &mut impl Write) -> io::Result<()> {
        let written = out.write_all(&self.bytes);
        self.bytes.clear();
        written
    }

    /// A block of another file, its body in pieces, as it stood there.
    pub(super) fn copied(&mut self, kind: u32, endian: Endian, body: [&[u8]; 2]) {
        let length = size(body.iter().map(|piece| piece.len()).sum::<usize>() + 12);
        let [kind, length] = [kind, length].map(|number| endian.bytes32(number));
        for piece in [&kind[..], &length, body[0], body[1], &length] {
            put(&mut self.bytes, piece);
        }
    }

    /// A block of pcapng: its length stands at both ends, and is a multiple of four.
    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        put(&mut self.bytes, &kind.to_le_bytes());
        put(&mut self.bytes, &[0; 4]);
        body(&mut self.bytes);
        let length = size(self.bytes.len() - start + 4).to_le_bytes();
        put(&mut self.bytes, &length);
        if let Some(place) = self.bytes.get_mut(start + 4..start + 8) {
            place.copy_from_slice(&length);
        }
    }
}

fn put(bytes: &mut Vec<u8>, more: &[u8]) {
    bytes.extend_from_slice(more);
}

/// Zeros after something of this length, up to a multiple of four.
fn pad(bytes: &mut Vec<u8>, length: usize) {
    bytes.resize(bytes.len() + length.wrapping_neg() % 4, 0);
}

fn put_option(bytes: &mut Vec<u8>, code: u16, value: &[u8]) {
    put(bytes, &code.to_le_bytes());
    put(bytes, &u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    put(bytes, value);
    pad(bytes, value.len());
}

/// One option a comment. What does not fit an option is cut off between characters.
fn put_comments(bytes: &mut Vec<u8>, comments: &[String]) {
    let most = bytes.len() + MOST_OPTIONS;
    for comment in comments {
        if bytes.len() < most {
            let end = comment.floor_char_boundary(usize::from(u16::MAX));
            let (fits, _) = comment.split_at(end);
            put_option(bytes, OPTION_COMMENT, fits.as_bytes());
        }
    }
}

/// A length as files write it. Packets and options are far smaller.
fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
