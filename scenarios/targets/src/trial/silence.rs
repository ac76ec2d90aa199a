//! What programs do not say, and what therefore nobody can judge.

use files::target_file::JudgedFrom;
use judge::property::Property;
use mitm_proxy::trace::Trace;
use protocol::endpoint::{Fact, Side};

use crate::{Run, Unmatched};

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
pub(super) fn silent_on(
    property: Property,
    honest_run: &Trace,
    trace: &Trace,
) -> Option<&'static str> {
    let any = |wanted: fn(&Fact) -> bool| {
        let mut claims = honest_run.claims.iter().chain(&trace.claims);
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
        Property::Availability | Property::Robustness | Property::Own(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use protocol::endpoint::{Check, End, Fingerprint, Message, Reject};

    use super::*;
    use files::target_file::Channel;
    use judge::testing;

    fn text() -> Message {
        Message::text("pay bob 100")
    }

    /// A fact of every kind that says something of a message or a session.
    fn telling() -> [Fact; 5] {
        let session = Fingerprint([1; 8]);
        [
            Fact::Sent(text()),
            Fact::Delivered(text()),
            Fact::Acknowledged(text()),
            Fact::Running(session),
            Fact::Established(session),
        ]
    }

    const REFUSED: Fact = Fact::Rejected(Reject::new(Check::Mac, "mac"));

    fn trace_of(facts: &[Fact]) -> Trace {
        testing::trace([], facts.iter().map(|fact| testing::claim(0, 1, fact.clone())))
    }

    #[test]
    fn a_program_that_was_given_frames_and_tells_nothing_is_mute() {
        let claims = JudgedFrom::Claims(Channel::Stdout);
        let said = |facts: &[Fact]| {
            let mut trace = trace_of(facts);
            testing::give(&mut trace, Side::Server);
            mute(&crate::testing::run(trace), &claims)
        };
        let why = |what: &str| Some(format!("the server claimed {what}: is its output flushed?"));
        let (ended, logged) = (Fact::Ended(End::Clean), Fact::Logged("hello"));
        assert_eq!(said(&[]), why("nothing"));
        assert_eq!(said(std::slice::from_ref(&logged)), why("only lines of its log"));
        assert_eq!(said(&[logged.clone(), REFUSED]), why("only what it refused"));
        assert_eq!(said(&[logged, REFUSED, ended]), why("only how it ended"));
        for fact in telling() {
            assert_eq!(said(&[REFUSED, fact]), None);
        }
        assert_eq!(
            mute(&crate::testing::run(trace_of(&[])), &claims),
            None,
            "it was given nothing"
        );
        let mut silent = trace_of(&[]);
        testing::give(&mut silent, Side::Server);
        let observed = JudgedFrom::Observables(String::new());
        assert_eq!(
            mute(&crate::testing::run(silent), &observed),
            None,
            "nobody expects it to say so"
        );
    }

    #[test]
    fn the_claims_of_one_program_do_not_speak_for_the_other() {
        let mut trace = trace_of(&telling());
        testing::give(&mut trace, Side::Client);
        let why = mute(&crate::testing::run(trace), &JudgedFrom::Claims(Channel::Stdout));
        let expected = "the client claimed nothing: is its output flushed?";
        assert_eq!(why.as_deref(), Some(expected));
    }

    #[test]
    fn acceptance_is_seen_in_deliveries_acknowledgements_and_sessions() {
        let [sent, delivered, acknowledged, running, established] = telling();
        for fact in [delivered, acknowledged, established] {
            assert!(
                !accepts_unseen(&trace_of(std::slice::from_ref(&fact)), Side::Server),
                "{fact:?}"
            );
            assert!(accepts_unseen(&trace_of(&[fact]), Side::Client));
        }
        assert!(accepts_unseen(&trace_of(&[sent, running, REFUSED]), Side::Server));
    }

    #[test]
    fn what_nobody_can_see_is_hidden_from_the_properties_that_need_it() {
        let unmatched = Unmatched { unseen: 2, delivered: 3, acknowledged: 1 };
        let count = |property| {
            let why = hidden_from(property, unmatched)?;
            why.split(' ').next().and_then(|count| count.parse::<usize>().ok())
        };
        assert_eq!(count(Property::MessageAuthenticity), Some(5));
        assert_eq!(count(Property::Order), Some(5));
        assert_eq!(count(Property::DeliveryAtMostOnce), Some(3));
        assert_eq!(count(Property::Completeness), Some(3));
        assert_eq!(count(Property::Secrecy), None);
        let one = hidden_from(Property::DeliveryAgreement, unmatched).unwrap();
        assert!(one.starts_with("1 message was believed"), "{one}");
        let several = hidden_from(Property::Order, unmatched).unwrap();
        assert!(several.starts_with("5 messages were taken"), "{several}");
        for property in Property::ALL {
            assert_eq!(hidden_from(*property, Unmatched::default()), None);
        }
    }

    #[test]
    fn more_taken_than_sent_is_too_many() {
        let trace = trace_of(&[Fact::Sent(text()), Fact::Delivered(text())]);
        let unmatched = |delivered| Unmatched { delivered, ..Unmatched::default() };
        assert_eq!(too_many_taken(&trace, unmatched(0)), None);
        let why = too_many_taken(&trace, unmatched(2)).unwrap();
        assert!(why.starts_with("3 messages were taken, 1 had been sent"), "{why}");
    }

    #[test]
    fn a_property_is_not_judged_where_nobody_says_what_it_needs() {
        let nothing = Trace::default();
        let silent = |property, facts: &[Fact]| {
            let told = silent_on(property, &nothing, &trace_of(facts)).is_none();
            // What the honest run says is said as well.
            assert_eq!(silent_on(property, &trace_of(facts), &nothing).is_none(), told);
            !told
        };
        let [sent, delivered, acknowledged, _, established] = telling();
        for property in [
            Property::MessageAuthenticity,
            Property::DeliveryAtMostOnce,
            Property::Order,
            Property::Completeness,
        ] {
            assert!(
                silent(property, std::slice::from_ref(&sent))
                    && silent(property, std::slice::from_ref(&delivered))
            );
            assert!(!silent(property, &[sent.clone(), delivered.clone()]));
        }
        for (property, needed) in [
            (Property::Secrecy, sent),
            (Property::PeerAuthentication, established),
            (Property::DeliveryAgreement, acknowledged),
            (Property::UniformErrors, REFUSED),
        ] {
            assert!(silent(property, &[]), "{}", property.name());
            assert!(!silent(property, &[needed]), "{}", property.name());
        }
        for property in [Property::ForwardSecrecy, Property::PostCompromiseSecurity] {
            assert!(silent(property, &telling()));
        }
        for property in [Property::Availability, Property::Robustness] {
            assert!(!silent(property, &[]));
        }
    }
}
