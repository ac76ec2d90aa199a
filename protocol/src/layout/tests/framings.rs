//! Every kind of framing, cut whole and byte by byte; that hostile streams cost what they have; and layouts made at
//! random.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::measure::WORK;
use super::super::*;
use crate::endpoint::{PortIndex, Side};
use crate::weakness::Profile;

fn layout(frames: Vec<FrameSpec>) -> Arc<Layout> {
    let frames = frames.into_iter().map(Arc::new).collect();
    Arc::new(Layout { system: "test", frames, turns: &[] })
}

fn spec(name: &'static str, fields: Vec<Field>) -> FrameSpec {
    FrameSpec::of(name, None, fields, 1000)
}

fn push(deframer: &mut Deframer, segment: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    deframer.push(&Bytes::copy_from_slice(segment), &mut frames);
    frames
}

fn cutter(layout: &Arc<Layout>) -> Deframer {
    Deframer::new(layout.clone(), PortIndex(0), Side::Client)
}

/// Cut `stream` whole and byte by byte, which must be the same, and render each frame as `TYPE field=text …`.
fn cut(layout: &Arc<Layout>, stream: &[u8]) -> Vec<String> {
    let mut whole = cutter(layout);
    let frames = push(&mut whole, stream);
    let mut slow = cutter(layout);
    let bytes: Vec<Frame> = stream.chunks(1).flat_map(|segment| push(&mut slow, segment)).collect();
    assert_eq!(frames, bytes);
    assert_eq!(whole.waiting(), slow.waiting());
    let render = |frame: &Frame| {
        let fields = frame.spec.ranges(&frame.bytes);
        let fields =
            fields.map(|(field, at)| format!(" {}={}", field.name, frame.bytes[at].escape_ascii()));
        format!("{}{}", frame.spec.name, fields.collect::<String>())
    };
    let mut shown: Vec<String> = frames.iter().map(render).collect();
    shown.extend(whole.finish().map(|frame| format!("left {}", frame.bytes.escape_ascii())));
    shown
}

fn tag(text: &'static str) -> Field {
    Field::new("tag", Role::Tag(text.as_bytes()), text.len())
}

fn until(name: &'static str, role: Role, delimiter: &'static str) -> Field {
    Field::sized(name, role, Size::Until(delimiter.as_bytes()))
}

fn length(encoding: Encoding, counts: Counts, plus: i64, bytes: usize) -> Field {
    Field::new("length", Role::Length(Length { encoding, counts, plus }), bytes)
}

#[test]
fn lines_end_at_their_last_delimiter() {
    let number = Role::Number(Encoding::Digits);
    let line = vec![until("seq", number, "|"), until("text", Role::Bytes, "\r\n")];
    let layout = layout(vec![spec("LINE", line)]);
    let shown = cut(&layout, b"1|a\rb\r\n12||\r\n3|x");
    assert_eq!(shown, [r"LINE seq=1 text=a\rb", r"LINE seq=12 text=|", "left 3|x"]);
    let frames = push(&mut cutter(&layout), b"12|a\r\nx|a\r\n");
    assert_eq!(frames[0].number("seq"), Some(12));
    assert_eq!(frames[1].number("seq"), None);
}

#[test]
fn a_fixed_field_can_follow_a_delimiter_and_a_tag_can_end_at_one() {
    let frames = vec![
        spec("PUT", vec![until("verb", Role::Tag(b"PUT"), " "), until("text", Role::Bytes, "\n")]),
        spec(
            "SUM",
            vec![until("text", Role::Bytes, ";"), Field::new("mac", Role::Mac, 2), tag("!")],
        ),
    ];
    let shown = cut(&layout(frames), b"PUT a b\nPUTx;mm!P;;;!");
    let expected =
        ["PUT verb=PUT text=a b", "SUM text=PUTx mac=mm tag=!", "SUM text=P mac=;; tag=!"];
    assert_eq!(shown, expected);
}

