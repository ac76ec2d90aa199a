//! **uniform-errors**: what an attacker can see of a victim does not depend on a check that needs a secret. Of the
//! forgeries of one frame type, those refused by one such check (decryption, padding, MAC, content) are answered like
//! those refused by another: with the same frames, of the same sizes, and the same close. In what a strategy asked,
//! being taken counts as passing those checks.
//!
//! Time is not looked at: the clock of the lab is virtual. Source: Vaudenay 2002 and Bleichenbacher 1998, where every difference is an
//! oracle; RFC 5246 section 7.2.2 and RFC 8446 section 6.2, where there must be none.

use std::collections::{BTreeMap, BTreeSet};

use mitm_proxy::trace::{ClaimRecord, LinkEvent, QuestionOutcome, Trace};
use mitm_proxy::world::Reply;
use protocol::endpoint::{Check, Fact, Side};

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::property::{NotJudged, Property};

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::UniformErrors,
    definition: "what a victim answers does not say which check of a secret a forgery failed",
    source: "Vaudenay 2002, RFC 5246 section 7.2.2",
    monitor: MakeMonitor::Function(|| Box::new(UniformErrors)),
};

/// The checks that need a secret.
const SECRET: &[Check] = &[Check::Decryption, Check::Padding, Check::Mac, Check::Content];

/// What refuses a forgery that is taken.
const TAKEN: &str = "nothing";

/// How forgeries were answered.
#[derive(Clone, Debug, Default)]
pub struct Reactions {
    /// By frame type, then by what became of them.
    answers: BTreeMap<&'static str, BTreeMap<&'static str, BTreeSet<String>>>,
    /// Checks of a secret that refused a frame as its sender had made it.
    of_honest: BTreeSet<&'static str>,
    /// Checks of a secret that refused something, and nobody knows which frame.
    of_unknown: BTreeSet<&'static str>,
}

impl Reactions {
    /// Add those of another run.
    pub fn add(&mut self, other: &Self) {
        for (frame_type, by_check) in &other.answers {
            for (check, answers) in by_check {
                let of_type = self.answers.entry(frame_type).or_default();
                of_type.entry(check).or_default().extend(answers.iter().cloned());
            }
        }
        self.of_honest.extend(&other.of_honest);
        self.of_unknown.extend(&other.of_unknown);
    }
}

#[derive(Clone, Debug)]
struct UniformErrors;

impl Monitor for UniformErrors {
    fn observe(&mut self, _: &ClaimRecord) {}

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        rule(&reactions(run.trace))
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// How the forgeries of one run were answered.
pub fn reactions(trace: &Trace) -> Reactions {
    let mut reactions = Reactions::default();
    let mut add = |frame_type, name: &'static str, words: String| {
        let of_type = reactions.answers.entry(frame_type).or_default();
        of_type.entry(name).or_default().insert(words);
    };
    for (frame_type, outcome, words) in trace.answers.keys() {
        match outcome {
            QuestionOutcome::Refused(check) if SECRET.contains(check) => {
                add(frame_type, check.name(), words.clone());
            }
            QuestionOutcome::Refused(_) => {}
            QuestionOutcome::Taken => add(frame_type, TAKEN, words.clone()),
        }
    }
    for record in &trace.claims {
        let Fact::Rejected(reject) = &record.claim.fact else { continue };
        if !SECRET.contains(&reject.check) {
            continue;
        }
        let check = reject.check.name();
        match record.cause.and_then(|number| Some((number, trace.frame(number)?))) {
            Some((number, frame)) if frame.is_altered() => {
                let of_type = reactions.answers.entry(frame.frame.spec.name).or_default();
                let words = answer(trace, number, frame.link, frame.to);
                of_type.entry(check).or_default().insert(words);
            }
            Some(_) => drop(reactions.of_honest.insert(check)),
            None if trace.answers.is_empty() => drop(reactions.of_unknown.insert(check)),
            // What a strategy asked is counted above.
            None => {}
        }
    }
    reactions
}

