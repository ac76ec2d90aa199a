//! Bytes that ends of a conversation sent, as the TCP packets that would have carried them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;

use protocol::endpoint::Side;

use super::format::{Ending, Format, Interface, RAW};
use super::record::Records;
use super::segment::{ACK, FIN, Headers, LARGEST, PSH, RST, SYN, Segment, WINDOW};

/// The payload of a full segment, in bytes, unless told otherwise: Ethernet's 1,500 less both headers.
const SEGMENT: u16 = 1460;
/// Records are handed on when they have grown to this many bytes.
const FULL: usize = 1 << 18;

/// Writes a capture as it happens; what it keeps does not grow with what it has written.
///
/// Packets begin with their IP header: no Ethernet addresses are made up. Initial sequence numbers follow from the number of
/// the conversation, so the same calls give the same bytes. Every call hands on whole packets.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    records: Records,
    conversations: BTreeMap<u32, Conversation>,
    segment: u16,
    latest: u64,
}

#[derive(Debug)]
struct Conversation {
    client: End,
    server: End,
    /// For its next packet.
    comments: Vec<String>,
}

#[derive(Debug)]
struct End {
    headers: Headers,
    /// The sequence number of what it sends next.
    next: u32,
    finished: bool,
}

impl<W: Write> Writer<W> {
    /// A capture with these comments on the whole (none in a classic file), and one interface named `meddle`.
    pub fn new(mut out: W, format: Format, comments: &[String]) -> io::Result<Self> {
        let interface = Interface { name: "meddle".to_owned(), link: RAW };
        let mut records = Records::new(format, &interface, comments);
        records.hand_on(&mut out)?;
        let conversations = BTreeMap::new();
        Ok(Self { out, records, conversations, segment: SEGMENT, latest: 0 })
    }

    /// Cut data into segments of at most this many bytes, from 1 to 65,495, in connections opened from now on and those
    /// there are.
    #[must_use]
    pub fn segment_size(mut self, bytes: u16) -> Self {
        self.segment = bytes.clamp(1, LARGEST);
        self
    }

    /// A connection is made: SYN, SYN-ACK and ACK, all at this time, in nanoseconds since 1970. A time before the one
    /// last given counts as that, in all methods. Its number is free again when both ends have closed, or it is forgotten.
    ///
    /// [`io::ErrorKind::InvalidInput`] if a conversation of that number is open, or one address is IPv4 and the other IPv6.
    pub fn open(
        &mut self,
        at: u64,
        conversation: u32,
        client: SocketAddr,
        server: SocketAddr,
    ) -> io::Result<()> {
        if self.conversations.contains_key(&conversation) {
            return Err(refused("is open already", conversation));
        }
        let end = |from, to, side| {
            let headers = Headers::new(from, to)?;
            Some(End { headers, next: initial(conversation, side), finished: false })
        };
        let client_end = end(client, server, Side::Client);
        let server_end = end(server, client, Side::Server);
        let (Some(client), Some(server)) = (client_end, server_end) else {
            return Err(refused("has addresses of two families", conversation));
        };
        let at = self.clock(at);
        let mut opened = Conversation { client, server, comments: Vec::new() };
        let [high, low] = self.segment.to_be_bytes();
        let options = [2, 4, high, low];
        let to = &mut self.records;
        opened.send(to, at, Side::Client, SYN, &options, &[]);
        opened.send(to, at, Side::Server, SYN | ACK, &options, &[]);
        opened.send(to, at, Side::Client, ACK, &[], &[]);
        self.conversations.insert(conversation, opened);
        self.records.hand_on(&mut self.out)
    }