#[test]
fn lengths_count_what_they_are_said_to() {
    let body = || vec![Field::rest("body", Role::Bytes), Field::new("mac", Role::Mac, 2)];
    let with = |field: Field| layout(vec![spec("MSG", [vec![field], body()].concat())]);
    let whole = ["MSG length=LEN body=abc mac=mm", "MSG length=LEN body=xyz mac=mm"];
    let cases = [
        (length(Encoding::Big, Counts::Following, 0, 2), &b"\0\x05"[..]),
        (length(Encoding::Little, Counts::Following, 0, 3), b"\x05\0\0"),
        (length(Encoding::Little, Counts::Frame, 0, 2), b"\x07\0"),
        // The MAC is not counted.
        (length(Encoding::Big, Counts::Following, -2, 1), b"\x03"),
        (length(Encoding::Digits, Counts::Frame, 1, 3), b"009"),
        (length(Encoding::Big, Counts::Following, 0, 8), b"\0\0\0\0\0\0\0\x05"),
    ];
    for (field, header) in cases {
        let stream = [header, b"abcmm", header, b"xyzmm"].concat();
        let shown = cut(&with(field), &stream);
        let header = header.escape_ascii().to_string();
        assert_eq!(shown, whole.map(|frame| frame.replace("LEN", &header)));
        let spec = with(field).frames[0].clone();
        assert_eq!(
            spec.assemble(&[("body", b"abc"), ("mac", b"mm")]).unwrap(),
            &stream[..stream.len() / 2]
        );
        let mut longer = [&stream[..stream.len() / 2], b"!!"].concat();
        spec.fix_length(&mut longer);
        assert_eq!(spec.measure(&longer), Measure::Whole(longer.len()));
    }
}

#[test]
fn a_length_can_end_at_a_delimiter() {
    let digits = Length { encoding: Encoding::Digits, counts: Counts::Following, plus: -1 };
    let netstring = vec![
        until("length", Role::Length(digits), ":"),
        Field::rest("body", Role::Bytes),
        tag(","),
    ];
    let netstring = spec("NET", netstring);
    let layout = layout(vec![netstring.clone()]);
    let shown = cut(&layout, b"3:a:b,0:,12:hello, world,");
    let expected = [
        "NET length=3 body=a:b tag=,",
        "NET length=0 body= tag=,",
        "NET length=12 body=hello, world tag=,",
    ];
    assert_eq!(shown, expected);
    assert_eq!(netstring.assemble(&[("body", b"hello, world")]).unwrap(), b"12:hello, world,");
    let mut frame = b"3:a:b12345678,".to_vec();
    netstring.fix_length(&mut frame);
    assert_eq!(frame, b"11:a:b12345678,");
    // A length in digits that counts itself.
    let all = Length { encoding: Encoding::Digits, counts: Counts::Frame, plus: 0 };
    let fields = vec![until("length", Role::Length(all), ":"), Field::rest("body", Role::Bytes)];
    let own = spec("OWN", fields);
    assert_eq!(own.assemble(&[("body", b"12345678")]).unwrap(), b"11:12345678");
}

#[test]
fn lengths_that_cannot_be_are_bad_and_nothing_overflows() {
    let bad = Measure::Bad(crate::endpoint::Reject::new(crate::endpoint::Check::Length, "length"));
    for encoding in [Encoding::Big, Encoding::Little] {
        for counts in [Counts::Following, Counts::Frame] {
            for plus in [i64::MIN, -1, 0, 1, i64::MAX] {
                let fields =
                    vec![length(encoding, counts, plus, 8), Field::rest("body", Role::Bytes)];
                let spec = spec("MSG", fields);
                assert_eq!(spec.measure(&[0xff; 8]), bad, "{counts:?} {plus}");
                spec.measure(&[0; 8]);
            }
        }
    }
    let inclusive = vec![length(Encoding::Big, Counts::Frame, 0, 2), Field::rest("b", Role::Bytes)];
    let inclusive = spec("MSG", inclusive);
    assert_eq!(inclusive.measure(&[0, 1]), bad);
    assert_eq!(inclusive.measure(&[0, 2]), Measure::Whole(2));
    assert_eq!(inclusive.measure(&[3, 232]), Measure::Begun(1000));
    assert_eq!(inclusive.measure(&[3, 233]), bad);
    assert_eq!(FrameSpec::raw().measure(b"x"), Measure::Whole(1));
}

