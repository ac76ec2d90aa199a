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

/// It begins like this type and its length cannot be; perhaps it is written in another way.
fn bad_length(spec: &FrameSpec, bytes: &[u8]) -> String {
    let name = spec.name;
    let at = spec.fields.iter().position(|field| field.role.is_length());
    let length = at.and_then(|at| spec.fields.get(at)).map(|field| (field.name, field.role));
    let Some((field, Role::Length(length))) = length else {
        return format!("it begins like {name} and does not end within {} bytes", spec.max);
    };
    for (other, words) in others(length) {
        let mut fields = spec.fields.clone();
        if let Some(field) = at.and_then(|at| fields.get_mut(at)) {
            field.role = Role::Length(other);
        }
        let changed = FrameSpec::of(name, spec.from, fields, spec.max);
        if let Measure::Whole(_) = changed.measure(bytes) {
            return format!("it begins like {name}; `{field}` would be right with {words}");
        }
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
    let (turned, order) = match length.encoding {
        Encoding::Big => (Encoding::Little, "little"),
        Encoding::Little => (Encoding::Big, "big"),
        Encoding::Digits => (Encoding::Digits, ""),
    };
    let (counting, counts) = match length.counts {
        Counts::Following => (Counts::Frame, "frame"),
        Counts::Frame => (Counts::Following, "rest"),
    };
    let (order, counts) = (format!("`order = \"{order}\"`"), format!("`counts = \"{counts}\"`"));
    let both = format!("{order} and {counts}");
    vec![
        (Length { encoding: turned, ..length }, order),
        (Length { counts: counting, ..length }, counts),
        (Length { encoding: turned, counts: counting, ..length }, both),
    ]
}
