//! Held needs evidence: what makes it doubtful that an attack was tried as it was meant, and so turns every "held" into
//! "inconclusive". What was violated is violated all the same.

use mitm_proxy::trace::{FrameRecord, Origin, Trace};
use protocol::endpoint::Side;

use super::{NOT_JUDGED, silence};
use crate::properties::Ruling;
use crate::property::{Outcome, Property};
use crate::target::Run;

/// Let no doubtful "held" stand.
pub(super) fn spread(rulings: &mut [(Property, Ruling)], honest: &Trace, run: &Run) {
    let why = doubt(honest, run).or_else(|| beside_the_point(&run.trace, rulings));
    let Some(why) = why else { return };
    for (_, ruling) in rulings.iter_mut().filter(|(_, ruling)| ruling.outcome == Outcome::Held) {
        *ruling = Ruling::inconclusive(why.clone());
    }
}

fn doubt(honest: &Trace, run: &Run) -> Option<String> {
    let trace = &run.trace;
    let name = |number: &u32| {
        let kind = trace.frame(*number).map_or("RAW", |record| record.frame.spec.name);
        format!("frame {number} ({kind})")
    };
    if let Some(number) = trace.unanswered.first() {
        return Some(format!(
            "{} of the transcript went out although the answers that had come before it in the recording did not come",
            name(number)
        ));
    }
    if let Some(number) = trace.hurried.iter().find(|number| is_altered(trace, **number)) {
        return Some(format!(
            "{} went out before the frame in front of it was read: a program that reads one frame at a time finds two",
            name(number)
        ));
    }
    if trace.unfinished {
        return Some("the run was over before the attacker had done all it meant to".to_owned());
    }
    let unseen = [Side::Server, Side::Client]
        .into_iter()
        .find(|side| is_reached(trace, *side) && silence::accepts_unseen(honest, *side))?;
    Some(format!(
        "the attack reaches the {unseen}, which without an attack claims to have taken no message and to have completed no handshake: nothing shows what it accepts"
    ))
}

/// An attack that changes what is said asks for authenticity, one that repeats it for delivery at most once. Where just that cannot be
/// judged, it says little that others hold.
fn beside_the_point(trace: &Trace, rulings: &[(Property, Ruling)]) -> Option<String> {
    let unjudged = |wanted: Property| {
        let ruling = rulings.iter().find(|(property, _)| *property == wanted);
        ruling.and_then(|(_, ruling)| ruling.evidence.strip_prefix(NOT_JUDGED))
    };
    let mut landed = trace.frames.iter().filter(|frame| frame.has_landed());
    landed.find_map(|frame| {
        let (wanted, deed) = match frame.origin {
            Origin::Attacker { copy_of: Some(_) } => (Property::DeliveryAtMostOnce, "repeats"),
            Origin::Attacker { copy_of: None } => (Property::MessageAuthenticity, "invents"),
            Origin::Endpoint if frame.original.is_some() => {
                (Property::MessageAuthenticity, "changes")
            }
            Origin::Endpoint => return None,
        };
        let (why, name) = (unjudged(wanted)?, wanted.name());
        Some(format!("the attack {deed} what is said, and {name} is not judged: {why}"))
    })
}

fn is_altered(trace: &Trace, number: u32) -> bool {
    trace.frame(number).is_some_and(FrameRecord::is_altered)
}

fn is_reached(trace: &Trace, side: Side) -> bool {
    trace.frames.iter().any(|frame| frame.to == side && frame.has_landed())
}
