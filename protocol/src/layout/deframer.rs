//! Cutting one direction of a stream into frames.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::measure::Search;
use super::spec::RAW_SPEC;
use super::{Frame, FrameSpec, Layout, Measure, Turn};
use crate::endpoint::{PortIndex, Side};

/// Cuts one direction of a stream into frames, whatever its segmentation. Nothing is lost: bytes
/// that fit no declared frame come out as [`RAW`](super::RAW).
#[derive(Clone, Debug)]
pub struct Deframer {
    layout: Arc<Layout>,
    /// What can come in each turn, and after all of them.
    steps: Arc<[Step]>,
    service: PortIndex,
    side: Side,
    turn: usize,
    /// The frame type at the front, among those that can come in this turn: the ones before it are ruled out.
    candidate: usize,
    search: Search,
    waiting: BytesMut,
}

/// The frame types that can come in one turn, in the order they are tried.
#[derive(Debug, Default)]
struct Step {
    /// Their places in the layout: first those that are due, then what else of this side has a tag.
    candidates: Vec<usize>,
    /// How many of them end the turn.
    ending: usize,
}

/// What stands at the front of bytes that have arrived and were not taken yet.
#[derive(Clone, Debug)]
pub enum Front<'a> {
    /// A whole frame of this type and size.
    Whole {
        /// Its type.
        spec: &'a Arc<FrameSpec>,
        /// Its size in bytes.
        len: usize,
    },
    /// The beginning of a frame whose type and size are known, so it could be passed on as it comes.
    Begun {
        /// Its type.
        spec: &'a Arc<FrameSpec>,
        /// Its size in bytes.
        len: usize,
    },
    /// Too little to tell.
    Short,
}

impl Hash for Deframer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Where the search is follows from what waits.
        (self.service, self.side, self.turn, &self.waiting[..]).hash(state);
    }
}

impl Deframer {
    /// A deframer for what `side` sends on a connection to this port.
    pub fn new(layout: Arc<Layout>, service: PortIndex, side: Side) -> Self {
        let steps = steps(&layout, service, side).into();
        Self {
            layout,
            steps,
            service,
            side,
            turn: 0,
            candidate: 0,
            search: Search::default(),
            waiting: BytesMut::new(),
        }
    }

    /// Look at `waiting`, from the first byte not taken yet, without keeping or copying any of it: all that
    /// was there the last time, and what has arrived since. Call [`Deframer::take`] with what was used.
    /// Bytes that fit no declared frame are a whole frame of type [`RAW`](super::RAW), all there are.
    pub fn front(&mut self, waiting: &[u8]) -> Front<'_> {
        if waiting.is_empty() {
            return Front::Short;
        }
        let raw = Front::Whole { spec: &RAW_SPEC, len: waiting.len() };
        let Some(step) = self.steps.get(self.turn) else { return raw };
        while let Some(index) = step.candidates.get(self.candidate) {
            let Some(spec) = self.layout.frames.get(*index) else { return raw };
            match spec.measure_on(&mut self.search, waiting) {
                Measure::Other => {
                    self.candidate += 1;
                    self.search = Search::default();
                }
                Measure::Short => return Front::Short,
                Measure::Begun(len) => return Front::Begun { spec, len },
                Measure::Whole(len @ 1..) => return Front::Whole { spec, len },
                // A frame of no bytes would come out again and again.
                Measure::Whole(_) | Measure::Bad(_) => {
                    // RAW is nobody's turn.
                    self.candidate = step.candidates.len();
                    return raw;
                }
            }
        }
        raw
    }

    /// The frame at the front was used: move the turn on, forget the search state.
    pub fn take(&mut self) {
        if self.steps.get(self.turn).is_some_and(|step| self.candidate < step.ending) {
            self.turn += 1;
        }
        self.candidate = 0;
        self.search = Search::default();
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

    /// The type and size of the frame at the front of `waiting`, if it is whole. It is taken.
    fn cut(&mut self, waiting: &[u8]) -> Option<(Arc<FrameSpec>, usize)> {
        let Front::Whole { spec, len } = self.front(waiting) else { return None };
        let spec = spec.clone();
        self.take();
        Some((spec, len))
    }

    /// What is left when the stream ends: a frame that was never completed.
    pub fn finish(&mut self) -> Option<Frame> {
        let bytes = self.waiting.split().freeze();
        self.candidate = 0;
        self.search = Search::default();
        (!bytes.is_empty()).then(|| Frame { spec: RAW_SPEC.clone(), bytes })
    }

    /// The bytes waiting for the rest of their frame.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// What is tried in each turn of this side, and after all of them: first the types whose turn it is, then all
/// tagged types of this side. Where no turns are declared, every type of the side, in order.
fn steps(layout: &Layout, service: PortIndex, side: Side) -> Vec<Step> {
    let known = || {
        let indexed = layout.frames.iter().enumerate();
        indexed.filter(|(_, spec)| spec.can_come(service, side))
    };
    if layout.turns.is_empty() {
        let candidates = known().map(|(index, _)| index).collect();
        return vec![Step { candidates, ending: 0 }];
    }
    let tagged = || known().filter(|(_, spec)| spec.is_tagged()).map(|(index, _)| index);
    let place = |name: &&str| layout.frames.iter().position(|spec| spec.name == *name);
    let step = |due: &[&str], once: bool| {
        let mut candidates: Vec<usize> = due.iter().filter_map(place).collect();
        let ending = if once { candidates.len() } else { 0 };
        let others: Vec<usize> = tagged().filter(|index| !candidates.contains(index)).collect();
        candidates.extend(others);
        Step { candidates, ending }
    };
    let turns = layout.turns(service, side).iter().map(|turn| match turn {
        Turn::One(name) => step(&[*name], true),
        Turn::Any(names) => step(names, false),
    });
    turns.chain(std::iter::once_with(|| step(&[], false))).collect()
}
