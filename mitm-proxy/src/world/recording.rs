//! Sessions as somebody records them who only listens.

use std::collections::BTreeMap;

use protocol::compromise::RecordedFrame;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::Frame;

use super::state::World;

/// One session as it was recorded: every frame, as it was sent, with its number in the trace.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Number, port, sender, frame.
    pub frames: Vec<(u32, PortIndex, Side, Frame)>,
}

impl Recording {
    /// The same, for whoever tries to open it.
    pub fn overheard(&self) -> Vec<RecordedFrame<'_>> {
        let frames = self.frames.iter();
        frames
            .map(|(_, service, from, frame)| RecordedFrame {
                service: *service,
                from: *from,
                frame,
            })
            .collect()
    }

    /// The number of the frame at this place.
    pub fn number(&self, place: usize) -> Option<u32> {
        self.frames.get(place).map(|(number, ..)| *number)
    }
}

impl World {
    /// Every session of an honest client as somebody recorded it who only listened.
    pub fn recordings(&self) -> Vec<Recording> {
        let mut recordings: BTreeMap<(usize, usize), Recording> = BTreeMap::new();
        let sessions = self.trace.sessions();
        for (number, record) in self.trace.honest() {
            let Some(session) = sessions.get(&record.link) else { continue };
            let service = self.service(record.link);
            let frame = (number, service, record.to.other(), record.as_sent().clone());
            recordings.entry(*session).or_default().frames.push(frame);
        }
        recordings.into_values().collect()
    }
}
