//! Packets lost, doubled, out of order, overlapping and made up.

use proptest::prelude::*;

use super::super::{Limits, read_within};
use super::*;

/// Where what the IPv4 packets of [`talk`] carry begins.
const PAYLOAD: usize = 40;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

fn run(packets: &[Vec<u8>]) -> (Log, Summary) {
    whole(&pcap(101, packets))
}

/// The packets of [`talk`] without mere acknowledgements: the handshake's two, six there, four back, two FINs.
fn bare() -> Vec<Vec<u8>> {
    let mut packets = packets(&talk(Format::Pcap));
    packets.retain(|packet| packet[33] != ACK || packet.len() > PAYLOAD);
    assert_eq!(packets.len(), 14);
    packets
}

fn sequence(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[24..28].try_into().unwrap())
}

/// The packet with this much added to its sequence number.
fn moved(packet: &[u8], by: u32) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let moved = sequence(&packet).wrapping_add(by);
    packet[24..28].copy_from_slice(&moved.to_be_bytes());
    packet
}

/// The packet with another payload.
fn carrying(packet: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut packet = packet[..PAYLOAD].to_vec();
    packet.extend(payload);
    let length = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

#[test]
fn every_packet_twice() {
    let mut twice = packets(&talk(Format::Pcap));
    twice = twice.into_iter().flat_map(|packet| [packet.clone(), packet]).collect();
    let (log, summary) = run(&twice);
    assert_eq!(log.sessions[&1].client, there());
    assert_eq!(log.sessions[&1].server, back());
    assert_eq!(log.sessions[&1].closed.len(), 2);
    assert_eq!((summary.sessions, summary.problems), (1, 0));
}

#[test]
fn what_was_there_first_counts() {
    let mut packets = bare();
    // Bytes 25 to 45 in other words, before those of 20 to 40 come.
    let other = moved(&carrying(&packets[4], &[0xee; 20]), 5);
    packets.insert(4, other);
    let (log, summary) = run(&packets);
    let mut wanted = there();
    wanted[25..45].fill(0xee);
    assert_eq!(log.sessions[&1].client, wanted);
    let said = |of, again| {
        format!(
            "{of} of {again} bytes sent again are others than before; those that came first count"
        )
    };
    assert_eq!(log.problems, [(6, said(5, 5)), (7, said(10, 10)), (8, said(5, 5))]);
    assert_eq!(summary.problems, 3);
}

#[test]
fn other_bytes_in_place_of_those_that_were_told_are_said() {
    let mut packets = bare();
    let mut other = packets[3].clone();
    other[PAYLOAD + 3] ^= 1;
    other[PAYLOAD + 4] ^= 1;
    packets.insert(6, other);
    packets.insert(7, packets[3].clone());
    let (log, summary) = run(&packets);
    assert_eq!((&log.sessions[&1].client, summary.problems), (&there(), 1));
    let said = "2 of 10 bytes sent again are others than before; those that came first count";
    assert_eq!(log.problems, [(7, said.to_owned())]);
}

#[test]
fn bytes_that_come_too_late_are_said() {
    let mut packets = bare();
    packets.truncate(8);
    let lost = packets.remove(3);
    packets.push(lost);
    let mut log = Log::default();
    let limits = Limits { direction: 300, ..Limits::default() };
    read_within(limits, &pcap(101, &packets)[..], &mut log).unwrap();
    assert_eq!(log.sessions[&1].client, [&there()[..10], &there()[20..]].concat());
    let late = "10 bytes of session 1 that were given up before, not taken".to_owned();
    assert_eq!(log.problems.last(), Some(&(8, late)));
    assert_eq!(log.sessions[&1].missing, 10);

    // A connection that was followed from its middle on, when what was before is seen.
    let mut packets = bare().split_off(2);
    packets.truncate(6);
    let early = packets.remove(0);
    packets.push(early);
    let mut log = Log::default();
    read_within(limits, &pcap(101, &packets)[..], &mut log).unwrap();
    assert_eq!(log.sessions[&1].client, there()[10..]);
    let early = "10 bytes before the beginning of session 1, not taken".to_owned();
    assert_eq!(log.problems.last(), Some(&(6, early)));
    // Where there is room, nothing is too late.
    let (log, summary) = run(&packets);
    assert_eq!((&log.sessions[&1].client, summary.problems), (&there(), 1));
}

#[test]
fn a_handshake_out_of_order_is_one_session() {
    let whole = packets(&talk(Format::Pcap));
    // SYN, its answer, an acknowledgement, the first data.
    for order in [[1, 0, 2, 3], [3, 0, 1, 2], [3, 1, 0, 2], [2, 3, 1, 0], [2, 1, 3, 0]] {
        let mut packets: Vec<_> = order.iter().map(|at| whole[*at].clone()).collect();
        packets.extend_from_slice(&whole[4..]);
        let (log, summary) = run(&packets);
        let told = &log.sessions[&1];
        assert_eq!((summary.sessions, summary.problems, summary.stray), (1, 0, 0), "{order:?}");
        assert_eq!(told.ends, Some((CLIENT.parse().unwrap(), SERVER.parse().unwrap())));
        assert_eq!((&told.client, &told.server, told.closed.len()), (&there(), &back(), 2));
    }
}

#[test]
fn directions_that_waited_are_told_in_the_order_of_their_packets() {
    // What the client sent second is not in the capture, although the server has it: what both sent afterwards waits.
    let mut packets = packets(&talk(Format::Pcap));
    packets.remove(4);
    let (log, _) = run(&packets);
    let mut sorted = log.told.clone();
    sorted.sort_by_key(|(_, packet)| *packet);
    assert_eq!(log.told, sorted);
    assert!(log.told.iter().any(|(side, _)| *side == Side::Server));
}

#[test]
fn a_keep_alive_is_no_data() {
    let mut packets = bare();
    let alive = moved(&carrying(&packets[5], b"!"), u32::MAX);
    packets.insert(5, alive);
    let (log, summary) = run(&packets);
    assert_eq!(log.sessions[&1].client, there());
    assert_eq!(summary.problems, 0);
}

#[test]
fn a_gap_is_passed_when_it_is_acknowledged() {
    let mut packets = packets(&talk(Format::Pcap));
    // The second segment is lost, its acknowledgement is not.
    let lost = packets.remove(4);
    assert_eq!(lost[PAYLOAD..], there()[10..20]);
    let (log, summary) = run(&packets);
    let told = &log.sessions[&1];
    assert_eq!(told.client, [&there()[..10], &there()[20..]].concat());
    assert_eq!((told.missing, summary.missing, told.closed.len()), (10, 10, 2));
    let said = "10 bytes of the client are missing in session 1".to_owned();
    assert_eq!(log.problems, [(6, said)]);
}

#[test]
fn an_acknowledgement_may_come_before_its_data() {
    let mut packets = packets(&talk(Format::Pcap));
    // There: two segments and their acknowledgement, which a capture of several queues may have first.
    let early = packets.remove(5);
    packets.insert(3, early);
    let (log, summary) = run(&packets);
    assert_eq!((&log.sessions[&1].client, summary.problems), (&there(), 0));
}

#[test]
fn a_syn_can_carry_data() {
    let mut packets = bare();
    let first = packets[2].split_off(PAYLOAD);
    packets[0] = carrying(&packets[0][..PAYLOAD], &first);
    // Its header was longer by an option.
    packets[0][32] = 0x50;
    packets.remove(2);
    let (log, summary) = run(&packets);
    assert_eq!((&log.sessions[&1].client, summary.problems), (&there(), 0));
}

#[test]
fn a_gap_nobody_acknowledges_is_passed_at_the_end() {
    let mut packets = bare();
    packets.truncate(8);
    packets.remove(3);
    let (log, summary) = run(&packets);
    assert_eq!(log.sessions[&1].client, [&there()[..10], &there()[20..]].concat());
    assert_eq!((summary.missing, summary.bytes), (10, 47));
}

#[test]
fn what_is_held_is_bounded() {
    let mut packets = bare();
    packets.truncate(8);
    let lost = packets.remove(2);
    packets.push(lost);
    let run = |limits: Limits| {
        let mut log = Log::default();
        let summary = read_within(limits, &pcap(101, &packets)[..], &mut log).unwrap();
        (log.sessions[&1].client.clone(), summary.missing)
    };
    let roomy = Limits::default();
    assert_eq!(run(roomy), (there(), 0));
    for limits in [Limits { direction: 300, ..roomy }, Limits { total: 300, ..roomy }] {
        assert_eq!(run(limits), (there()[10..].to_vec(), 10));
    }
}

#[test]
fn a_packet_that_was_cut_short_leaves_a_gap() {
    let mut packets = packets(&talk(Format::Pcap));
    packets[3].truncate(PAYLOAD + 4);
    let (log, summary) = run(&packets);
    assert_eq!(log.sessions[&1].client, [&there()[..4], &there()[10..]].concat());
    assert_eq!(summary.missing, 6);
    assert_eq!(log.problems[0], (4, "6 bytes of it were not captured".to_owned()));
    let mut headless = super::packets(&talk(Format::Pcap));
    headless[0].truncate(30);
    let (log, _) = run(&headless[..1]);
    assert_eq!(
        log.problems,
        [(1, "it is of TCP, with a header that is cut short or wrong".to_owned())]
    );
}

#[test]
fn without_a_syn_the_higher_port_is_the_client() {
    let packets = bare().split_off(8);
    let (log, summary) = run(&packets);
    let told = &log.sessions[&1];
    assert_eq!(told.ends, Some((CLIENT.parse().unwrap(), SERVER.parse().unwrap())));
    assert_eq!((&told.server, told.closed.len()), (&back(), 2));
    assert!(log.problems[0].1.contains("without a SYN"), "{:?}", log.problems);
    assert_eq!(summary.stray, 0);
    // The server's SYN is enough.
    let (log, summary) = run(&bare()[1..]);
    assert_eq!((&log.sessions[&1].client, summary.problems), (&there(), 0));
    // Mere acknowledgements make no session.
    let (log, summary) = run(&super::packets(&talk(Format::Pcap))[2..3]);
    assert_eq!((log.sessions.len(), summary.stray), (0, 1));
}

#[test]
fn a_new_syn_is_a_new_session() {
    let first = bare();
    let again = first.iter().map(|packet| moved(packet, 1 << 31));
    let (log, summary) = run(&[&first[..4], &again.collect::<Vec<_>>()].concat());
    assert_eq!(summary.sessions, 2);
    assert_eq!(log.sessions[&1].client, there()[..20]);
    assert_eq!((&log.sessions[&2].client, &log.sessions[&2].server), (&there(), &back()));
}

#[test]
fn a_reset_ends_both_directions_if_it_is_near() {
    let mut packets = bare();
    let mut reset = carrying(&packets[4], &[]);
    reset[33] = RST;
    packets.insert(4, moved(&reset, 1 << 29));
    packets.insert(6, moved(&reset, 10));
    let (log, _) = run(&packets);
    let told = &log.sessions[&1];
    assert_eq!(told.client, there()[..30]);
    assert_eq!(
        (told.server.len(), told.closed.as_slice()),
        (0, &[(Side::Client, Ending::Reset)][..])
    );
    let said: Vec<&str> = log.problems.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(said, ["a RST outside the window, ignored", "data after the reset of session 1"]);
}

#[test]
fn data_after_the_end_is_none() {
    let mut packets = bare();
    // Further on than the FIN will be, and across it.
    packets.insert(4, moved(&packets[7], 20));
    packets.push(moved(&packets[8], 7));
    let (log, _) = run(&packets);
    assert_eq!(log.sessions[&1].client, there());
    assert_eq!(log.sessions[&1].closed.len(), 2);
}

#[test]
fn connections_followed_at_once_are_bounded() {
    let mut packets = bare();
    packets.truncate(2);
    packets[0][33] = SYN;
    let many: Vec<Vec<u8>> = (0_u16..40)
        .map(|port| {
            let mut packet = packets[0].clone();
            packet[20..22].copy_from_slice(&port.to_be_bytes());
            packet
        })
        .collect();
    let mut log = Log::default();
    let limits = Limits { sessions: 8, ..Limits::default() };
    let summary = read_within(limits, &pcap(101, &many)[..], &mut log).unwrap();
    assert_eq!((summary.sessions, summary.problems), (40, 32));
    assert_eq!(
        log.problems[0],
        (9, "more than 8 connections at once: session 1 is not followed further".to_owned())
    );
}

proptest! {
    #[test]
    fn order_does_not_matter(
        mut order in Just((2..8).collect::<Vec<usize>>()).prop_shuffle(),
        again in proptest::collection::vec(2_usize..8, 0..6),
    ) {
        let packets = bare();
        order.extend(again);
        let mut shuffled = packets[..2].to_vec();
        shuffled.extend(order.iter().map(|place| packets[*place].clone()));
        shuffled.extend_from_slice(&packets[8..]);
        let (log, summary) = run(&shuffled);
        prop_assert_eq!(&log.sessions[&1].client, &there());
        prop_assert_eq!(&log.sessions[&1].server, &back());
        prop_assert_eq!((summary.problems, log.sessions[&1].closed.len()), (0, 2));
    }

    /// Also of a capture that begins in the middle of a connection, with a part of its handshake or none.
    #[test]
    fn any_order_of_all_packets_gives_the_same_streams(
        order in Just((0..22).collect::<Vec<usize>>()).prop_shuffle(),
        again in proptest::collection::vec(0_usize..22, 0..6),
        from in 0_usize..5,
    ) {
        let all = packets(&talk(Format::Pcap));
        prop_assert_eq!(all.len(), 22);
        let mut shuffled = order.clone();
        shuffled.extend(again);
        shuffled.retain(|place| *place >= from);
        let shuffled: Vec<_> = shuffled.into_iter().map(|place| all[place].clone()).collect();
        let (mut log, summary) = run(&shuffled);
        let (mut expected, _) = run(&all[from..]);
        // Who closed first, the order of the two packets decides.
        for log in [&mut log, &mut expected] {
            log.sessions.values_mut().for_each(|told| told.closed.sort_by_key(|(side, _)| *side));
        }
        prop_assert_eq!(&log.sessions, &expected.sessions);
        prop_assert_eq!(summary.problems, u64::from(from > 1));
        prop_assert_eq!((summary.sessions, summary.missing, summary.stray), (1, 0, 0));
    }

    #[test]
    fn pieces_of_a_stream_anywhere_give_its_bytes(
        pieces in proptest::collection::vec((0_usize..50, 0_usize..40, any::<bool>()), 0..60),
    ) {
        let packets = bare();
        let mut made = packets[..2].to_vec();
        let bytes = there();
        for (from, length, fin) in pieces {
            let to = (from + length).min(bytes.len());
            let at = u32::try_from(from).unwrap();
            let mut packet = moved(&carrying(&packets[2], &bytes[from..to]), at);
            packet[33] |= u8::from(fin && to == bytes.len());
            made.push(packet);
        }
        made.push(carrying(&packets[2], &bytes));
        let (log, summary) = run(&made);
        prop_assert_eq!(&log.sessions[&1].client, &bytes);
        prop_assert_eq!(summary.problems, 0);
    }

    #[test]
    fn any_headers_do_no_harm(
        fields in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<u8>(), any::<bool>(), 0_usize..30), 0..60),
    ) {
        let packets = bare();
        let mut made = packets[..2].to_vec();
        for (sequence, acknowledged, flags, near, length) in fields {
            let mut packet = carrying(&packets[2], &vec![1; length]);
            if near {
                packet = moved(&packet, sequence % 200);
            } else {
                packet[24..28].copy_from_slice(&sequence.to_be_bytes());
            }
            packet[28..32].copy_from_slice(&acknowledged.to_be_bytes());
            packet[33] = flags;
            made.push(packet);
        }
        let limits = Limits { direction: 400, total: 500, sessions: 2 };
        read_within(limits, &pcap(101, &made)[..], &mut Log::default()).unwrap();
    }
}
