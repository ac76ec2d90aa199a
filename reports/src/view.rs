//! The view model: everything a report can show, as plain text and numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

pub mod ablation;
pub mod anatomy;
pub mod benches;
pub mod details;

use anatomy::Anatomy;
use details::Details;

/// A whole run of the program.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Report {
    /// Every case, in order.
    pub cases: Vec<Case>,
    /// Counts over all cases.
    pub summary: Summary,
    /// What is told beside the cases, where a report was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// Counts over all cases.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug, Default)]
pub struct Summary {
    /// How many there were.
    pub cases: usize,
    /// How many went as the scenario expects.
    pub expected: usize,
    /// How many ran in a profile the scenario says nothing about.
    pub undeclared: usize,
    /// How many did not.
    pub unexpected: usize,
    /// In how many some property was violated.
    pub violated: usize,
    /// In how many every property held.
    pub held: usize,
    /// In how many nothing could be said.
    pub inconclusive: usize,
}

/// One scenario against one system in one profile.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Case {
    /// The scenario's name.
    pub scenario: String,
    /// Its family.
    pub family: String,
    /// The system.
    pub system: String,
    /// The profile.
    pub profile: String,
    /// What carried the frames: `world` (memory), `tcp`, or `programs` (somebody's own, over TCP).
    pub over: String,
    /// What decided every random byte.
    pub seed: u64,
    /// How long it took in real time, if that was measured. Not in JSON: the same case gives the same bytes.
    #[serde(skip)]
    pub took: Option<Duration>,
    /// What "held" speaks of: `under this script`.
    pub scope: String,
    /// What the scenario does, in a sentence.
    pub summary: String,
    /// Whether everything went as the scenario says.
    pub expected: bool,
    /// Whether the scenario says anything about this profile.
    pub declared: bool,
    /// Where it did not go as expected.
    pub mismatches: Vec<String>,
    /// The verdict of every property.
    pub verdicts: BTreeMap<String, Verdict>,
    /// The checks that stopped it, as `server: mac`, joined by commas; none if no check did.
    pub blocked_by: Option<String>,
    /// The same with the number of runs each stopped; `nothing` for runs that no check stopped.
    pub blocked_runs: BTreeMap<String, usize>,
    /// Why nothing could be said, if so.
    pub inconclusive: Option<String>,
    /// How many runs this was.
    pub runs: usize,
    /// Every frame.
    pub frames: Vec<Frame>,
    /// What to show around the frames: openings, closings, claims.
    pub events: Vec<Event>,
    /// Where two ends fell out of step.
    pub divergences: Vec<Divergence>,
    /// What strategies have cost.
    pub efforts: Vec<Effort>,
    /// How victims answered the forgeries of strategies.
    pub answers: Vec<Answer>,
    /// What the attacker claims to have found out.
    pub knowledge: Vec<Knowledge>,
    /// What each completed handshake agreed on.
    pub handshakes: Vec<Handshake>,
    /// Remarks on the input, such as a payload that does not apply.
    pub notes: Vec<String>,
    /// What somebody's own programs were judged from, and within which limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_from: Option<String>,
    /// What went wrong with somebody's own programs that is no refusal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<TargetFinding>,
    /// The order in which to show the properties.
    #[serde(skip)]
    pub order: Vec<String>,
}

/// What the judge says of one property.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Verdict {
    /// `held`, `violated` or `inconclusive`.
    pub verdict: String,
    /// Why.
    pub evidence: String,
    /// The numbers of the frames that show it.
    pub frames: Vec<u32>,
}

/// Something that went wrong with somebody's own program.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct TargetFinding {
    /// A word for it: `died`, `hung`, `busy`, `listener-gone`, `not-started`, `ended-early`, `contradicted`, `not-implemented`,
    /// `unreadable-claims`.
    pub kind: String,
    /// What happened.
    pub what: String,
}

/// What a strategy has cost.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Effort {
    /// Its name.
    pub strategy: String,
    /// What it asked victims.
    pub queries: u64,
    /// What it tried on its own.
    pub tries: u64,
    /// Bytes recovered.
    pub recovered: usize,
    /// Questions for each byte recovered, without those spent on finding out how.
    pub queries_per_byte: Option<f64>,
    /// Milliseconds of virtual time.
    pub virtual_ms: u64,
    /// How it ended.
    pub ended: String,
}

impl Eq for Effort {}

/// How victims answered forgeries of one kind.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Answer {
    /// The type of the forged frame.
    #[serde(rename = "type")]
    pub kind: String,
    /// The check that refused it, or `nothing`.
    pub refused_by: String,
    /// What the attacker saw.
    pub answer: String,
    /// How often.
    pub times: u64,
}

/// Something the attacker claims to have found out.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Knowledge {
    /// How.
    pub how: String,
    /// The frame it was in.
    pub frame: Option<u32>,
    /// What, in words.
    pub what: String,
}

/// What one completed handshake agreed on.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Handshake {
    /// The link, from 1.
    pub link: u32,
    /// Who completed it.
    pub who: String,
    /// With whom, as it believes.
    pub with: String,
    /// The strongest agreement that held, of Lowe's hierarchy.
    pub agreement: String,
}

/// One direction of a link that fell out of step.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Divergence {
    /// The link, from 1.
    pub link: u32,
    /// Who is behind: `client` or `server`.
    pub behind: String,
    /// The number of the first frame that was not accepted as it was sent.
    pub first: u32,
    /// How many were not, from there on.
    pub gap: usize,
    /// Whether a later one was all the same.
    pub recovered: bool,
}

