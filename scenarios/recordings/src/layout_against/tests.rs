//! How a recording is cut with a layout file, and what is said of what cannot be cut.

use std::net::SocketAddr;
use std::sync::Arc;

use capture::{Ending, Visitor};
use files::layout_file::LayoutFile;
use proptest::prelude::*;
use protocol::endpoint::{Side, Tick};

use super::{Cutter, Listing, Summary};

fn parse(source: &str) -> LayoutFile {
    LayoutFile::parse("a.toml", source).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

const PROTOCOL: &str = r#"
name = "lines"
[[frame]]
name = "MSG"
from = "client"
max = 1000
fields = [
  { name = "magic", tag = "MG" },
  { name = "length", length = "u16" },
  { name = "seq", number = "u8" },
  { name = "body", rest = true },
]
[[frame]]
name = "LINE"
from = "server"
fields = [{ name = "count", number = "digits", until = "|" }, { name = "text", until = "\n" }]
"#;

/// What a cutter lists of these pieces, each in a packet of its own, from 1.
fn cut(pieces: &[(Side, &[u8])], reset: bool) -> (String, Summary) {
    let mut out = Vec::new();
    let mut cutter = Cutter::new(Arc::new(parse(PROTOCOL).layout), Listing::Text(&mut out));
    tell(&mut cutter, pieces, reset);
    let (summary, _) = cutter.finish().unwrap();
    (String::from_utf8(out).unwrap(), summary)
}

fn tell(cutter: &mut Cutter<'_>, pieces: &[(Side, &[u8])], reset: bool) {
    let [client, server] = [4711, 80].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
    cutter.opened(1, client, server, Tick(0));
    for (packet, (from, bytes)) in (1..).zip(pieces) {
        cutter.data(1, *from, Tick(packet * 1_500_000), packet, bytes);
    }
    if reset {
        cutter.closed(1, Side::Client, Tick(9_000_000), Ending::Reset);
    }
}

use Side::{Client, Server};

#[test]
fn every_frame_is_listed_with_its_fields() {
    let pieces: &[(Side, &[u8])] = &[
        (Client, b"MG\0\x06\x07he"),
        (Server, b"1|one\n12|t"),
        (Client, b"lloMG\0\x0e\x08\xff\xfe0123456789a"),
        (Server, b"wo\n"),
    ];
    let (text, summary) = cut(pieces, true);
    insta::assert_snapshot!("cut", text);
    assert!(summary.is_complete());
    assert_eq!((summary.cut, summary.frames.values().sum::<u64>()), (41, 4));
}

#[test]
fn what_cannot_be_cut_is_named_with_its_place() {
    let pieces: &[(Side, &[u8])] = &[
        (Client, b"MG\0\x02\x07x"),
        // The length is little-endian here.
        (Client, b"MG\x04\0\x07abc"),
        (Server, b"1|one\n2|tw"),
        (Client, b"MG\0\x50\x07xy"),
    ];
    let (text, summary) = cut(pieces, false);
    insta::assert_snapshot!("not-cut", text);
    assert_eq!((summary.cut, summary.raw, summary.unfinished), (12, 8, 11));
    assert_eq!(
        summary.hint.as_deref(),
        Some("packet 2: it begins like MSG; `length` would be right with `order = \"little\"`")
    );
}

#[test]
fn hints_say_what_is_probably_wrong() {
    let hint = |from, bytes: &[u8]| cut(&[(from, bytes)], true).1.hint.unwrap();
    let cases: [(Side, &[u8], &str); 7] = [
        (Client, b"HELLO", "packet 1: no frame of the client begins like this"),
        (
            Client,
            b"MG\xff\xff1",
            "packet 1: it begins like MSG; `length` is 65535, which no MSG can have (`max` is 1000)",
        ),
        (Client, b"MG\0", "packet 1: unfinished: 3 bytes, and no end of a frame in them"),
        (Client, b"MG\0\x09abc", "packet 1: unfinished: 7 of the 13 bytes of MSG"),
        (
            Client,
            b"MG\x01\0a",
            "packet 1: unfinished: 5 of the 260 bytes of MSG; `length` would be right with `order = \"little\"`",
        ),
        (
            Client,
            b"MG\0\x05a",
            "packet 1: unfinished: 5 of the 9 bytes of MSG; `length` would be right with `counts = \"frame\"`",
        ),
        (Server, b"1|no end", "packet 1: unfinished: 8 bytes, and no end of a frame in them"),
    ];
    for (from, bytes, expected) in cases {
        assert_eq!(hint(from, bytes), expected);
    }
}

#[test]
fn the_same_as_json() {
    let mut cutter = Cutter::new(Arc::new(parse(PROTOCOL).layout), Listing::Json);
    tell(&mut cutter, &[(Client, b"MG\0\x02\x07x"), (Client, b"??")], true);
    cutter.problem(7, "a segment is missing\u{1b}");
    let (summary, document) = cutter.finish().unwrap();
    assert!(!summary.is_complete());
    let listing = document["listing"].as_array().unwrap();
    assert_eq!(listing[1]["type"], "MSG");
    assert_eq!(listing[1]["fields"][2]["value"], "7");
    assert_eq!((&listing[2]["type"], &listing[2]["offset"]), (&"RAW".into(), &6.into()));
    assert_eq!((&listing[2]["packet"], &listing[2]["from"]), (&2.into(), &"client".into()));
    assert_eq!(listing[3]["problem"], r"a segment is missing\u{1b}");
    assert_eq!(document["summary"]["bytes_raw"], 2);
    assert_eq!(document["summary"]["problems"], 1);
}

#[test]
fn a_list_that_cannot_be_written_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut full = Full;
    let mut cutter = Cutter::new(Arc::new(parse(PROTOCOL).layout), Listing::Text(&mut full));
    tell(&mut cutter, &[(Client, b"??")], true);
    assert_eq!(cutter.finish().unwrap_err().kind(), std::io::ErrorKind::StorageFull);
}

proptest! {
    #[test]
    fn every_byte_of_a_recording_is_accounted_for(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..30)), 0..20),
    ) {
        let pieces: Vec<(Side, &[u8])> = pieces
            .iter()
            .map(|(client, bytes)| (if *client { Client } else { Server }, &bytes[..]))
            .collect();
        let (_, summary) = cut(&pieces, false);
        let all: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        prop_assert_eq!(summary.cut + summary.raw + summary.unfinished, all as u64);
    }
}
