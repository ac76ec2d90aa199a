//! Cutting one direction of a stream into frames.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{Frame, FrameSpec, Layout, Measure, RAW_SPEC, Turn, first_match};
use crate::endpoint::{Service, Side};

/// Cuts one direction of a stream into frames, whatever its segmentation. Nothing is lost: bytes
/// that fit no declared frame come out as [`RAW`].
#[derive(Clone, Debug)]
pub struct Deframer {
    layout: Arc<Layout>,
    service: Service,
    side: Side,
    turn: usize,
    waiting: BytesMut,
}

impl Hash for Deframer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.service, self.side, self.turn, &self.waiting[..]).hash(state);
    }
}

impl Deframer {
    /// A deframer for what `side` sends on a connection to this port.
    pub fn new(layout: Arc<Layout>, service: Service, side: Side) -> Self {
        Self { layout, service, side, turn: 0, waiting: BytesMut::new() }
    }

    /// Append a segment and append the frames it completes to `frames`. A segment of whole frames is passed on
    /// without a copy; a frame in many segments is gathered in one buffer, each byte copied once.
    pub fn push(&mut self, segment: &Bytes, frames: &mut Vec<Frame>) {
        let mut waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            let mut segment = segment.clone();
            while let Some((spec, len)) = self.cut(&segment) {
                frames.push(Frame { spec, bytes: segment.split_to(len) });
            }
            waiting.extend_from_slice(&segment);
        } else {
            waiting.extend_from_slice(segment);
            while let Some((spec, len)) = self.cut(&waiting) {
                frames.push(Frame { spec, bytes: waiting.split_to(len).freeze() });
            }
        }
        self.waiting = waiting;
    }

    /// The type and size of the frame at the front of `waiting`, if it is whole.
    fn cut(&mut self, waiting: &[u8]) -> Option<(Arc<FrameSpec>, usize)> {
        if waiting.is_empty() {
            return None;
        }
        match self.recognise(waiting) {
            Some((_, Measure::Short)) => None,
            Some((spec, Measure::Whole(len))) => Some((spec, len)),
            Some((_, Measure::Bad(_) | Measure::Other)) | None => {
                Some((RAW_SPEC.clone(), waiting.len()))
            }
        }
    }

    /// What is left when the stream ends: a frame that was never completed.
    pub fn finish(&mut self) -> Option<Frame> {
        let bytes = self.waiting.split().freeze();
        (!bytes.is_empty()).then(|| Frame { spec: RAW_SPEC.clone(), bytes })
    }

    /// The bytes waiting for the rest of their frame.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The type at the front of `waiting` and its measure: first among the types whose turn it is,
    /// then among all tagged types of this side. Moves the turn on when a frame is whole.
    fn recognise(&mut self, waiting: &[u8]) -> Option<(Arc<FrameSpec>, Measure)> {
        let turns = self.layout.turns(self.service, self.side);
        let due: &[&str] = match turns.get(self.turn) {
            Some(Turn::One(name)) => std::slice::from_ref(name),
            Some(Turn::Any(names)) => names,
            None => &[],
        };
        let specs = due.iter().filter_map(|name| self.layout.frame(name));
        if let Some(found) = first_match(specs, waiting) {
            if matches!((&found.1, turns.get(self.turn)), (Measure::Whole(_), Some(Turn::One(_)))) {
                self.turn += 1;
            }
            return Some(found);
        }
        let tagged = self.layout.from_side(self.side).filter(|spec| spec.is_tagged());
        first_match(tagged, waiting)
    }
}
