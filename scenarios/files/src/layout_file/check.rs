//! What must be right of all fields of a frame together, and of all frames.

use std::ops::Range;

use protocol::layout::{FrameSpec, Role, Size};

use super::fields::Draft;
use crate::diagnostic::{list, quote};
use crate::toml_reader::{Reader, Table};

/// A frame type as it was read, but for its fields.
#[derive(Debug)]
pub(super) struct Drafted<'a, 't> {
    pub(super) table: &'a Table<'t>,
    pub(super) one_read: bool,
    pub(super) max: usize,
}

/// Note what cannot work, and settle what lengths count.
pub(super) fn fields(reader: &mut Reader, frame: &Drafted<'_, '_>, drafts: &mut [Draft]) {
    let table = frame.table;
    if drafts.is_empty() {
        let span = table.get("fields").map_or(table.span.clone(), toml::Spanned::span);
        reader.mistake(span, "a frame has no fields".to_owned(), "declare at least one");
        return;
    }
    let before = reader.mistakes.len();
    names(reader, drafts);
    order(reader, frame, drafts);
    if reader.mistakes.len() > before {
        return;
    }
    counted(reader, drafts);
    let least: usize = drafts.iter().map(|draft| draft.field.size.least()).sum();
    if least == 0 && !frame.one_read {
        let span = table.get("fields").map_or(table.span.clone(), toml::Spanned::span);
        reader.mistake(span, "a frame can have no bytes".to_owned(), "it would never end");
    }
    if least > frame.max {
        let span = table.get("max").map_or(table.span.clone(), toml::Spanned::span);
        let message = format!("no frame fits: `max` is {}", frame.max);
        reader.mistake(span, message, &format!("its fields have at least {least} bytes"));
    }
}

fn names(reader: &mut Reader, drafts: &[Draft]) {
    for (at, draft) in drafts.iter().enumerate() {
        let name = draft.field.name;
        if drafts.iter().take(at).any(|other| other.field.name == name) {
            let message = format!("two fields are named `{name}`");
            reader.mistake(draft.name_span.clone(), message, "again");
        }
    }
}

/// What stands before what.
fn order(reader: &mut Reader, frame: &Drafted<'_, '_>, drafts: &[Draft]) {
    let (mut rest, mut length, mut object): (Option<&str>, Option<&str>, bool) =
        (None, None, false);
    for Draft { field, span, .. } in drafts {
        let name = field.name;
        match (field.size, rest) {
            (Size::Rest, Some(first)) => {
                let message = format!("`{first}` and `{name}` both take the rest");
                reader.mistake(span.clone(), message, "one `rest` in a frame");
                return;
            }
            (Size::Until(_) | Size::Object, Some(first)) => {
                let message = format!("`{name}` stands behind `{first}`, which takes the rest");
                let help = "behind it, give fields a number of `bytes`".to_owned();
                reader.mistake_with_help(span.clone(), message, "where would it begin?", help);
                return;
            }
            (Size::Member(_), _) if !object => {
                let message = format!("there is no JSON object in front of `{name}`");
                let help = "a member lies in the nearest field before it with `rest`, `until` or `json`, or in a frame with `json = true`".to_owned();
                reader.mistake_with_help(span.clone(), message, "a member of what?", help);
            }
            (Size::Rest, None) => {
                no_end(reader, frame, name, length, span.clone());
                (rest, object) = (Some(name), true);
            }
            (Size::Until(_) | Size::Object, None) => object = true,
            (Size::Fixed(_) | Size::Member(_), _) => {}
        }
        if let Role::Length(_) = field.role {
            match (length, rest) {
                (Some(first), _) => {
                    let message = format!("`{first}` and `{name}` are both lengths");
                    reader.mistake(span.clone(), message, "one length in a frame");
                }
                (None, Some(rest)) => {
                    let message = format!("the length `{name}` stands behind `{rest}`");
                    reader.mistake(span.clone(), message, "it must come before what it measures");
                }
                (None, None) => {}
            }
            length = length.or(Some(name));
        }
    }
    if frame.one_read && (rest.is_none() || length.is_some()) {
        let message =
            "`one-read` says that a read ends the frame, and its fields say where it ends";
        let help =
            "leave it out, or declare one field with `rest` and none with `length`".to_owned();
        let span = frame.table.key_span("one-read");
        reader.mistake_with_help(span, message.to_owned(), "one of both", help);
    }
}

/// Note that nothing ends the field that takes the rest.
fn no_end(
    reader: &mut Reader,
    frame: &Drafted<'_, '_>,
    name: &str,
    length: Option<&str>,
    span: Range<usize>,
) {
    if length.is_none() && !frame.one_read {
        let message = format!("nothing says where `{name}` ends");
        let help = "put a field with `length` before it, give it an end with `until`, or say `one-read = true` of the frame".to_owned();
        reader.mistake_with_help(span, message, "the rest of what?", help);
    }
}

/// A length that counts fields by name counts what follows it but for what is not named.
fn counted(reader: &mut Reader, drafts: &mut [Draft]) {
    let Some(at) = drafts.iter().position(|draft| !draft.counts.is_empty()) else { return };
    let behind: Vec<(&str, Size)> = drafts
        .iter()
        .skip(at + 1)
        .filter(|draft| !matches!(draft.field.size, Size::Member(_)))
        .map(|draft| (draft.field.name, draft.field.size))
        .collect();
    let allowed: Vec<&str> = behind.iter().map(|(name, _)| *name).collect();
    let Some(draft) = drafts.get_mut(at) else { return };
    for (name, span) in &draft.counts {
        if !allowed.contains(&name.as_str()) {
            let message = format!("no field {} stands behind this length", quote(name));
            reader.refuse(span.clone(), message, name, &allowed);
            return;
        }
    }
    let mut plus = 0;
    for (name, size) in behind {
        match size {
            _ if draft.counts.iter().any(|(counted, _)| counted == name) => {}
            Size::Fixed(size) => plus -= i64::try_from(size).unwrap_or(i64::MAX),
            _ => {
                let message =
                    format!("the length does not count `{name}`, which has no fixed size");
                let help = format!("count at least {}", list(&[name]));
                reader.mistake_with_help(
                    draft.span.clone(),
                    message,
                    "it cannot tell the end",
                    help,
                );
                return;
            }
        }
    }
    if let Role::Length(length) = &mut draft.field.role {
        length.plus = length.plus.saturating_add(plus);
    }
}

/// Note frame types that never come out, because an earlier one takes all their bytes.
pub(super) fn hidden(reader: &mut Reader, known: &[(FrameSpec, Range<usize>)]) {
    for (at, (spec, span)) in known.iter().enumerate() {
        let earlier = known.iter().take(at).find(|(earlier, _)| {
            (earlier.from.is_none() || earlier.from == spec.from)
                && (earlier.port.is_none() || earlier.port == spec.port)
                && earlier.hides(spec)
        });
        if let Some((earlier, _)) = earlier {
            let (name, first) = (spec.name, earlier.name);
            let message = format!("`{name}` never comes out: `{first}` before it takes its bytes");
            let help = format!(
                "types are tried in order: put `{name}` before `{first}`, or give `{first}` a tag that tells it"
            );
            reader.mistake_with_help(span.clone(), message, "it would never match", help);
        }
    }
}
