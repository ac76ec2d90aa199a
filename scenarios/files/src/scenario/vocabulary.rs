//! What a scenario can speak of: the frames and fields of its systems. A name is known if it exists as
//! built or hardened, and allowed if every system of the scenario knows it.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use mitm_proxy::action::Needs;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Encoding, Field, FrameSpec, Layout, RAW, Size};
use protocol::system::System;
use protocol::weakness::Profile;

use crate::diagnostic::{list, quote};
use crate::toml_reader::{Node, Reader};

/// The frames of the systems a scenario names. Empty if it names none that is known: then nothing is checked.
#[derive(Debug)]
pub(super) struct Vocabulary {
    systems: Vec<Known>,
    /// The names of the sets of key files.
    keys: Vec<String>,
    /// The frames of an earlier recording, by name.
    recorded: BTreeMap<String, Bytes>,
    /// Who is attacked.
    victims: Victims,
}

/// Who is attacked: it decides which actions there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victims {
    /// Endpoints of the lab, in a world.
    Lab,
    /// Programs that run by themselves.
    Programs,
}

#[derive(Debug)]
struct Known {
    name: &'static str,
    /// The names of the server's ports, in order.
    ports: Vec<String>,
    as_built: Layout,
    hardened: Layout,
    raw: FrameSpec,
}

/// Whether frames that nobody could cut can be meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Raw {
    Allowed,
    Refused,
}

impl Known {
    /// A frame type, as built and hardened.
    fn specs(&self, frame_type: &str) -> impl Iterator<Item = &FrameSpec> {
        let layouts = [&self.as_built, &self.hardened];
        let declared = layouts.into_iter().filter_map(move |layout| layout.frame(frame_type));
        let raw = (frame_type == RAW).then_some(&self.raw);
        declared.map(AsRef::as_ref).chain(raw)
    }

    /// The fields of one frame type, or of all, as built and hardened; some twice.
    fn fields(&self, frame_type: Option<&str>) -> Vec<&Field> {
        if let Some(name) = frame_type {
            return self.specs(name).flat_map(|spec| &spec.fields).collect();
        }
        let layouts = [&self.as_built, &self.hardened];
        let specs = layouts.into_iter().flat_map(|layout| &layout.frames);
        specs.flat_map(|spec| &spec.fields).collect()
    }
}

impl Vocabulary {
    pub(super) fn new(systems: &[&'static System]) -> Self {
        let known = |system: &&'static System| Known {
            name: system.name,
            ports: system.ports.iter().map(|port| port.name.to_owned()).collect(),
            as_built: (system.layout)(Profile::as_built(system)),
            hardened: (system.layout)(Profile::HARDENED),
            raw: FrameSpec::raw(),
        };
        let systems = systems.iter().map(known).collect();
        Self { systems, keys: Vec::new(), recorded: BTreeMap::new(), victims: Victims::Lab }
    }

    /// The frames of somebody's own protocol, spoken by programs.
    pub(super) fn of_layout(layout: &Layout) -> Self {
        let (as_built, hardened) = (layout.clone(), layout.clone());
        let (name, ports, raw) = (layout.system, Vec::new(), FrameSpec::raw());
        let known = Known { name, ports, as_built, hardened, raw };
        let (keys, recorded) = (Vec::new(), BTreeMap::new());
        Self { systems: vec![known], keys, recorded, victims: Victims::Programs }
    }

    /// The same, with these names of the server's ports.
    pub(super) fn with_ports(mut self, names: &[String]) -> Self {
        for known in &mut self.systems {
            known.ports = names.to_vec();
        }
        self
    }

    /// The same frames, spoken by programs.
    pub(super) fn of_programs(mut self) -> Self {
        self.victims = Victims::Programs;
        self
    }

