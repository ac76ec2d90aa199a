//! What a layout file becomes, how a recording is cut with it, and that no text at all makes the reader panic.

use std::net::SocketAddr;
use std::sync::Arc;

use capture::{Ending, Visitor};
use proptest::prelude::*;
use protocol::endpoint::{Side, Tick};
use protocol::layout::{Counts, Encoding, Length, Role, Size};

use super::against::{Cutter, Listing, Summary};
use super::{LayoutFile, starter};

fn parse(source: &str) -> LayoutFile {
    LayoutFile::parse("a.toml", source).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// A file with one frame of these fields.
fn with(fields: &str) -> LayoutFile {
    parse(&format!("name = \"a\"\n[[frame]]\nname = \"A\"\nfields = [{fields}]\n"))
}

#[test]
fn the_starter_is_a_layout_as_it_is_and_with_all_of_it() {
    let file = parse(&starter("mine"));
    assert_eq!((file.layout.system, file.ports.as_slice()), ("mine", &["main".to_owned()][..]));
    let names: Vec<&str> = file.layout.frames.iter().map(|spec| spec.name).collect();
    assert_eq!(names, ["MSG", "BYE"]);
    let uncommented: Vec<String> = starter("mine")
        .lines()
        .map(|line| {
            let rest = line.strip_prefix("# ").unwrap_or(line);
            let keys =
                ["[[frame", "name = \"H", "name = \"R", "json", "one-r", "fields", "  {", "]"];
            if keys.iter().any(|key| rest.starts_with(key)) { rest } else { line }.to_owned()
        })
        .collect();
    assert_eq!(parse(&uncommented.join("\n")).layout.frames.len(), 4);
}

#[test]
fn a_frame_type_may_be_on_one_port_only() {
    let source = |port: &str| {
        format!(
            "name = \"a\"\nports = [\"control\", \"data\"]\n\
             [[frame]]\nname = \"LINE\"\nport = \"control\"\nfields = [{{ name = \"text\", until = \"\\n\" }}]\n\
             [[frame]]\nname = \"BLOCK\"\nport = \"{port}\"\nfields = [{{ name = \"text\", bytes = 16 }}]\n"
        )
    };
    let file = parse(&source("data"));
    let ports: Vec<_> = file.layout.frames.iter().map(|spec| file.port_of(spec)).collect();
    assert_eq!(ports, [Some("control"), Some("data")]);
    let message = |source: &str| {
        let mistakes = LayoutFile::parse("a.toml", source).unwrap_err();
        mistakes.list[0].message.clone()
    };
    // On one port, the first type takes everything.
    assert!(message(&source("control")).contains("`BLOCK` never comes out"));
    assert_eq!(message(&source("dada")), "unknown port `dada`");
}

#[test]
fn the_readme_shows_a_layout() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("## Your own protocol").unwrap();
    let (_, source) = section.split_once("```toml\n").unwrap();
    let (source, _) = source.split_once("```").unwrap();
    assert_eq!(parse(source).layout.frames.len(), 3);
}

#[test]
fn a_frame_is_read_field_by_field() {
    let file = parse(
        r#"
name = "echo"
about = "A line each way."
ports = ["data", "control"]
[[frame]]
name = "MSG"
from = "server"
max = 100
fields = [
  { name = "magic", tag = { hex = "4d 47" } },
  { name = "length", length = "u24", order = "little", counts = "frame", plus = -2 },
  { name = "seq", number = "digits", until = "|" },
  { name = "body", rest = true, role = "ciphertext" },
  { name = "inner", member = "a b", role = "nonce" },
  { name = "mac", bytes = 32, role = "mac" },
]
"#,
    );
    assert_eq!((file.about.as_str(), file.ports.len()), ("A line each way.", 2));
    let spec = &file.layout.frames[0];
    assert_eq!((spec.name, spec.from, spec.max), ("MSG", Some(Side::Server), 100));
    let found: Vec<_> =
        spec.fields.iter().map(|field| (field.name, field.role, field.size)).collect();
    let length = Length { encoding: Encoding::Little, counts: Counts::Frame, plus: -2 };
    let expected = [
        ("magic", Role::Tag(b"MG"), Size::Fixed(2)),
        ("length", Role::Length(length), Size::Fixed(3)),
        ("seq", Role::Number(Encoding::Digits), Size::Until(b"|")),
        ("body", Role::Ciphertext, Size::Rest),
        ("inner", Role::Nonce, Size::Member("a b")),
        ("mac", Role::Mac, Size::Fixed(32)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_length_can_count_some_of_what_follows() {
    let counts = |fields: &str| {
        let file = with(fields);
        let role = file.layout.frames[0].fields[0].role;
        let Role::Length(length) = role else { panic!("{role:?}") };
        length.plus
    };
    let tail = r#"{ name = "body", rest = true }, { name = "mac", bytes = 32 }"#;
    let length = |counts: &str| format!(r#"{{ name = "n", length = "u8", {counts} }}, {tail}"#);
    assert_eq!(counts(&length(r#"counts = ["body"]"#)), -32);
    assert_eq!(counts(&length(r#"counts = ["body", "mac"]"#)), 0);
    assert_eq!(counts(&length(r#"counts = ["body"], plus = 4"#)), -28);
    assert_eq!(counts(&length(r#"counts = "rest", plus = 4"#)), 4);
}

#[test]
fn reading_a_file_again_keeps_nothing_twice() {
    let (one, two) = (parse(&starter("mine")), parse(&starter("mine")));
    let names = |file: &LayoutFile| {
        let fields = file.layout.frames.iter().flat_map(|spec| &spec.fields);
        fields.map(|field| field.name.as_ptr()).collect::<Vec<_>>()
    };
    assert_eq!(names(&one), names(&two));
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
    fn no_text_makes_the_reader_panic(source in "(?s).{0,200}") {
        let _ = LayoutFile::parse("a.toml", &source).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn no_mangled_file_makes_it_panic(from in 0..2000usize, len in 0..40usize, put in "(?s).{0,10}") {
        let mut source = starter("mine");
        let from = source.floor_char_boundary(from);
        let to = source.floor_char_boundary(from + len);
        source.replace_range(from..to, &put);
        let _ = LayoutFile::parse("a.toml", &source).map_err(|mistakes| mistakes.to_string());
    }

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
