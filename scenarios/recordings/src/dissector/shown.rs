//! What a dissector calls the fields of a protocol. Fields of one name are one for Wireshark, so that a filter finds them in
//! every frame; where they are of different kinds, the frames have one each.

use std::collections::{BTreeMap, BTreeSet};

use protocol::layout::{Encoding, Field, Role, Size};

use super::Protocol;

/// How Wireshark shows a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    /// As hexadecimal digits.
    Bytes,
    /// As text.
    Text,
    /// As a number of at most 4 bytes.
    Uint32,
    /// As a number of at most 8 bytes.
    Uint64,
}

impl Kind {
    fn of(field: &Field) -> Self {
        match (field.role, field.size) {
            (_, Size::Member(_) | Size::Object) | (Role::Bytes, Size::Until(_)) => Self::Text,
            (Role::Tag(tag), _) if tag.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
                Self::Text
            }
            (role, size) => match (role.encoding(), size) {
                (Some(Encoding::Digits), _) => Self::Text,
                (Some(_), Size::Fixed(1..=4)) => Self::Uint32,
                (Some(_), Size::Fixed(5..=8)) => Self::Uint64,
                _ => Self::Bytes,
            },
        }
    }

    /// The name the engine has for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
        }
    }
}

/// A field as Wireshark knows it.
#[derive(Clone, Debug)]
pub(super) struct ShownField {
    /// What filters call it, after the protocol.
    pub(super) abbreviation: String,
    /// Its declared name.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What it is for.
    pub(super) about: &'static str,
}

/// The fields of a protocol.
#[derive(Debug, Default)]
pub(super) struct Shown {
    fields: Vec<ShownField>,
    places: BTreeMap<(&'static str, Kind), usize>,
}

impl Shown {
    /// Those of all frames under all profiles.
    pub(super) fn of(protocol: &Protocol) -> Self {
        let mut shown = Self::default();
        // Names of the engine's own.
        let mut taken: BTreeSet<String> =
            ["frame", "way", "raw", "malformed"].map(str::to_owned).into();
        let layouts = protocol.profiles.iter().map(|(_, layout)| layout);
        for field in layouts.flat_map(|layout| &layout.frames).flat_map(|spec| &spec.fields) {
            let kind = Kind::of(field);
            if shown.places.contains_key(&(field.name, kind)) {
                continue;
            }
            let plain = plain(field.name);
            let numbered = (2..).map(|number| format!("{plain}_{number}"));
            let mut names = std::iter::once(plain.clone()).chain(numbered);
            let Some(abbreviation) = names.find(|name| taken.insert(name.clone())) else {
                continue;
            };
            shown.places.insert((field.name, kind), shown.fields.len() + 1);
            let about = about(field.role);
            shown.fields.push(ShownField { abbreviation, name: field.name, kind, about });
        }
        shown
    }

    /// In the order of their places.
    pub(super) fn fields(&self) -> &[ShownField] {
        &self.fields
    }

    /// The place of a field, from 1.
    pub(super) fn place(&self, field: &Field) -> usize {
        self.places.get(&(field.name, Kind::of(field))).copied().unwrap_or(1)
    }
}

/// What a filter can have in it.
fn plain(name: &str) -> String {
    let allowed = |char: char| match char.to_ascii_lowercase() {
        char @ ('a'..='z' | '0'..='9' | '_' | '-') => char,
        _ => '_',
    };
    name.chars().map(allowed).collect()
}

fn about(role: Role) -> &'static str {
    match role {
        Role::Tag(_) => "Always the same",
        Role::Length(_) => "Length",
        Role::Number(_) => "Number",
        Role::Nonce => "Nonce",
        Role::Iv => "Initialization vector",
        Role::Ciphertext => "Ciphertext",
        Role::Mac => "Message authentication code",
        Role::Signature => "Signature",
        Role::Certificate => "Certificate",
        Role::PublicKey => "Public key",
        Role::Bytes => "Bytes",
    }
}
