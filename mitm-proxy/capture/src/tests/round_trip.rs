//! The writer's files, read by our reader and by another.

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, LegacyPcapReader, OptionCode, PcapBlockOwned, PcapError, PcapNGReader};
use proptest::prelude::*;

use super::*;

#[test]
fn a_conversation_comes_back() {
    for format in [Format::Pcapng, Format::Pcap] {
        let (log, summary) = whole(&talk(format));
        let told = &log.sessions[&1];
        assert_eq!(told.ends, Some((CLIENT.parse().unwrap(), SERVER.parse().unwrap())));
        assert_eq!((&told.client, &told.server), (&there(), &back()));
        let both = [(Side::Client, Ending::Finished), (Side::Server, Ending::Finished)];
        assert_eq!(told.closed, both);
        assert_eq!((log.problems.len(), log.latest), (0, Tick(4_000)));
        // Three, six with three ACKs, four with two, two FINs with an ACK each.
        assert_eq!((summary.packets, summary.tcp), (22, 22));
        assert_eq!((summary.began, summary.sessions, summary.bytes), (Some(1_000), 1, 90));
    }
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    assert_eq!(talk(Format::Pcapng), talk(Format::Pcapng));
}

#[test]
fn the_name_says_the_format() {
    assert_eq!(Format::of("a/b.PCAP".as_ref()), Format::Pcap);
    assert_eq!(Format::of("a/b.pcapng".as_ref()), Format::Pcapng);
    assert_eq!(Format::of("pcap".as_ref()), Format::Pcapng);
}

#[test]
fn every_checksum_is_right() {
    for ends in [[CLIENT, SERVER], ["[fd00::1]:50000", "[fd00::2]:443"]] {
        let [client, server] = ends.map(|end| end.parse().unwrap());
        let mut writer = Writer::new(Vec::new(), Format::Pcap, &[]).unwrap().segment_size(11);
        writer.open(0, 1, client, server).unwrap();
        writer.data(0, 1, Side::Server, &there(), &[]).unwrap();
        writer.close(0, 1, Side::Client, Ending::Reset, &[]).unwrap();
        for packet in packets(&writer.finish().unwrap()) {
            let sliced = etherparse::PacketHeaders::from_ip_slice(&packet).unwrap();
            let payload = sliced.payload.slice();
            let tcp = sliced.transport.unwrap().tcp().unwrap();
            let checksum = match sliced.net.unwrap() {
                etherparse::NetHeaders::Ipv4(ip, _) => {
                    assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                    tcp.calc_checksum_ipv4(&ip, payload)
                }
                etherparse::NetHeaders::Ipv6(ip, _) => tcp.calc_checksum_ipv6(&ip, payload),
                etherparse::NetHeaders::Arp(_) => panic!("no IP"),
            };
            assert_eq!(tcp.checksum, checksum.unwrap());
        }
    }
}

#[test]
fn sequence_numbers_wrap() {
    // Some conversation begins close enough to the end of the numbers.
    let near = (0..=u32::MAX)
        .find(|number| super::super::writer::initial(*number, Side::Client) > u32::MAX - 20_000);
    let bytes = vec![7; 100_000];
    let mut writer = Writer::new(Vec::new(), Format::Pcapng, &[]).unwrap();
    let (client, server) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    writer.open(0, near.unwrap(), client, server).unwrap();
    writer.data(0, near.unwrap(), Side::Client, &bytes, &[]).unwrap();
    let (log, summary) = whole(&writer.finish().unwrap());
    assert!(log.sessions[&1].client == bytes && summary.problems == 0);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut writer = Writer::new(Vec::new(), Format::Pcapng, &[]).unwrap();
    let (client, server) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let says = |result: std::io::Result<()>| result.unwrap_err().to_string();
    let families = says(writer.open(0, 1, client, "[::1]:443".parse().unwrap()));
    assert_eq!(families, "conversation 1 has addresses of two families");
    writer.open(0, 1, client, server).unwrap();
    assert_eq!(says(writer.open(0, 1, client, server)), "conversation 1 is open already");
    assert_eq!(says(writer.data(0, 2, Side::Client, b"x", &[])), "conversation 2 is not open");
    writer.close(0, 1, Side::Client, Ending::Finished, &[]).unwrap();
    let closed = says(writer.data(0, 1, Side::Client, b"x", &[]));
    assert_eq!(closed, "conversation 1 was closed by this side");
    writer.close(0, 1, Side::Server, Ending::Reset, &[]).unwrap();
    writer.open(0, 1, client, server).unwrap();
}

