//! What is written of the layouts. Whether Wireshark makes the right things of it, `.ci/wireshark` tries.

use protocol::registry::Registry;

use super::*;

#[test]
fn every_system_is_there_with_all_profiles_and_all_its_frames() {
    let protocols = systems(Registry::BUILTIN);
    let lua = render(&protocols);
    for protocol in &protocols {
        assert!(lua.contains(&format!("{{ name = \"{}\", about = ", protocol.name)));
        let profiles: Vec<&str> = protocol.profiles.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(profiles[..2], ["as-built", "hardened"]);
        let planted = protocol::systems::system(&protocol.name).unwrap().planted;
        assert_eq!(profiles.len(), planted.len() + 2);
        for (_, layout) in &protocol.profiles {
            for spec in &layout.frames {
                let head = format!("{{ name = \"{}\", max = {}, ", spec.name, spec.max);
                assert!(lua.contains(&head), "{head}");
            }
        }
    }
    assert_eq!(lua, render(&systems(Registry::BUILTIN)));
}

#[test]
fn a_port_has_one_system() {
    let ports: Vec<u16> = systems(Registry::BUILTIN)
        .iter()
        .flat_map(|system| system.ports.clone())
        .map(|(_, port)| port)
        .collect();
    assert_eq!(ports, [1234, 1235, 1236, 12345, 9999, 0, 0]);
}

#[test]
fn whatever_a_layout_declares_is_written() {
    let source = r#"
name = "mine"
[[frame]]
name = "MSG"
fields = [
  { name = "magic", tag = { hex = "00225c0a" } },
  { name = "length", length = "u16", order = "little", counts = ["body"], plus = 3 },
  { name = "Seq", number = "u64" },
  { name = "body", rest = true },
  { name = "mac", bytes = 32, role = "mac" },
]
[[frame]]
name = "OBJECT"
json = true
fields = [{ name = "type", member = "ty\"pe", tag = "hello" }]
[[frame]]
name = "LINE"
fields = [{ name = "seq", number = "digits", until = "|" }]
"#;
    let file = LayoutFile::parse("mine.toml", source).unwrap();
    let lua = render(&[declared(&file)]);
    for text in [
        r#"name = "magic", shown = 1, size = 4, tag = "\000\"\\\010""#,
        r#"length = { encoding = "little", counts = "following", plus = -37 }"#,
        r#"{ abbreviation = "seq", name = "Seq", kind = "uint64", about = "Number" }"#,
        r#"{ abbreviation = "seq_2", name = "seq", kind = "text", about = "Number" }"#,
        r#"name = "seq", shown = 8, ends = "|", encoding = "digits""#,
        r#"name = "body", shown = 4, rest = true"#,
        "tail = 32, late = false",
        r#"member = "ty\"pe", tag = "hello""#,
        "late = true",
        "{ client = { { types = { 1, 2, 3 }, ending = 0 }, },",
        r#"name = "main", port = 0"#,
    ] {
        assert!(lua.contains(text), "{text}\n{lua}");
    }
}