/// What the victim on this side of the link said and did at once, having refused the frame of that number: what it wrote and
/// closed before it read another.
fn answer(trace: &Trace, number: u32, link: u32, victim: Side) -> String {
    let said = trace.honest().filter(|(_, record)| {
        record.answers == Some(number) && record.link == link && record.to != victim
    });
    let segments = said.map(|(_, record)| record.as_sent().bytes.clone()).collect();
    let own = LinkEvent::ClosedBy(victim);
    let closed = trace
        .links
        .iter()
        .any(|record| record.link == link && record.cause == Some(number) && record.event == own);
    Reply { segments, closed, gone: false }.describe()
}

/// What became of a forgery.
fn fared(check: &str) -> String {
    if check == TAKEN { "that is taken".to_owned() } else { format!("stopped by {check}") }
}

/// Whether those answers give a check away.
pub fn rule(reactions: &Reactions) -> Ruling {
    let (mut checks, mut ways, mut passed) = (0, 0, false);
    for (frame_type, by_check) in &reactions.answers {
        checks += by_check.len();
        ways += by_check.values().map(BTreeSet::len).sum::<usize>();
        passed |= by_check.contains_key(TAKEN);
        let mut first: Option<(&str, &BTreeSet<String>)> = None;
        for (check, answers) in by_check {
            match first {
                Some((other, others)) if others != answers => {
                    let show = |answers: &BTreeSet<String>| {
                        answers.iter().take(3).cloned().collect::<Vec<_>>().join(" or ")
                    };
                    let (one, two) = (show(others), show(answers));
                    let (other, check) = (fared(other), fared(check));
                    return Ruling::violated(
                        format!(
                            "a forged {frame_type} {other} is answered with {one}; one {check}, with {two}"
                        ),
                        Vec::new(),
                    );
                }
                Some(_) => {}
                None => first = Some((check, answers)),
            }
        }
    }
    let names = |checks: &BTreeSet<&str>| checks.iter().copied().collect::<Vec<_>>().join(", ");
    match checks {
        0 if !reactions.of_unknown.is_empty() => {
            let checks = names(&reactions.of_unknown);
            let what = format!("{checks} refused something, and nobody says which frame");
            Ruling::not_judged(NotJudged::ClaimsMissing(what))
        }
        0 if !reactions.of_honest.is_empty() => Ruling::held(format!(
            "no forgery got as far as a check of a secret; {} refused frames as their senders had made them",
            names(&reactions.of_honest)
        )),
        0 => Ruling::held("no check of a secret refused anything"),
        // What was taken passed the checks of a secret, and nothing was refused by one.
        1 if passed => Ruling::held("no check of a secret refused a forgery"),
        1 => {
            let ways = if ways == 1 { "with one answer" } else { "and no other did" };
            Ruling::held(format!("one check of a secret refused forgeries, {ways}"))
        }
        checks => Ruling::held(format!(
            "{checks} outcomes of secret checks, alike for each type of frame"
        )),
    }
}

#[cfg(test)]
mod tests {
    use mitm_proxy::trace::FrameRecord;
    use protocol::endpoint::Reject;

    use super::*;
    use crate::property::Outcome as Verdict;
    use crate::testing;

