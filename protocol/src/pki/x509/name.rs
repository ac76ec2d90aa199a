//! Distinguished names as other programs write them: their strings are of several types, and names that differ in
//! nothing but these types, capitals or blanks are the same (RFC 5280 section 7.1).

use std::borrow::Cow;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// `commonName` (RFC 4519 section 2.3).
pub(super) const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// `UniversalString`, which the parser does not know.
const UNIVERSAL: u8 = 0x1c;
/// What stands in for it while DER is parsed. No name has a string of this type, `VideotexString`.
const STAND_IN: u8 = 0x15;

/// A name as text, most specific part first (RFC 4514), whatever types its strings have.
pub(super) fn text(name: &Name) -> String {
    let parts = name.iter_rdn().map(|part| {
        let values: Vec<_> = part.iter().map(|value| readable(value).to_string()).collect();
        values.join("+")
    });
    let parts: Vec<_> = parts.collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// The common name; nothing if there is none, or several.
pub(super) fn common_name(name: &Name) -> Option<String> {
    let mut all = name.iter().filter(|part| part.oid == COMMON_NAME);
    let first = all.next()?;
    string(&first.value).filter(|_| all.next().is_none())
}

/// Whether two names are of the same subject.
pub(super) fn same(one: &Name, other: &Name) -> bool {
    one == other || canonical(one) == canonical(other)
}

/// The name as it goes into a certificate: byte for byte, but for strings of the type that cannot be written.
pub(super) fn written(name: Name) -> Name {
    if name.iter().all(|part| part.value.tag() != Tag::VideotexString) {
        return name;
    }
    let rewritten = || {
        let mut written = RdnSequence::default();
        for part in name.iter_rdn() {
            let values: Vec<_> = part.iter().map(|value| readable(value).into_owned()).collect();
            written.push(RelativeDistinguishedName::try_from(values)?);
        }
        Name::from_der(&written.to_der()?)
    };
    rewritten().unwrap_or_else(|_| name.clone())
}

/// The DER with strings of a type that the parser knows in place of those that it does not.
pub(super) fn stand_in(der: &[u8]) -> Vec<u8> {
    let mut der = der.to_vec();
    let mut at = 0;
    while let Some([tag, first, long @ ..]) = der.get_mut(at..) {
        // Lengths from 128 on are in as many bytes as the first one says.
        let more = usize::from(*first & 0x7f);
        let (header, length) = if *first < 0x80 {
            (2, usize::from(*first))
        } else if more <= 4 && more <= long.len() {
            let long = long.iter().take(more);
            (2 + more, long.fold(0, |length, byte| length << 8 | usize::from(*byte)))
        } else {
            break;
        };
        if *tag == UNIVERSAL {
            *tag = STAND_IN;
        }
        // What is constructed is gone into.
        let constructed = *tag & 0x20 != 0;
        at = at.saturating_add(header).saturating_add(if constructed { 0 } else { length });
    }
    der
}

/// The same value with a string that everybody reads, if it is a string.
fn readable(value: &AttributeTypeAndValue) -> Cow<'_, AttributeTypeAndValue> {
    let read = string(&value.value)
        .and_then(|text| Any::new(Tag::Utf8String, text.into_bytes()).ok())
        .map(|utf8| AttributeTypeAndValue { oid: value.oid, value: utf8 });
    read.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The text of a string of any type (X.680 section 41); nothing for what is none, or is broken.
fn string(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        // What is not ASCII in them is taken as Latin-1, as other programs do.
        Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString
        | Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (units, []) = bytes.as_chunks::<2>() else { return None };
            char::decode_utf16(units.iter().copied().map(u16::from_be_bytes))
                .collect::<Result<_, _>>()
                .ok()
        }
        Tag::VideotexString => {
            let (units, []) = bytes.as_chunks::<4>() else { return None };
            units.iter().copied().map(u32::from_be_bytes).map(char::from_u32).collect()
        }
        _ => None,
    }
}

/// What of a name tells it from others.
fn canonical(name: &Name) -> Vec<Vec<(ObjectIdentifier, Vec<u8>)>> {
    let part = |part: &RelativeDistinguishedName| {
        let value = |value: &AttributeTypeAndValue| {
            let text = string(&value.value).map(|text| {
                let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
                words.join(" ").into_bytes()
            });
            (value.oid, text.unwrap_or_else(|| value.value.to_der().unwrap_or_default()))
        };
        let mut values: Vec<_> = part.iter().map(value).collect();
        values.sort();
        values
    };
    name.iter_rdn().map(part).collect()
}