    /// One side sends bytes: as many segments as it takes, of which every second (RFC 9293, section 3.8.6.3) and the last
    /// are acknowledged. The comments go on the first packet; if there are no bytes, on the next of the conversation.
    ///
    /// [`io::ErrorKind::InvalidInput`] if no such conversation is open, or this side has closed.
    pub fn data(
        &mut self,
        at: u64,
        conversation: u32,
        from: Side,
        bytes: &[u8],
        comments: &[String],
    ) -> io::Result<()> {
        let at = self.clock(at);
        let open = sending(&mut self.conversations, conversation, from)?;
        open.comments.extend_from_slice(comments);
        let size = usize::from(self.segment);
        let mut pending = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            rest = later;
            let flags = if rest.is_empty() { PSH | ACK } else { ACK };
            open.send(&mut self.records, at, from, flags, &[], now);
            pending += 1;
            let full = (pending + 1) * size >= usize::from(WINDOW);
            if rest.is_empty() || pending == 2 || full {
                open.send(&mut self.records, at, from.other(), ACK, &[], &[]);
                pending = 0;
            }
            if self.records.bytes.len() >= FULL {
                self.records.hand_on(&mut self.out)?;
            }
        }
        self.records.hand_on(&mut self.out)
    }

    /// One side closes: FIN, which the other acknowledges; or RST, which ends the conversation for both.
    ///
    /// [`io::ErrorKind::InvalidInput`] if no such conversation is open, or this side has closed.
    pub fn close(
        &mut self,
        at: u64,
        conversation: u32,
        from: Side,
        how: Ending,
        comments: &[String],
    ) -> io::Result<()> {
        let at = self.clock(at);
        let open = sending(&mut self.conversations, conversation, from)?;
        open.comments.extend_from_slice(comments);
        match how {
            Ending::Reset => open.send(&mut self.records, at, from, RST | ACK, &[], &[]),
            Ending::Finished => {
                open.send(&mut self.records, at, from, FIN | ACK, &[], &[]);
                open.send(&mut self.records, at, from.other(), ACK, &[], &[]);
                open.end(from).finished = true;
            }
        }
        if how == Ending::Reset || open.end(from.other()).finished {
            self.conversations.remove(&conversation);
        }
        self.records.hand_on(&mut self.out)
    }

    /// Nothing more is known of a conversation: what there is of it stays, and its number is free again.
    pub fn forget(&mut self, conversation: u32) {
        self.conversations.remove(&conversation);
    }

    /// Hand on what the output keeps back: whole packets, all there are.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Flush, and give back what was written to. Conversations may be open still.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn clock(&mut self, at: u64) -> u64 {
        self.latest = self.latest.max(at);
        self.latest
    }
}

impl Conversation {
    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn send(
        &mut self,
        to: &mut Records,
        at: u64,
        from: Side,
        flags: u8,
        options: &[u8],
        payload: &[u8],
    ) {
        let acknowledged = if flags & ACK == 0 { 0 } else { self.end(from.other()).next };
        let end = self.end(from);
        let segment = Segment { sequence: end.next, acknowledged, flags, options, payload };
        // SYN and FIN take a number each, like a byte. A payload fits a packet.
        let taken = payload.len() + usize::from(flags & (SYN | FIN) != 0);
        end.next = end.next.wrapping_add(u32::try_from(taken).unwrap_or_default());
        let comments = std::mem::take(&mut self.comments);
        let (ip, tcp) = self.end(from).headers.of(&segment);
        to.packet(at, [ip, tcp, options, payload], &comments);
    }
}

/// The conversation of that number, if this side can send.
fn sending(
    open: &mut BTreeMap<u32, Conversation>,
    conversation: u32,
    from: Side,
) -> io::Result<&mut Conversation> {
    let found = open.get_mut(&conversation).ok_or_else(|| refused("is not open", conversation))?;
    if found.end(from).finished {
        return Err(refused("was closed by this side", conversation));
    }
    Ok(found)
}

/// An initial sequence number: any will do, if those of two conversations are far apart. The finaliser of `MurmurHash3` is.
pub(super) fn initial(conversation: u32, side: Side) -> u32 {
    let mut hash = conversation.rotate_left(1) ^ u32::from(side == Side::Server);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn refused(why: &str, conversation: u32) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("conversation {conversation} {why}"))
}
