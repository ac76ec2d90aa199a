//! A capture once more, with comments on its packets.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::error::{CaptureError, Why};
use super::format::{Format, Interface};
use super::packets::{ENHANCED_PACKET, OBSOLETE_PACKET, Packet, Packets, SIMPLE_PACKET};
use super::record::Records;
use super::source::{Broken, Endian, Fields};
use super::visit::Summary;

const OPTION_COMMENT: u16 = 1;
/// Bytes of a packet's block before the packet: interface, time, both lengths.
const FIXED: usize = 20;

/// What is to be said of packets, by their numbers from 1.
pub type Comments = BTreeMap<u64, Vec<String>>;

/// Copy a pcapng or pcap file into a pcapng file, with further comments on its packets. It is read once, front to back.
///
/// Of a pcapng file everything is kept as it is: blocks of all kinds, interfaces, options, comments. Packets in blocks that have
/// no place for comments (`SPB`) stay without. Of a pcap file the packets are kept, with their times, lengths and link type. How many
/// packets have got a comment is returned.
///
/// If the file breaks off, all that it holds has been written when the error is returned; where `out` cannot be written, the
/// error is [`Why::Unwritable`].
pub fn annotate(
    input: impl Read,
    mut out: impl Write,
    comments: &Comments,
) -> Result<u64, CaptureError> {
    let mut copy = Copy { comments, packets: 0, said: 0 };
    let copied = copy.all(input, &mut out);
    // What there is has to stand in the file, whatever is wrong with the rest.
    let flushed = out.flush().map_err(|error| unwritable(0, error));
    copied.and(flushed).map(|()| copy.said).map_err(|Broken { offset, why }| {
        let so_far = Box::new(Summary { packets: copy.packets, ..Summary::default() });
        CaptureError { packet: copy.packets + 1, offset, why, so_far }
    })
}

fn unwritable(offset: u64, error: io::Error) -> Broken {
    Broken { offset, why: Why::Unwritable(error) }
}

struct Copy<'a> {
    comments: &'a Comments,
    packets: u64,
    said: u64,
}

impl<'a> Copy<'a> {
    fn all(&mut self, input: impl Read, out: &mut impl Write) -> Result<(), Broken> {
        let mut packets = Packets::new(input)?;
        let classic = packets.link();
        let mut records = match classic {
            // What it was called, a pcap file does not say.
            Some(link) => {
                let interface = Interface { name: String::new(), link };
                Records::new(Format::Pcapng, &interface, &[])
            }
            None => Records::empty(Format::Pcapng),
        };
        loop {
            let offset = packets.offset();
            let more = match classic {
                Some(_) => self.record(&mut packets, &mut records)?,
                None => self.block(&mut packets, &mut records)?,
            };
            records.hand_on(out).map_err(|error| unwritable(offset, error))?;
            if !more {
                return Ok(());
            }
        }
    }

    /// What is to be said of the next packet.
    fn next(&mut self) -> &'a [String] {
        self.packets += 1;
        self.comments.get(&self.packets).map_or(&[], Vec::as_slice)
    }

    fn record(
        &mut self,
        packets: &mut Packets<impl Read>,
        records: &mut Records,
    ) -> Result<bool, Broken> {
        let Some(Packet { at, bytes, whole, .. }) = packets.next()? else { return Ok(false) };
        let comments = self.next();
        self.said += u64::from(!comments.is_empty());
        records.part(at.unwrap_or_default(), whole, [bytes, &[], &[], &[]], comments);
        Ok(true)
    }

    fn block(
        &mut self,
        packets: &mut Packets<impl Read>,
        records: &mut Records,
    ) -> Result<bool, Broken> {
        let Some(block) = packets.block()? else { return Ok(false) };
        let (kind, endian) = (block.kind, block.endian);
        let comments = match kind {
            ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => self.next(),
            _ => &[],
        };
        let [first, rest] = packets.body(&block);
        let place = split(rest, endian).filter(|_| !comments.is_empty() && kind != SIMPLE_PACKET);
        let Some((before, options)) = place else {
            records.copied(kind, endian, [first, rest]);
            return Ok(true);
        };
        let mut more = Vec::new();
        let mut fields = Fields { rest: options, endian };
        while let Some((code, value)) = fields.option() {
            option(&mut more, endian, code, value);
        }
        for comment in comments {
            let end = comment.floor_char_boundary(usize::from(u16::MAX));
            option(
                &mut more,
                endian,
                OPTION_COMMENT,
                comment.get(..end).unwrap_or_default().as_bytes(),
            );
        }
        option(&mut more, endian, 0, &[]);
        records.copied(kind, endian, [before, &more]);
        self.said += 1;
        Ok(true)
    }
}

/// A packet's block up to its options, and these.
fn split(body: &[u8], endian: Endian) -> Option<(&[u8], &[u8])> {
    let kept = endian.u32(*body.get(FIXED - 8..)?.first_chunk()?) as usize;
    body.split_at_checked(FIXED.checked_add(kept.checked_next_multiple_of(4)?)?)
}

fn option(bytes: &mut Vec<u8>, endian: Endian, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&endian.bytes16(code));
    bytes.extend_from_slice(&endian.bytes16(length));
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
