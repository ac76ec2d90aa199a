//! What every run of a case is judged by: the properties, and what a run must show before anything can be said.

use std::collections::BTreeSet;

use mitm_proxy::script::Step;
use mitm_proxy::trace::{LinkEvent, Trace};
use protocol::endpoint::{Check, End, Fact, Reject, Side};

use crate::case::{Plan, Stop, actor_name};
use crate::properties::{Finished, PROPERTIES, PropertySpec, Ruling};
use crate::property::{Outcome, Property};
use crate::search::Searches;

#[cfg(test)]
mod tests;

/// What every run of a case is judged by.
pub struct Evaluator<'a> {
    /// What is run.
    pub plan: &'a Plan,
    /// The largest frame anybody accepts, in bytes.
    pub largest_frame: usize,
    /// What messages are searched for with.
    pub searches: Searches,
    /// What an honest run may violate and be good enough all the same.
    pub excused: BTreeSet<Property>,
    /// Further properties to judge.
    pub own_properties: &'a [PropertySpec],
}

/// A run that has come to rest.
pub struct FinishedRun {
    /// What happened.
    pub trace: Trace,
    /// Connections that an endpoint still holds open.
    pub open_ends: Vec<(u32, Side)>,
}

impl<'a> Evaluator<'a> {
    /// For runs of this plan. An honest run has to keep every property, and there are no further ones.
    pub fn new(plan: &'a Plan, largest_frame: usize) -> Self {
        let (searches, excused) = (Searches::default(), BTreeSet::new());
        Self { plan, largest_frame, searches, excused, own_properties: &[] }
    }
    /// The verdict on every property.
    pub fn rule(&self, rest: &FinishedRun, honest_run: &Trace) -> Vec<(Property, Ruling)> {
        let FinishedRun { trace, open_ends } = rest;
        let (largest_frame, searches) = (self.largest_frame, &self.searches);
        let run = Finished { trace, open_ends, honest_run, largest_frame, searches };
        let judged = PROPERTIES.iter().chain(self.own_properties).map(|spec| {
            let mut monitor = spec.monitor.make();
            for record in &trace.claims {
                monitor.observe(record);
            }
            (spec.property, monitor.conclude(&run))
        });
        judged.collect()
    }

    /// Why the honest run did not succeed, if so.
    pub fn honest_run_problem(&self, honest_run: &FinishedRun) -> Option<String> {
        for (property, ruling) in self.rule(honest_run, &honest_run.trace) {
            if ruling.outcome == Outcome::Violated && !self.excused.contains(&property) {
                let name = property.name();
                return Some(format!("the honest run violates {name}: {}", ruling.evidence));
            }
        }
        if let Some(check) = first_rejection(&honest_run.trace) {
            return Some(format!("the honest run is stopped by {check}"));
        }
        let sessions: BTreeSet<_> = honest_run.trace.sessions().into_values().collect();
        for (number, script) in &self.plan.scripts {
            let actor = *number as usize;
            // What the server says, it says to every session.
            let listeners = if *number == 0 { sessions.len() } else { 1 };
            let claims = honest_run.trace.claims.iter().filter(|record| record.actor == actor);
            let sent = claims.clone().filter(|r| matches!(r.claim.fact, Fact::Sent(_))).count();
            let sends = script.iter().filter(|step| matches!(step, Step::Send(_))).count();
            let wanted = sends * listeners;
            let name = actor_name(actor);
            if sent != wanted {
                return Some(format!("the honest {name} sent {sent} of {wanted} messages"));
            }
            let broken = claims
                .clone()
                .find(|record| matches!(record.claim.fact, Fact::Ended(end) if end != End::Clean));
            if broken.is_some() {
                return Some(format!("a session of the honest {name} does not end cleanly"));
            }
        }
        let count = |wanted: fn(&Fact) -> bool| {
            honest_run.trace.claims.iter().filter(|record| wanted(&record.claim.fact)).count()
        };
        let sent = count(|fact| matches!(fact, Fact::Sent(_)));
        let delivered = count(|fact| matches!(fact, Fact::Delivered(_)));
        (sent != delivered)
            .then(|| format!("in the honest run {delivered} of {sent} messages are delivered"))
    }

    /// Why a run shows nothing, if so.
    pub fn vacuous(&self, trace: &Trace) -> Option<String> {
        if let Some(misfire) = trace.misfires.first() {
            return Some(format!(
                "{} could not act: {}",
                self.rule_name(misfire.rule),
                misfire.why
            ));
        }
        if let Some(spec) = &self.plan.strategy {
            let mut efforts = trace.efforts.iter();
            let Some(effort) = efforts.find(|effort| effort.strategy == spec.name) else {
                return Some(format!("the strategy `{}` never acted", spec.name));
            };
            // What its questions have broken is broken, although it had nothing to do: see `unfinished`.
            if effort.idle.is_some() {
                return None;
            }
        }
        // The honest run is free of refusals, so a refusal here is the answer to the attack. What a later rule would
        // have done is then beside the point.
        let stopped = first_rejection(trace).is_some();
        let mut acted = false;
        let waits = self.plan.strategy.as_ref().is_some_and(|spec| spec.waits);
        for (rule, fired) in (1..).zip(&trace.fired).skip(usize::from(waits)) {
            if landed(trace, rule) {
                acted = true;
            } else if !(acted && stopped) {
                let rule = self.rule_name(rule);
                return Some(if *fired == 0 {
                    format!("{rule} never acted")
                } else {
                    format!("what {rule} did made no difference to a victim")
                });
            }
        }
        None
    }

    fn rule_name(&self, rule: u32) -> String {
        if let Some(spec) = self.plan.strategy.as_ref().filter(|spec| rule == u32::from(spec.waits))
        {
            return format!("the strategy `{}`", spec.name);
        }
        let at = (rule as usize).saturating_sub(1);
        match self.plan.rule_lines.get(at) {
            Some(line) => format!("rule {rule} (line {line})"),
            None => format!("rule {rule}"),
        }
    }
}

/// The first refusal of a run. That somebody loses patience with an impostor it has accepted is none: that
/// one never says goodbye.
pub fn first_rejection(trace: &Trace) -> Option<Stop> {
    let mut accepted = BTreeSet::new();
    trace.claims.iter().find_map(|record| {
        let end = (record.actor, record.claim.conn.0);
        match record.claim.fact {
            Fact::Established(_) if trace.impostor_links.contains(&end.1) => {
                accepted.insert(end);
                None
            }
            Fact::Rejected(Reject { check: Check::Timeout, .. }) if accepted.contains(&end) => None,
            Fact::Rejected(reject) => Some(Stop { actor: record.actor, check: reject.check }),
            _ => None,
        }
    })
}

/// Whether a difference that `rule` made reached an endpoint.
fn landed(trace: &Trace, rule: u32) -> bool {
    let frames = trace.frames.iter().any(|frame| {
        frame.has_landed() && frame.attacker_actions.iter().any(|action| action.rule == rule)
    });
    // Whoever answers in the place of the server makes a difference by being there.
    let played = !trace.impostors.is_empty();
    let closed = |event| {
        matches!(event, LinkEvent::ClosedTo(_)) || (played && event == LinkEvent::Intercepted)
    };
    let stolen = trace.compromises.iter().any(|leak| leak.rule == rule);
    let by_rule = trace.links.iter().filter(|link| link.rule == Some(rule));
    let mut made = by_rule.filter(|link| link.reached != Some(false));
    frames || stolen || made.any(|link| closed(link.event))
}
