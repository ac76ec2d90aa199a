//! One conversation on every link layer, and packets that are none of ours.

use etherparse::{Ipv6FragmentHeader, PacketBuilder, TcpHeader};

use super::*;

/// The IPv4 conversation with something before each packet.
fn behind(link: u32, head: &[u8]) -> Vec<u8> {
    let packets = packets(&talk(Format::Pcap));
    let packets: Vec<_> = packets.iter().map(|packet| [head, packet].concat()).collect();
    pcap(link, &packets)
}

#[test]
fn every_link_layer_is_understood() {
    let mut ethernet = vec![0; 12];
    ethernet.extend([8, 0]);
    let mut tagged = vec![0; 12];
    tagged.extend([0x81, 0, 0, 5, 8, 0]);
    let mut twice = vec![0; 12];
    twice.extend([0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, 8, 0]);
    let mut cooked = vec![0; 14];
    cooked.extend([8, 0]);
    let mut cooked_2 = vec![8, 0];
    cooked_2.extend([0; 18]);
    for (link, head) in [
        (1, ethernet),
        (1, tagged),
        (1, twice),
        (101, vec![]),
        (228, vec![]),
        (12, vec![]),
        (0, vec![2, 0, 0, 0]),
        (0, vec![0, 0, 0, 2]),
        (108, vec![0, 0, 0, 2]),
        (113, cooked),
        (276, cooked_2),
    ] {
        let (log, summary) = whole(&behind(link, &head));
        assert_eq!(log.sessions[&1].client, there(), "link type {link}");
        assert_eq!((summary.tcp, summary.problems), (22, 0), "link type {link}");
    }
    let (log, summary) = whole(&behind(147, &[]));
    assert_eq!((log.problems.len(), summary.other), (22, 22));
    assert_eq!(log.problems[0].1, "it is of link type 147, which is not known here");
}

fn tcp(sequence: u32, syn: bool) -> TcpHeader {
    TcpHeader { syn, ..TcpHeader::new(50_000, 443, sequence, 1_000) }
}

#[test]
fn ipv6_is_found_behind_tags_and_extension_headers() {
    let mut packets = Vec::new();
    for (sequence, payload) in [(9, &b""[..]), (10, b"hello")] {
        let mut packet = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .double_vlan(1.try_into().unwrap(), 2.try_into().unwrap())
            .ipv6([1; 16], [2; 16], 64)
            .tcp_header(tcp(sequence, payload.is_empty()))
            .write(&mut packet, payload)
            .unwrap();
        // An empty hop-by-hop header between IPv6 and TCP, which has number 6.
        let begin = 14 + 8;
        let length = u16::from_be_bytes([packet[begin + 4], packet[begin + 5]]) + 8;
        packet[begin + 4..begin + 6].copy_from_slice(&length.to_be_bytes());
        packet[begin + 6] = 0;
        packet.splice(begin + 40..begin + 40, [6, 0, 1, 4, 0, 0, 0, 0]);
        packets.push(packet);
    }
    let (log, summary) = whole(&pcap(1, &packets));
    assert_eq!(log.sessions[&1].client, b"hello");
    assert_eq!(summary.problems, 0);
    // Cut off in the payload: IPv6 counts its length otherwise than IPv4.
    let end = packets[1].len() - 2;
    packets[1].truncate(end);
    let (log, _) = whole(&pcap(1, &packets));
    assert_eq!(log.sessions[&1].client, b"hel");
    assert_eq!(log.problems[0].1, "2 bytes of it were not captured");
}

#[test]
fn fragments_and_other_protocols_are_counted() {
    let mut fragment = packets(&talk(Format::Pcap))[3].clone();
    fragment[6] = 0x20;
    let mut datagram = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9)
        .udp(1, 2)
        .write(&mut datagram, b"x")
        .unwrap();
    let mut six = Vec::new();
    PacketBuilder::ipv6([1; 16], [2; 16], 64)
        .tcp_header(tcp(1, true))
        .write(&mut six, b"")
        .unwrap();
    let part = Ipv6FragmentHeader::new(6.into(), 1.try_into().unwrap(), true, 5).to_bytes();
    six[4..6].copy_from_slice(&28_u16.to_be_bytes());
    six[6] = 44;
    six.splice(40..40, part);
    let (log, summary) = whole(&pcap(101, &[fragment, datagram, six, vec![], vec![0x45; 3]]));
    assert_eq!((summary.packets, summary.tcp, summary.other), (5, 0, 5));
    let said: Vec<u64> = log.problems.iter().map(|(packet, _)| *packet).collect();
    assert_eq!(said, [1, 3]);
    assert!(log.problems[0].1.starts_with("it is a fragment"));
    assert_eq!(
        summary.reasons(),
        "no TCP connection in its 5 packets: \
         2 packets are fragments of IP packets, and fragments are not put together here; \
         2 packets are too short, or of no protocol that is known here; \
         1 packet is of IP protocol 17 (UDP), not TCP"
    );
}

#[test]
fn padding_of_ethernet_is_no_data() {
    let mut packets = packets(&talk(Format::Pcap));
    for packet in &mut packets {
        let mut head = vec![0; 12];
        head.extend([8, 0]);
        packet.splice(..0, head);
        packet.resize(packet.len().max(60), 0xff);
    }
    let (log, summary) = whole(&pcap(1, &packets));
    assert_eq!((&log.sessions[&1].client, summary.problems), (&there(), 0));
}

#[test]
fn why_there_is_no_connection_is_counted() {
    let head = |kind: [u8; 2]| [&[0; 12][..], &kind].concat();
    for (link, head, expected) in [
        (239, vec![0; 4], "22 packets are of link type 239 (NFLOG), which is not known here"),
        (
            1,
            [head([0x88, 0x64]), vec![0x11, 0, 0, 9, 0, 42, 0, 0x21]].concat(),
            "22 packets are of EtherType 8864 (PPPoE session), not IP",
        ),
        (1, head([0x12, 0x34]), "22 packets are of EtherType 1234, not IP"),
    ] {
        let (_, summary) = whole(&behind(link, &head));
        assert_eq!(summary.reasons(), format!("no TCP connection in its 22 packets: {expected}"));
    }
    let acknowledgement = &packets(&talk(Format::Pcap))[2..3];
    let (_, summary) = whole(&pcap(101, acknowledgement));
    assert_eq!(
        summary.reasons(),
        "no TCP connection in its 1 packet: TCP without a SYN or data: 1"
    );
}
