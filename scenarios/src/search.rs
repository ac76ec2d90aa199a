//! Searching what stood on the wire for what was sent: in every form in which a reader would recognize it, and with one pass over
//! the bytes for all messages and forms.
//!
//! What one end sent on a connection is one stream, whatever frames it came in; and each field of those frames is one, so that
//! headers between the pieces of a text hide nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use mitm_proxy::trace::Trace;
use protocol::endpoint::Side;
use protocol::layout::Role;

/// The shortest message searched for, in bytes. By chance 8 given bytes stand in 64 MiB with a
/// probability of 2^-38.
pub(crate) const SHORTEST: usize = 8;
/// How many bytes of a longer message are searched for, in three places.
const PIECE: usize = 24;

protocol::words! {
    /// A form in which a message can stand on the wire and still be read.
    Form {
        /// Byte by byte.
        Plain = "as it is",
        /// In either alphabet, from any offset.
        Base64 = "in base64",
        /// In digits of either case.
        Hex = "as hexadecimal digits",
        /// Of either byte order.
        Utf16 = "in UTF-16",
        /// From the last byte to the first.
        Reversed = "reversed",
        /// As in URLs and forms.
        Percent = "percent-encoded",
    }
}

/// What is searched for and what is not, for evidence; the definition of secrecy names the forms.
pub(crate) const FORMS: &str = "in six forms; not searched for: compressed";

/// What to look for: pieces of messages in all forms, as one automaton.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    automaton: Option<AhoCorasick>,
    /// By pattern of the automaton: which messages it is of, by their places, and in which form.
    of: Vec<Vec<(usize, Form)>>,
}

/// Where a message can be read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// The place among all records of the frame that completes it.
    pub(crate) moment: u64,
    /// The frames it stands in.
    pub(crate) frames: Vec<u32>,
    /// In which form.
    pub(crate) form: Form,
    /// In the values of this field, if it takes those of several frames.
    pub(crate) field: Option<&'static str>,
}

impl Needles {
    /// For these messages. Those under [`SHORTEST`] bytes are not searched for.
    pub(crate) fn of<'a>(bodies: impl Iterator<Item = &'a Bytes>) -> Self {
        let mut patterns: BTreeMap<Vec<u8>, Vec<(usize, Form)>> = BTreeMap::new();
        for (at, body) in bodies.enumerate().filter(|(_, body)| body.len() >= SHORTEST) {
            for (form, pattern) in forms(body) {
                let of = patterns.entry(pattern).or_default();
                if of.last().is_none_or(|(other, _)| *other != at) {
                    of.push((at, form));
                }
            }
        }
        let (patterns, of): (Vec<_>, Vec<_>) = patterns.into_iter().unzip();
        let automaton = (!patterns.is_empty()).then(|| AhoCorasick::new(patterns).ok()).flatten();
        Self { automaton, of }
    }

    /// Call `found` with each message in `bytes`, the form, and where that begins and ends.
    fn search(&self, bytes: &[u8], mut found: impl FnMut(usize, Form, usize, usize)) {
        let Some(automaton) = &self.automaton else { return };
        for hit in automaton.find_overlapping_iter(bytes) {
            let of = self.of.get(hit.pattern().as_usize()).into_iter().flatten();
            of.for_each(|(at, form)| found(*at, *form, hit.start(), hit.end()));
        }
    }

    /// The messages that can be read in these bytes, by their places.
    pub(crate) fn within(&self, bytes: &[u8]) -> BTreeSet<usize> {
        let mut shown = BTreeSet::new();
        self.search(bytes, |at, _, _, _| {
            shown.insert(at);
        });
        shown
    }

    /// Where each message can first be read in what endpoints sent, by its place.
    pub(crate) fn on_wire(&self, trace: &Trace) -> BTreeMap<usize, Place> {
        let mut first: BTreeMap<usize, Place> = BTreeMap::new();
        for stream in streams(trace) {
            self.search(&stream.bytes, |at, form, start, end| {
                let Some(place) = stream.place(form, start, end) else { return };
                match first.get(&at) {
                    Some(known) if *known <= place => {}
                    _ => drop(first.insert(at, place)),
                }
            });
        }
        first
    }
}

/// The needles made last, and for which messages: the runs of a case send the same.
#[derive(Debug, Default)]
pub(crate) struct Searches(Mutex<Option<(Vec<Bytes>, Arc<Needles>)>>);

impl Searches {
    /// What to look for in a run that sent these.
    pub(crate) fn needles(&self, bodies: Vec<Bytes>) -> Arc<Needles> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, needles)) if *known == bodies => needles.clone(),
            _ => {
                let needles = Arc::new(Needles::of(bodies.iter()));
                *last = Some((bodies, needles.clone()));
                needles
            }
        }
    }
}

