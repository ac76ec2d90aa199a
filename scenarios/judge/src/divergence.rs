//! Where two ends fell out of step: the first frame of a direction that was not accepted as it was sent, how
//! many were not from there on, and whether a later one was. A description of a run, never a verdict.

use std::collections::BTreeSet;

use mitm_proxy::trace::{Fate, FrameRecord, Trace};
use protocol::endpoint::{Fact, Side};

/// One direction of one link that fell out of step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// The link, from 1.
    pub link: u32,
    /// Who is behind.
    pub to: Side,
    /// The number of the first frame that was not accepted.
    pub first: u32,
    /// How many frames were not accepted from there on.
    pub gap: usize,
    /// Whether a later frame was accepted all the same.
    pub recovered: bool,
}

/// Every direction that fell out of step, by link.
pub fn divergences(trace: &Trace) -> Vec<Divergence> {
    let refused: BTreeSet<u32> = trace
        .claims
        .iter()
        .filter(|record| matches!(record.claim.fact, Fact::Rejected(_)))
        .filter_map(|record| record.cause)
        .collect();
    let accepted = |number: u32, record: &FrameRecord| {
        let delivered = matches!(record.fate, Fate::Delivered(_));
        delivered && record.original.is_none() && !refused.contains(&number)
    };
    let directions: BTreeSet<(u32, Side)> =
        trace.honest().map(|(_, record)| (record.link, record.to)).collect();
    let diverged = directions.into_iter().filter_map(|(link, to)| {
        let frames = trace.honest().filter(|(_, record)| (record.link, record.to) == (link, to));
        let frames = frames.filter(|(_, record)| record.fate != Fate::Absorbed);
        let taken: Vec<(u32, bool)> =
            frames.map(|(number, record)| (number, accepted(number, record))).collect();
        let at = taken.iter().position(|(_, accepted)| !accepted)?;
        let rest = taken.get(at..)?;
        let (first, _) = rest.first()?;
        let gap = rest.iter().filter(|(_, accepted)| !accepted).count();
        let recovered = rest.iter().any(|(_, accepted)| *accepted);
        Some(Divergence { link, to, first: *first, gap, recovered })
    });
    diverged.collect()
}
