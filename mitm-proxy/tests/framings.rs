//! What actions do to frames whose fields have no fixed size: lines, JSON objects, lengths in digits.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::sync::Arc;

use mitm_proxy::action::{ActionContext, Outgoing, Target};
use mitm_proxy::actions::action;
use mitm_proxy::memory::Stolen;
use mitm_proxy::misfire::MisfireCause;
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::trace::Trace;
use protocol::endpoint::Side;
use protocol::layout::{Encoding, Field, Frame, FrameSpec, Layout, Length, Role, Size};

const DIGITS: Role = Role::Number(Encoding::Digits);

fn layout() -> Layout {
    let member = |name, role| Field::sized(name, role, Size::Member(name));
    let object = Field::sized("object", Role::Bytes, Size::Object);
    let until = |name, role, delimiter: &'static str| {
        Field::sized(name, role, Size::Until(delimiter.as_bytes()))
    };
    let size = Role::Length(Length::following(Encoding::Digits));
    let frames = [
        ("LINE", vec![until("seq", DIGITS, "|"), until("text", Role::Bytes, "\n")]),
        ("MSG", vec![object, member("type", Role::Tag(b"msg")), member("seq", DIGITS)]),
        ("GOODBYE", vec![object, member("type", Role::Tag(b"goodbye"))]),
        ("NET", vec![until("size", size, ":"), Field::rest("body", Role::Bytes)]),
        ("LITTLE", vec![Field::new("seq", Role::Number(Encoding::Little), 3)]),
    ];
    let spec = |(name, fields)| Arc::new(FrameSpec::of(name, None, fields, 1000));
    Layout { system: "test", frames: frames.into_iter().map(spec).collect(), turns: &[] }
}

/// The frame after the action, or why it could not be done.
fn after(name: &str, bytes: &'static str, act: &str, args: Args) -> Result<String, MisfireCause> {
    let layout = layout();
    let frame = Frame { spec: layout.frame(name).unwrap().clone(), bytes: bytes.into() };
    let mut trigger =
        Outgoing::made(frame, Side::Server, Target::Link(1), None, "as it was".to_owned());
    trigger.number = Some(1);
    let (trace, stolen) = (Trace::default(), Stolen::new());
    let mut ctx = ActionContext {
        layout: &layout,
        trace: &trace,
        stolen: &stolen,
        link: 1,
        from: Side::Client,
        trigger: Some(1),
        absent: MisfireCause::NoFrame,
        out: vec![trigger],
        plans: Vec::new(),
    };
    (action(act).unwrap().build)(&args).unwrap().apply(&mut ctx)?;
    let frame = &ctx.current()?.frame;
    Ok(format!("{} {}", frame.spec.name, frame.bytes.escape_ascii()))
}

fn set(name: &str, bytes: &'static str, field: &str, value: Arg) -> Result<String, MisfireCause> {
    let key = if matches!(value, Arg::Number(_)) { "number" } else { "text" };
    after(name, bytes, "set", Args::from([("field", Arg::Text(field.to_owned())), (key, value)]))
}

#[test]
fn what_ends_at_a_delimiter_or_a_quote_takes_any_size() {
    let number = set("LINE", "9|a\n", "seq", Arg::Number(10));
    assert_eq!(number.unwrap(), r"LINE 10|a\n");
    let text = set("LINE", "9|a\n", "text", Arg::Text("longer".to_owned()));
    assert_eq!(text.unwrap(), r"LINE 9|longer\n");
    let member = set("MSG", r#"{"seq": 9, "type": "msg"}"#, "seq", Arg::Number(100));
    assert_eq!(member.unwrap(), r#"MSG {\"seq\": 100, \"type\": \"msg\"}"#);
}

#[test]
fn numbers_are_written_as_they_are_declared() {
    assert_eq!(set("LITTLE", "abc", "seq", Arg::Number(258)).unwrap(), r"LITTLE \x02\x01\x00");
    let large = set("LITTLE", "abc", "seq", Arg::Number(1 << 24));
    assert_eq!(large.unwrap_err().to_string(), "16777216 does not fit into 3 bytes");
}

#[test]
fn a_tag_inside_an_object_is_retyped() {
    let to = Args::from([("to", Arg::Text("GOODBYE".to_owned()))]);
    let retyped = after("MSG", r#"{"type": "msg", "seq": 1}"#, "retype", to);
    assert_eq!(retyped.unwrap(), r#"GOODBYE {\"type\": \"goodbye\", \"seq\": 1}"#);
}

#[test]
fn a_length_in_digits_becomes_true_again() {
    let args =
        Args::from([("hex", Arg::Bytes(b"1234567".to_vec())), ("fix_length", Arg::Flag(true))]);
    assert_eq!(after("NET", "3:abc", "extend", args).unwrap(), "NET 10:abc1234567");
}
