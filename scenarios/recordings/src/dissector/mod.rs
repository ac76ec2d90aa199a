//! A dissector for Wireshark in Lua, written from the declared layouts: tables of what there is to know of each protocol,
//! and behind them one engine, the same for all, that cuts streams as the deframer does.

use std::collections::BTreeSet;
use std::fmt::Write;

use files::layout_file::LayoutFile;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Counts, Encoding, Field, FrameSpec, Layout, Role, Size, Turn};
use protocol::registry::Registry;
use protocol::weakness::Profile;

mod dissected;
mod shown;
#[cfg(test)]
mod tests;

use shown::Shown;

pub use dissected::Protocol;

const ENGINE: &str = include_str!("engine.lua");

/// Every system, as built, hardened and with every weakness alone. Where two have a port in common, the first has it.
pub fn systems(registry: Registry) -> Vec<Protocol> {
    let mut taken = BTreeSet::new();
    let all = registry.systems().map(|system| Protocol {
        name: system.name.to_owned(),
        about: system.about.to_owned(),
        ports: system
            .ports
            .iter()
            .map(|listening| {
                let port = if taken.insert(listening.port) { listening.port } else { 0 };
                (listening.name.to_owned(), port)
            })
            .collect(),
        profiles: [Profile::as_built(system), Profile::HARDENED]
            .into_iter()
            .chain(system.planted.iter().map(|planted| Profile::only(planted.weakness)))
            .map(|profile| (profile.name().to_owned(), (system.layout)(profile)))
            .collect(),
    });
    all.collect()
}

/// The protocol of a layout file. On which ports it is, nobody has said.
pub fn declared(file: &LayoutFile) -> Protocol {
    Protocol {
        name: file.layout.system.to_owned(),
        about: file.about.clone(),
        ports: file.ports.iter().map(|name| (name.clone(), 0)).collect(),
        profiles: vec![("declared".to_owned(), file.layout.clone())],
    }
}

/// The dissector of these protocols.
pub fn render(protocols: &[Protocol]) -> String {
    let mut lua = "-- A dissector for Wireshark 4.0 and later, written by `scenarios dissector`: \
                   change the layouts, not this file.\n\nlocal PROTOCOLS = {\n"
        .to_owned();
    for protocol in protocols {
        table(protocol, &mut lua);
    }
    lua.push_str("}\n\n");
    lua.push_str(ENGINE);
    lua
}

fn table(protocol: &Protocol, lua: &mut String) {
    let shown = Shown::of(protocol);
    let _ = writeln!(lua, "{{ name = {}, about = {},", text(&protocol.name), text(&protocol.about));
    lua.push_str("  ports = {");
    for (name, port) in &protocol.ports {
        let _ = write!(lua, " {{ name = {}, port = {port} }},", text(name));
    }
    lua.push_str(" },\n  fields = {\n");
    for field in shown.fields() {
        let _ = writeln!(
            lua,
            "    {{ abbreviation = {}, name = {}, kind = {}, about = {} }},",
            text(&field.abbreviation),
            text(field.name),
            text(field.kind.name()),
            text(field.about),
        );
    }
    lua.push_str("  },\n  profiles = {\n");
    for (at, (name, layout)) in protocol.profiles.iter().enumerate() {
        let before = protocol.profiles.iter().take(at).position(|(_, other)| other == layout);
        if let Some(same) = before {
            let _ = writeln!(lua, "    {{ name = {}, like = {} }},", text(name), same + 1);
            continue;
        }
        let _ = writeln!(lua, "    {{ name = {}, frames = {{", text(name));
        for spec in &layout.frames {
            frame(spec, &shown, lua);
        }
        lua.push_str("      }, steps = {\n");
        for service in 0..protocol.ports.len().max(1) {
            let service = PortIndex(u8::try_from(service).unwrap_or(u8::MAX));
            let [client, server] =
                [Side::Client, Side::Server].map(|side| steps(layout, service, side));
            let _ = writeln!(
                lua,
                "        {{ client = {{{client} }},\n          server = {{{server} }} }},"
            );
        }
        lua.push_str("      } },\n");
    }
    lua.push_str("  } },\n");
}

