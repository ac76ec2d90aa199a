//! Files of every kind and in every state of decay.

use proptest::prelude::*;

use super::super::{CaptureError, Why};
use super::*;

/// A block in this byte order, from fields in it.
fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap();
    [&number(big, kind)[..], &number(big, length), body, &number(big, length)].concat()
}

fn number(big: bool, number: u32) -> [u8; 4] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

fn short(big: bool, number: u16) -> [u8; 2] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

fn section(big: bool) -> Vec<u8> {
    let body = [&number(big, 0x1A2B_3C4D)[..], &short(big, 1), &short(big, 0), &[0xff; 8]].concat();
    block(big, 0x0A0D_0D0A, &body)
}

fn interface(big: bool, link: u16, resolution: u8, offset: Option<u64>) -> Vec<u8> {
    let mut body = [&short(big, link)[..], &[0; 6]].concat();
    body.extend([short(big, 9), short(big, 1)].concat());
    body.extend([resolution, 0, 0, 0]);
    if let Some(offset) = offset {
        body.extend([short(big, 14), short(big, 8)].concat());
        body.extend(if big { offset.to_be_bytes() } else { offset.to_le_bytes() });
    }
    body.extend([0; 4]);
    block(big, 1, &body)
}

fn packet(big: bool, interface: u32, at: u64, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = [at >> 32, at & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
    let length = u32::try_from(bytes.len()).unwrap();
    let mut body = [interface, high, low, length, length].map(|field| number(big, field)).concat();
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
    block(big, 6, &body)
}

#[test]
fn sections_interfaces_and_block_types_mix() {
    let packets = packets(&talk(Format::Pcap));
    let ethernet = |packet: &[u8]| [&[0; 12][..], &[8, 0], packet].concat();
    // Sixteenths of a second on an Ethernet, picoseconds a minute later on raw IP: both say 60.5 seconds.
    let mut file = section(true);
    file.extend(interface(true, 1, 0x84, None));
    file.extend(interface(true, 101, 12, Some(60)));
    file.extend(block(true, 0xBAD, b"whatever"));
    file.extend(packet(true, 0, 60 * 16 + 8, &ethernet(&packets[0])));
    file.extend(packet(true, 1, 500_000_000_000, &packets[1]));
    file.extend(packet(true, 9, 0, &packets[1]));
    file.extend(section(false));
    file.extend(interface(false, 101, 6, None));
    file.extend(packet(false, 0, 61_000_000, &packets[2]));
    // A simple packet, and one as it was written long ago.
    let length = u32::try_from(packets[3].len()).unwrap();
    let mut body = [&length.to_le_bytes()[..], &packets[3]].concat();
    body.resize(body.len().next_multiple_of(4), 0);
    file.extend(block(false, 3, &body));
    let length = u32::try_from(packets[4].len()).unwrap();
    let mut body = [0, 0, 62_000_000, length, length].map(u32::to_le_bytes).concat();
    body.extend(&packets[4]);
    body.resize(body.len().next_multiple_of(4), 0);
    file.extend(block(false, 2, &body));
    let (log, summary) = whole(&file);
    assert_eq!(log.sessions[&1].client, there()[..20]);
    assert_eq!((summary.packets, summary.sessions), (6, 1));
    assert_eq!((summary.began, log.latest), (Some(60_500_000_000), Tick(1_500_000_000)));
    let said = "it is of an interface that was not described".to_owned();
    assert_eq!(log.problems, [(3, said)]);
}

#[test]
fn classic_files_of_both_orders_and_units() {
    let packets = packets(&talk(Format::Pcap));
    for big in [false, true] {
        for (magic, unit) in [(0xA1B2_C3D4, 1_000), (0xA1B2_3C4D, 1)] {
            let mut file = number(big, magic).to_vec();
            file.extend([short(big, 2), short(big, 4)].concat());
            file.extend([0, 0, 65_536, 101].map(|field| number(big, field)).concat());
            for (at, packet) in (3..).zip(&packets) {
                let length = u32::try_from(packet.len()).unwrap();
                file.extend([7, at, length, length].map(|field| number(big, field)).concat());
                file.extend(packet);
            }
            let (log, summary) = whole(&file);
            assert_eq!((&log.sessions[&1].client, summary.problems), (&there(), 0));
            assert_eq!(summary.began, Some(7_000_000_000 + 3 * unit));
            assert_eq!(log.latest, Tick(20 * unit));
        }
    }
}

fn broken(file: &[u8]) -> CaptureError {
    read(file, &mut Log::default()).unwrap_err()
}

#[test]
fn what_stops_a_reader_is_said_with_its_place() {
    let good = talk(Format::Pcapng);
    let says = |file: &[u8]| broken(file).to_string();
    assert_eq!(
        says(b""),
        "packet 1, at byte 0: expected 4 bytes of a file's magic number, the file ends after 0"
    );
    assert_eq!(
        says(b"hello"),
        "packet 1, at byte 0: expected a pcapng or pcap file, found 68656c6c"
    );
    assert!(says(&[0x1f, 0x8b, 8, 0]).contains("unpack it first"));
    let with = |more: &[u8]| [&good[..], more].concat();
    let end = good.len();
    for (length, why) in [(17 << 20, "17825792"), (14, "14"), (8, "8")] {
        let block = [&number(false, 6)[..], &number(false, length), &[0; 64]].concat();
        assert_eq!(
            says(&with(&block)),
            format!(
                "packet 23, at byte {end}: expected the length of a block, which holds its fields, is a multiple of 4 \
                 and at most 16777216, found {why}"
            )
        );
    }
    let mut differs = block(false, 0xBAD, &[0; 4]);
    differs[12] = 20;
    assert_eq!(
        says(&with(&differs)),
        format!(
            "packet 23, at byte {}: expected the length 16 again at the end of the block, found 20",
            end + 12
        )
    );
    let mut newer = section(false);
    newer[12] = 3;
    assert!(says(&newer).ends_with("expected version 1.x of pcapng or 2.x of pcap, found 3.0"));
    let mut other = section(false);
    other[8] = 0;
    assert!(says(&other).starts_with("packet 1, at byte 8: expected the byte-order magic"));
    let mut file = talk(Format::Pcap);
    let end = file.len();
    file.extend([1, 1, 17 << 20, 0].map(u32::to_le_bytes).concat());
    assert!(says(&file).starts_with(&format!("packet 23, at byte {end}: ")));
}

#[test]
fn a_packet_longer_than_its_block_is_cut() {
    let packets = packets(&talk(Format::Pcap));
    let mut overlong = packet(false, 0, 0, &packets[0]);
    overlong[20] = 0xff;
    let (log, summary) =
        whole(&[section(false), interface(false, 101, 9, None), overlong].concat());
    assert_eq!((summary.tcp, log.problems.len()), (1, 1));
    assert_eq!(log.problems[0].1, "it is longer than its block");
}

#[test]
fn a_file_cut_anywhere_is_told_up_to_there() {
    for format in [Format::Pcapng, Format::Pcap] {
        let file = talk(format);
        for length in 0..file.len() {
            let mut log = Log::default();
            let summary = match read(&file[..length], &mut log) {
                Ok(summary) => summary,
                Err(error) => {
                    assert!(matches!(error.why, Why::Truncated { .. }), "{error}");
                    assert_eq!(error.packet, error.so_far.packets + 1);
                    assert!(error.offset <= length as u64);
                    *error.so_far
                }
            };
            let told = log.sessions.get(&1).cloned().unwrap_or_default();
            assert!(there().starts_with(&told.client) && back().starts_with(&told.server));
            assert_eq!(summary.bytes, (told.client.len() + told.server.len()) as u64);
            assert_eq!((summary.missing, summary.problems), (0, 0));
        }
    }
}

#[test]
fn a_file_with_any_byte_changed_is_read_or_refused() {
    for format in [Format::Pcapng, Format::Pcap] {
        let mut file = talk(format);
        for place in 0..file.len() {
            for change in [0x01, 0x80, 0xff] {
                file[place] ^= change;
                if let Err(error) = read(&file[..], &mut Log::default()) {
                    assert_eq!(error.packet, error.so_far.packets + 1, "{error}");
                }
                file[place] ^= change;
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        link in prop_oneof![Just(1_u32), Just(101), Just(0), Just(113), Just(276)],
    ) {
        let _ = read(&bytes[..], &mut Log::default());
        let _ = read(&[section(false), bytes.clone()].concat()[..], &mut Log::default());
        read(&pcap(link, &[bytes])[..], &mut Log::default()).unwrap();
    }
}
