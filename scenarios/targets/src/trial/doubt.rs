//! Held needs evidence: what makes it doubtful that an attack was tried as it was meant, and so turns every "held" into
//! "inconclusive". What was violated is violated all the same.

use judge::properties::Ruling;
use judge::property::{Outcome, Property};
use mitm_proxy::trace::{FrameRecord, Origin, Trace};
use protocol::endpoint::Side;

use super::silence;
use crate::Run;

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
        ruling.and_then(|(_, ruling)| ruling.not_judged.as_ref())
    };
    let mut landed = trace.frames.iter().filter(|frame| frame.has_landed());
    landed.find_map(|frame| {
        let (wanted, action) = match frame.origin {
            Origin::Attacker { copy_of: Some(_) } => (Property::DeliveryAtMostOnce, "repeats"),
            Origin::Attacker { copy_of: None } => (Property::MessageAuthenticity, "invents"),
            Origin::Endpoint if frame.original.is_some() => {
                (Property::MessageAuthenticity, "changes")
            }
            Origin::Endpoint => return None,
        };
        let (why, name) = (unjudged(wanted)?, wanted.name());
        Some(format!("the attack {action} what is said, and {name} is not judged: {why}"))
    })
}

fn is_altered(trace: &Trace, number: u32) -> bool {
    trace.frame(number).is_some_and(FrameRecord::is_altered)
}

fn is_reached(trace: &Trace, side: Side) -> bool {
    trace.frames.iter().any(|frame| frame.to == side && frame.has_landed())
}

#[cfg(test)]
mod tests {
    use mitm_proxy::trace::Fate;
    use protocol::endpoint::{Fact, Message};

    use super::*;
    use judge::property::NotJudged;
    use judge::testing;

    fn copy() -> FrameRecord {
        let origin = Origin::Attacker { copy_of: Some(1) };
        FrameRecord { origin, ..testing::frame(1, Side::Server) }
    }

    /// A run in which the server was given a frame and a copy of it.
    fn attacked() -> Trace {
        testing::trace([testing::frame(1, Side::Server), copy()], [])
    }

    /// An honest run in which both ends say what they take.
    fn honest() -> Trace {
        let taken = |actor| testing::claim(actor, 1, Fact::Delivered(Message::text("a")));
        testing::trace([], [taken(0), taken(1)])
    }

    fn doubt_of(trace: Trace) -> Option<String> {
        doubt(&honest(), &crate::testing::run(trace))
    }

    #[test]
    fn an_attack_that_went_as_it_was_meant_is_not_doubted() {
        assert_eq!(doubt_of(attacked()), None);
    }

    #[test]
    fn what_went_out_too_early_is_doubted() {
        let mut trace = attacked();
        trace.unanswered.push(2);
        assert!(doubt_of(trace).unwrap().starts_with("frame 2 ("));
        for (number, doubted) in [(1, false), (2, true)] {
            let mut trace = attacked();
            trace.hurried.push(number);
            let why = doubt_of(trace);
            assert_eq!(why.is_some(), doubted, "only what the attacker altered: {why:?}");
        }
    }

    #[test]
    fn an_attack_that_was_not_finished_is_doubted() {
        let mut trace = attacked();
        trace.unfinished = true;
        assert!(doubt_of(trace).unwrap().contains("before the attacker had done all"));
    }

    #[test]
    fn what_reaches_an_end_that_never_says_what_it_accepts_is_doubted() {
        let taken = |actor| testing::claim(actor, 1, Fact::Delivered(Message::text("a")));
        let of = |honest: Trace| doubt(&honest, &crate::testing::run(attacked()));
        let why = of(testing::trace([], [taken(1)])).unwrap();
        assert!(why.starts_with("the attack reaches the server"), "{why}");
        assert_eq!(of(testing::trace([], [taken(0)])), None, "the client is not attacked");
        // What did not arrive reaches nobody, and neither does what nobody altered.
        let lost = FrameRecord { fate: Fate::Lost, ..copy() };
        for frame in [lost, testing::frame(1, Side::Server)] {
            let run = crate::testing::run(testing::trace([frame], []));
            assert_eq!(doubt(&Trace::default(), &run), None);
        }
    }

    #[test]
    fn doubt_leaves_only_what_is_violated() {
        let mut rulings = [
            (Property::Order, Ruling::inconclusive("as before")),
            (Property::Secrecy, Ruling::violated("it leaks", Vec::new())),
            (Property::Robustness, held()),
        ];
        let mut trace = attacked();
        trace.unfinished = true;
        spread(&mut rulings, &honest(), &crate::testing::run(trace));
        let outcomes = rulings.each_ref().map(|(_, ruling)| ruling.outcome);
        assert_eq!(outcomes, [Outcome::Inconclusive, Outcome::Violated, Outcome::Inconclusive]);
        assert_eq!(rulings[0].1.evidence, "as before");
        let mut rulings = [(Property::Robustness, held())];
        spread(&mut rulings, &honest(), &crate::testing::run(attacked()));
        assert_eq!(rulings[0].1.outcome, Outcome::Held);
    }

    fn held() -> Ruling {
        Ruling::held("")
    }

    #[test]
    fn an_attack_asks_for_the_property_that_its_deed_would_break() {
        let changed = FrameRecord {
            original: Some(testing::frame(1, Side::Server).frame),
            ..testing::frame(1, Side::Server)
        };
        let invented = FrameRecord { origin: Origin::Attacker { copy_of: None }, ..copy() };
        let late = FrameRecord { moved: true, ..testing::frame(1, Side::Server) };
        let action = |frame: &FrameRecord, unjudged: Property| {
            let why = NotJudged::ClaimsMissing("nobody says".to_owned());
            let why = Ruling::not_judged(why);
            let trace = testing::trace([frame.clone()], []);
            let why = beside_the_point(&trace, &[(unjudged, why)])?;
            why.split(' ').nth(2).map(str::to_owned)
        };
        let (authentic, once) = (Property::MessageAuthenticity, Property::DeliveryAtMostOnce);
        for (frame, wanted, does) in [
            (&copy(), once, "repeats"),
            (&changed, authentic, "changes"),
            (&invented, authentic, "invents"),
        ] {
            assert_eq!(action(frame, wanted).as_deref(), Some(does));
            assert_eq!(action(frame, Property::Secrecy), None, "{does}");
        }
        assert_eq!(action(&late, authentic).or(action(&late, once)), None);
        let lost = FrameRecord { fate: Fate::Lost, ..copy() };
        assert_eq!(action(&lost, once), None);
        let trace = testing::trace([copy()], []);
        assert_eq!(beside_the_point(&trace, &[(once, held())]), None, "it is judged");
    }
}
