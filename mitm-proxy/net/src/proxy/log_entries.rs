//! How events of a live proxy become entries of its log.

use std::net::SocketAddr;
use std::sync::Arc;

use mitm_proxy::trace::{AttackerAction, Origin};
use protocol::endpoint::Side;
use protocol::layout::FrameSpec;

use super::record::{Entry, LogEvent};
use super::relay_context::RelayContext;

impl RelayContext<'_> {
    pub(super) fn record(&mut self, link: u32, side: Side, what: LogEvent, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.record_entry(Entry { at: self.now, link, len, what, side }, bytes);
    }

    pub(super) fn record_entry(&mut self, entry: Entry, bytes: &[u8]) {
        if let Some(log) = &mut self.state.log
            && log.add(entry, bytes)
        {
            self.state.news.notify_one();
        }
    }

    pub(super) fn record_text(
        &mut self,
        link: u32,
        side: Side,
        what: fn(u16) -> LogEvent,
        text: String,
    ) {
        let entry = Entry { at: self.now, link, len: 0, what: what(0), side };
        if let Some(log) = &mut self.state.log
            && log.add_text(entry, what, text)
        {
            self.state.news.notify_one();
        }
    }

    /// The place of a frame type in the layout; `u16::MAX` for bytes that are no frame of it.
    pub(super) fn place(&self, spec: &Arc<FrameSpec>) -> u16 {
        let frames = &self.state.attacker.layout().frames;
        let place = frames.iter().position(|known| Arc::ptr_eq(known, spec));
        place.and_then(|place| u16::try_from(place).ok()).unwrap_or(u16::MAX)
    }

    pub(super) fn record_connection(
        &mut self,
        link: u32,
        side: Side,
        what: fn(u16) -> LogEvent,
        addresses: (SocketAddr, SocketAddr),
    ) {
        let entry = Entry { at: self.now, link, len: 0, what: what(0), side };
        if let Some(log) = &mut self.state.log
            && log.add_connection(entry, what, addresses)
        {
            self.state.news.notify_one();
        }
    }

    /// What was done to the frames from this number on.
    pub(super) fn record_actions(&mut self, from: u32) {
        if self.state.log.is_none() {
            return;
        }
        let Some(record) = self.state.trace.frame(from) else { return };
        let (link, side) = (record.link, record.to.other());
        let text = |action: &AttackerAction| format!("rule {}: {}", action.rule, action.what);
        let texts: Vec<String> = record.attacker_actions.iter().map(text).collect();
        for text in texts {
            self.record_text(link, side, LogEvent::AttackerAction, text);
        }
    }

    /// Whether a frame that goes out now is the attacker's, or comes late.
    pub(super) fn record_origin(&mut self, number: u32) {
        let Some(record) = self.state.trace.frame(number).filter(|_| self.state.log.is_some())
        else {
            return;
        };
        let (place, len) = (self.place(&record.frame.spec), record.frame.bytes.len());
        let (link, side) = (record.link, record.to);
        let what = match record.origin {
            Origin::Attacker { .. } => LogEvent::Made(place),
            Origin::Endpoint if self.now > record.at => LogEvent::Released(place),
            Origin::Endpoint => return,
        };
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.record_entry(Entry { at: self.now, link, len, what, side }, &[]);
        if matches!(what, LogEvent::Made(_)) {
            self.record_actions(number);
        }
    }
}
