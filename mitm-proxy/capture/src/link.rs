//! From a captured packet to its TCP segment, through whatever link layer it was captured on. Checksums are not looked
//! at: where a network card fills them in, captures have wrong ones.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TcpSlice, TransportSlice};

use super::unused::Unused;

/// Link types by their number (the registry of draft-ietf-opsawg-pcaplinktype).
const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const RAW_BSD: u16 = 12;
const RAW_OPENBSD: u16 = 14;
const RAW: u16 = super::format::RAW;
const LOOP: u16 = 108;
const LINUX_COOKED: u16 = 113;
const RAW_IPV4: u16 = 228;
const RAW_IPV6: u16 = 229;
const LINUX_COOKED_2: u16 = 276;

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of a TCP header")]
pub(super) struct Arrived<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    /// The sequence number its sender waits for.
    pub(super) acknowledged: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) psh: bool,
    pub(super) rst: bool,
    pub(super) payload: &'a [u8],
    /// How many bytes of its payload the capture has cut off.
    pub(super) cut: usize,
}

/// What a packet turned out to be.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Tcp(Arrived<'a>),
    /// None of use, for this reason.
    Unused(Unused),
}

/// Look into a packet of a link type.
pub(super) fn content(link: u16, bytes: &[u8]) -> Content<'_> {
    let sliced = match link {
        ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        RAW | RAW_BSD | RAW_OPENBSD | RAW_IPV4 | RAW_IPV6 => LaxSlicedPacket::from_ip(bytes).ok(),
        NULL | LOOP => match bytes.split_first_chunk() {
            Some((family, rest)) if is_ip(*family) => LaxSlicedPacket::from_ip(rest).ok(),
            _ => None,
        },
        LINUX_COOKED => match (bytes.get(14..16), bytes.get(16..)) {
            (Some(kind), Some(rest)) => Some(of_type(kind, rest)),
            _ => None,
        },
        LINUX_COOKED_2 => match (bytes.get(..2), bytes.get(20..)) {
            (Some(kind), Some(rest)) => Some(of_type(kind, rest)),
            _ => None,
        },
        _ => return Content::Unused(Unused::Link(link)),
    };
    sliced.map_or(Content::Unused(Unused::Unreadable), |sliced| tcp(&sliced))
}

/// Whether this address family is IPv4 or IPv6, in either byte order: every BSD has a number of its own for IPv6.
fn is_ip(family: [u8; 4]) -> bool {
    let family = u32::from_be_bytes(family);
    matches!(family.min(family.swap_bytes()), 2 | 10 | 24 | 28 | 30)
}

fn of_type<'a>(kind: &[u8], rest: &'a [u8]) -> LaxSlicedPacket<'a> {
    let kind = kind.try_into().map(u16::from_be_bytes).unwrap_or_default();
    LaxSlicedPacket::from_ether_type(EtherType(kind), rest)
}

fn tcp<'a>(sliced: &LaxSlicedPacket<'a>) -> Content<'a> {
    // The length IP gives, and the bytes of it that are there before the payload.
    let (source, destination, payload, length, before): (IpAddr, IpAddr, _, _, _) =
        match &sliced.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let extension = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
                (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                    ip.payload(),
                    usize::from(header.total_len()),
                    header.slice().len() + extension,
                )
            }
            Some(LaxNetSlice::Ipv6(ip)) => (
                ip.header().source_addr().into(),
                ip.header().destination_addr().into(),
                ip.payload(),
                usize::from(ip.header().payload_length()),
                ip.extensions().slice().len(),
            ),
            Some(LaxNetSlice::Arp(_)) => {
                return Content::Unused(Unused::EtherType(EtherType::ARP.0));
            }
            None => {
                let kind = sliced.ether_payload().map(|payload| payload.ether_type);
                let kind = kind.filter(|kind| ![EtherType::IPV4, EtherType::IPV6].contains(kind));
                let why = kind.map_or(Unused::Unreadable, |kind| Unused::EtherType(kind.0));
                return Content::Unused(why);
            }
        };
    if payload.ip_number != IpNumber::TCP {
        return Content::Unused(Unused::Protocol(payload.ip_number.0));
    }
    if payload.fragmented {
        return Content::Unused(Unused::Fragment);
    }
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
        return Content::Unused(Unused::Header);
    };
    let cut = length.saturating_sub(before + payload.payload.len());
    Content::Tcp(arrived(tcp, source, destination, cut))
}

fn arrived<'a>(tcp: &TcpSlice<'a>, from: IpAddr, to: IpAddr, cut: usize) -> Arrived<'a> {
    Arrived {
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        psh: tcp.psh(),
        rst: tcp.rst(),
        payload: tcp.payload(),
        cut,
    }
}
