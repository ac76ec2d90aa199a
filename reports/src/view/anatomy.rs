//! What is inside a frame and what the attacker changed of it: only there where a report asks for it.

use serde::Serialize;

/// The most bytes of a value that are kept, from its beginning.
pub const MOST_SHOWN: usize = 16;

/// The most changes of one frame that are kept.
pub const MOST_CHANGES: usize = 12;

/// The fields of a frame, and where it differs from what its sender made.
#[derive(Clone, PartialEq, Eq, Serialize, Debug, Default)]
pub struct Anatomy {
    /// Every field the frame has, in order.
    pub fields: Vec<Field>,
    /// Its size in bytes as its sender made it, or that of the frame it is a copy of; none where the attacker made it from nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_bytes: Option<usize>,
    /// The first [`MOST_CHANGES`] runs of bytes that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_changes: usize,
}

/// One field.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where it begins, in bytes from 0.
    pub offset: usize,
    /// Its size in bytes.
    pub bytes: usize,
    /// Its first [`MOST_SHOWN`] bytes in hexadecimal, as they went out.
    pub hex: String,
    /// The same of the field as its sender made it, where it differs; empty where there was no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

/// A run of bytes that differ.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Change {
    /// Where it begins, in bytes from 0.
    pub offset: usize,
    /// How many bytes stand there now.
    pub bytes: usize,
    /// How many stood there.
    pub was_bytes: usize,
    /// The first [`MOST_SHOWN`] bytes in hexadecimal.
    pub hex: String,
    /// The same of what stood there.
    pub was: String,
    /// The bits that are inverted, counted from the beginning of the run, 0 the most significant of its first byte; only for runs
    /// of one byte in the place of one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bits: Vec<u8>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Anatomy {
    /// Where two frames differ: run by run where they are of one size, and else all between what they begin and end with alike.
    pub fn compare(was: &[u8], now: &[u8]) -> (Vec<Change>, usize) {
        let runs = if was.len() == now.len() { runs(was, now) } else { vec![middle(was, now)] };
        let more = runs.len().saturating_sub(MOST_CHANGES);
        let shown = runs.into_iter().take(MOST_CHANGES);
        let change = |(offset, was_bytes, bytes): (usize, usize, usize)| {
            let before = was.get(offset..offset + was_bytes).unwrap_or_default();
            let after = now.get(offset..offset + bytes).unwrap_or_default();
            let bits = match (before, after) {
                ([before], [after]) => {
                    (0..8).filter(|bit| (before ^ after) & (0x80 >> bit) != 0).collect()
                }
                _ => Vec::new(),
            };
            Change { offset, bytes, was_bytes, hex: hex(after), was: hex(before), bits }
        };
        (shown.map(change).collect(), more)
    }
}

/// The first [`MOST_SHOWN`] bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes.get(..MOST_SHOWN).unwrap_or(bytes))
}

/// Offset, bytes before, bytes now; runs that one equal byte separates are one.
fn runs(was: &[u8], now: &[u8]) -> Vec<(usize, usize, usize)> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    let differs = was.iter().zip(now).enumerate().filter(|(_, (was, now))| was != now);
    for (at, _) in differs {
        match runs.last_mut() {
            Some((offset, was, now)) if at <= *offset + *now + 1 => {
                *now = at + 1 - *offset;
                *was = *now;
            }
            _ => runs.push((at, 1, 1)),
        }
    }
    runs
}

fn middle(was: &[u8], now: &[u8]) -> (usize, usize, usize) {
    let alike = |(was, now): &(&u8, &u8)| was == now;
    let front = was.iter().zip(now).take_while(alike).count();
    let back = was.iter().rev().zip(now.iter().rev()).take_while(alike).count();
    let back = back.min(was.len().min(now.len()) - front);
    (front, was.len() - front - back, now.len() - front - back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_frames_do_not_differ() {
        assert_eq!(Anatomy::compare(b"abc", b"abc"), (Vec::new(), 0));
        assert_eq!(Anatomy::compare(b"", b""), (Vec::new(), 0));
    }

    #[test]
    fn one_inverted_bit_is_named() {
        let (changes, more) = Anatomy::compare(&[0, 0x0f, 0], &[0, 0x1f, 0]);
        assert_eq!((changes.len(), more), (1, 0));
        assert_eq!((changes[0].offset, &changes[0].bits[..]), (1, &[3][..]));
        assert_eq!((changes[0].was.as_str(), changes[0].hex.as_str()), ("0f", "1f"));
    }

    #[test]
    fn what_is_inserted_or_cut_is_one_change() {
        let place = |was: &[u8], now: &[u8]| {
            let (changes, _) = Anatomy::compare(was, now);
            (changes[0].offset, changes[0].was_bytes, changes[0].bytes)
        };
        assert_eq!(place(b"abcd", b"abXcd"), (2, 0, 1));
        assert_eq!(place(b"abcd", b"ab"), (2, 2, 0));
        assert_eq!(place(b"aaaa", b"aa"), (2, 2, 0));
        assert_eq!(place(b"", b"abc"), (0, 0, 3));
    }

    #[test]
    fn many_changes_are_cut_and_counted() {
        let now: Vec<u8> = (0..90).map(|at| u8::from(at % 3 == 0)).collect();
        let (changes, more) = Anatomy::compare(&[0; 90], &now);
        assert_eq!((changes.len(), more), (MOST_CHANGES, 30 - MOST_CHANGES));
    }
}
