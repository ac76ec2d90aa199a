//! **uniform-errors**: what an attacker can see of a victim does not depend on a check that needs a secret. Of the
//! forgeries of one frame type, those refused by one such check (decryption, padding, MAC, content) are answered like
//! those refused by another: with the same frames, of the same sizes, and the same close. In what a strategy asked,
//! being taken counts as passing those checks.
//!
//! Time is not looked at: the clock of the lab is virtual. Source: Vaudenay 2002 and Bleichenbacher 1998, where every difference is an
//! oracle; RFC 5246 section 7.2.2 and RFC 8446 section 6.2, where there must be none.

use std::collections::{BTreeMap, BTreeSet};

use mitm_proxy::trace::{ClaimRecord, LinkEvent, Outcome, Trace};
use mitm_proxy::world::Reply;
use protocol::endpoint::{Check, Fact, Side};

use super::{Finished, Monitor, PropertySpec, Ruling};
use crate::property::Property;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::UniformErrors,
    definition: "what a victim answers does not say which check of a secret a forgery failed",
    source: "Vaudenay 2002, RFC 5246 section 7.2.2",
    monitor: || Box::new(UniformErrors),
};

/// The checks that need a secret.
const SECRET: &[Check] = &[Check::Decryption, Check::Padding, Check::Mac, Check::Content];

/// How forgeries were answered: by frame type, then by what became of them.
pub type Reactions = BTreeMap<&'static str, BTreeMap<&'static str, BTreeSet<String>>>;

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
    let mut reactions = Reactions::new();
    let mut add = |frame_type, outcome: Outcome, words: String| {
        let name = match outcome {
            Outcome::Refused(check) if SECRET.contains(&check) => check.name(),
            Outcome::Refused(_) => return,
            Outcome::Taken => "nothing",
        };
        let of_type = reactions.entry(frame_type).or_default();
        of_type.entry(name).or_default().insert(words);
    };
    for (frame_type, outcome, words) in trace.answers.keys() {
        add(frame_type, *outcome, words.clone());
    }
    for record in &trace.claims {
        let Fact::Rejected(reject) = &record.claim.fact else { continue };
        let Some((number, frame)) = record.cause.and_then(|n| Some((n, trace.frame(n)?))) else {
            continue;
        };
        if frame.is_altered() {
            let words = answer(trace, number, frame.link, frame.to);
            add(frame.frame.spec.name, Outcome::Refused(reject.check), words);
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

/// Whether those answers give a check away.
pub fn rule(reactions: &Reactions) -> Ruling {
    let mut checks = 0;
    for (frame_type, by_check) in reactions {
        checks += by_check.len();
        let mut first: Option<(&str, &BTreeSet<String>)> = None;
        for (check, answers) in by_check {
            match first {
                Some((other, others)) if others != answers => {
                    let show = |answers: &BTreeSet<String>| {
                        answers.iter().take(3).cloned().collect::<Vec<_>>().join(" or ")
                    };
                    let (one, two) = (show(others), show(answers));
                    return Ruling::violated(
                        format!(
                            "a forged {frame_type} stopped by {other} is answered with {one}, one stopped by {check} with {two}"
                        ),
                        Vec::new(),
                    );
                }
                Some(_) => {}
                None => first = Some((check, answers)),
            }
        }
    }
    Ruling::held(match checks {
        0 => "no check of a secret refused anything".to_owned(),
        1 => "one check of a secret refused forgeries, with one answer".to_owned(),
        checks => format!("{checks} outcomes of secret checks, alike for each type of frame"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Outcome as Verdict;

    fn reactions(of: &[(&'static str, &str)]) -> Reactions {
        let mut found = Reactions::new();
        for (check, answer) in of {
            let of_type = found.entry("TEXT").or_default();
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
}
