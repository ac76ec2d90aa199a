//! Why bytes could not be cut, and which declaration would have done it.

use protocol::endpoint::Side;
use protocol::layout::{Counts, Encoding, FrameSpec, Layout, Length, Measure, Role};

/// Why no frame of this side stands at the front of `bytes`.
pub(super) fn hint(layout: &Layout, from: Side, bytes: &[u8]) -> String {
    for spec in layout.from_side(from) {
        if let Measure::Bad(_) = spec.measure(bytes) {
            return bad_length(spec, bytes);
        }
    }
    if let Some(spec) = layout.from_side(other(from)).find(|spec| fits(spec, bytes)) {
        return format!(
            "the {from} sends no {}, says the file, and this looks like one",
            spec.name
        );
    }
    if layout.from_side(from).next().is_none() {
        return format!("the file declares no frame that the {from} sends");
    }
    format!("no frame of the {from} begins like this")
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

fn fits(spec: &FrameSpec, bytes: &[u8]) -> bool {
    matches!(spec.measure(bytes), Measure::Whole(_)) && spec.is_tagged()
}

/// How else the length of this type would have to be declared for a frame to stand at the front of `bytes`.
pub(super) fn other_length(spec: &FrameSpec, bytes: &[u8]) -> Option<String> {
    let at = spec.fields.iter().position(|field| field.role.is_length())?;
    let field = spec.fields.get(at)?;
    let Role::Length(length) = field.role else { return None };
    let (_, words) = others(length).into_iter().find(|(other, _)| {
        let mut fields = spec.fields.clone();
        if let Some(field) = fields.get_mut(at) {
            field.role = Role::Length(*other);
        }
        let changed = FrameSpec::of(spec.name, spec.from, fields, spec.max);
        matches!(changed.measure(bytes), Measure::Whole(_))
    })?;
    Some(format!("`{}` would be right with {words}", field.name))
}

/// It begins like this type and its length cannot be; perhaps it is written in another way.
fn bad_length(spec: &FrameSpec, bytes: &[u8]) -> String {
    let name = spec.name;
    let length = spec.fields.iter().find(|field| field.role.is_length());
    let length = length.map(|field| (field.name, field.role));
    let Some((field, Role::Length(length))) = length else {
        return format!("it begins like {name} and does not end within {} bytes", spec.max);
    };
    if let Some(words) = other_length(spec, bytes) {
        return format!("it begins like {name}; {words}");
    }
    let value = spec.ranges(bytes).find(|(one, _)| one.name == field);
    let value = value.and_then(|(_, range)| length.encoding.read(bytes.get(range)?));
    let value = value.map_or_else(|| "no number".to_owned(), |value| value.to_string());
    format!(
        "it begins like {name}; `{field}` is {value}, which no {name} can have (`max` is {})",
        spec.max
    )
}

/// The same length, declared in other ways.
fn others(length: Length) -> Vec<(Length, String)> {
    let (counting, counts) = match length.counts {
        Counts::Following => (Counts::Frame, "`counts = \"frame\"`"),
        Counts::Frame => (Counts::Following, "`counts = \"rest\"`"),
    };
    let mut others = vec![(Length { counts: counting, ..length }, counts.to_owned())];
    let (encoding, order) = match length.encoding {
        Encoding::Big => (Encoding::Little, "`order = \"little\"`"),
        Encoding::Little => (Encoding::Big, "`order = \"big\"`"),
        Encoding::Digits => return others,
    };
    others.insert(0, (Length { encoding, ..length }, order.to_owned()));
    let both = Length { encoding, counts: counting, ..length };
    others.push((both, format!("{order} and {counts}")));
    others
}
