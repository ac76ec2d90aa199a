//! What happens to the attacker: a link opens, bytes come, an end closes. [`Attacker::take_frame`] is the one place where a frame enters
//! the trace and meets its rule, whatever the back end: [`Attacker::on_bytes`] cuts frames out of what a world delivers, and
//! [`Attacker::inspect`] finds them in the buffer of a live proxy.

use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Frame, FrameSpec};

use super::context::StepContext;
use super::effect::Effect;
use super::state::{Attacker, LinkKind};
use crate::action::{Outgoing, Target};
use crate::condition::{Event, OnLink};
use crate::trace::{AttackerAction, Fate, FrameRecord, LinkEvent, LinkRecord, Origin};

/// A rule that is about to act, and on what.
#[derive(Clone, Debug)]
pub struct Acting {
    /// The rule, by its place from 0.
    pub rule: usize,
    /// What is about to happen.
    pub event: Event,
    /// On which link.
    pub link: u32,
    /// Who sent the frame, or did the thing to the link.
    pub from: Side,
    /// The frame, if it is one.
    pub frame: Option<Frame>,
}

impl Attacker {
    /// The rule that would act if these bytes came now.
    pub fn would_act_on(&self, link: u32, from: Side, bytes: &Bytes) -> Option<Acting> {
        let state = self.links.get(&link)?;
        let mut matcher = self.matcher.clone();
        let mut frames = Vec::new();
        state.deframer(from).clone().push(bytes, &mut frames);
        frames.into_iter().find_map(|frame| {
            let on = self.on_link(link);
            let rule = matcher.select_frame(on, from, &frame.spec, &frame.bytes)?;
            Some(Acting { rule, event: Event::Frame, link, from, frame: Some(frame) })
        })
    }

    /// The rule that would act if a client opened this link to this port now.
    pub fn would_act_on_open(&self, link: u32, port: PortIndex) -> Option<Acting> {
        // Nobody has heard of the link yet.
        let on = OnLink { port, ..self.on_link(link) };
        self.would_act_on_event(Event::Open, on, Side::Client)
    }

    /// The rule that would act if this end closed the link now.
    pub fn would_act_on_close(&self, link: u32, from: Side) -> Option<Acting> {
        self.would_act_on_event(Event::Close, self.on_link(link), from)
    }

    fn would_act_on_event(&self, event: Event, on: OnLink, from: Side) -> Option<Acting> {
        let rule = self.matcher.clone().select_event(event, on, from)?;
        Some(Acting { rule, event, link: on.number, from, frame: None })
    }

    /// A client opened a link to this port.
    pub fn on_open(&mut self, ctx: &mut StepContext<'_>, link: u32, service: PortIndex) {
        self.links.insert(link, self.new_link(LinkKind::Relayed, service));
        let on = self.on_link(link);
        let rule = self.matcher.select_event(Event::Open, on, Side::Client);
        let (at, moment) = (ctx.trace.links.len(), ctx.trace.next_moment());
        if let Some(rule) = rule {
            self.act(ctx, rule, link, Side::Client, None);
        }
        let kind = self.links.get(&link).map(|state| state.kind);
        let (event, rule) = if let Some(LinkKind::Intercepted { rule, .. }) = kind {
            // What the server said before it was asked anything.
            self.answer_as_recorded(ctx, link);
            (LinkEvent::Intercepted, Some(rule))
        } else {
            ctx.effects.insert(0, Effect::Connect { link, service });
            (LinkEvent::Opened, None)
        };
        ctx.trace.links.insert(
            at,
            LinkRecord {
                at: ctx.now,
                moment,
                link,
                service,
                event,
                rule,
                cause: None,
                reached: None,
            },
        );
    }

    /// An endpoint sent bytes. They may end in the middle of a frame; the deframer of the link keeps the rest.
    pub fn on_bytes(&mut self, ctx: &mut StepContext<'_>, link: u32, from: Side, bytes: &Bytes) {
        let Some(state) = self.links.get_mut(&link) else { return };
        let mut frames = Vec::new();
        state.deframer_mut(from).push(bytes, &mut frames);
        for frame in frames {
            self.on_frame(ctx, link, from, frame);
        }
    }

