//! What goes into a capture comes out of it, in whatever order, wrapping and state the packets are.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use protocol::endpoint::{Side, Tick};

use super::{Ending, Format, Summary, Visitor, Writer, read};

mod annotate;
mod files;
mod links;
mod order;
mod round_trip;

const CLIENT: &str = "10.0.0.1:50000";
const SERVER: &str = "10.0.0.2:443";

/// What was told of one session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Told {
    ends: Option<(SocketAddr, SocketAddr)>,
    client: Vec<u8>,
    server: Vec<u8>,
    missing: u64,
    closed: Vec<(Side, Ending)>,
}

/// Notes everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Log {
    sessions: BTreeMap<u32, Told>,
    problems: Vec<(u64, String)>,
    /// Who sent what was told, and in which packet.
    told: Vec<(Side, u64)>,
    latest: Tick,
}

impl Log {
    fn of(&mut self, session: u32, at: Tick) -> &mut Told {
        self.latest = self.latest.max(at);
        self.sessions.get_mut(&session).expect("opened first")
    }
}

impl Visitor for Log {
    fn opened(&mut self, session: u32, client: SocketAddr, server: SocketAddr, _: Tick) {
        let told = Told { ends: Some((client, server)), ..Told::default() };
        assert_eq!(self.sessions.insert(session, told), None);
    }

    fn data(&mut self, session: u32, from: Side, at: Tick, packet: u64, bytes: &[u8]) {
        assert!(packet > 0 && !bytes.is_empty());
        self.told.push((from, packet));
        let told = self.of(session, at);
        assert!(told.closed.iter().all(|(_, how)| *how != Ending::Reset), "over is over");
        match from {
            Side::Client => told.client.extend_from_slice(bytes),
            Side::Server => told.server.extend_from_slice(bytes),
        }
    }

    fn missing(&mut self, session: u32, _: Side, at: Tick, bytes: u64) {
        self.of(session, at).missing += bytes;
    }

    fn closed(&mut self, session: u32, from: Side, at: Tick, how: Ending) {
        self.of(session, at).closed.push((from, how));
    }

    fn problem(&mut self, packet: u64, what: &str) {
        self.problems.push((packet, what.to_owned()));
    }
}

/// Read a file that is in order.
fn whole(file: &[u8]) -> (Log, Summary) {
    let mut log = Log::default();
    let summary = read(file, &mut log).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(summary.problems, log.problems.len() as u64);
    (log, summary)
}

/// A conversation of one session, cut into segments of ten bytes: 57 bytes there, 33 back, closed by both.
fn talk(format: Format) -> Vec<u8> {
    let comments = ["whole".to_owned(), "capture".to_owned()];
    let mut writer = Writer::new(Vec::new(), format, &comments).unwrap().segment_size(10);
    writer.open(1_000, 7, CLIENT.parse().unwrap(), SERVER.parse().unwrap()).unwrap();
    writer.data(2_000, 7, Side::Client, &there(), &["first".into(), "second".into()]).unwrap();
    writer.data(3_000, 7, Side::Server, &back(), &[]).unwrap();
    writer.close(4_000, 7, Side::Client, Ending::Finished, &[]).unwrap();
    writer.close(5_000, 7, Side::Server, Ending::Finished, &["bye".into()]).unwrap();
    writer.finish().unwrap()
}

fn there() -> Vec<u8> {
    (0..57).collect()
}

fn back() -> Vec<u8> {
    (100..133).collect()
}

/// The packets of a classic file that we wrote, each beginning with its IPv4 header.
fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &file[24..];
    let mut packets = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes(head[8..12].try_into().unwrap()) as usize;
        packets.push(after[..length].to_vec());
        rest = &after[length..];
    }
    packets
}

/// A classic file with microseconds and these packets, one each.
fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(link.to_le_bytes());
    for (number, packet) in (1_u32..).zip(packets) {
        let length = u32::try_from(packet.len()).unwrap();
        for field in [5, number, length, length] {
            file.extend(field.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}
