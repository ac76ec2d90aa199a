//! Claims against frames. A program can say that it refused what it took: then it answers a frame that it claims to have refused just as
//! it answered the original. Where no frame shows a refusal, a verdict that rests on it says so.

use mitm_proxy::trace::{ClaimRecord, FrameRecord, Origin, Trace};
use protocol::endpoint::{Fact, Side};

use crate::judge::actor_name;
use crate::target::Finding;

/// What the frames of a run under attack say against the claims in it; and which refusals rest on the program's word alone.
pub(super) fn look(honest: &Trace, trace: &Trace) -> (Vec<Finding>, Vec<String>) {
    let mut findings = Vec::new();
    for side in [Side::Server, Side::Client] {
        let how = too_early(trace, side).or_else(|| answered_all_the_same(trace, side));
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

/// It claims a refusal, and every copy that the attacker made was answered as the original was.
fn answered_all_the_same(trace: &Trace, side: Side) -> Option<String> {
    let mut refusals = trace.claims.iter().filter_map(|record| match record.claim.fact {
        Fact::Rejected(reject) if is_by(record, side) => Some((record, reject)),
        _ => None,
    });
    let (record, reject) = refusals.next()?;
    // The frame it can only mean: the last copy that it was given before, on that connection.
    let copies = trace.numbered().filter(|(_, frame)| {
        let is_copy = matches!(frame.origin, Origin::Attacker { copy_of: Some(_) });
        is_copy && frame.to == side && frame.link == record.claim.conn.0
    });
    let (number, copy) = copies.filter(|(_, frame)| frame.moment < record.moment).last()?;
    let Origin::Attacker { copy_of: Some(original) } = copy.origin else { return None };
    let (wanted, got) = (answers(trace, original), answers(trace, number));
    if wanted.is_empty() || wanted != got {
        return None;
    }
    let check = reject.check;
    Some(format!(
        "it claims to have refused frame {number} ({check}), and answers it as it answered frame {original}, of which that is a copy"
    ))
}

/// What came back on the link of a frame before anything else went to whom it was for: types and sizes.
fn answers(trace: &Trace, number: u32) -> Vec<(&'static str, usize)> {
    let Some(asked) = trace.frame(number) else { return Vec::new() };
    let later =
        trace.frames.iter().filter(|frame| frame.moment > asked.moment && frame.link == asked.link);
    let own = |frame: &&FrameRecord| frame.to != asked.to && frame.origin == Origin::Endpoint;
    let next = later.clone().find(|frame| frame.to == asked.to).map(|frame| frame.moment);
    let before = |frame: &&FrameRecord| next.is_none_or(|next| frame.moment < next);
    let shape = |frame: &FrameRecord| (frame.as_sent().spec.name, frame.as_sent().bytes.len());
    later.filter(own).filter(before).map(shape).collect()
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