#[test]
fn json_objects_are_cut_at_their_braces_and_told_apart_by_their_members() {
    let object = Field::sized("object", Role::Bytes, Size::Object);
    let kind =
        |text: &'static str| Field::sized("type", Role::Tag(text.as_bytes()), Size::Member("type"));
    let seq = Field::sized("seq", Role::Number(Encoding::Digits), Size::Member("seq"));
    let mac = Field::sized("mac", Role::Mac, Size::Member("mac"));
    let bye = spec("BYE", vec![object, kind("bye")]);
    let msg = spec("MSG", vec![object, kind("msg"), seq, mac]);
    let layout = layout(vec![bye, msg.clone(), spec("ANY", vec![object])]);
    let stream =
        br#"{"type": "msg", "seq":17,"mac":"}\""}{"a":{"type":"bye"}}{"type":"bye"}{"type":"#;
    let shown = cut(&layout, stream);
    let end = |text: &str| text.rsplit_once("} ").map(|(_, end)| end.to_owned());
    assert_eq!(end(&shown[0]).unwrap(), r#"type=msg seq=17 mac=}\\\""#);
    assert!(shown[1].starts_with("ANY object="), "{}", shown[1]);
    assert!(shown[2].starts_with("BYE object="), "{}", shown[2]);
    assert!(shown[3].starts_with("left "), "{}", shown[3]);
    let frame = msg.assemble(&[("seq", b"5"), ("mac", b"ab")]).unwrap();
    assert_eq!(frame, br#"{"type": "msg", "seq": 5, "mac": "ab"}"#);
    let again = msg.assemble(&[("object", &frame[..]), ("seq", b"10")]).unwrap();
    assert_eq!(again, br#"{"type": "msg", "seq": 10, "mac": "ab"}"#);
    assert_eq!(msg.measure(b"[1]"), Measure::Other);
}

#[test]
fn members_lie_in_the_field_before_them() {
    let length = length(Encoding::Big, Counts::Following, 0, 2);
    let body = Field::rest("body", Role::Bytes);
    let seq = Field::sized("seq", Role::Number(Encoding::Digits), Size::Member("seq"));
    let framed = spec("MSG", vec![length, body, seq]);
    let frame = framed.assemble(&[("seq", b"12")]).unwrap();
    assert_eq!(frame, b"\0\x0b{\"seq\": 12}");
    let shown = cut(&layout(vec![framed]), &frame);
    assert_eq!(shown, [r#"MSG length=\x00\x0b body={\"seq\": 12} seq=12"#]);
}

#[test]
fn without_turns_the_first_type_that_fits_is_taken() {
    let server = FrameSpec::of("SERVER", Some(Side::Server), vec![tag("A")], 10);
    let line = spec("LINE", vec![until("text", Role::Bytes, "\n")]);
    let layout = layout(vec![server, spec("B", vec![tag("BB")]), line]);
    assert_eq!(cut(&layout, b"BBA\nBx\n"), ["B tag=BB", "LINE text=A", "LINE text=Bx"]);
}

#[test]
fn a_tag_behind_what_a_length_measures_tells_the_type() {
    let sized = |name, end: &'static str, max| {
        let length = length(Encoding::Big, Counts::Following, 0, 2);
        let fields = vec![length, Field::rest("body", Role::Bytes), tag(end)];
        FrameSpec::of(name, None, fields, max)
    };
    let (ask, tell) = (sized("ASK", "?", 10), sized("TELL", "!", 40));
    assert_eq!(ask.measure(b"\0\x03ab"), Measure::Short);
    assert_eq!(ask.measure(b"\0\x03ab?"), Measure::Whole(5));
    assert_eq!(ask.measure(b"\0\x03ab!"), Measure::Other);
    assert!(!ask.hides(&tell) && !tell.hides(&ask));
    let both = layout(vec![ask, tell]);
    let stream = b"\0\x03ab!\0\x02c?\0\x0emore than ASK!";
    assert_eq!(
        cut(&both, stream),
        [
            "TELL length=\\x00\\x03 body=ab tag=!",
            "ASK length=\\x00\\x02 body=c tag=?",
            "TELL length=\\x00\\x0e body=more than ASK tag=!"
        ]
    );
}

#[test]
fn a_tag_behind_a_field_of_any_size_tells_the_type() {
    let named = |name, end, max| {
        FrameSpec::of(name, None, vec![until("word", Role::Bytes, " "), tag(end)], max)
    };
    let both = layout(vec![named("SHORT", "S", 5), named("LONG", "L", 20)]);
    assert_eq!(
        cut(&both, b"abc Sabcdefgh L"),
        ["SHORT word=abc tag=S", "LONG word=abcdefgh tag=L"]
    );
}

#[test]
fn types_are_those_of_the_port() {
    let to = |name, port| spec(name, vec![until("text", Role::Bytes, "\n")]).on(PortIndex(port));
    let both = layout(vec![to("COMMAND", 0), to("DATA", 1)]);
    let name = |port| {
        let mut deframer = Deframer::new(both.clone(), PortIndex(port), Side::Client);
        match deframer.front(b"x\n") {
            Front::Whole { spec, .. } => spec.name,
            _ => "short",
        }
    };
    assert_eq!([name(0), name(1), name(2)], ["COMMAND", "DATA", RAW]);
}

#[test]
fn what_is_hidden_by_an_earlier_type_is_known() {
    let line = || spec("LINE", vec![until("text", Role::Bytes, "\n")]);
    let tagged = |text| spec("TAGGED", vec![tag(text), Field::new("body", Role::Bytes, 3)]);
    let object = Field::sized("object", Role::Bytes, Size::Object);
    let kind = Field::sized("type", Role::Tag(b"bye"), Size::Member("type"));
    let (any, bye) = (spec("ANY", vec![object]), spec("BYE", vec![object, kind]));
    let late = spec("LATE", vec![until("seq", Role::Bytes, "|"), tag("X")]);
    let hides = [
        (line(), tagged("M"), true),
        (tagged("M"), line(), false),
        (tagged("M"), tagged("MG"), true),
        (tagged("MG"), tagged("M"), false),
        (tagged("M"), tagged("N"), false),
        (any.clone(), bye.clone(), true),
        (bye, any.clone(), false),
        (any.clone(), tagged("{"), true),
        (any.clone(), line(), false),
        (late.clone(), line(), false),
        (line(), late, true),
    ];
    for (one, other, expected) in hides {
        assert_eq!(one.hides(&other), expected, "{one:?} {other:?}");
    }
}

#[test]
fn the_front_can_be_passed_on_before_it_is_whole() {
    let fields =
        vec![length(Encoding::Big, Counts::Following, 0, 2), Field::rest("b", Role::Bytes)];
    let layout = layout(vec![spec("MSG", fields)]);
    let mut deframer = cutter(&layout);
    assert!(matches!(deframer.front(b""), Front::Short));
    assert!(matches!(deframer.front(b"\0"), Front::Short));
    assert!(matches!(deframer.front(b"\0\x03a"), Front::Begun { len: 5, .. }));
    let Front::Whole { spec, len: 5 } = deframer.front(b"\0\x03abc\xff\xff") else { panic!() };
    assert_eq!(spec.name, "MSG");
    deframer.take();
    let Front::Whole { spec, len: 2 } = deframer.front(b"\xff\xff") else { panic!() };
    assert_eq!(spec.name, RAW);
    deframer.take();
    assert_eq!(deframer.waiting(), 0);
}

#[test]
fn turns_move_on_with_what_is_taken() {
    let layout = Arc::new((crate::helo::SYSTEM.layout)(Profile::HARDENED));
    let mut deframer = Deframer::new(layout.clone(), PortIndex(0), Side::Server);
    let names = |deframer: &mut Deframer| {
        let name = match deframer.front(&[0; 600]) {
            Front::Whole { spec, .. } | Front::Begun { spec, .. } => spec.name,
            Front::Short => "short",
        };
        deframer.take();
        name
    };
    let seen: Vec<&str> = (0..3).map(|_| names(&mut deframer)).collect();
    assert_eq!(seen[..2], ["HACK", "HACK"]);
    assert_eq!(seen[2], RAW, "the hello has a tag, and its turn stays");
}

#[test]
fn a_frame_of_no_bytes_never_comes_out() {
    let layout = layout(vec![spec("NOTHING", Vec::new())]);
    assert_eq!(push(&mut cutter(&layout), b"ab").len(), 1);
}

#[test]
fn a_smaller_maximum_can_be_set() {
    let fields =
        vec![length(Encoding::Big, Counts::Following, 0, 2), Field::rest("b", Role::Bytes)];
    let layout = layout(vec![spec("MSG", fields)]);
    let small = Layout::clone(&layout).limited(10);
    assert_eq!(layout.frames[0].measure(&[0, 9]), Measure::Begun(11));
    assert!(matches!(small.frames[0].measure(&[0, 9]), Measure::Bad(_)));
    assert_eq!(small.clone().limited(20), small);
}

/// Segments of one byte and of many, without the end that is searched for: each byte is looked at once, but for as
/// many as a delimiter has.
#[test]
fn a_stream_without_an_end_costs_what_it_has() {
    let object = Field::sized("object", Role::Bytes, Size::Object);
    let other = Field::sized("type", Role::Tag(b"x"), Size::Member("type"));
    let most = 100_000;
    let of = |name, fields| FrameSpec::of(name, None, fields, most);
    let layout = layout(vec![
        of("TAGGED", vec![until("a", Role::Bytes, "|"), tag("NO")]),
        of("OTHER", vec![object, other]),
        of("OBJECT", vec![object]),
        of("LINE", vec![until("text", Role::Bytes, "\r\n\r\n")]),
    ]);
    for (front, byte) in [("{", b'{'), ("", b'\r'), ("x|", b'a'), ("{\"", b'a'), ("", b'|')] {
        for segment in [1, 700] {
            WORK.set(0);
            let mut deframer = cutter(&layout);
            let stream = [front.as_bytes(), &vec![byte; most]].concat();
            let mut frames = Vec::new();
            for segment in stream.chunks(segment) {
                frames.extend(push(&mut deframer, segment));
            }
            assert!(WORK.get() <= 6 * most, "{front}{byte}: {} bytes looked at", WORK.get());
            let raw: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
            assert_eq!(raw + deframer.waiting(), stream.len(), "nothing is lost");
            assert!(frames.iter().all(|frame| frame.spec.name == RAW), "{front}{byte}");
            assert!(!frames.is_empty(), "it is given up at the maximum");
        }
    }
}

/// A frame type that tells itself from others by its first byte, as `kind` says, and a value for each of its fields.
fn declared(kind: u8, seed: &[u8]) -> (FrameSpec, Vec<(&'static str, Vec<u8>)>) {
    const TAGS: [&[u8]; 8] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"];
    const NAMES: [&str; 8] = ["T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7"];
    let at = usize::from(kind % 8);
    let text: Vec<u8> = seed.iter().map(|byte| b'a' + byte % 26).collect();
    let encoding = [Encoding::Big, Encoding::Little, Encoding::Digits][seed.len() % 3];
    let counts = [Counts::Following, Counts::Frame][at % 2];
    let plus = [0, -3, 4][seed.len() % 3];
    let wide = if encoding == Encoding::Digits { 5 } else { 2 + seed.len() % 7 };
    let size = |name| length_of(name, encoding, counts, plus.max(0), wide);
    let mut fields = vec![Field::new("tag", Role::Tag(TAGS[at]), 1)];
    let mut values = Vec::new();
    match at {
        0 => {
            fields.push(Field::new("fixed", Role::Bytes, seed.len()));
            values.push(("fixed", seed.to_vec()));
        }
        1..=3 => {
            fields.extend([size("length"), Field::rest("rest", Role::Bytes)]);
            fields.push(Field::new("mac", Role::Mac, 3));
            values.extend([("rest", seed.to_vec()), ("mac", b"mac".to_vec())]);
        }
        4 => {
            fields.extend([until("one", Role::Bytes, "||"), until("two", Role::Bytes, "\n")]);
            values.extend([("one", text.clone()), ("two", seed_without(seed, b'\n'))]);
        }
        5 => {
            fields.push(until("length", Role::Length(Length::following(Encoding::Digits)), ":"));
            fields.push(Field::rest("rest", Role::Bytes));
            values.push(("rest", seed.to_vec()));
        }
        6 => {
            fields.push(Field::sized("object", Role::Bytes, Size::Object));
            fields.push(Field::sized("text", Role::Bytes, Size::Member("text")));
            values.push(("text", String::from_utf8_lossy(seed).into_owned().into_bytes()));
        }
        _ => {
            fields.extend([until("one", Role::Bytes, ";"), size("length")]);
            fields.push(Field::rest("rest", Role::Bytes));
            values.extend([("one", text.clone()), ("rest", seed.to_vec())]);
        }
    }
    (FrameSpec::of(NAMES[at], None, fields, 1 << 20), values)
}

fn length_of(
    name: &'static str,
    encoding: Encoding,
    counts: Counts,
    plus: i64,
    wide: usize,
) -> Field {
    Field::new(name, Role::Length(Length { encoding, counts, plus }), wide)
}

fn seed_without(seed: &[u8], byte: u8) -> Vec<u8> {
    seed.iter().copied().filter(|one| *one != byte).collect()
}

proptest! {
    #[test]
    fn layouts_of_any_kind_are_cut_alike_whatever_the_segments(
        kinds in prop::collection::vec(0..8u8, 1..8),
        seed in prop::collection::vec(any::<u8>(), 1..60),
        order in prop::collection::vec(0..8usize, 1..20),
        sizes in prop::collection::vec(1..40usize, 1..20),
        junk in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut kinds = kinds;
        kinds.sort_unstable();
        kinds.dedup();
        let declared: Vec<_> = kinds.iter().map(|kind| declared(*kind, &seed)).collect();
        let layout = layout(declared.iter().map(|(spec, _)| spec.clone()).collect());
        let mut stream = Vec::new();
        let mut names = Vec::new();
        for at in order {
            let (spec, values) = &declared[at % declared.len()];
            let values: Vec<(&str, &[u8])> = values.iter().map(|(name, value)| (*name, &value[..])).collect();
            let frame = spec.assemble(&values).unwrap();
            for (name, value) in &values {
                if *name != "text" {
                    prop_assert_eq!(&frame[spec.range(name, &frame).unwrap()], *value);
                }
            }
            stream.extend(frame);
            names.push(spec.name);
        }
        let mut whole = cutter(&layout);
        let frames = push(&mut whole, &stream);
        let cut: Vec<&str> = frames.iter().map(|frame| frame.spec.name).collect();
        prop_assert_eq!(cut, names);
        let mut pieces = cutter(&layout);
        let mut again = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (segment, left) = rest.split_at((*size).min(rest.len()));
            again.extend(push(&mut pieces, segment));
            rest = left;
        }
        prop_assert_eq!(&again, &frames);
        // What comes behind may be anything: nothing of it is lost.
        again.extend(push(&mut pieces, &junk));
        again.extend(pieces.finish());
        let out: Vec<u8> = again.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
        prop_assert_eq!(out, [stream, junk].concat());
    }
}
