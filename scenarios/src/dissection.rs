//! What is inside the frames of a view, and what the attacker changed of each: added where a report is to show it.

use mitm_proxy::trace::{FrameRecord, Origin, Trace};
use protocol::layout::Frame;
use reports::view::Case;
use reports::view::anatomy::{Anatomy, Field, hex};

/// How much a view tells of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// That they were, and what the attacker did.
    Ladder,
    /// What is inside, too.
    Fields,
}

/// Add the fields of every frame of `trace`, which `case` is a view of, where that is wanted.
pub fn add(case: &mut Case, trace: &Trace, depth: Depth) {
    if depth == Depth::Ladder {
        return;
    }
    for frame in &mut case.frames {
        frame.anatomy = trace.frame(frame.number).map(|record| anatomy(record, trace));
    }
}

fn anatomy(record: &FrameRecord, trace: &Trace) -> Anatomy {
    let frame = &record.frame;
    let before = match (&record.original, record.origin) {
        (Some(original), _) => Some(original),
        (None, Origin::Endpoint) => Some(frame),
        (None, Origin::Attacker { copy_of }) => {
            copy_of.and_then(|number| trace.frame(number)).map(|copied| &copied.frame)
        }
    };
    let fields = frame.spec.ranges(&frame.bytes).map(|(field, range)| {
        let now = frame.bytes.get(range.clone()).unwrap_or_default();
        let was = before.map(|before| before.field(field.name).unwrap_or_default());
        Field {
            name: field.name.to_owned(),
            offset: range.start,
            bytes: range.len(),
            hex: hex(now),
            was: was.filter(|was| *was != now).map(hex),
        }
    });
    let fields = fields.collect();
    let (changes, more_changes) = before.map_or_else(Default::default, |before: &Frame| {
        Anatomy::compare(&before.bytes, &frame.bytes)
    });
    Anatomy { fields, was_bytes: before.map(|before| before.bytes.len()), changes, more_changes }
}
