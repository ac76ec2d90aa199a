//! Where fields lie, how frames are measured, and how they are built.

use super::*;
use crate::endpoint::{Check, Reject, Side};
use crate::weakness::Profile;

mod framings;

const DECL: FrameDecl = FrameDecl {
    name: "DATA",
    from: Some(Side::Client),
    fields: &[
        Field::new("length", Role::LENGTH, 4),
        Field::new("opcode", Role::Tag(&[30]), 1),
        Field::rest("ct", Role::Ciphertext),
        Field::new("mac", Role::Mac, 2),
    ],
    max: 20,
};

fn spec() -> FrameSpec {
    FrameSpec::new(&DECL, Profile::HARDENED)
}

#[test]
fn fields_lie_where_they_are_declared() {
    let frame = spec().assemble(&[("ct", b"xyz"), ("mac", b"mm")]).unwrap();
    assert_eq!(frame, b"\0\0\0\x06\x1exyzmm");
    assert_eq!(spec().range("ct", &frame), Some(5..8));
    assert_eq!(spec().range("mac", &frame), Some(8..10));
    assert_eq!(spec().range("iv", &frame), None);
    assert_eq!(spec().range("mac", &frame[..3]), None);
}

#[test]
fn lying_lengths_are_refused_as_soon_as_they_are_seen() {
    let bad = Measure::Bad(Reject::new(Check::Length, "length"));
    assert_eq!(spec().measure(&[0xff, 0xff, 0xff, 0xff, 30]), bad);
    assert_eq!(spec().measure(&[0, 0, 0, 0, 30]), bad);
    assert_eq!(spec().measure(&[0, 0, 0, 17, 30]), bad);
    assert_eq!(spec().measure(&[0, 0, 0, 3, 31]), Measure::Other);
    assert_eq!(spec().measure(&[0, 0, 0, 3]), Measure::Short);
    assert_eq!(spec().measure(&[0, 0, 0, 3, 30, 1]), Measure::Begun(7));
    assert_eq!(spec().measure(&[0, 0, 0, 3, 30, 1, 2]), Measure::Whole(7));
    // It would end before its tag; whether it is this type at all is not known yet.
    assert_eq!(spec().measure(&[0, 0, 0, 0]), Measure::Short);
}

#[test]
fn digits_declare_a_length_and_without_any_length_a_read_is_a_frame() {
    const MEDIA: FrameDecl = FrameDecl {
        name: "MEDIA",
        from: None,
        fields: &[Field::new("length", Role::DIGITS, 10), Field::rest("ct", Role::Ciphertext)],
        max: 100,
    };
    const READ: FrameDecl = FrameDecl {
        name: "READ",
        from: None,
        fields: &[
            Field::new("head", Role::Tag(b"{\""), 2),
            Field::rest("body", Role::Bytes),
            Field::new("tail", Role::Tag(b"}"), 1),
        ],
        max: 8,
    };
    let media = FrameSpec::new(&MEDIA, Profile::HARDENED);
    assert_eq!(media.assemble(&[("ct", b"xyz")]).unwrap(), b"0000000003xyz");
    assert_eq!(media.measure(b"0000000003xyzmore"), Measure::Whole(13));
    assert_eq!(media.measure(b"0000000003xy"), Measure::Begun(13));
    let bad = Measure::Bad(Reject::new(Check::Length, "length"));
    for lie in [&b"00000000x3xyz"[..], b"+000000003xyz", b"9999999999", b"-000000003xyz"] {
        assert_eq!(media.measure(lie), bad, "{lie:?}");
    }
    let read = FrameSpec::new(&READ, Profile::HARDENED);
    assert!(read.is_one_read() && !media.is_one_read());
    assert_eq!(read.measure(b"{\"abc}"), Measure::Whole(6));
    assert_eq!(read.measure(b"{\""), Measure::Short);
    assert_eq!(read.measure(b"x"), Measure::Other);
    assert_eq!(read.measure(b"{\"abcdef}"), bad);
}

#[test]
fn assembling_names_what_is_wrong() {
    let wrong = AssembleError::WrongSize { field: "mac", expected: 2 };
    assert_eq!(spec().assemble(&[("ct", b""), ("mac", b"m")]), Err(wrong));
    assert_eq!(spec().assemble(&[("mac", b"mm")]), Err(AssembleError::Missing("ct")));
    let none = AssembleError::NoSuchField("iv".into());
    assert_eq!(spec().assemble(&[("iv", b"")]), Err(none));
}

proptest::proptest! {
    /// A field is looked up without looking at the frame where sizes are settled; a walk finds it in the same place.
    #[test]
    fn a_field_lies_where_a_walk_finds_it(
        sizes in proptest::collection::vec(proptest::option::weighted(0.8, 0..6usize), 0..6),
        len in 0..40usize,
    ) {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let size = |size: Option<usize>| size.map_or(Size::Rest, Size::Fixed);
        let field = |(name, it): (_, &Option<usize>)| Field::sized(name, Role::Bytes, size(*it));
        let fields = NAMES.into_iter().zip(&sizes).map(field).collect();
        let spec = FrameSpec::of("ANY", None, fields, 100);
        let frame = vec![0; len];
        for name in NAMES {
            let walked = spec.ranges(&frame).find(|(field, _)| field.name == name);
            assert_eq!(spec.range(name, &frame), walked.map(|(_, range)| range));
        }
        let several = ["c", "a", "f", "d"];
        assert_eq!(spec.places(several, &frame), several.map(|name| spec.range(name, &frame)));
    }
}
