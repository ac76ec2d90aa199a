//! The names of frame types, by their place in the layout.

use net::proxy::{Entry, LogEvent};
use protocol::endpoint::Side;

/// The names of frame types, by their place in the layout.
#[derive(Clone, Debug)]
pub struct Names(Vec<&'static str>);

impl Names {
    /// Of the frames of a layout.
    pub fn of(layout: &protocol::layout::Layout) -> Self {
        Self(layout.frames.iter().map(|spec| spec.name).collect())
    }

    pub(super) fn name(&self, place: u16) -> &'static str {
        self.0.get(usize::from(place)).copied().unwrap_or(protocol::layout::RAW)
    }

    /// The frame type an entry speaks of.
    pub(super) fn of_entry(&self, entry: &Entry) -> Option<&'static str> {
        match entry.what {
            LogEvent::Passed(place)
            | LogEvent::Begun(place)
            | LogEvent::Stopped(place)
            | LogEvent::Released(place)
            | LogEvent::Made(place) => Some(self.name(place)),
            _ => None,
        }
    }
}

/// The word for an end.
pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}