    /// An endpoint closed its connection. Frames that wait go out first, then the other end is closed, and only then a rule acts: what
    /// it sends goes to links that are still open.
    pub fn on_close(&mut self, ctx: &mut StepContext<'_>, link: u32, from: Side) {
        let on = self.on_link(link);
        let Some(state) = self.links.get_mut(&link) else { return };
        let happened = ctx.trace.moments();
        ctx.trace.link(ctx.now, link, state.service, LinkEvent::ClosedBy(from), None);
        *state.closed_mut(from) = true;
        if let Some(rest) = state.deframer_mut(from).finish() {
            self.on_frame(ctx, link, from, rest);
        }
        self.flush(ctx, link, from, happened);
        self.forget_transcript(link);
        if let Some(state) = self.links.get_mut(&link) {
            *state.closed_mut(from.other()) = true;
        }
        ctx.effects.push(Effect::Close { link, to: from.other() });
        // The rule acts once the link is gone at both ends.
        let rule = self.matcher.select_event(Event::Close, on, from);
        if let Some(rule) = rule {
            self.act(ctx, rule, link, from, None);
        }
    }

    pub(super) fn on_frame(
        &mut self,
        ctx: &mut StepContext<'_>,
        link: u32,
        from: Side,
        frame: Frame,
    ) {
        let rule = self.select_frame(link, from, &frame.spec, &frame.bytes);
        self.take_frame(ctx, link, from, frame, rule);
    }

    /// The rule that acts on this frame, by its place from 0. It counts as seen.
    pub(super) fn select_frame(
        &mut self,
        link: u32,
        from: Side,
        spec: &FrameSpec,
        bytes: &[u8],
    ) -> Option<usize> {
        let on = self.on_link(link);
        self.matcher.select_frame(on, from, spec, bytes)
    }

    /// Record a frame, let this rule act on it, and send what is left of it. `rule` is what [`Attacker::inspect`] found, by its place
    /// from 0.
    ///
    /// The order matters. The frame is recorded before the rule acts, because the rule may replay it. The key agreement in the middle
    /// comes before the rule, because the rule is to see what would go on. A frame that waits for this one is sent last.
    pub fn take_frame(
        &mut self,
        ctx: &mut StepContext<'_>,
        link: u32,
        from: Side,
        frame: Frame,
        rule: Option<usize>,
    ) {
        let Some(state) = self.links.get(&link) else { return };
        let kind = state.kind;
        let impostor = self.impostors.get(&link).filter(|(side, _)| *side == from).copied();
        let (moment, to) = (ctx.trace.next_moment(), from.other());
        let number = ctx.trace.add(FrameRecord {
            number: 0,
            at: ctx.now,
            moment,
            link,
            to,
            frame: frame.clone(),
            original: None,
            origin: match impostor {
                Some(_) => Origin::Attacker { copy_of: None },
                None => Origin::Endpoint,
            },
            attacker_actions: impostor
                .map(|(_, rule)| AttackerAction { rule, what: "impostor".to_owned() })
                .into_iter()
                .collect(),
            moved: false,
            fate: Fate::Pending,
            sent: None,
            answers: None,
            read: None,
        });
        let relayed = kind == LinkKind::Relayed;
        let mut trigger = relayed.then(|| outgoing(number, frame, to, link));
        if let (Some(outgoing), Some(between)) = (&mut trigger, self.key_agreements.get_mut(&link))
        {
            between.relay(ctx, from, number, outgoing);
        }
        match (rule, trigger) {
            (Some(rule), trigger) => {
                let trigger = trigger.map(|outgoing| (number, outgoing));
                self.act(ctx, rule, link, from, trigger);
            }
            (None, Some(outgoing)) => self.send(ctx, outgoing, None, link),
            (None, None) => {}
        }
        if !relayed && let Some(record) = ctx.trace.frame_mut(number) {
            record.fate = Fate::Absorbed;
        }
        self.send_swapped(ctx, number, link);
        if from == Side::Server {
            self.on_answer(ctx, link);
        }
        if from == Side::Client
            && let Some(LinkKind::Intercepted { heard, .. }) =
                self.links.get_mut(&link).map(|state| &mut state.kind)
        {
            *heard += 1;
            self.answer_as_recorded(ctx, link);
        }
    }
}

fn outgoing(number: u32, frame: Frame, to: Side, link: u32) -> Outgoing {
    Outgoing {
        frame,
        to,
        on: Target::Link(link),
        number: Some(number),
        copy_of: None,
        after: Duration::ZERO,
        cuts: Vec::new(),
        join: 0,
        answers: 0,
        done: Vec::new(),
    }
}
