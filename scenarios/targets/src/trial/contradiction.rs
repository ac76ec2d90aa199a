//! Claims against frames. A program can say that it refused what it took: then it answers a frame that it claims to have refused just as
//! it answered the original. Where no frame shows a refusal, a verdict that rests on it says so.

use std::collections::BTreeMap;

use judge::actor_name;
use mitm_proxy::trace::{ClaimRecord, Origin, Trace};
use protocol::endpoint::{Fact, Side};

use crate::Finding;

/// What the frames of a run under attack say against the claims in it; and which refusals rest on the program's word alone.
pub(super) fn look(honest: &Trace, trace: &Trace) -> (Vec<Finding>, Vec<String>) {
    let mut findings = Vec::new();
    for side in [Side::Server, Side::Client] {
        let how = too_early(trace, side).or_else(|| answered_all_the_same(honest, trace, side));
        findings.extend(how.map(|how| Finding::Contradicted { who: side, how }));
    }
    let remarks = if findings.is_empty() { by_word_alone(honest, trace) } else { Vec::new() };
    (findings, remarks)
}

fn is_by(record: &ClaimRecord, side: Side) -> bool {
    record.actor == usize::from(side == Side::Client)
}

/// It claims to have taken a message before it was given any bytes.
fn too_early(trace: &Trace, side: Side) -> Option<String> {
    let mut delivered = trace
        .claims
        .iter()
        .filter(|record| is_by(record, side) && matches!(record.claim.fact, Fact::Delivered(_)));
    let first = delivered.next()?;
    let given = trace.departures.iter().find(|departure| departure.to == side);
    let is_early = given.is_none_or(|given| given.moment > first.moment);
    is_early.then(|| "it claims to have taken a message before any frame had come".to_owned())
}

/// It claims to have refused a copy that the attacker made, and answers as if it had taken it.
fn answered_all_the_same(honest: &Trace, trace: &Trace, side: Side) -> Option<String> {
    let refusals: Vec<_> = trace.claims.iter().filter(|record| is_by(record, side)).collect();
    let refusals = refusals.into_iter().filter_map(|record| match record.claim.fact {
        Fact::Rejected(reject) => Some((record.claim.conn.0, reject)),
        _ => None,
    });
    let refusals: Vec<_> = refusals.collect();
    let (link, reject) = *refusals.first()?;
    let refused = refusals.iter().filter(|(of, _)| *of == link).count();
    let copies: Vec<(u32, u32)> = trace
        .numbered()
        .filter(|(_, frame)| frame.to == side && frame.link == link && frame.has_landed())
        .filter_map(|(number, frame)| match frame.origin {
            Origin::Attacker { copy_of: Some(original) } => Some((number, original)),
            _ => None,
        })
        .collect();
    let (number, original) = *copies.first()?;
    let source = trace.frame(original)?.link;
    let check = reject.check;
    if source != link {
        // A transcript on a connection of its own: every answer of the original is there again. What a server says before it has
        // been given anything that it could refuse, a greeting or its part of a handshake, is no answer.
        let first = first_taken(trace, side, source);
        let copy = first.and_then(|first| copy_on(trace, link, first));
        let known = first.map(|first| shapes_after(trace, side, source, first));
        let now = copy.map(|copy| shapes_after(trace, side, link, copy));
        let all = known.as_ref().is_some_and(|known| !known.is_empty()) && now == known;
        return all.then(|| {
            format!(
                "it claims to have refused something ({check}) of the transcript on link {link}, and answers all of it as it answered link {source}"
            )
        });
    }
    let (known, now) = (shapes(honest, side, link), shapes(trace, side, link));
    // In its session: answers like those of the honest run, and more of them than frames it claims to have taken.
    let more = known
        .iter()
        .map(|(shape, count)| now.get(shape).copied().unwrap_or_default().saturating_sub(*count));
    let more: usize = more.sum();
    (more > copies.len().saturating_sub(refused)).then(|| {
        format!(
            "it claims to have refused frame {number} ({check}), a copy of frame {original}, and answers {} as without an attack, and {more} more",
            known.values().sum::<usize>()
        )
    })
}

/// What an end sent on a link: types and sizes, and how often.
fn shapes(trace: &Trace, side: Side, link: u32) -> BTreeMap<(&'static str, usize), usize> {
    let mut count = BTreeMap::new();
    for shape in sent(trace, side, link) {
        *count.entry(shape).or_default() += 1;
    }
    count
}

/// The frame that an end took first on a link: the one that brought its first delivery, or the first one it was given at all.
fn first_taken(trace: &Trace, side: Side, link: u32) -> Option<u32> {
    let mut claims = trace.claims.iter();
    let delivered = claims.find_map(|record| {
        let is_delivery = matches!(record.claim.fact, Fact::Delivered(_));
        (is_by(record, side) && record.claim.conn.0 == link && is_delivery).then_some(record.cause)
    });
    delivered.flatten().or_else(|| {
        let mut given =
            trace.numbered().filter(|(_, frame)| frame.to == side && frame.link == link);
        given.next().map(|(number, _)| number)
    })
}

/// The attacker's copy of a frame on another link.
fn copy_on(trace: &Trace, link: u32, original: u32) -> Option<u32> {
    let mut copies = trace.numbered().filter(|(_, frame)| {
        frame.link == link && frame.origin == Origin::Attacker { copy_of: Some(original) }
    });
    copies.next().map(|(number, _)| number)
}

/// What an end sent on a link after it was given a frame: types and sizes, and how often.
fn shapes_after(
    trace: &Trace,
    side: Side,
    link: u32,
    number: u32,
) -> BTreeMap<(&'static str, usize), usize> {
    let from = trace.frame(number).map_or(0, |frame| frame.moment);
    let own = trace.honest().map(|(_, frame)| frame);
    let own = own.filter(|frame| frame.to != side && frame.link == link && frame.moment > from);
    let mut count = BTreeMap::new();
    for frame in own {
        let sent = frame.as_sent();
        *count.entry((sent.spec.name, sent.bytes.len())).or_default() += 1;
    }
    count
}

/// Refusals that no frame shows: on that connection the program sent what it sends without an attack, frame for frame.
fn by_word_alone(honest: &Trace, trace: &Trace) -> Vec<String> {
    let mut remarks = Vec::new();
    for side in [Side::Server, Side::Client] {
        let refusal = trace.claims.iter().find_map(|record| match record.claim.fact {
            Fact::Rejected(reject) if is_by(record, side) => Some((record, reject)),
            _ => None,
        });
        let Some((record, reject)) = refusal else { continue };
        let link = record.claim.conn.0;
        // On a link of the attacker's own, silence shows the refusal.
        let is_own = !trace.owners.contains_key(&link) && !trace.owners.is_empty();
        if is_own || sent(trace, side, link) != sent(honest, side, link) {
            continue;
        }
        let (who, check) = (actor_name(record.actor), reject.check);
        remarks.push(format!(
            "that the {who} refused something ({check}) rests on its own word: no frame shows it"
        ));
    }
    remarks
}

/// Types and sizes of what an end sent on a link.
fn sent(trace: &Trace, side: Side, link: u32) -> Vec<(&'static str, usize)> {
    let own = trace.honest().filter(|(_, frame)| frame.to != side && frame.link == link);
    own.map(|(_, frame)| (frame.as_sent().spec.name, frame.as_sent().bytes.len())).collect()
}

#[cfg(test)]
mod tests;
