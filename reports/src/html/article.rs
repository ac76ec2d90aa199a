//! What stands behind a cell: an attack on a system, with its cases beside each other, and what strategies have cost.

use std::collections::BTreeMap;

use super::classes::{class_of, shout};
use crate::sequence;
use crate::text;
use crate::view::anatomy::{Anatomy, Change, MOST_SHOWN};
use crate::view::details::{Details, Lesson};
use crate::view::{Case, Divergence, Frame, Knowledge, Report};

/// The most frames of a case whose fields are shown.
const MOST_FRAMES: usize = 6;
/// The most fields of a frame that are shown.
const MOST_FIELDS: usize = 24;
/// The most lines of one kind.
const MOST_LINES: usize = 8;

/// One attack on one system.
pub(super) struct Article<'a> {
    pub(super) scenario: &'a str,
    pub(super) system: &'a str,
    pub(super) family: &'a str,
    pub(super) summary: &'a str,
    pub(super) lesson: Option<&'a Lesson>,
    pub(super) cases: Vec<Shown<'a>>,
}

/// One case.
pub(super) struct Shown<'a> {
    pub(super) case: &'a Case,
    pub(super) id: &'a str,
    pub(super) class: &'static str,
    pub(super) verdict: &'a str,
    pub(super) stopped: String,
    pub(super) remarks: Vec<String>,
    pub(super) loud: Vec<Line<'a>>,
    pub(super) quiet: Vec<Line<'a>>,
    pub(super) ladder: String,
    pub(super) frames: Vec<ShownFrame<'a>>,
    pub(super) more: Vec<(String, String)>,
}

/// What is said of one property.
pub(super) struct Line<'a> {
    pub(super) property: &'a str,
    pub(super) class: &'static str,
    pub(super) word: &'a str,
    pub(super) evidence: &'a str,
}

/// One frame and its fields.
pub(super) struct ShownFrame<'a> {
    pub(super) number: u32,
    pub(super) kind: &'a str,
    pub(super) about: String,
    pub(super) changes: Vec<String>,
    pub(super) fields: Vec<ShownField<'a>>,
}

/// One field.
pub(super) struct ShownField<'a> {
    pub(super) name: &'a str,
    pub(super) offset: usize,
    pub(super) bytes: usize,
    pub(super) value: String,
    pub(super) was: String,
    pub(super) changed: bool,
}

/// What a strategy has cost in one case.
pub(super) struct Cost<'a> {
    pub(super) strategy: &'a str,
    pub(super) scenario: &'a str,
    pub(super) place: String,
    pub(super) id: &'a str,
    pub(super) queries: u64,
    pub(super) each: String,
    pub(super) tries: u64,
    pub(super) recovered: usize,
    pub(super) time: String,
    pub(super) ended: &'a str,
}

/// All cases, those of one scenario and system together, in the order of the first.
pub(super) fn articles<'a>(
    report: &'a Report,
    details: &'a Details,
    ids: &'a [String],
) -> Vec<Article<'a>> {
    let mut articles: Vec<Article<'a>> = Vec::new();
    let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let key = |lesson: &'a Lesson| ((lesson.scenario.as_str(), lesson.system.as_str()), lesson);
    let lessons: BTreeMap<(&str, &str), &Lesson> = details.lessons.iter().map(key).collect();
    for (case, id) in report.cases.iter().zip(ids) {
        let key = (case.scenario.as_str(), case.system.as_str());
        let place = *places.entry(key).or_insert_with(|| {
            articles.push(Article {
                scenario: &case.scenario,
                system: &case.system,
                family: &case.family,
                summary: &case.summary,
                lesson: lessons.get(&key).copied(),
                cases: Vec::new(),
            });
            articles.len() - 1
        });
        if let Some(article) = articles.get_mut(place) {
            article.cases.push(shown(case, id));
        }
    }
    articles
}

fn shown<'a>(case: &'a Case, id: &'a str) -> Shown<'a> {
    let outcome = case.outcome();
    let lines = case.order.iter().filter_map(|property| {
        let verdict = case.verdicts.get(property)?;
        let (class, word) = (class_of(&verdict.verdict), shout(&verdict.verdict));
        Some(Line { property, class, word, evidence: &verdict.evidence })
    });
    let (quiet, loud) = lines.partition(|line| line.class == "h");
    let touched: Vec<String> = case
        .frames
        .iter()
        .filter(|frame| frame.is_touched())
        .map(|frame| frame.number.to_string())
        .collect();
    let acts = match touched.len() {
        0 => "the attacker touches no frame".to_owned(),
        1..=12 => format!("the attacker acts on {}", touched.join(", ")),
        many => format!("the attacker acts on {many} frames"),
    };
    let label = format!("{} frames; {acts}", case.frames.len());
    let mut stopped = case.stopped_by();
    if stopped.is_empty() {
        stopped.push_str("nothing");
    }
    let remarks = case.inconclusive.iter().chain(&case.mismatches).chain(&case.notes);
    let found = case.findings.iter().map(|finding| &finding.what);
    Shown {
        case,
        id,
        class: class_of(outcome),
        verdict: shout(outcome),
        stopped,
        remarks: remarks.chain(found).cloned().collect(),
        loud,
        quiet,
        ladder: sequence::svg(case, &label),
        frames: frames(case),
        more: more(case),
    }
}

/// The frames worth looking into: those the attacker touched, and those that verdicts other than held rest on.
fn frames(case: &Case) -> Vec<ShownFrame<'_>> {
    let cited = |number: u32| {
        case.verdicts.values().any(|v| v.verdict != "held" && v.frames.contains(&number))
    };
    let worth = |frame: &&Frame| frame.is_touched() || cited(frame.number);
    let shown = case.frames.iter().filter(worth).filter_map(|frame| {
        let anatomy = frame.anatomy.as_ref()?;
        Some(ShownFrame {
            number: frame.number,
            kind: &frame.kind,
            about: about(frame, anatomy),
            changes: changes(anatomy),
            fields: anatomy.fields.iter().take(MOST_FIELDS).map(field).collect(),
        })
    });
    shown.take(MOST_FRAMES).collect()
}

