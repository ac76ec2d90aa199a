//! Measuring the bytes that wait in a stream against a frame type.

use std::sync::Arc;

use super::{FrameSpec, Role, Size};
use crate::endpoint::{Check, Reject};

/// What the bytes waiting in a stream are, measured against one frame type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Another type: a tag differs.
    Other,
    /// Too few bytes to tell, or the frame is not complete.
    Short,
    /// A whole frame of this many bytes stands at the front.
    Whole(usize),
    /// This type, but its length cannot be.
    Bad(Reject),
}
impl FrameSpec {
    /// Measure the front of `waiting` against this type.
    pub fn measure(&self, waiting: &[u8]) -> Measure {
        let mut at = 0;
        let mut total = if self.has_rest { None } else { Some(self.fixed) };
        for field in &self.fields {
            let Size::Fixed(size) = field.size else { break };
            let seen = waiting.get(at..waiting.len().min(at + size)).unwrap_or(&[]);
            match field.role {
                Role::Tag(tag) if !tag.starts_with(seen) => return Measure::Other,
                role if role.is_length() && seen.len() == size => {
                    let declared = usize::try_from(role.read_length(seen)).unwrap_or(usize::MAX);
                    total = Some(declared.saturating_add(at + size));
                }
                _ => {}
            }
            at += size;
        }
        if self.is_one_read() && waiting.len() >= self.fixed {
            total = Some(waiting.len());
        }
        match total {
            Some(total) if waiting.len() >= at.min(self.head()) && !self.allows(total) => {
                Measure::Bad(Reject::new(Check::Length, "length"))
            }
            Some(total) if waiting.len() >= total => Measure::Whole(total),
            _ => Measure::Short,
        }
    }

    /// The bytes of the fields up to the length field and the last tag: what decides type and size.
    fn head(&self) -> usize {
        let mut at = 0;
        let mut head = 0;
        for field in &self.fields {
            let Size::Fixed(size) = field.size else { break };
            at += size;
            if matches!(field.role, Role::Tag(_)) || field.role.is_length() {
                head = at;
            }
        }
        head
    }

    fn allows(&self, total: usize) -> bool {
        let fits = if self.has_rest { total >= self.fixed } else { total == self.fixed };
        fits && total <= self.max
    }
}

/// The first of `specs` whose tags do not rule it out, with the measure of `waiting`.
pub fn first_match<'a>(
    specs: impl Iterator<Item = &'a Arc<FrameSpec>>,
    waiting: &[u8],
) -> Option<(Arc<FrameSpec>, Measure)> {
    specs
        .map(|spec| (spec, spec.measure(waiting)))
        .find(|(_, measure)| *measure != Measure::Other)
        .map(|(spec, measure)| (spec.clone(), measure))
}
