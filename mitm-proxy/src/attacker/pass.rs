//! The entrance for a live proxy. A proxy forwards most frames unchanged, so frames are recognised in its read buffer: only a frame that a
//! rule acts on, or that must be remembered, is copied. Everything else costs no allocation.

use std::sync::Arc;

use bytes::Bytes;
use protocol::endpoint::Side;
use protocol::layout::{Frame, FrameSpec, Front};

use super::context::StepContext;
use super::state::{Attacker, Link, LinkKind};
use crate::action::Needs;
use crate::trace::Trace;

/// What becomes of the bytes at the front of a stream.
#[derive(Clone, Debug)]
pub enum Passage {
    /// A whole frame goes on as it is.
    Whole {
        /// Its type.
        spec: Arc<FrameSpec>,
        /// Its size in bytes.
        len: usize,
    },
    /// The beginning of a frame that no rule can match goes on at once. The rest need not be waited for, which bounds the memory
    /// that a large frame takes.
    Begun {
        /// Its type.
        spec: Arc<FrameSpec>,
        /// Its size in bytes, more than there are.
        len: usize,
    },
    /// A whole frame is to be given to [`Attacker::take_frame`].
    Stop {
        /// Its type.
        spec: Arc<FrameSpec>,
        /// Its size in bytes.
        len: usize,
        /// The rule that acts on it, by its place from 0.
        rule: Option<usize>,
    },
    /// More bytes are needed: the frame is not complete, and a rule may match it.
    Wait,
}

impl Attacker {
    /// From now on, record only frames that a rule acts on; unless some rule uses recordings, which need every frame.
    pub fn record_only_what_rules_need(&mut self) {
        let mut actions = self.matcher.rules.iter().flat_map(|rule| &rule.actions);
        self.records_every_frame = actions.any(|action| action.needs() == Needs::Recordings);
    }

    /// Whether every frame is recorded.
    pub fn records_every_frame(&self) -> bool {
        self.records_every_frame
    }

    /// What becomes of the bytes that have come from this end and were not used yet. A frame counts for `nth` when it is inspected, so
    /// ask once for each frame.
    pub fn inspect(&mut self, link: u32, from: Side, waiting: &[u8]) -> Passage {
        let (on, plain) = (self.on_link(link), self.is_plain(link));
        let Some(state) = self.links.get_mut(&link) else { return Passage::Wait };
        let deframer = state.deframer_mut(from);
        match deframer.front(waiting) {
            Front::Short => Passage::Wait,
            Front::Begun { spec, len } => {
                let spec = spec.clone();
                if !plain || self.matcher.may_act(on, from, &spec) {
                    return Passage::Wait;
                }
                if let Some(state) = self.links.get_mut(&link) {
                    state.deframer_mut(from).take();
                }
                Passage::Begun { spec, len }
            }
            Front::Whole { spec, len } => {
                let spec = spec.clone();
                deframer.take();
                let rule =
                    self.select_frame(link, from, &spec, waiting.get(..len).unwrap_or_default());
                if plain && rule.is_none() {
                    return Passage::Whole { spec, len };
                }
                Passage::Stop { spec, len, rule }
            }
        }
    }

    /// Let a rule change a frame in the read buffer. That works for one action that changes bytes without changing the size, if frames
    /// are not recorded. Returns whether it did; otherwise the frame goes to [`Attacker::take_frame`].
    pub fn edit(
        &mut self,
        link: u32,
        rule: usize,
        spec: &FrameSpec,
        frame: &mut [u8],
        trace: &mut Trace,
    ) -> bool {
        let Some(wanted) = self.matcher.rules.get(rule).filter(|_| self.is_plain(link)) else {
            return false;
        };
        let [action] = &wanted.actions[..] else { return false };
        let edited = action.edit(spec, frame);
        if edited && let Some(fired) = trace.fired.get_mut(rule) {
            *fired = fired.saturating_add(1);
        }
        edited
    }

    /// What the only action of a rule does to a frame, in words.
    pub fn describe_action(&self, rule: usize) -> String {
        let action = self.matcher.rules.get(rule).and_then(|rule| rule.actions.first());
        format!("rule {}: {}", rule + 1, action.map(|action| action.describe()).unwrap_or_default())
    }

    /// The end closed in the middle of a frame: these bytes are left, and pass on as `RAW`.
    pub fn take_rest(&mut self, ctx: &mut StepContext<'_>, link: u32, from: Side, rest: Bytes) {
        if !rest.is_empty() {
            let frame = Frame { spec: Arc::new(FrameSpec::raw()), bytes: rest };
            self.on_frame(ctx, link, from, frame);
        }
    }

    /// Both ends of this link are closed. Its state is removed.
    pub fn forget(&mut self, link: u32) {
        self.links.remove(&link);
    }

    /// Whether a frame that no rule selects can be forwarded without being looked at: nothing waits on this link that has to go out
    /// before or after it, and nobody but the two endpoints takes part.
    fn is_plain(&self, link: u32) -> bool {
        let kept = |state: &Link| {
            let alone = state.swap.is_none() && state.joining.iter().all(Option::is_none);
            alone && state.kind == LinkKind::Relayed
        };
        let between = self.key_agreements.contains_key(&link) || self.impostors.contains_key(&link);
        !self.records_every_frame && !between && self.links.get(&link).is_none_or(kept)
    }
}