fn about(frame: &Frame, anatomy: &Anatomy) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !frame.did.is_empty() {
        parts.push(frame.actions());
    } else if frame.from == "attacker" {
        parts.push("made by the attacker".to_owned());
    } else {
        parts.push(format!("as the {} sent it", frame.from));
    }
    if anatomy.changes.is_empty() && frame.is_touched() {
        match anatomy.was_bytes {
            Some(_) => parts.push("no byte changed".to_owned()),
            None => parts.push("all of it the attacker's".to_owned()),
        }
    }
    parts.push(format!("{} bytes", frame.bytes));
    if frame.fate != "delivered" {
        parts.push(frame.fate.clone());
    }
    parts.join("; ")
}

fn changes(anatomy: &Anatomy) -> Vec<String> {
    let mut lines: Vec<String> = anatomy.changes.iter().take(MOST_LINES).map(change).collect();
    let more = anatomy.changes.len().saturating_sub(MOST_LINES) + anatomy.more_changes;
    if more > 0 {
        lines.push(format!("and {more} more places"));
    }
    lines
}

fn change(change: &Change) -> String {
    let Change { offset, bytes, was_bytes, hex, was, bits } = change;
    let cut = |hex: &str, bytes: usize| {
        if bytes > MOST_SHOWN { format!("{hex}…") } else { hex.to_owned() }
    };
    let (now, was) = (cut(hex, *bytes), cut(was, *was_bytes));
    match (was_bytes, bytes) {
        (1, 1) => {
            let shown: Vec<String> = bits.iter().map(u8::to_string).collect();
            let word = if bits.len() == 1 { "bit" } else { "bits" };
            format!("byte {offset}, {word} {}: {was} is now {now}", shown.join(" "))
        }
        (0, _) => format!("at byte {offset}, {bytes} more: {now}"),
        (_, 0) => format!("at byte {offset}, {was_bytes} taken away: {was}"),
        (same, now_bytes) if same == now_bytes => {
            format!("bytes {offset} to {}: {was} is now {now}", offset + bytes - 1)
        }
        _ => format!("at byte {offset}, {was_bytes} bytes are now {bytes}: {was} is now {now}"),
    }
}

fn field(field: &crate::view::anatomy::Field) -> ShownField<'_> {
    let mut value = field.hex.clone();
    if field.bytes > MOST_SHOWN {
        value.push('…');
    }
    let was = match &field.was {
        // What differs may lie behind what is shown.
        Some(was) if *was == field.hex => "different further on".to_owned(),
        Some(was) if was.is_empty() => "not there".to_owned(),
        Some(was) => was.clone(),
        None => String::new(),
    };
    ShownField {
        name: &field.name,
        offset: field.offset,
        bytes: field.bytes,
        value,
        was,
        changed: field.was.is_some(),
    }
}

/// Everything else that is known of a case, as the text for terminals has it.
fn more(case: &Case) -> Vec<(String, String)> {
    let mut more: Vec<(String, String)> = Vec::new();
    for effort in &case.efforts {
        more.push((effort.strategy.clone(), text::cost(effort)));
    }
    for Knowledge { how, frame, what } in case.knowledge.iter().take(MOST_LINES) {
        let frame = frame.map_or_else(String::new, |number| format!(" (frame {number})"));
        more.push(("found out".to_owned(), format!("{how}: {what}{frame}")));
    }
    for answer in case.answers.iter().take(MOST_LINES) {
        let said = format!(
            "{} {} times refused by {}: {}",
            answer.kind, answer.times, answer.refused_by, answer.answer
        );
        more.push(("answers".to_owned(), said));
    }
    for Divergence { link, behind, first, gap, recovered } in
        case.divergences.iter().take(MOST_LINES)
    {
        let end = if *recovered { "later ones were accepted" } else { "not recovered" };
        let text = format!("{behind} on link {link} from frame {first} on, {gap} behind; {end}");
        more.push(("out of step".to_owned(), text));
    }
    for handshake in case.handshakes.iter().take(MOST_LINES) {
        let who = format!("{} with {}", handshake.who, handshake.with);
        let text = format!("{who} (link {}): {}", handshake.link, handshake.agreement);
        match more.last_mut() {
            Some((name, all)) if name == "handshakes" => {
                all.push_str("; ");
                all.push_str(&text);
            }
            _ => more.push(("handshakes".to_owned(), text)),
        }
    }
    if let Some(judged_from) = &case.judged_from {
        more.push(("judged from".to_owned(), judged_from.clone()));
    }
    more
}

/// What strategies have cost, case by case.
pub(super) fn costs<'a>(cases: &'a [Case], ids: &'a [String]) -> Vec<Cost<'a>> {
    let each = cases.iter().zip(ids).flat_map(|(case, id)| {
        case.efforts.iter().map(move |effort| Cost {
            strategy: &effort.strategy,
            scenario: &case.scenario,
            place: format!("{} {}", case.system, case.profile),
            id,
            queries: effort.queries,
            each: effort.queries_per_byte.map_or_else(String::new, |each| format!("{each:.1}")),
            tries: effort.tries,
            recovered: effort.recovered,
            time: format!("{} ms", effort.virtual_ms),
            ended: &effort.ended,
        })
    });
    let mut costs: Vec<Cost<'a>> = each.collect();
    costs.sort_by_key(|cost| cost.strategy);
    costs
}