/// Bytes of one connection and sender in a row: whole frames, or the values of one field.
#[derive(Debug, Default)]
struct Stream {
    field: Option<&'static str>,
    bytes: Vec<u8>,
    /// Where the part of each frame ends, its number and its place among all records.
    parts: Vec<(usize, u32, u64)>,
}

impl Stream {
    fn add(&mut self, bytes: &[u8], number: u32, moment: u64) {
        self.bytes.extend_from_slice(bytes);
        self.parts.push((self.bytes.len(), number, moment));
    }

    fn place(&self, form: Form, start: usize, end: usize) -> Option<Place> {
        let first = self.parts.partition_point(|(to, ..)| *to <= start);
        let last = self.parts.partition_point(|(to, ..)| *to < end);
        let parts = self.parts.get(first..=last)?;
        let moment = parts.last()?.2;
        let frames: Vec<u32> = parts.iter().map(|(_, number, _)| *number).collect();
        Some(Place { moment, frames, form, field: self.field })
    }
}

/// What every end sent on every connection: all of it, and each field that stood in more than one frame.
fn streams(trace: &Trace) -> Vec<Stream> {
    let mut whole: BTreeMap<(u32, Side), Stream> = BTreeMap::new();
    let mut fields: BTreeMap<(u32, Side, &'static str), Stream> = BTreeMap::new();
    for (number, record) in trace.honest() {
        let (frame, moment) = (record.as_sent(), record.moment);
        whole.entry((record.link, record.to)).or_default().add(&frame.bytes, number, moment);
        for (field, range) in frame.spec.ranges(&frame.bytes) {
            let names = matches!(field.role, Role::Tag(_)) || field.role.is_length();
            if let Some(value) = frame.bytes.get(range).filter(|_| !names) {
                let key = (record.link, record.to, field.name);
                let stream = fields.entry(key).or_default();
                stream.field = Some(field.name);
                stream.add(value, number, moment);
            }
        }
    }
    let fields = fields.into_values().filter(|stream| stream.parts.len() > 1);
    whole.into_values().chain(fields).collect()
}

/// Pieces of a message that would give it away: beginning, middle and end, in every form.
fn forms(body: &[u8]) -> Vec<(Form, Vec<u8>)> {
    let mut forms = Vec::new();
    for piece in pieces(body) {
        forms.push((Form::Plain, piece.to_vec()));
        for offset in 0..3 {
            forms.push((Form::Base64, base64(piece, offset, &STANDARD_NO_PAD)));
            forms.push((Form::Base64, base64(piece, offset, &URL_SAFE_NO_PAD)));
        }
        let hex = |format: fn(&u8) -> String| piece.iter().map(format).collect::<String>();
        forms.push((Form::Hex, hex(|byte| format!("{byte:02x}")).into_bytes()));
        forms.push((Form::Hex, hex(|byte| format!("{byte:02X}")).into_bytes()));
        forms.push((Form::Reversed, piece.iter().rev().copied().collect()));
        forms.push((Form::Percent, hex(|byte| format!("%{byte:02x}")).into_bytes()));
        forms.push((Form::Percent, hex(|byte| format!("%{byte:02X}")).into_bytes()));
        forms.push((Form::Percent, hex(|byte| reserved(*byte, "%20", Case::Upper)).into_bytes()));
        forms.push((Form::Percent, hex(|byte| reserved(*byte, "%20", Case::Lower)).into_bytes()));
        forms.push((Form::Percent, hex(|byte| reserved(*byte, "+", Case::Upper)).into_bytes()));
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let units: Vec<u16> = text.encode_utf16().collect();
        for piece in pieces(&units) {
            let little = piece.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let big = piece.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            forms.extend([(Form::Utf16, little), (Form::Utf16, big)]);
        }
    }
    // A few characters of many bytes each come to less in UTF-16.
    forms.retain(|(_, pattern)| pattern.len() >= SHORTEST);
    forms
}

/// The beginning, the middle and the end, or all where that is short.
fn pieces<T>(of: &[T]) -> Vec<&[T]> {
    let size = of.len().min(PIECE);
    let starts = BTreeSet::from([0, (of.len() - size) / 2, of.len() - size]);
    starts.into_iter().filter_map(|start| of.get(start..start + size)).collect()
}

/// The base64 of a piece that stands behind so many other bytes of its group of three: the digits that it decides alone.
fn base64(piece: &[u8], offset: usize, alphabet: &impl Engine) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(piece);
    let mut digits = alphabet.encode(&bytes).into_bytes();
    digits.truncate(bytes.len() * 8 / 6);
    digits.drain(..(offset * 8).div_ceil(6));
    digits
}

