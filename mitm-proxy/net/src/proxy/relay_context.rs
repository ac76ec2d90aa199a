//! One event on the links and what follows from it: bytes pass, the attacker acts, entries go into the log.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use protocol::endpoint::{Side, Tick};
use protocol::layout::{Frame, FrameSpec};
use tokio::net::tcp::OwnedWriteHalf;

use super::ends::End;
use super::options::{Keep, Spacing};
use super::record::{Entry, LogEvent};
use super::state::{Link, State, Task};
use mitm_proxy::attacker::{Attacker, Effect, Passage, StepContext};
use mitm_proxy::misfire::MisfireCause;
use mitm_proxy::trace::{Departing, Fate, Misfire};

/// What a judge may keep in memory, in bytes.
const MOST_KEPT: usize = 512 * 1024 * 1024;
/// How many openings and closings of links are kept.
const MOST_LINKS: usize = 10_000;
/// How many times it is noted that a rule could not act.
const MOST_MISFIRES: usize = 1000;

/// The state while something happens.
pub(super) struct RelayContext<'a> {
    pub(super) now: Tick,
    pub(super) state: &'a mut State,
}

impl RelayContext<'_> {
    pub(super) fn end(&mut self, link: u32, side: Side) -> Option<&mut End> {
        self.state.links.get_mut(&link)?.end(side)
    }

    pub(super) fn wake(&self, link: u32) {
        if let Some(link) = self.state.links.get(&link) {
            link.wake();
        }
    }

    /// Let the attacker do something now.
    pub(super) fn with_attacker(&mut self, act: impl FnOnce(&mut Attacker, &mut StepContext<'_>)) {
        let State { attacker, trace, effects, .. } = &mut *self.state;
        act(attacker, &mut StepContext { now: self.now, trace, effects });
    }

    pub(super) fn new_end(&self, writer: OwnedWriteHalf) -> End {
        let mut end = End::new(writer);
        if let Spacing::ByReads(patience) = self.state.spacing {
            end.space(patience);
        }
        end
    }

    pub(super) fn connected(&mut self, link: u32, writer: OwnedWriteHalf) {
        if let (Ok(own), Ok(server)) = (writer.local_addr(), writer.peer_addr()) {
            self.record_connection(link, Side::Server, LogEvent::Connected, (own, server));
        }
        let end = self.new_end(writer);
        if let Some(link) = self.state.links.get_mut(&link) {
            link.server = Some(end);
            self.state.effects.extend(link.connecting.take().unwrap_or_default());
        }
    }

    /// Bytes came from an end: the beginning of a frame that waited, and what was read. How many of them were used.
    pub(super) fn pass(&mut self, link: u32, from: Side, bytes: &mut [u8]) -> usize {
        let Some(end) = self.end(link, from) else { return bytes.len() };
        if end.is_ignored() {
            return bytes.len();
        }
        let mut passing = std::mem::take(&mut end.passing);
        // What lies between `sent` and `at` goes on as it is.
        let (mut sent, mut at) = (0, 0);
        while at < bytes.len() {
            if passing > 0 {
                let piece = passing.min(bytes.len() - at);
                self.record(
                    link,
                    from,
                    LogEvent::Piece,
                    bytes.get(at..at + piece).unwrap_or_default(),
                );
                (at, passing) = (at + piece, passing - piece);
                continue;
            }
            let waiting = bytes.get(at..).unwrap_or_default();
            match self.state.attacker.inspect(link, from, waiting) {
                Passage::Wait => break,
                Passage::Whole { spec, len } => {
                    let what = LogEvent::Passed(self.place(&spec));
                    self.record(link, from, what, waiting.get(..len).unwrap_or_default());
                    self.state.trace.pass_by();
                    at += len;
                }
                Passage::Begun { spec, len } => {
                    let what = LogEvent::Begun(self.place(&spec));
                    let (now, size) = (self.now, u32::try_from(len).unwrap_or(u32::MAX));
                    self.record_entry(Entry { at: now, link, len: size, what, side: from }, &[]);
                    self.state.trace.pass_by();
                    passing = len;
                }
                Passage::Stop { spec, len, rule: Some(rule) }
                    if self.edit(link, from, rule, &spec, bytes.get_mut(at..at + len)) =>
                {
                    self.state.trace.pass_by();
                    at += len;
                }
                Passage::Stop { spec, len, rule } => {
                    self.send(link, from.other(), bytes.get(sent..at).unwrap_or_default(), &[]);
                    let frame = bytes.get(at..at + len).unwrap_or_default();
                    self.stop(link, from, spec, frame, rule);
                    at += len;
                    sent = at;
                }
            }
        }
        self.send(link, from.other(), bytes.get(sent..at).unwrap_or_default(), &[]);
        if let Some(end) = self.end(link, from) {
            end.passing = passing;
        }
        at
    }

    /// These bytes wait for the rest of their frame.
    pub(super) fn keep(&mut self, link: u32, side: Side, partial: Vec<u8>) {
        if let Some(end) = self.end(link, side) {
            end.partial = partial;
        }
    }

    /// The connection broke before the rest of a frame came. Its beginning is not forwarded, but recorded.
    pub(super) fn lost(&mut self, link: u32, side: Side, partial: &[u8]) {
        if !partial.is_empty() {
            self.record(link, side, LogEvent::Stopped(u16::MAX), partial);
            self.record(link, side, LogEvent::Withheld, &[]);
        }
    }

    /// A rule acts on a frame where it lies, if it can.
    pub(super) fn edit(
        &mut self,
        link: u32,
        from: Side,
        rule: usize,
        spec: &Arc<FrameSpec>,
        frame: Option<&mut [u8]>,
    ) -> bool {
        let Some(frame) = frame else { return false };
        // The log shows the frame as it came.
        let State { attacker, trace, log, .. } = &mut *self.state;
        let before = log.as_ref().filter(|log| log.wants_bytes()).map(|_| frame.to_vec());
        if !attacker.edit(link, rule, spec, frame, trace) {
            return false;
        }
        let what = LogEvent::Stopped(self.place(spec));
        self.record(link, from, what, before.as_deref().unwrap_or(frame));
        let entry =
            Entry { at: self.now, link, len: 0, what: LogEvent::AttackerAction(0), side: from };
        let State { attacker, log, .. } = &mut *self.state;
        if let Some(log) = log {
            log.add_text_again(entry, rule, || attacker.describe_action(rule));
        }
        self.record(link, from.other(), LogEvent::Sent, frame);
        true
    }

    /// The attacker acts on a frame, or at least records it.
    pub(super) fn stop(
        &mut self,
        link: u32,
        from: Side,
        spec: Arc<FrameSpec>,
        bytes: &[u8],
        rule: Option<usize>,
    ) {
        self.record(link, from, LogEvent::Stopped(self.place(&spec)), bytes);
        let frame = Frame { spec, bytes: Bytes::copy_from_slice(bytes) };
        let seen = self.state.trace.next_number();
        self.with_attacker(|attacker, ctx| attacker.take_frame(ctx, link, from, frame, rule));
        self.record_actions(seen);
        let fate = self.state.trace.frame(seen).map(|record| record.fate);
        if matches!(fate, Some(Fate::Held | Fate::Dropped | Fate::Absorbed)) {
            self.record(link, from, LogEvent::Withheld, &[]);
        }
        self.state.kept += bytes.len();
        self.apply_effects();
    }

    /// Send to an end, if it still takes anything. Whether it did.
    pub(super) fn send(&mut self, link: u32, to: Side, bytes: &[u8], numbers: &[u32]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let Some(end) = self.end(link, to).filter(|end| end.takes()) else { return false };
        match end.send(bytes, numbers) {
            Ok(false) => {}
            Ok(true) => self.wake(link),
            Err(error) => {
                if error.kind() == io::ErrorKind::TimedOut {
                    self.record_text(link, to, LogEvent::Trouble, error.to_string());
                }
                self.broke(link, to);
                return false;
            }
        }
        true
    }

    /// An end sends no more. The other one hears of it, after what was sent before.
    pub(super) fn ended(&mut self, link: u32, side: Side, rest: Vec<u8>) {
        let Some(end) = self.end(link, side) else { return };
        let ignored = end.is_ignored();
        end.end();
        if !ignored {
            if !rest.is_empty() {
                self.record(link, side, LogEvent::Stopped(u16::MAX), &rest);
            }
            let rest = Bytes::from(rest);
            self.with_attacker(|attacker, ctx| attacker.take_rest(ctx, link, side, rest));
            self.apply_effects();
            self.record(link, side, LogEvent::Ended, &[]);
        }
        if let Some(state) = self.state.links.get_mut(&link) {
            state.first.get_or_insert(side);
            match state.end(side.other()) {
                Some(other) => other.close(),
                // There is no other end that could close this half.
                None => {
                    if let Some(end) = state.end(side) {
                        end.close();
                    }
                }
            }
        }
        self.wake(link);
    }

    /// The connection to an end broke: so does the other one.
    pub(super) fn broke(&mut self, link: u32, side: Side) {
        self.record(link, side, LogEvent::Reset, &[]);
        if let Some(state) = self.state.links.get_mut(&link) {
            state.first.get_or_insert(side);
            for side in [Side::Client, Side::Server] {
                if let Some(end) = state.end(side) {
                    end.reset();
                }
            }
        }
        self.wake(link);
    }

    /// Do what the attacker wants.
    pub(super) fn apply_effects(&mut self) {
        while !self.state.effects.is_empty() {
            for effect in std::mem::take(&mut self.state.effects) {
                self.apply_effect(effect);
            }
        }
        self.forget();
    }

    pub(super) fn apply_effect(&mut self, effect: Effect) {
        if let Effect::Send { link, to: Side::Server, .. }
        | Effect::Close { link, to: Side::Server } = &effect
            && let Some(waiting) =
                self.state.links.get_mut(link).and_then(|link| link.connecting.as_mut())
        {
            return waiting.push(effect);
        }
        match effect {
            Effect::Connect { link, service } => {
                let own = Link { connecting: Some(Vec::new()), ..Link::default() };
                self.state.links.insert(link, own);
                let counts = &self.state.activity.0;
                counts.opened.set(counts.opened.get() + 1);
                self.state.tasks.push(Task::Dial { link, service });
            }
            Effect::Send { link, to, bytes, numbers } => {
                for number in &numbers {
                    self.record_origin(*number);
                }
                let arrived = self.send(link, to, &bytes, &numbers);
                if arrived {
                    self.record(link, to, LogEvent::Sent, &bytes);
                    self.depart(link, to, || Departing::Segment {
                        bytes,
                        numbers: numbers.clone(),
                    });
                }
                let fate = if arrived { Fate::Delivered(self.now) } else { Fate::Lost };
                for number in numbers {
                    if let Some(record) = self.state.trace.frame_mut(number)
                        && !matches!(record.fate, Fate::Delivered(_))
                    {
                        record.fate = fate;
                    }
                }
            }
            Effect::Close { link, to } => {
                if let Some(end) = self.end(link, to).filter(|end| !end.is_over()) {
                    end.close();
                    end.ignore();
                    self.record(link, to, LogEvent::Closed, &[]);
                    self.depart(link, to, || Departing::Close);
                    self.wake(link);
                    self.state.tasks.push(Task::StopListening { link, side: to });
                }
            }
            Effect::Wake { token, after } => {
                self.state.tasks.push(Task::Wait { token, after });
            }
            Effect::CopyMemory { rule, .. } | Effect::PlaceImpostor { rule, .. } => {
                let why = MisfireCause::NoLabEndpoint;
                self.state.trace.misfires.push(Misfire { rule, why });
            }
        }
    }

    /// Keep what leaves, where all is kept.
    fn depart(&mut self, link: u32, to: Side, what: impl FnOnce() -> Departing) {
        if matches!(self.state.keep, Keep::All) {
            self.state.trace.depart(self.now, link, to, what());
        }
    }

    /// Keep no more than wanted.
    pub(super) fn forget(&mut self) {
        let State { trace, keep, kept, attacker, .. } = &mut *self.state;
        let last = match keep {
            Keep::All if *kept > MOST_KEPT => {
                let why = MisfireCause::TooMuchToKeep(MOST_KEPT);
                if !trace.exhausted {
                    trace.misfires.push(Misfire { rule: 0, why });
                }
                trace.exhausted = true;
                0
            }
            Keep::All => return,
            Keep::Last(_) if !attacker.records_every_frame() => 0,
            Keep::Last(last) => *last,
        };
        // Removing from the front moves the whole list, so it is done rarely and for many frames at once.
        if trace.frames.len() > 2 * last + 64 || trace.links.len() > MOST_LINKS {
            trace.forget_all_but(last);
        }
        trace.misfires.truncate(MOST_MISFIRES);
    }
}
