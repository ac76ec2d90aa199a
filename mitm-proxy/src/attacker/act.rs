//! A rule acts: its actions run one after the other, and then the frames they leave are kept, dropped or sent.

use protocol::endpoint::Side;

use super::context::StepContext;
use super::effect::Effect;
use super::state::{Attacker, LinkKind};
use crate::action::{ActionContext, ActionPlan, Outgoing};
use crate::misfire::MisfireCause;
use crate::trace::{AttackerAction, Compromise, Fate, LinkEvent, Loot, Misfire, Trace};

impl Attacker {
    /// Let a rule act. `trigger` is the frame that it matched, with its number; there is none when a link opens or closes.
    ///
    /// The plans of all actions are applied only when every action has run, so a later action still sees the frame that an earlier one
    /// holds. A rule that fails half way keeps what its first actions did: the misfire makes the verdict inconclusive anyway.
    pub(super) fn act(
        &mut self,
        ctx: &mut StepContext<'_>,
        rule: usize,
        link: u32,
        from: Side,
        trigger: Option<(u32, Outgoing)>,
    ) {
        let rules = self.matcher.rules.clone();
        let Some(wanted) = rules.get(rule) else { return };
        let rule_number = u32::try_from(rule).unwrap_or(u32::MAX).saturating_add(1);
        let (number, out) = match trigger {
            Some((number, outgoing)) => (Some(number), vec![outgoing]),
            None => (None, Vec::new()),
        };
        let layout = self.layout.clone();
        let absent = match self.links.get(&link).map(|state| state.kind) {
            Some(LinkKind::Intercepted { .. }) => MisfireCause::LinkIsIntercepted,
            Some(LinkKind::AttackerOwned) => MisfireCause::LinkIsAttackers,
            _ => MisfireCause::NoFrame,
        };
        let mut action_ctx = ActionContext {
            layout: &layout,
            trace: ctx.trace,
            stolen: &self.stolen,
            link,
            from,
            trigger: number,
            absent,
            out,
            plans: Vec::new(),
        };
        let failed = wanted.actions.iter().find_map(|action| action.apply(&mut action_ctx).err());
        let ActionContext { mut out, plans, .. } = action_ctx;
        if let Some(why) = failed {
            ctx.trace.misfires.push(Misfire { rule: rule_number, why });
        } else if let Some(fired) = ctx.trace.fired.get_mut(rule) {
            *fired = fired.saturating_add(1);
        }
        let mut closes = Vec::new();
        for plan in plans {
            match plan {
                ActionPlan::Hold(name) => {
                    let kept = keep(&mut out, number, rule_number, ctx.trace);
                    self.held.entry(name).or_default().extend(kept);
                }
                ActionPlan::SwapWithNext => {
                    let kept = keep(&mut out, number, rule_number, ctx.trace);
                    if let Some(state) = self.links.get_mut(&link) {
                        state.swap = kept.or(state.swap.take());
                    }
                }
                ActionPlan::Release(name) => {
                    let mut released = self.held.remove(&name).unwrap_or_default();
                    for outgoing in &mut released {
                        outgoing.done.push("released".to_owned());
                    }
                    out.extend(released);
                }
                ActionPlan::Impersonate { source } => {
                    if let Some(state) = self.links.get_mut(&link) {
                        let rule = rule_number;
                        state.kind = LinkKind::Intercepted { source, rule, heard: 0 };
                    }
                }
                ActionPlan::Close(ends) => closes.extend(ends),
                ActionPlan::CopyMemory(of) => {
                    ctx.effects.push(Effect::CopyMemory { link, of, rule: rule_number });
                }
                ActionPlan::TakeFiles(files) => {
                    let moment = ctx.trace.next_moment();
                    let loot = Loot::Files(files);
                    ctx.trace.compromises.push(Compromise {
                        at: ctx.now,
                        moment,
                        rule: rule_number,
                        loot,
                    });
                }
                ActionPlan::PlaceImpostor(impostor) => {
                    ctx.effects.push(Effect::PlaceImpostor { link, impostor, rule: rule_number });
                }
            }
        }
        suppress_missing(&out, number, rule_number, ctx.trace);
        self.send_all(ctx, out, rule_number);
        for to in closes {
            // An end that is gone already cannot be closed.
            let Some(state) = self.links.get_mut(&link) else { continue };
            if std::mem::replace(state.closed_mut(to), true) {
                continue;
            }
            ctx.trace.link(
                ctx.now,
                link,
                state.service,
                LinkEvent::ClosedTo(to),
                Some(rule_number),
            );
            ctx.effects.push(Effect::Close { link, to });
        }
    }
}

/// Take the trigger out of `out`, to be sent later.
fn keep(
    out: &mut Vec<Outgoing>,
    number: Option<u32>,
    rule: u32,
    trace: &mut Trace,
) -> Option<Outgoing> {
    let at = out.iter().position(|outgoing| outgoing.number == number && number.is_some())?;
    let mut kept = out.remove(at);
    if let Some(record) = trace.frame_mut(number?) {
        record.fate = Fate::Held;
        record
            .attacker_actions
            .extend(kept.done.drain(..).map(|what| AttackerAction { rule, what }));
    }
    Some(kept)
}

/// Record that the trigger is dropped, if it is neither sent nor kept. Rules drop a frame by taking it out of the list.
fn suppress_missing(out: &[Outgoing], number: Option<u32>, rule: u32, trace: &mut Trace) {
    let Some(number) = number else { return };
    if out.iter().any(|outgoing| outgoing.number == Some(number)) {
        return;
    }
    if let Some(record) = trace.frame_mut(number)
        && record.fate == Fate::Pending
    {
        record.fate = Fate::Dropped;
        record.attacker_actions.push(AttackerAction { rule, what: "dropped".to_owned() });
    }
}
