//! Packets that were captured, kept as they are.

use std::io::{self, Write};

use super::format::{Format, Interface};
use super::record::Records;

/// Records are handed on when they have grown to this many bytes.
const FULL: usize = 1 << 18;

/// Writes a capture of packets that really crossed an interface; what it keeps does not grow with what it has written.
#[derive(Debug)]
pub struct Preserver<W: Write> {
    out: W,
    records: Records,
}

impl<W: Write> Preserver<W> {
    /// A capture of this interface, with these comments on the whole (none in a classic file). Times are kept in nanoseconds.
    ///
    /// # Errors
    /// It cannot be written; the same of all methods.
    pub fn new(
        mut out: W,
        format: Format,
        interface: &Interface,
        comments: &[String],
    ) -> io::Result<Self> {
        let mut records = Records::new(format, interface, comments);
        records.hand_on(&mut out)?;
        Ok(Self { out, records })
    }

    /// A packet that had `whole` bytes, of which these were captured, at this time in nanoseconds since 1970.
    pub fn packet(&mut self, at: u64, whole: u32, bytes: &[u8]) -> io::Result<()> {
        self.records.part(at, whole, [bytes, &[], &[], &[]], &[]);
        if self.records.bytes.len() < FULL {
            return Ok(());
        }
        self.records.hand_on(&mut self.out)
    }

    /// Hand on what is kept back: whole packets, all there are.
    pub fn flush(&mut self) -> io::Result<()> {
        self.records.hand_on(&mut self.out)?;
        self.out.flush()
    }

    /// Flush, and give back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::Packets;

    #[test]
    fn packets_come_back_as_they_were() {
        for format in [Format::Pcapng, Format::Pcap] {
            let interface = Interface { name: "lo".to_owned(), link: 1 };
            let mut kept = Preserver::new(Vec::new(), format, &interface, &[]).unwrap();
            kept.packet(1_700_000_000_123_456_789, 5, b"whole").unwrap();
            kept.packet(1_700_000_000_123_456_790, 900, b"cut").unwrap();
            let file = kept.finish().unwrap();
            let mut packets = Packets::new(&file[..]).unwrap();
            for (at, bytes) in [(789, &b"whole"[..]), (790, b"cut")] {
                let packet = packets.next().unwrap().unwrap();
                assert_eq!(packet.at, Some(1_700_000_000_123_456_000 + at));
                assert_eq!((packet.link, packet.bytes), (Some(1), bytes));
            }
            assert!(packets.next().unwrap().is_none());
        }
    }
}