    /// Why an action that needs this cannot be done here, if so.
    pub(super) fn lacking(&self, needs: Needs) -> Option<&'static str> {
        match self.victims {
            Victims::Lab => None,
            Victims::Programs => needs.lacking_in_programs(),
        }
    }

    /// The same, with these names of sets of key files.
    pub(super) fn with_keys<'a>(mut self, names: impl Iterator<Item = &'a String>) -> Self {
        self.keys = names.cloned().collect();
        self
    }

    /// The same, with these frames of an earlier recording.
    pub(super) fn with_recorded(mut self, recorded: BTreeMap<String, Bytes>) -> Self {
        self.recorded = recorded;
        self
    }

    /// The frames of an earlier recording.
    pub(super) fn recorded(&self) -> &BTreeMap<String, Bytes> {
        &self.recorded
    }

    /// The names of the sets of key files.
    pub(super) fn keys(&self) -> Vec<&str> {
        self.keys.iter().map(String::as_str).collect()
    }

    /// The frame types all systems have.
    pub(super) fn frame_types(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = Vec::new();
        if let Some(first) = self.systems.first() {
            let all = first.as_built.frames.iter().chain(&first.hardened.frames);
            for spec in all {
                let everywhere =
                    self.systems.iter().all(|known| known.specs(spec.name).next().is_some());
                if everywhere && !names.contains(&spec.name) {
                    names.push(spec.name);
                }
            }
        }
        names
    }

    /// The field of that name in each system that has it, of one frame type or of any.
    pub(super) fn field(&self, frame_type: Option<&str>, name: &str) -> Vec<&Field> {
        let fields = self.systems.iter().flat_map(|known| known.fields(frame_type));
        fields.filter(|field| field.name == name).collect()
    }

    /// The fields all systems have, of one frame type or of any.
    pub(super) fn fields(
        &self,
        frame_type: Option<&str>,
        wanted: fn(&Field) -> bool,
    ) -> Vec<&'static str> {
        let mut names = Vec::new();
        let Some(first) = self.systems.first() else { return names };
        let has = |known: &Known, name: &str| {
            known.fields(frame_type).iter().any(|field| field.name == name && wanted(field))
        };
        for field in first.fields(frame_type) {
            let everywhere = self.systems.iter().all(|known| has(known, field.name));
            if everywhere && wanted(field) && !names.contains(&field.name) {
                names.push(field.name);
            }
        }
        names
    }

    /// The largest value of a number field, by its size.
    pub(super) fn largest(&self, frame_type: Option<&str>, name: &str) -> u64 {
        let sizes = self.field(frame_type, name).into_iter().map(|field| match field.size {
            Size::Fixed(size) => field.role.encoding().unwrap_or(Encoding::Big).largest(size),
            _ => u64::MAX,
        });
        sizes.max().unwrap_or(u64::MAX)
    }

    /// Read the name of a frame type, of those that `from` can send.
    pub(super) fn frame_type<'t>(
        &self,
        reader: &mut Reader,
        node: &'t Node<'t>,
        from: Option<Side>,
        raw: Raw,
    ) -> Option<&'t str> {
        let name = reader.string(node, "type")?;
        if self.systems.is_empty() || (name == RAW && raw == Raw::Allowed) {
            return Some(name);
        }
        let mut allowed = self.frame_types();
        if !allowed.contains(&name) {
            if raw == Raw::Allowed {
                allowed.push(RAW);
            }
            let message = self.lacks(&format!("frame type {}", quote(name)));
            reader.refuse(node.span(), message, name, &allowed);
            return None;
        }
        if let Some(side) = from {
            self.check_sender(reader, node.span(), name, side);
        }
        Some(name)
    }

    /// Read the name of a port: one that all systems have, in the same place.
    pub(super) fn port(&self, reader: &mut Reader, node: &Node<'_>) -> Option<PortIndex> {
        let name = reader.string(node, "port")?;
        let (first, others) = self.systems.split_first()?;
        let places = first.ports.iter().enumerate();
        let everywhere = places.filter(|(place, port)| {
            others.iter().all(|known| known.ports.get(*place) == Some(*port))
        });
        let everywhere: Vec<(usize, &str)> =
            everywhere.map(|(place, port)| (place, port.as_str())).collect();
        let Some((place, _)) = everywhere.iter().find(|(_, port)| *port == name) else {
            let allowed: Vec<&str> = everywhere.iter().map(|(_, port)| *port).collect();
            let message = self.lacks(&format!("port {}", quote(name)));
            reader.refuse(node.span(), message, name, &allowed);
            return None;
        };
        u8::try_from(*place).ok().map(PortIndex)
    }

    /// Note a frame type that is never sent on connections to this port.
    pub(super) fn check_port(
        &self,
        reader: &mut Reader,
        span: Range<usize>,
        frame_type: &str,
        port: PortIndex,
    ) {
        let comes = |spec: &FrameSpec| spec.port.is_none_or(|own| own == port);
        let never = |known: &&Known| {
            known.specs(frame_type).next().is_some() && !known.specs(frame_type).any(comes)
        };
        if let Some(known) = self.systems.iter().find(never) {
            let name = known.ports.get(usize::from(port.0)).map_or("", String::as_str);
            let message = format!("`{frame_type}` is never sent on connections to `{name}`");
            let all = known.as_built.frames.iter().filter(|spec| comes(spec));
            let sent: Vec<&str> = all.map(|spec| spec.name).collect();
            let help = format!("on those to `{name}` come {}", list(&sent));
            reader.mistake_with_help(span, message, "it would never match", help);
        }
    }

    fn check_sender(&self, reader: &mut Reader, span: Range<usize>, name: &str, side: Side) {
        let sends = |known: &Known, name: &str| {
            known.specs(name).any(|spec| spec.from.is_none_or(|from| from == side))
        };
        let never = self.systems.iter().find(|known| !sends(known, name));
        if let Some(known) = never {
            let sent: Vec<&str> =
                self.frame_types().into_iter().filter(|name| sends(known, name)).collect();
            let message = format!("the {side} of `{}` never sends `{name}`", known.name);
            let help = format!("the {side} sends {}", list(&sent));
            reader.mistake_with_help(span, message, "it would never match", help);
        }
    }

    /// Note a name that is not a field of all systems; whether it is one.
    pub(super) fn check_field(
        &self,
        reader: &mut Reader,
        span: Range<usize>,
        name: &str,
        frame_type: Option<&str>,
        wanted: fn(&Field) -> bool,
    ) -> bool {
        if self.systems.is_empty() {
            return true;
        }
        let allowed = self.fields(frame_type, wanted);
        let known = allowed.contains(&name);
        if !known {
            let unwanted = self.fields(frame_type, |_| true).contains(&name);
            let name_shown = quote(name);
            let message = match frame_type {
                _ if unwanted => format!("{name_shown} is not a number"),
                Some(frame_type) => format!("`{frame_type}` has no field {name_shown}"),
                None => self.lacks(&format!("frame with a field {name_shown}")),
            };
            reader.refuse(span, message, name, &allowed);
        }
        known
    }

    /// Whether there is nothing to check against.
    pub(super) fn is_empty(&self) -> bool {
        self.systems.is_empty()
    }

    fn lacks(&self, what: &str) -> String {
        match self.systems.as_slice() {
            [only] => format!("`{}` has no {what}", only.name),
            several => {
                let names: Vec<&str> = several.iter().map(|known| known.name).collect();
                format!("not all of {} have a {what}", list(&names))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::layout::Role;
    use std::sync::Arc;

    use protocol::layout::FrameDecl;
    use protocol::ratchet;
    use toml::de::DeValue;

    use super::*;

    /// A system that shares one frame type with `ratchet`, with fewer fields.
    static OTHER: System = System { name: "other", layout: &layout, ..ratchet::SYSTEM };

    fn layout(profile: Profile) -> Layout {
        const DECL: FrameDecl = FrameDecl {
            name: "TERMINATE",
            from: Some(Side::Server),
            fields: &[Field::new("tag", Role::Tag(&[1]), 1), Field::new("round", Role::NUMBER, 8)],
            max: 100,
        };
        let frames = vec![Arc::new(FrameSpec::new(&DECL, profile))];
        Layout { system: "other", frames, turns: &[] }
    }

    fn mistakes(check: impl FnOnce(&Vocabulary, &mut Reader)) -> Vec<String> {
        let mut reader = Reader::new("", protocol::registry::Registry::BUILTIN);
        check(&Vocabulary::new(&[&ratchet::SYSTEM, &OTHER]), &mut reader);
        reader.mistakes.into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn a_name_must_be_known_to_every_system() {
        let vocabulary = Vocabulary::new(&[&ratchet::SYSTEM, &OTHER]);
        assert_eq!(vocabulary.frame_types(), ["TERMINATE"]);
        assert_eq!(vocabulary.fields(Some("TERMINATE"), |_| true), ["round"]);
        assert_eq!(vocabulary.largest(Some("TERMINATE"), "round"), u64::MAX);

        let wrong = mistakes(|vocabulary, reader| {
            vocabulary.check_field(reader, 0..0, "round", None, |_| true);
            vocabulary.check_field(reader, 0..0, "iv", None, |_| true);
            vocabulary.check_field(reader, 0..0, "iv", Some("TERMINATE"), |_| true);
        });
        let expected = [
            "not all of `ratchet`, `other` have a frame with a field `iv`",
            "`TERMINATE` has no field `iv`",
        ];
        assert_eq!(wrong, expected);
    }

    #[test]
    fn a_type_must_be_sent_by_that_side_of_every_system() {
        let node = DeValue::parse("\"TERMINATE\"").unwrap();
        let wrong = mistakes(|vocabulary, reader| {
            vocabulary.frame_type(reader, &node, Some(Side::Client), Raw::Refused);
        });
        assert_eq!(wrong, ["the client of `other` never sends `TERMINATE`"]);
    }

    #[test]
    fn a_type_must_come_on_the_port() {
        const LINE: FrameDecl = FrameDecl {
            name: "LINE",
            from: None,
            fields: &[Field::sized("text", Role::Bytes, Size::Until(b"\n"))],
            max: 100,
        };
        let line = FrameSpec::new(&LINE, Profile::HARDENED).on(PortIndex(1));
        let layout = Layout { system: "two", frames: vec![Arc::new(line)], turns: &[] };
        let ports = ["control".to_owned(), "data".to_owned()];
        let vocabulary = Vocabulary::of_layout(&layout).with_ports(&ports);
        let mut reader = Reader::new("", protocol::registry::Registry::BUILTIN);
        vocabulary.check_port(&mut reader, 0..0, "LINE", PortIndex(1));
        assert!(reader.mistakes.is_empty());
        vocabulary.check_port(&mut reader, 0..0, "LINE", PortIndex(0));
        let messages: Vec<String> = reader.mistakes.into_iter().map(|one| one.message).collect();
        assert_eq!(messages, ["`LINE` is never sent on connections to `control`"]);
        let node = DeValue::parse("\"data\"").unwrap();
        assert_eq!(
            vocabulary.port(&mut Reader::new("", protocol::registry::Registry::BUILTIN), &node),
            Some(PortIndex(1))
        );
    }
}
