//! IP and TCP headers of the packets one end sends: built once a connection, then only what differs is patched.

use std::net::SocketAddr;

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, TcpHeader};

/// The bytes a packet has at most between the beginning of its IPv4 header and the end of its payload, less both headers.
pub(super) const LARGEST: u16 = u16::MAX - 40;
/// The window both ends offer, in bytes: the largest without an option.
pub(super) const WINDOW: u16 = u16::MAX;

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

const TCP: usize = 20;

/// What differs between the packets of one end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    /// [`SYN`] and its like.
    pub(super) flags: u8,
    /// TCP options, a multiple of four bytes.
    pub(super) options: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// The headers of all packets from one address to another.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    ip: Ip,
    tcp: [u8; TCP],
    /// Of the pseudo header (RFC 9293, section 3.1) without its length.
    pseudo: Sum16BitWords,
}

#[derive(Clone, Debug)]
enum Ip {
    V4([u8; 20]),
    V6([u8; 40]),
}

impl Headers {
    /// Nothing if the addresses are of two families.
    pub(super) fn new(from: SocketAddr, to: SocketAddr) -> Option<Self> {
        let mut pseudo = Sum16BitWords::new().add_2bytes([0, IpNumber::TCP.0]);
        let ip = match (from, to) {
            (SocketAddr::V4(from), SocketAddr::V4(to)) => {
                let (source, destination) = (from.ip().octets(), to.ip().octets());
                pseudo = pseudo.add_4bytes(source).add_4bytes(destination);
                let header = Ipv4Header::new(0, 64, IpNumber::TCP, source, destination).ok()?;
                Ip::V4(header.to_bytes().as_slice().try_into().ok()?)
            }
            (SocketAddr::V6(from), SocketAddr::V6(to)) => {
                let (source, destination) = (from.ip().octets(), to.ip().octets());
                pseudo = pseudo.add_16bytes(source).add_16bytes(destination);
                let header = Ipv6Header {
                    traffic_class: 0,
                    flow_label: Ipv6FlowLabel::ZERO,
                    payload_length: 0,
                    next_header: IpNumber::TCP,
                    hop_limit: 64,
                    source,
                    destination,
                };
                Ip::V6(header.to_bytes())
            }
            _ => return None,
        };
        let tcp = TcpHeader::new(from.port(), to.port(), 0, WINDOW).to_bytes();
        Some(Self { ip, tcp: tcp.as_slice().try_into().ok()?, pseudo })
    }

    /// The IP and the TCP header of this segment, with their checksums. Payload and options together have at most
    /// [`LARGEST`] bytes.
    pub(super) fn of(&mut self, segment: &Segment<'_>) -> (&[u8], &[u8]) {
        let header = TCP + segment.options.len();
        let length = u16::try_from(header + segment.payload.len()).unwrap_or(u16::MAX);
        let tcp = &mut self.tcp;
        tcp[4..8].copy_from_slice(&segment.sequence.to_be_bytes());
        tcp[8..12].copy_from_slice(&segment.acknowledged.to_be_bytes());
        tcp[12] = u8::try_from(header << 2).unwrap_or_default() & 0xf0;
        tcp[13] = segment.flags;
        tcp[14..16].copy_from_slice(&WINDOW.to_be_bytes());
        if segment.flags & RST != 0 {
            tcp[14..16].copy_from_slice(&[0; 2]);
        }
        tcp[16..18].copy_from_slice(&[0; 2]);
        let sum = self.pseudo.clone().add_2bytes(length.to_be_bytes()).add_slice(tcp);
        let sum = sum.add_slice(segment.options).add_slice(segment.payload);
        // The library counts in the machine's byte order.
        tcp[16..18].copy_from_slice(&sum.ones_complement().to_ne_bytes());
        let ip: &[u8] = match &mut self.ip {
            Ip::V4(ip) => {
                ip[2..4].copy_from_slice(&length.saturating_add(20).to_be_bytes());
                ip[10..12].copy_from_slice(&[0; 2]);
                let sum = Sum16BitWords::new().add_slice(ip).ones_complement();
                ip[10..12].copy_from_slice(&sum.to_ne_bytes());
                ip
            }
            Ip::V6(ip) => {
                ip[4..6].copy_from_slice(&length.to_be_bytes());
                ip
            }
        };
        (ip, &self.tcp)
    }
}
