//! Which rule acts: the only place where rules are compared with what happens, and counted.

use std::sync::Arc;

use protocol::endpoint::Side;
use protocol::layout::FrameSpec;

use crate::condition::{Event, OnLink};
use crate::rule::Rule;

/// The rules, and how often each has matched.
#[derive(Clone, Debug)]
pub(super) struct RuleMatcher {
    pub(super) rules: Arc<[Rule]>,
    /// How many frames or events each rule has matched, `nth` aside.
    pub(super) matched: Vec<u32>,
    /// Whether rules act at all.
    pub(super) armed: bool,
}

impl RuleMatcher {
    pub(super) fn new(rules: Arc<[Rule]>) -> Self {
        Self { matched: vec![0; rules.len()], rules, armed: true }
    }

    /// The rule that acts on this frame, by its place from 0. The frame counts for every rule that it matches.
    pub(super) fn select_frame(
        &mut self,
        link: OnLink,
        from: Side,
        spec: &FrameSpec,
        bytes: &[u8],
    ) -> Option<usize> {
        self.select(|rule| rule.when.matches_frame(link, from, spec, bytes))
    }

    /// The rule that acts on what happened to a link, by its place from 0. It counts for every rule that it matches.
    pub(super) fn select_event(&mut self, event: Event, link: OnLink, from: Side) -> Option<usize> {
        self.select(|rule| rule.when.matches_event(event, link, from))
    }

    /// Whether some rule can act on a frame of this type, whatever is in it.
    pub(super) fn may_act(&self, link: OnLink, from: Side, spec: &FrameSpec) -> bool {
        let waits = |(rule, matched): (&Rule, &u32)| {
            let due = rule.when.nth.is_none_or(|nth| nth > *matched);
            due && rule.when.may_match(link, from, spec)
        };
        self.armed && self.rules.iter().zip(&self.matched).any(waits)
    }

    /// The first rule that matches and whose turn it is. All that match count, so `nth` means the n-th
    /// frame of its kind whatever other rules do.
    fn select(&mut self, fits: impl Fn(&Rule) -> bool) -> Option<usize> {
        if !self.armed {
            return None;
        }
        let mut selected = None;
        for (at, (rule, matched)) in self.rules.iter().zip(&mut self.matched).enumerate() {
            if fits(rule) {
                *matched = matched.saturating_add(1);
                if selected.is_none() && rule.when.nth.is_none_or(|nth| nth == *matched) {
                    selected = Some(at);
                }
            }
        }
        selected
    }
}
