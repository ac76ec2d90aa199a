//! The bytes of a capture, read in order: never more at once than [`LARGEST`](super::format::LARGEST), and what is missing is said exactly.

use std::io::{self, BufReader, Read};

use super::error::Why;

/// How much is read from the input at once, in bytes.
const AT_ONCE: usize = 1 << 18;

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Broken {
    /// Bytes before it.
    pub(super) offset: u64,
    pub(super) why: Why,
}

/// A capture, as far as it has been read.
#[derive(Debug)]
pub(super) struct Source<R> {
    input: BufReader<R>,
    /// Bytes that have been read.
    pub(super) offset: u64,
    /// Grows to the longest block and is used again.
    buffer: Vec<u8>,
}

impl<R: Read> Source<R> {
    pub(super) fn new(input: R) -> Self {
        let input = BufReader::with_capacity(AT_ONCE, input);
        Self { input, offset: 0, buffer: Vec::new() }
    }

    /// The next bytes, or nothing at the end of the input.
    pub(super) fn head<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<Option<[u8; N]>, Broken> {
        let mut bytes = [0; N];
        let found = fill(&mut self.input, &mut bytes);
        match self.count(found, N, expected) {
            Ok(()) => Ok(Some(bytes)),
            Err(Broken { why: Why::Truncated { found: 0, .. }, .. }) => Ok(None),
            Err(broken) => Err(broken),
        }
    }

    /// The next bytes, of which there must be as many.
    pub(super) fn array<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; N], Broken> {
        let mut bytes = [0; N];
        let found = fill(&mut self.input, &mut bytes);
        self.count(found, N, expected)?;
        Ok(bytes)
    }

    /// The next bytes, into the buffer. Memory is taken for those that have arrived.
    pub(super) fn body(&mut self, length: u32, expected: &'static str) -> Result<(), Broken> {
        let length = length as usize;
        let mut found = 0;
        while found < length {
            let end = length.min(found + AT_ONCE);
            if self.buffer.len() < end {
                self.buffer.resize(end, 0);
            }
            let Some(room) = self.buffer.get_mut(found..end) else { break };
            let wanted = room.len();
            match fill(&mut self.input, room) {
                Ok(part) => {
                    found += part;
                    if part < wanted {
                        break;
                    }
                }
                Err(error) => return self.count(Err(error), length, expected),
            }
        }
        self.count(Ok(found), length, expected)
    }

    /// So many of the bytes that [`body`](Self::body) has read.
    pub(super) fn bytes(&self, length: u32) -> &[u8] {
        self.buffer.get(..length as usize).unwrap_or_default()
    }

    fn count(
        &mut self,
        found: io::Result<usize>,
        wanted: usize,
        expected: &'static str,
    ) -> Result<(), Broken> {
        let offset = self.offset;
        match found {
            Ok(found) if found == wanted => {
                self.offset += wanted as u64;
                Ok(())
            }
            Ok(found) => {
                let why = Why::Truncated { expected, wanted, found };
                Err(Broken { offset, why })
            }
            Err(error) => Err(Broken { offset, why: Why::Failed(error) }),
        }
    }
}

/// How many bytes there were: fewer than there is room for only at the end.
fn fill(input: &mut impl Read, mut room: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while !room.is_empty() {
        match input.read(room) {
            Ok(0) => break,
            Ok(read) => {
                found += read;
                room = room.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// In which order the bytes of numbers stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Endian {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn bytes16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub(super) fn bytes32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// Fields of a block, one after the other; nothing where they are used up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub(super) rest: &'a [u8],
    pub(super) endian: Endian,
}

impl<'a> Fields<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(self.endian.u16(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(self.endian.u32(self.array()?))
    }

    /// A number whose high half comes first, each half in the section's order.
    pub(super) fn halves(&mut self) -> Option<u64> {
        Some(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    /// A number in one piece.
    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(match self.endian {
            Endian::Little => u64::from_le_bytes(self.array()?),
            Endian::Big => u64::from_be_bytes(self.array()?),
        })
    }

    /// An option: its code and its value. Nothing at the end of options, or where they are broken.
    pub(super) fn option(&mut self) -> Option<(u16, &'a [u8])> {
        let (code, length) = (self.u16()?, usize::from(self.u16()?));
        if code == 0 {
            return None;
        }
        let (value, _) = self.rest.split_at_checked(length)?;
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
