//! What a layout file becomes, and that no text at all makes the reader panic.

use proptest::prelude::*;
use protocol::endpoint::Side;
use protocol::layout::{Counts, Encoding, Length, Role, Size};

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
    let readme = include_str!("../../../../README.md");
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
}
