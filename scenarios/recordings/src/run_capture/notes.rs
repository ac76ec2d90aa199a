//! What is said in a capture about its packets, and about the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use judge::properties::Ruling;
use judge::property::Outcome;
use judge::{Judgement, actor_name};
use mitm_proxy::trace::{ClaimRecord, Fate, FrameRecord, Loot, Origin};
use protocol::endpoint::Fact;

use super::legs::Legs;
use super::{Plaintext, Subject};
use crate::claim_text::describe;

/// Comments.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// On the whole.
    pub(super) section: Vec<String>,
    came: BTreeMap<u32, Vec<String>>,
    left: BTreeMap<u32, Vec<String>>,
}

impl Notes {
    /// Those on a judgement.
    pub(super) fn of(
        subject: &Subject<'_>,
        judgement: &Judgement,
        legs: &Legs,
        plaintext: Plaintext,
    ) -> Self {
        let mut notes = Self::default();
        let mut nowhere = Vec::new();
        let trace = &judgement.trace;
        for (number, record) in trace.numbered() {
            if let Some(text) = actions(number, record) {
                notes.put(number, legs, text, &mut nowhere);
            }
        }
        for record in &trace.claims {
            if let (Some(cause), Some(text)) =
                (record.cause, claim(record, &trace.impostors, plaintext))
            {
                notes.put(cause, legs, text, &mut nowhere);
            }
        }
        for (property, ruling) in &judgement.rulings {
            if ruling.outcome != Outcome::Held {
                let verdict = verdict(property.name(), ruling);
                let frames: BTreeSet<u32> = ruling.frames.iter().copied().collect();
                for number in frames {
                    notes.put(number, legs, format!("frame {number}: {verdict}"), &mut nowhere);
                }
            }
        }
        notes.section = section(subject, judgement, &nowhere);
        notes
    }

    /// Where the receiver is, if it came so far; else where the sender is.
    fn put(&mut self, number: u32, legs: &Legs, text: String, nowhere: &mut Vec<String>) {
        let place = if legs.left(number) {
            self.left.entry(number).or_default()
        } else if legs.came(number) {
            self.came.entry(number).or_default()
        } else {
            nowhere
        };
        place.push(text);
    }

    /// Those on a frame that an endpoint sent.
    pub(super) fn take_came(&mut self, number: u32) -> Vec<String> {
        self.came.remove(&number).unwrap_or_default()
    }

    /// Those on a frame that the attacker sent; on the first of its segments.
    pub(super) fn take_left(&mut self, number: u32) -> Vec<String> {
        self.left.remove(&number).unwrap_or_default()
    }
}

/// What the attacker did to a frame, and whether it arrived.
fn actions(number: u32, record: &FrameRecord) -> Option<String> {
    let mut parts = Vec::new();
    for action in &record.attacker_actions {
        match action.rule {
            0 => parts.push(action.what.clone()),
            rule => parts.push(format!("rule {rule}: {}", action.what)),
        }
    }
    if let Origin::Attacker { copy_of } = record.origin
        && parts.is_empty()
    {
        let copy = copy_of.map_or_else(String::new, |of| format!(" from frame {of}"));
        parts.push(format!("made by the attacker{copy}"));
    }
    match record.fate {
        Fate::Lost | Fate::Pending => parts.push("lost: its receiver was gone".to_owned()),
        Fate::Dropped | Fate::Held if record.attacker_actions.is_empty() => {
            parts.push("dropped".to_owned());
        }
        Fate::Absorbed if record.attacker_actions.is_empty() => {
            parts.push("kept by the attacker".to_owned());
        }
        _ => {}
    }
    let name = record.frame.spec.name;
    (!parts.is_empty()).then(|| format!("frame {number} {name}: {}", parts.join("; ")))
}

/// What an endpoint says about the frame it has taken: always what it refuses, what it delivers only if that is wanted.
fn claim(record: &ClaimRecord, parts: &BTreeSet<usize>, plaintext: Plaintext) -> Option<String> {
    let told = match record.claim.fact {
        Fact::Rejected(_) => true,
        Fact::Delivered(_) => plaintext == Plaintext::Shown,
        _ => false,
    };
    let who = actor_name(record.actor);
    (told && !parts.contains(&record.actor)).then(|| format!("{who} {}", describe(&record.claim).1))
}

fn verdict(property: &str, ruling: &Ruling) -> String {
    let name = match ruling.outcome {
        Outcome::Violated => ruling.outcome.name().to_uppercase(),
        _ => ruling.outcome.name().to_owned(),
    };
    let not_judged = if ruling.not_judged.is_some() { "not judged: " } else { "" };
    if ruling.evidence.is_empty() {
        return format!("{property} {name}");
    }
    format!("{property} {name}: {not_judged}{}", ruling.evidence)
}

fn section(subject: &Subject<'_>, judgement: &Judgement, nowhere: &[String]) -> Vec<String> {
    let Judgement { rulings, blocked_by, inconclusive, declared, mismatches, runs, trace, .. } =
        judgement;
    let Subject { scenario, system, profile, seed, .. } = subject;
    let seed = seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let mut head =
        format!("{} against {system} {profile}{seed}: {}", scenario.name, scenario.summary);
    if *runs > 1 {
        let _ = write!(
            head,
            "\none of {runs} runs: the first that shows a violation, or else the first)"
        );
    }
    let mut verdicts: Vec<String> = Vec::new();
    for (property, ruling) in rulings {
        let mut line = verdict(property.name(), ruling);
        if !ruling.frames.is_empty() {
            let frames: Vec<String> = ruling.frames.iter().map(u32::to_string).collect();
            let _ = write!(line, " (frames {})", frames.join(", "));
        }
        verdicts.push(line);
    }
    let checks: Vec<&str> = blocked_by.keys().map(String::as_str).collect();
    verdicts.push(format!("blocked by: {}", checks.join(", ")));
    if let Some(why) = inconclusive {
        verdicts.push(format!("inconclusive: {why}"));
    }
    match (declared, mismatches.is_empty()) {
        (false, _) => verdicts.push("the scenario does not say what it expects here".to_owned()),
        (true, true) => verdicts.push("as expected".to_owned()),
        (true, false) => verdicts.push(format!("not as expected: {}", mismatches.join("; "))),
    }
    let mut comments = vec![head];
    comments.append(&mut verdicts);
    let times = match subject.seed {
        Some(_) => "virtual",
        None => "real, as if the run had begun with the year 2026; ports are not the real ones",
    };
    comments.push(format!(
        "the attacker is 10.0.0.100 to clients and 10.0.1.100 to the server; times are {times}"
    ));
    for misfire in &trace.misfires {
        comments.push(format!("rule {} could not act: {}", misfire.rule, misfire.why));
    }
    for leak in &trace.compromises {
        comments.push(match &leak.loot {
            Loot::Memory(of) => {
                format!("rule {}: the memory of the {} was copied", leak.rule, actor_name(*of))
            }
            Loot::Files(files) => format!("rule {}: stolen: {}", leak.rule, files.join(", ")),
        });
    }
    if !nowhere.is_empty() {
        comments.push("what follows is about frames that are not in this capture".to_owned());
        comments.extend_from_slice(nowhere);
    }
    let asked: u64 = trace.answers.values().sum();
    if asked > 0 {
        comments.push(format!(
            "{asked} questions of a strategy and their answers are not in this capture"
        ));
    }
    comments
}
