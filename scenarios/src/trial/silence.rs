//! What programs do not say, and what therefore nobody can judge.

use mitm_proxy::trace::Trace;
use protocol::endpoint::{Fact, Side};

use crate::property::Property;
use crate::target::{JudgedFrom, Run, Unmatched};

/// Why an honest run says nothing of a program: it was given frames, and speaks of no message and no session.
pub(super) fn mute(run: &Run, judged_from: &JudgedFrom) -> Option<String> {
    let JudgedFrom::Claims(_) = judged_from else { return None };
    let sides = [Side::Server, Side::Client].into_iter();
    sides.filter(|side| was_given_frames(&run.trace, *side)).find_map(|side| {
        let facts = || facts(&run.trace, side);
        let what = match () {
            () if facts().any(tells_something) => return None,
            () if facts().next().is_none() => "nothing",
            () if facts().any(|fact| matches!(fact, Fact::Ended(_))) => "only how it ended",
            () if facts().any(|fact| matches!(fact, Fact::Rejected(_))) => "only what it refused",
            () => "only lines of its log",
        };
        Some(format!("the {side} claimed {what}: is its output flushed?"))
    })
}

/// Why nothing shows what this end accepts: without an attack it claims to have taken no message and to have completed no handshake.
pub(super) fn accepts_unseen(honest: &Trace, side: Side) -> bool {
    !facts(honest, side).any(|fact| {
        matches!(fact, Fact::Delivered(_) | Fact::Acknowledged(_) | Fact::Established(_))
    })
}

fn tells_something(fact: &Fact) -> bool {
    !matches!(fact, Fact::Ended(_) | Fact::Rejected(_) | Fact::Logged(_))
}

fn facts(trace: &Trace, side: Side) -> impl Iterator<Item = &Fact> {
    let actor = usize::from(side == Side::Client);
    let own = trace.claims.iter().filter(move |record| record.actor == actor);
    own.map(|record| &record.claim.fact)
}

fn was_given_frames(trace: &Trace, side: Side) -> bool {
    trace.departures.iter().any(|departure| departure.to == side)
}

/// What a property would have to know of messages whose content nobody can see.
pub(super) fn hidden_from(property: Property, unmatched: Unmatched) -> Option<String> {
    let Unmatched { unseen, delivered, acknowledged } = unmatched;
    let (count, what) = match property {
        Property::MessageAuthenticity | Property::Order => {
            (unseen + delivered, "taken whose content nobody can see")
        }
        Property::DeliveryAtMostOnce | Property::Completeness => {
            (delivered, "taken beyond what was sent on that connection, content unknown")
        }
        Property::DeliveryAgreement => {
            (acknowledged, "believed to have arrived beyond what was sent, content unknown")
        }
        _ => (0, ""),
    };
    let messages = if count == 1 { "message was" } else { "messages were" };
    (count > 0).then(|| format!("{count} {messages} {what}"))
}

/// Whoever takes more than was sent has taken something more often than it was sent, whatever it is.
pub(super) fn too_many_taken(trace: &Trace, unmatched: Unmatched) -> Option<String> {
    let count = |wanted: fn(&Fact) -> bool| {
        trace.claims.iter().filter(|record| wanted(&record.claim.fact)).count()
    };
    let sent = count(|fact| matches!(fact, Fact::Sent(_)));
    let taken = count(|fact| matches!(fact, Fact::Delivered(_))) + unmatched.delivered;
    (taken > sent).then(|| {
        format!(
            "{taken} messages were taken, {sent} had been sent; nobody can see which came again"
        )
    })
}

/// What the programs do not speak of, that a property would have to know.
pub(super) fn silent_on(property: Property, twin: &Trace, trace: &Trace) -> Option<&'static str> {
    let any = |wanted: fn(&Fact) -> bool| {
        let mut claims = twin.claims.iter().chain(&trace.claims);
        claims.any(|record| wanted(&record.claim.fact))
    };
    let sent = any(|fact| matches!(fact, Fact::Sent(_)));
    let delivered = any(|fact| matches!(fact, Fact::Delivered(_)));
    let unless = |known: bool, why| (!known).then_some(why);
    match property {
        Property::Secrecy => unless(sent, "nobody says what was sent"),
        Property::MessageAuthenticity
        | Property::DeliveryAtMostOnce
        | Property::Order
        | Property::Completeness => {
            unless(sent && delivered, "nobody says what was sent and what was delivered")
        }
        Property::PeerAuthentication => unless(
            any(|fact| matches!(fact, Fact::Established(_))),
            "nobody says with whom a session was established",
        ),
        Property::DeliveryAgreement => unless(
            any(|fact| matches!(fact, Fact::Acknowledged(_))),
            "nobody says that a message was acknowledged",
        ),
        Property::ForwardSecrecy | Property::PostCompromiseSecurity => {
            Some("nothing can be stolen from programs")
        }
        Property::UniformErrors => unless(
            any(|fact| matches!(fact, Fact::Rejected(_))),
            "nobody says what was refused, and why",
        ),
        Property::Availability | Property::Robustness => None,
    }
}