fn frame(spec: &FrameSpec, shown: &Shown, lua: &mut String) {
    let behind = spec.fields.iter().rev().take_while(|field| field.size != Size::Rest);
    let tail = behind.map(|field| field.size.least()).fold(0, usize::saturating_add);
    let late = spec.is_tagged_late();
    let _ = writeln!(
        lua,
        "      {{ name = {}, max = {}, tail = {tail}, late = {late}, fields = {{",
        text(spec.name),
        spec.max,
    );
    for field in &spec.fields {
        let _ = writeln!(lua, "        {{ {} }},", describe(field, shown));
    }
    lua.push_str("      } },\n");
}

fn describe(field: &Field, shown: &Shown) -> String {
    let mut parts = vec![format!("name = {}, shown = {}", text(field.name), shown.place(field))];
    parts.push(match field.size {
        Size::Fixed(size) => format!("size = {size}"),
        Size::Rest => "rest = true".to_owned(),
        Size::Until(delimiter) => format!("ends = {}", bytes(delimiter)),
        Size::Object => "object = true".to_owned(),
        Size::Member(key) => format!("member = {}", text(key)),
    });
    if let Some(encoding) = field.role.encoding() {
        parts.push(format!("encoding = {}", text(order(encoding))));
    }
    match field.role {
        Role::Tag(tag) => parts.push(format!("tag = {}", bytes(tag))),
        Role::Length(length) => {
            let counts = match length.counts {
                Counts::Following => "following",
                Counts::Frame => "frame",
            };
            parts.push(format!(
                "length = {{ encoding = {}, counts = {}, plus = {} }}",
                text(order(length.encoding)),
                text(counts),
                length.plus,
            ));
        }
        _ => {}
    }
    parts.join(", ")
}

fn order(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Big => "big",
        Encoding::Little => "little",
        Encoding::Digits => "digits",
    }
}

/// What is tried in each turn, by places in the layout from 1, and how many of those end the turn: as the deframer does.
fn steps(layout: &Layout, service: PortIndex, side: Side) -> String {
    let known = || {
        let indexed = (1..).zip(&layout.frames);
        indexed.filter(move |(_, spec)| spec.can_come(service, side))
    };
    let write = |types: Vec<usize>, ending: usize| {
        let types: Vec<String> = types.iter().map(usize::to_string).collect();
        format!(" {{ types = {{ {} }}, ending = {ending} }},", types.join(", "))
    };
    if layout.turns.is_empty() {
        return write(known().map(|(place, _)| place).collect(), 0);
    }
    let step = |due: &[&str], once: bool| {
        let place = |name: &&str| layout.frames.iter().position(|spec| spec.name == *name);
        let mut types: Vec<usize> = due.iter().filter_map(place).map(|place| place + 1).collect();
        let ending = if once { types.len() } else { 0 };
        let tagged = known().filter(|(_, spec)| spec.is_tagged()).map(|(place, _)| place);
        let others: Vec<usize> = tagged.filter(|place| !types.contains(place)).collect();
        types.extend(others);
        write(types, ending)
    };
    let mut all: String = layout
        .turns(service, side)
        .iter()
        .map(|turn| match turn {
            Turn::One(name) => step(&[*name], true),
            Turn::Any(names) => step(names, false),
        })
        .collect();
    all.push_str(&step(&[], false));
    all
}

/// A Lua string. What is not printable, and what would end it, stands as its number.
fn bytes(bytes: &[u8]) -> String {
    let mut lua = "\"".to_owned();
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                lua.push('\\');
                lua.push(char::from(*byte));
            }
            b' '..=b'~' => lua.push(char::from(*byte)),
            _ => {
                let _ = write!(lua, "\\{byte:03}");
            }
        }
    }
    lua.push('"');
    lua
}

fn text(text: &str) -> String {
    bytes(text.as_bytes())
}