/// One frame on its way.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Frame {
    /// From 1.
    pub number: u32,
    /// When the attacker had it: microseconds of virtual time.
    pub at_us: u64,
    /// Its place among all that happened.
    #[serde(skip)]
    pub moment: u64,
    /// The link, from 1.
    pub link: u32,
    /// `client`, `server` or `attacker`.
    pub from: String,
    /// `client` or `server`.
    pub to: String,
    /// Whose link it is: `client`, `client-2`, or `attacker` for links of its own.
    pub client: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its size in bytes, as it went out.
    pub bytes: usize,
    /// The number of the frame it is a copy of.
    pub copy_of: Option<u32>,
    /// What the attacker did to it, with the rule that said so.
    pub did: Vec<ActionTaken>,
    /// `delivered`, `dropped`, `absorbed` or `lost`.
    pub fate: String,
    /// Its fields, and what the attacker changed of them, where a report was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anatomy: Option<Anatomy>,
}

/// One thing the attacker did.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct ActionTaken {
    /// The rule, from 1.
    pub rule: u32,
    /// What.
    pub what: String,
}

/// Something that happened beside the frames.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Event {
    /// Microseconds of virtual time.
    pub at_us: u64,
    /// Its place among all that happened.
    #[serde(skip)]
    pub moment: u64,
    /// The link it happened on.
    pub link: u32,
    /// Who did or states it: `client`, `client-2`, `server`, `attacker`.
    pub who: String,
    /// What, in words.
    pub what: String,
    /// How much it matters.
    pub weight: Weight,
    /// The frame that caused it.
    pub cause: Option<u32>,
}

/// How much an event matters to a reader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Part of an endpoint's own log.
    Log,
    /// A step of an honest run.
    Step,
    /// A message delivered.
    Delivery,
    /// A refusal.
    Refusal,
    /// Something the attacker did that is no frame.
    Attack,
}

impl Report {
    /// A report over these cases.
    pub fn new(cases: Vec<Case>) -> Self {
        let mut summary = Summary { cases: cases.len(), ..Summary::default() };
        for case in &cases {
            *(match (case.expected, case.declared) {
                (false, _) => &mut summary.unexpected,
                (true, true) => &mut summary.expected,
                (true, false) => &mut summary.undeclared,
            }) += 1;
            *(match case.outcome() {
                "violated" => &mut summary.violated,
                "held" => &mut summary.held,
                _ => &mut summary.inconclusive,
            }) += 1;
        }
        Self { cases, summary, details: None }
    }
}

impl Frame {
    /// Whether the attacker made it or did something to it.
    pub fn is_touched(&self) -> bool {
        !self.did.is_empty() || self.from == "attacker"
    }

    /// What the attacker did to it, with commas; empty if nothing.
    pub fn actions(&self) -> String {
        self.did.iter().map(|action| action.what.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The same behind what made the attacker do it: `rule 2: …` or `strategy: …`.
    pub fn actions_by_rule(&self) -> String {
        match self.did.first().map(|action| action.rule) {
            None => String::new(),
            Some(0) => format!("strategy: {}", self.actions()),
            Some(rule) => format!("rule {rule}: {}", self.actions()),
        }
    }
}

impl Case {
    /// Whether it went as expected, and was not left out.
    pub fn is_right(&self) -> bool {
        self.expected && !self.is_not_implemented()
    }

    /// Whether somebody's own program says that what is wanted is not implemented: neither a success nor a failure.
    pub fn is_not_implemented(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind == "not-implemented")
    }

    /// The case in one word: `violated` if any property is, else `inconclusive` if any is, else `held`.
    pub fn outcome(&self) -> &'static str {
        let any = |word| self.verdicts.values().any(|verdict| verdict.verdict == word);
        match (any("violated"), any("inconclusive")) {
            (true, _) => "violated",
            (false, true) => "inconclusive",
            (false, false) => "held",
        }
    }

    /// The properties with this verdict, in order.
    pub fn properties_with(&self, verdict: &str) -> Vec<&str> {
        let with =
            |name: &&String| self.verdicts.get(*name).is_some_and(|found| found.verdict == verdict);
        self.order.iter().filter(with).map(String::as_str).collect()
    }

    /// Where it differs from what was expected, with the evidence; properties with one reason in one line.
    pub fn mismatches_by_reason(&self) -> Vec<String> {
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for mismatch in &self.mismatches {
            let (name, what) = mismatch.split_once(": ").unwrap_or((mismatch, ""));
            let reason = match self.verdicts.get(name) {
                Some(verdict) => format!("{what}: {}", verdict.evidence),
                None => what.to_owned(),
            };
            match lines.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, names)) => names.push(name),
                None => lines.push((reason, vec![name])),
            }
        }
        lines.into_iter().map(|(reason, names)| format!("{}: {reason}", names.join(", "))).collect()
    }

    /// Where it differs from what was expected, without the evidence; properties that differ alike in one line.
    pub fn mismatches_in_short(&self) -> Vec<String> {
        let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
        for mismatch in &self.mismatches {
            let (name, what) = mismatch.split_once(": ").unwrap_or((mismatch, ""));
            match lines.iter_mut().find(|(known, _)| *known == what) {
                Some((_, names)) => names.push(name),
                None => lines.push((what, vec![name])),
            }
        }
        let name = |names: Vec<&str>| {
            if names.len() == self.order.len() {
                "all properties".to_owned()
            } else {
                names.join(", ")
            }
        };
        lines.into_iter().map(|(what, names)| format!("{}: {what}", name(names))).collect()
    }

    /// What stopped it, in words.
    pub fn stopped_by(&self) -> String {
        let mut checks: Vec<String> = Vec::new();
        for (check, runs) in &self.blocked_runs {
            checks.push(if self.runs > 1 { format!("{check} ({runs})") } else { check.clone() });
        }
        checks.join(", ")
    }
}