    fn reactions(of: &[(&'static str, &str)]) -> Reactions {
        let mut found = Reactions::default();
        for (check, answer) in of {
            let of_type = found.answers.entry("TEXT").or_default();
            of_type.entry(check).or_default().insert((*answer).to_owned());
        }
        found
    }

    #[test]
    fn two_checks_answered_differently_are_an_oracle() {
        let ruling = rule(&reactions(&[("padding", "\"bad padding\""), ("mac", "\"bad mac\"")]));
        assert_eq!(ruling.outcome, Verdict::Violated);
        let alike = rule(&reactions(&[("padding", "closes"), ("mac", "closes")]));
        assert_eq!(alike.outcome, Verdict::Held);
        assert_eq!(rule(&reactions(&[])).outcome, Verdict::Held);
    }

    /// What the server refused, by this check, in the frame of that number.
    fn refused(check: Check, cause: Option<u32>) -> ClaimRecord {
        let fact = Fact::Rejected(Reject::new(check, "field"));
        ClaimRecord { cause, ..testing::claim(0, 1, fact) }
    }

    #[test]
    fn only_checks_that_need_a_secret_count_in_what_a_strategy_asked() {
        let asked = |checks: &[Check]| {
            let mut trace = Trace::default();
            for (at, check) in checks.iter().enumerate() {
                let answer = ("TEXT", QuestionOutcome::Refused(*check), format!("answer {at}"));
                trace.answers.insert(answer, 1);
            }
            rule(&super::reactions(&trace)).outcome
        };
        assert_eq!(asked(&[Check::Padding, Check::Mac]), Verdict::Violated);
        assert_eq!(asked(&[Check::Padding, Check::Sequence]), Verdict::Held);
        assert_eq!(asked(&[Check::Length, Check::Sequence]), Verdict::Held);
    }

    #[test]
    fn forgeries_that_are_all_taken_are_refused_by_no_check() {
        let taken = rule(&reactions(&[(TAKEN, "silence")]));
        assert_eq!(taken.evidence, "no check of a secret refused a forgery");
        let one = rule(&reactions(&[("mac", "closes")]));
        assert_eq!(one.evidence, "one check of a secret refused forgeries, with one answer");
        let several = rule(&reactions(&[("mac", "closes"), ("mac", "silence")]));
        assert_eq!(several.evidence, "one check of a secret refused forgeries, and no other did");
    }

    #[test]
    fn a_refusal_of_an_unknown_frame_shows_nothing_unless_a_strategy_asked() {
        let mut trace = testing::trace([], [refused(Check::Mac, None)]);
        let ruling = rule(&super::reactions(&trace));
        assert_eq!(ruling.outcome, Verdict::Inconclusive, "{}", ruling.evidence);
        let taken = ("TEXT", QuestionOutcome::Taken, "silence".to_owned());
        trace.answers.insert(taken, 1);
        assert_eq!(rule(&super::reactions(&trace)).outcome, Verdict::Held);
        let mut trace = testing::trace([], [refused(Check::Mac, None)]);
        let public = ("TEXT", QuestionOutcome::Refused(Check::Length), "silence".to_owned());
        trace.answers.insert(public, 1);
        assert_eq!(rule(&super::reactions(&trace)).outcome, Verdict::Held);
        let public = testing::trace([], [refused(Check::Length, None)]);
        assert_eq!(rule(&super::reactions(&public)).outcome, Verdict::Held);
    }

    #[test]
    fn an_answer_is_what_the_victim_wrote_and_closed_after_that_frame() {
        let written = |link, to, answers| {
            let mut frame = testing::frame(link, to);
            frame.frame.bytes = bytes::Bytes::from(format!("{link} {to} {answers}"));
            FrameRecord { answers: Some(answers), ..frame }
        };
        let (client, server) = (Side::Client, Side::Server);
        let frames = [
            testing::frame(1, server),
            written(1, client, 1),
            written(2, client, 1),
            written(1, server, 1),
            written(1, client, 2),
        ];
        let mut trace = testing::trace(frames, []);
        assert_eq!(answer(&trace, 1, 1, server), "\"1 client 1\"");
        // Closed on another link, by the other end, or for another reason.
        for (link, cause, by) in [(2, 1, server), (1, 2, server), (1, 1, client)] {
            let service = protocol::endpoint::PortIndex(0);
            trace.link(protocol::endpoint::Tick(0), link, service, LinkEvent::ClosedBy(by), None);
            trace.links.last_mut().unwrap().cause = Some(cause);
            assert_eq!(answer(&trace, 1, 1, server), "\"1 client 1\"");
        }
        trace.links[0].link = 1;
        assert_eq!(answer(&trace, 1, 1, server), "\"1 client 1\", closes");
    }
}
