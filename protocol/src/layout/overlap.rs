//! Whether one frame type leaves anything for another.

use std::collections::BTreeMap;

use super::{FrameSpec, Role, Size};

impl FrameSpec {
    /// Whether every beginning of an `other` frame is one of this type too, so that `other` never comes out
    /// where this one is tried first. It may be so and not be found out: only what certainly is counts.
    pub fn hides(&self, other: &Self) -> bool {
        let (own, others) = (self.telling(), other.telling());
        let bytes = own.bytes.iter().all(|(at, byte)| others.bytes.get(at) == Some(byte));
        let inside = own.inside.iter().all(|tag| others.inside.contains(tag));
        bytes && inside && !own.more
    }

    /// What tells this type from others.
    fn telling(&self) -> Telling {
        let mut telling = Telling::default();
        let mut at = Some(0);
        let mut rest = false;
        for field in &self.fields {
            match (field.role, field.size, at) {
                (Role::Tag(tag), Size::Member(key), _) => telling.inside.push((key, tag)),
                (_, Size::Member(_), _) => {}
                (_, Size::Rest, _) => (rest, at) = (true, None),
                (Role::Tag(tag), Size::Until(delimiter), Some(from)) => {
                    telling.bytes.extend((from..).zip(tag.iter().chain(delimiter).copied()));
                    at = Some(from + tag.len() + delimiter.len());
                }
                (Role::Tag(tag), Size::Fixed(_), Some(from)) => {
                    telling.bytes.extend((from..).zip(tag.iter().copied()));
                    at = Some(from + tag.len());
                }
                (_, Size::Fixed(size), Some(from)) => at = Some(from + size),
                (_, Size::Object, Some(from)) => {
                    telling.bytes.insert(from, b'{');
                    at = None;
                }
                (Role::Tag(_), _, None) => telling.more |= !rest || self.is_tagged_late(),
                (_, Size::Object, None) => telling.more |= !rest,
                (_, Size::Until(_) | Size::Fixed(_), _) => at = None,
            }
        }
        telling
    }
}

/// What tells a frame type from others.
#[derive(Default)]
struct Telling {
    /// Bytes that stand at a known place.
    bytes: BTreeMap<usize, u8>,
    /// Members of a JSON object.
    inside: Vec<(&'static str, &'static [u8])>,
    /// Whether there is something else, at a place that differs.
    more: bool,
}