/// The case of hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Lower,
    Upper,
}

/// A byte as in a URL: those that are reserved are encoded (RFC 3986, section 2.3).
fn reserved(byte: u8, space: &str, case: Case) -> String {
    match byte {
        b' ' => space.to_owned(),
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ if case == Case::Lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use mitm_proxy::trace::{Fate, FrameRecord, Origin};
    use protocol::endpoint::Tick;
    use protocol::layout::Frame;

    use super::*;
    use crate::layout_file::LayoutFile;

    fn found(body: &str, bytes: &[u8]) -> Option<Form> {
        let needles = Needles::of([Bytes::from(body.to_owned())].iter());
        let mut form = None;
        needles.search(bytes, |_, found, _, _| form = form.or(Some(found)));
        form
    }

    const BODY: &str = "attack at dawn, at the north gate";

    #[test]
    fn a_message_is_found_in_base64_from_any_offset_and_in_both_alphabets() {
        // Behind 0, 1 and 2 other bytes.
        let encoded = [
            "YXR0YWNrIGF0IGRhd24sIGF0IHRoZSBub3J0aCBnYXRl",
            "eGF0dGFjayBhdCBkYXduLCBhdCB0aGUgbm9ydGggZ2F0ZQ==",
            "eHhhdHRhY2sgYXQgZGF3biwgYXQgdGhlIG5vcnRoIGdhdGU=",
        ];
        for text in encoded {
            assert_eq!(found(BODY, text.as_bytes()), Some(Form::Base64), "{text}");
        }
        // What the two alphabets write differently.
        let body = "??>>??>>??>>??>>";
        assert_eq!(found(body, b"Pz8+Pj8/Pj4/Pz4+Pz8+Pg=="), Some(Form::Base64));
        assert_eq!(found(body, b"Pz8-Pj8_Pj4_Pz4-Pz8-Pg=="), Some(Form::Base64));
        // The shortest there is, alone, behind others, and in front of others.
        for text in ["cGF5IGJvYiE=", "eHBheSBib2Ih", "eHhwYXkgYm9iIQ==", "cGF5IGJvYiF5eQ=="] {
            assert_eq!(found("pay bob!", text.as_bytes()), Some(Form::Base64), "{text}");
        }
    }

    #[test]
    fn a_message_is_found_in_every_other_form() {
        let hex = BODY.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(found(BODY, hex.as_bytes()), Some(Form::Hex));
        assert_eq!(found(BODY, hex.to_uppercase().as_bytes()), Some(Form::Hex));
        let little: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(found(BODY, &little), Some(Form::Utf16));
        assert_eq!(found(BODY, &big), Some(Form::Utf16));
        let reversed: Vec<u8> = BODY.bytes().rev().collect();
        assert_eq!(found(BODY, &reversed), Some(Form::Reversed));
        let percent = "attack%20at%20dawn%2C%20at%20the%20north%20gate";
        for text in [percent.to_owned(), percent.to_lowercase(), percent.replace("%20", "+")] {
            assert_eq!(found(BODY, text.as_bytes()), Some(Form::Percent), "{text}");
        }
        let all = BODY.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        assert_eq!(found(BODY, all.as_bytes()), Some(Form::Percent));
        assert_eq!(found(BODY, BODY.as_bytes()), Some(Form::Plain));
    }

    #[test]
    fn what_is_not_reserved_stands_as_it_is_in_a_url() {
        assert_eq!(found("a-b.c_d~e f", b"a-b.c_d~e%20f"), Some(Form::Percent));
    }

    #[test]
    fn messages_that_begin_alike_are_both_found() {
        let beginning = "the same first twenty-four bytes";
        let bodies = ["and one end", "and another"].map(|end| format!("{beginning} {end}"));
        let needles = Needles::of(bodies.map(Bytes::from).iter());
        assert_eq!(needles.within(beginning.as_bytes()), BTreeSet::from([0, 1]));
        assert_eq!(needles.within(b"something else that is as long"), BTreeSet::new());
    }

    #[test]
    fn nothing_is_found_in_what_is_something_else() {
        assert_eq!(found(BODY, b"nothing of the sort here, whatever is in it and how long"), None);
        assert_eq!(found("1234567", b"1234567"), None, "too short to tell");
        // "attack at dawn, at those nights!!"
        let encoded = b"YXR0YWNrIGF0IGRhd24sIGF0IHRob3NlIG5pZ2h0cyEh";
        assert_eq!(found(BODY, encoded), None, "it only begins alike");
        let noise: Vec<u8> =
            (0..1 << 16).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(found("10.5,20.25", &noise), None);
    }

    #[test]
    fn of_a_long_message_beginning_middle_and_end_are_looked_for() {
        let body = (0..200).map(|at| format!("{at:03}")).collect::<Vec<_>>().concat();
        for part in [&body[..30], &body[280..330], &body[570..]] {
            assert_eq!(found(&body, part.as_bytes()), Some(Form::Plain), "{part}");
        }
        assert_eq!(found(&body, &body.as_bytes()[40..80]), None);
    }

    const LAYOUT: &str = r#"
name = "plain"
[[frame]]
name = "TEXT"
max = 1000
fields = [{ name = "type", tag = "T" }, { name = "length", length = "u16" }, { name = "body", rest = true }]
"#;

    /// What a client sent in these frames, each with its type and length in front.
    fn sent(bodies: &[&str]) -> Trace {
        let bodies: Vec<(u32, &str)> = bodies.iter().map(|body| (1, *body)).collect();
        sent_on(&bodies)
    }

    /// The same, each on its link.
    fn sent_on(bodies: &[(u32, &str)]) -> Trace {
        let layout = LayoutFile::parse("plain.toml", LAYOUT).unwrap().layout;
        let mut trace = Trace::default();
        for (link, body) in bodies {
            let length = u16::try_from(body.len()).unwrap().to_be_bytes();
            let mut bytes = [b"T", &length[..]].concat();
            bytes.extend_from_slice(body.as_bytes());
            let frame = Frame { spec: layout.frames[0].clone(), bytes: bytes.into() };
            let moment = trace.next_moment();
            trace.add(FrameRecord {
                number: 0,
                at: Tick(0),
                moment,
                link: *link,
                to: Side::Server,
                frame,
                original: None,
                origin: Origin::Endpoint,
                attacker_actions: Vec::new(),
                moved: false,
                fate: Fate::Delivered(Tick(0)),
                sent: None,
                answers: None,
                read: None,
            });
        }
        trace
    }

    #[test]
    fn a_message_in_pieces_is_found_in_the_field_that_has_them() {
        let needles = Needles::of([Bytes::from(BODY)].iter());
        let pieces: Vec<&str> =
            BODY.as_bytes().chunks(9).map(|p| std::str::from_utf8(p).unwrap()).collect();
        let places = needles.on_wire(&sent(&pieces));
        let place = &places[&0];
        assert_eq!((place.frames.as_slice(), place.field), (&[1, 2, 3][..], Some("body")));
        assert_eq!((place.moment, place.form), (3, Form::Plain));
        // In one frame among others, it is just that frame.
        let places = needles.on_wire(&sent(&["hello", BODY, "goodbye"]));
        let place = &places[&0];
        assert_eq!((place.frames.as_slice(), place.field), (&[2][..], None));
        assert!(needles.on_wire(&sent(&["hello", "goodbye"])).is_empty());
    }

    #[test]
    fn a_message_that_fills_the_last_of_its_frames_is_not_in_the_next() {
        let body = "exactly twenty-four byte";
        let needles = Needles::of([Bytes::from(body)].iter());
        let places = needles.on_wire(&sent(&["before", &body[..12], &body[12..], "behind"]));
        assert_eq!((places[&0].frames.as_slice(), places[&0].moment), (&[2, 3][..], 3));
    }

    #[test]
    fn the_first_of_several_places_is_told_whichever_link_it_is_on() {
        let needles = Needles::of([Bytes::from(BODY)].iter());
        let places = needles.on_wire(&sent_on(&[(2, BODY), (1, BODY)]));
        assert_eq!((places[&0].frames.as_slice(), places[&0].moment), (&[1][..], 1));
    }

    #[test]
    fn what_types_and_lengths_spell_is_no_message() {
        let needles =
            Needles::of(["TTTTTTTT", "\0\u{1}\0\u{1}\0\u{1}\0\u{1}"].map(Bytes::from).iter());
        assert!(needles.on_wire(&sent(&["x"; 8])).is_empty());
        let needles = Needles::of([Bytes::from("xxxxxxxx")].iter());
        assert_eq!(needles.on_wire(&sent(&["x"; 8]))[&0].field, Some("body"));
    }

    #[test]
    fn a_search_is_made_once_for_all_runs_that_send_the_same() {
        let searches = Searches::default();
        let one = searches.needles(vec![Bytes::from(BODY)]);
        assert!(Arc::ptr_eq(&one, &searches.needles(vec![Bytes::from(BODY)])));
        assert!(!Arc::ptr_eq(&one, &searches.needles(Vec::new())));
    }
}
