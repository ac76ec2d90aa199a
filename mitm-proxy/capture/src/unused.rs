//! Packets of a capture that are of no use here, and why: the reasons that are shown where a capture has no connection.

use std::fmt;

/// Why a packet is no part of a TCP connection that is read here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unused {
    /// Its interface was not described.
    Interface,
    /// It is of this link type, which is not known here.
    Link(u16),
    /// It is a fragment of an IP packet.
    Fragment,
    /// Its TCP header is cut short or wrong.
    Header,
    /// It carries something else than IP: its `EtherType`.
    EtherType(u16),
    /// It carries something else than TCP: its IP protocol number.
    Protocol(u8),
    /// What it carries cannot be made out.
    Unreadable,
}

impl Unused {
    /// Whether that is a problem with the packet: other protocols are none.
    pub(super) fn is_problem(self) -> bool {
        matches!(self, Self::Interface | Self::Link(_) | Self::Fragment | Self::Header)
    }

    /// What so many such packets are.
    pub(super) fn counted(self, count: u64) -> String {
        match (self, count) {
            (_, 1) => format!("1 packet is {self}"),
            (Self::Fragment, _) => format!(
                "{count} packets are fragments of IP packets, and fragments are not put together here"
            ),
            _ => format!("{count} packets are {self}"),
        }
    }
}

impl fmt::Display for Unused {
    /// What one such packet is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface => f.write_str("of an interface that was not described"),
            Self::Link(link) => {
                write!(f, "of link type {link}{}, which is not known here", Name(link_name(*link)))
            }
            Self::Fragment => {
                f.write_str("a fragment of an IP packet, and fragments are not put together here")
            }
            Self::Header => f.write_str("of TCP, with a header that is cut short or wrong"),
            Self::EtherType(kind) => {
                write!(f, "of EtherType {kind:04x}{}, not IP", Name(ether_name(*kind)))
            }
            Self::Protocol(number) => {
                write!(f, "of IP protocol {number}{}, not TCP", Name(protocol_name(*number)))
            }
            Self::Unreadable => f.write_str("too short, or of no protocol that is known here"),
        }
    }
}

/// A name in brackets, if there is one.
struct Name(Option<&'static str>);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

/// The registry of draft-ietf-opsawg-pcaplinktype, as far as packets of people's have it.
fn link_name(link: u16) -> Option<&'static str> {
    Some(match link {
        9 => "PPP",
        50 => "PPP_HDLC",
        51 => "PPP_ETHER",
        105 => "IEEE802_11",
        127 => "IEEE802_11_RADIOTAP",
        187 => "BLUETOOTH_HCI_H4",
        192 => "PPI",
        195 => "IEEE802_15_4_WITHFCS",
        201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
        220 => "USB_LINUX_MMAPPED",
        239 => "NFLOG",
        249 => "USBPCAP",
        253 => "NETLINK",
        _ => return None,
    })
}

/// IEEE 802 numbers (RFC 9542).
fn ether_name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        0x0806 => "ARP",
        0x8847 | 0x8848 => "MPLS",
        0x8863 => "PPPoE discovery",
        0x8864 => "PPPoE session",
        0x888e => "EAPOL",
        0x88cc => "LLDP",
        _ => return None,
    })
}

/// Protocol numbers of the Internet protocol.
fn protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPv4 in IP",
        17 => "UDP",
        41 => "IPv6 in IP",
        47 => "GRE",
        50 => "ESP",
        58 => "ICMPv6",
        132 => "SCTP",
        _ => return None,
    })
}