#[test]
fn another_reader_finds_packets_and_comments() {
    let file = talk(Format::Pcapng);
    let mut reader = PcapNGReader::new(1 << 16, &file[..]).unwrap();
    let (mut packets, mut comments) = (0, Vec::new());
    let mut note = |options: &[pcap_parser::PcapNGOption<'_>]| {
        for option in options.iter().filter(|option| option.code == OptionCode::Comment) {
            comments.push(option.as_str().unwrap().to_owned());
        }
    };
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::NG(Block::SectionHeader(head)) => note(&head.options),
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        assert_eq!(interface.if_tsresol, 9);
                        assert_eq!(interface.linktype, pcap_parser::Linktype::RAW);
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        packets += 1;
                        assert!(matches!(packet.decode_ts(0, 1_000_000_000), (0, 1_000..=5_000)));
                        note(&packet.options);
                    }
                    _ => panic!("no such block"),
                }
                reader.consume(used);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(packets, 22);
    assert_eq!(comments, ["whole", "capture", "first", "second", "bye"]);
}

#[test]
fn another_reader_finds_packets_of_a_classic_file() {
    let file = talk(Format::Pcap);
    let mut reader = LegacyPcapReader::new(1 << 16, &file[..]).unwrap();
    let mut lengths = Vec::new();
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(head) => {
                        assert!(head.is_nanosecond_precision());
                    }
                    PcapBlockOwned::Legacy(packet) => lengths.push(packet.data.len()),
                    PcapBlockOwned::NG(_) => panic!("no such block"),
                }
                reader.consume(used);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
    let same: Vec<usize> = packets(&file).iter().map(Vec::len).collect();
    assert_eq!(lengths, same);
}

#[derive(Clone, Debug)]
enum Call {
    Data(Side, Vec<u8>),
    Close(Side, Ending),
}

fn call() -> impl Strategy<Value = (u32, Call)> {
    let side = || prop_oneof![Just(Side::Client), Just(Side::Server)];
    let how = prop_oneof![4 => Just(Ending::Finished), 1 => Just(Ending::Reset)];
    let bytes = proptest::collection::vec(any::<u8>(), 0..3_000);
    let one = prop_oneof![
        5 => (side(), bytes).prop_map(|(side, bytes)| Call::Data(side, bytes)),
        1 => (side(), how).prop_map(|(side, how)| Call::Close(side, how)),
    ];
    (0_u32..4, one)
}

proptest! {
    #[test]
    fn conversations_come_back(
        calls in proptest::collection::vec(call(), 0..40),
        size in 1_u16..2_000,
        six in any::<bool>(),
        classic in any::<bool>(),
    ) {
        let format = if classic { Format::Pcap } else { Format::Pcapng };
        let mut writer = Writer::new(Vec::new(), format, &[]).unwrap().segment_size(size);
        let mut wanted = Log::default();
        for number in 0..4 {
            let host = if six { "[fd00::1]" } else { "10.0.0.1" };
            let client = format!("{host}:{}", 50_000 + number).parse().unwrap();
            let server = format!("{host}:{}", 60_000 - number).parse().unwrap();
            writer.open(9, number, client, server).unwrap();
            wanted.opened(number + 1, client, server, Tick(0));
        }
        for (at, (number, call)) in (10..).zip(calls) {
            let tick = Tick(at - 9);
            let session = number + 1;
            let closed = wanted.sessions[&session].closed.clone();
            let over = |side: Side| closed.iter().any(|(by, how)| *by == side || *how == Ending::Reset);
            match call {
                Call::Data(from, bytes) => {
                    let done = writer.data(at, number, from, &bytes, &["c".into()]);
                    prop_assert_eq!(done.is_err(), over(from));
                    if done.is_ok() && !bytes.is_empty() {
                        wanted.data(session, from, tick, 1, &bytes);
                    }
                }
                Call::Close(from, how) => {
                    let done = writer.close(at, number, from, how, &[]);
                    prop_assert_eq!(done.is_err(), over(from));
                    if done.is_ok() {
                        wanted.closed(session, from, tick, how);
                    }
                }
            }
        }
        let (log, _) = whole(&writer.finish().unwrap());
        // Which packets the bytes were in is not known here.
        let packets = |log: Log| Log { told: Vec::new(), ..log };
        prop_assert_eq!(packets(log), packets(wanted));
    }
}
