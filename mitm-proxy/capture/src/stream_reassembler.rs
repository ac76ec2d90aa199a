//! Reassembles one direction of a connection: segments come in any order, bytes go out in sequence. Of bytes that come twice the first
//! count (RFC 9293, 3.10.7.4: a segment is trimmed to what is new). The session decides when bytes go to the visitor.

use std::collections::{BTreeMap, VecDeque};

use protocol::endpoint::Tick;

use super::sink::Sink;

/// No window is larger, in bytes (RFC 7323, section 2.3): what is further off is no part of the stream.
const FARTHEST: i64 = 1 << 30;
/// What a piece held costs besides its bytes, about.
const OVERHEAD: usize = 128;
/// The place of the first sequence number seen: there is room for all that may have been before.
const ORIGIN: i64 = 1 << 40;
/// How many bytes that were told are kept, to be compared with what is sent again.
const RECENT: usize = 1 << 16;
/// How many gaps that were given up are remembered.
const MOST_GAPS: usize = 64;

/// One direction of a connection. A place is a sequence number that does not wrap.
#[derive(Debug, Default)]
pub(super) struct StreamReassembler {
    /// The initial sequence number, where its SYN was seen.
    pub(super) initial: Option<u32>,
    /// A sequence number not far from here, and its place.
    reference: Option<(u32, i64)>,
    /// The place of the first byte, once it is decided.
    begin: Option<i64>,
    /// The place of the next byte to tell, from then on.
    place: i64,
    /// Everything before this place the other side says it has.
    acknowledged: Option<i64>,
    /// Pieces that were not told, by their place; they do not overlap.
    held: BTreeMap<i64, Piece>,
    /// What they cost.
    cost: usize,
    /// Where it ends, once there was a FIN, and in which packet and when.
    end: Option<(i64, u64, Tick)>,
    /// Its end was told.
    pub(super) closed: bool,
    /// The last bytes told.
    recent: VecDeque<u8>,
    /// What was told to be missing.
    gaps: VecDeque<(i64, i64)>,
    /// The last packet told, and the latest time.
    last: (u64, Tick),
}

#[derive(Debug)]
struct Piece {
    packet: u64,
    at: Tick,
    bytes: Box<[u8]>,
    /// A write ends here.
    psh: bool,
}

impl Piece {
    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// What a segment brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArrivedSegment<'a> {
    /// The sequence number of the first byte.
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
    /// Bytes after those that are not in the capture.
    pub(super) cut: usize,
    pub(super) fin: bool,
    /// Its sender has written no more than this so far.
    pub(super) psh: bool,
}

/// When bytes that are next are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    /// At once: nothing waits, in either direction.
    Now,
    /// When the session says so.
    Later,
}

impl StreamReassembler {
    /// The first byte has this sequence number.
    pub(super) fn begin(&mut self, sequence: u32, sink: &mut Sink<'_>) {
        let place = self.place_of(sequence);
        self.begin_at(place);
        // What cannot be of this connection.
        while let Some(entry) = self.held.first_entry().filter(|entry| *entry.key() < place) {
            let piece = entry.remove();
            self.forget(&piece, sink);
            let bytes = piece.bytes.len();
            sink.problem(&format!(
                "{bytes} bytes of packet {} are before the beginning, not taken",
                piece.packet
            ));
        }
    }

    fn begin_at(&mut self, place: i64) {
        (self.begin, self.place) = (Some(place), place);
    }

    /// Whether it is known where the stream begins.
    pub(super) fn has_begun(&self) -> bool {
        self.begin.is_some()
    }

    /// Whether the first byte has this sequence number, as far as is known.
    pub(super) fn begins_at(&self, sequence: u32) -> bool {
        self.begin.is_some_and(|begin| begin == self.distant(sequence))
    }

    /// How far the lowest of what is known is from this sequence number.
    pub(super) fn lowest_from(&self, sequence: u32) -> i64 {
        let first = self.held.keys().next().copied().or(self.end.map(|(end, ..)| end));
        first.map_or(0, |first| first - self.distant(sequence))
    }

    /// How far this sequence number is from what was told and what is known to be there.
    pub(super) fn distance(&self, sequence: u32) -> u64 {
        let place = self.distant(sequence);
        let last = self.held.last_key_value().map(|(at, piece)| at + length(piece.bytes.len()));
        let (low, high) = match self.begin {
            Some(_) => (self.place, last.or(self.acknowledged).unwrap_or(self.place)),
            None => (self.held.keys().next().copied().unwrap_or(place), last.unwrap_or(place)),
        };
        place.abs_diff(place.clamp(low, high.max(low)))
    }

    /// Whether this sequence number was not told yet.
    pub(super) fn is_ahead(&self, sequence: u32) -> bool {
        self.distant(sequence) >= self.place
    }

    /// The place of a sequence number.
    fn distant(&self, sequence: u32) -> i64 {
        let (known, place) = self.reference.unwrap_or((sequence, ORIGIN));
        place + i64::from(sequence.wrapping_sub(known).cast_signed())
    }

    /// The same; the first one seen is what others are measured by.
    fn place_of(&mut self, sequence: u32) -> i64 {
        self.reference.get_or_insert((sequence, ORIGIN));
        self.distant(sequence)
    }

    /// The other side says that it has everything before this sequence number.
    pub(super) fn acknowledge(&mut self, sequence: u32) {
        let place = self.place_of(sequence);
        let from = if self.has_begun() { self.place } else { ORIGIN };
        if (from - FARTHEST..=from + FARTHEST).contains(&place) {
            self.acknowledged = self.acknowledged.max(Some(place));
        }
    }

    /// A segment arrives. What is new of it is told or kept.
    pub(super) fn arrive(
        &mut self,
        segment: ArrivedSegment<'_>,
        turn: Delivery,
        sink: &mut Sink<'_>,
    ) {
        let mut place = self.place_of(segment.sequence);
        let from = if self.has_begun() { self.place } else { ORIGIN };
        let far = place - from;
        if far > FARTHEST || (!self.has_begun() && far < -FARTHEST) {
            sink.problem("its sequence number is outside every window");
            return;
        }
        let mut payload = segment.payload;
        if segment.fin && self.end.is_none() {
            let end = place + length(payload.len() + segment.cut);
            // One that ends before what was told is none of this stream.
            if !self.has_begun() || end >= self.place {
                self.end = Some((end, sink.packet, sink.at));
            }
        }
        if self.has_begun() && place < self.place {
            let behind = size(self.place - place).min(payload.len());
            let (old, new) = payload.split_at(behind);
            self.compare(place, old, sink);
            (place, payload) = (place + length(behind), new);
        }
        let left = self.end.map_or(payload.len(), |(end, ..)| size(end - place).min(payload.len()));
        let (within, beyond) = payload.split_at(left);
        if !beyond.is_empty() {
            sink.problem(&format!("{} bytes after the end of the stream, not taken", beyond.len()));
        }
        if turn == Delivery::Now && self.has_begun() && place == self.place {
            self.say((sink.packet, sink.at), within, segment.psh, sink);
        } else {
            self.hold(place, within, segment.psh, sink);
        }
    }

    /// Tell the next bytes.
    fn say(&mut self, (packet, at): (u64, Tick), bytes: &[u8], psh: bool, sink: &mut Sink<'_>) {
        if bytes.is_empty() {
            return;
        }
        self.advance(length(bytes.len()));
        self.remember(bytes, sink);
        self.last = (self.last.0.max(packet), self.last.1.max(at));
        sink.at(self.last.1).data(packet, bytes);
        if psh {
            sink.pushed();
        }
    }

    /// Keep what no piece held has already.
    fn hold(&mut self, mut place: i64, mut payload: &[u8], psh: bool, sink: &mut Sink<'_>) {
        let mut different = (0, 0);
        while !payload.is_empty() {
            let before = self.held.range(..=place).next_back();
            let covered = before.and_then(|(start, piece)| piece.bytes.get(size(place - start)..));
            let known = covered.unwrap_or_default();
            let used = if known.is_empty() {
                let next = self.held.range(place..).next();
                let room = next.map_or(usize::MAX, |(next, _)| size(next - place));
                let (fresh, rest) = payload.split_at(room.min(payload.len()));
                let psh = psh && rest.is_empty();
                let piece = Piece { packet: sink.packet, at: sink.at, bytes: fresh.into(), psh };
                self.cost += piece.cost();
                *sink.held += piece.cost();
                self.held.insert(place, piece);
                fresh.len()
            } else {
                let used = known.len().min(payload.len());
                different.0 +=
                    known.iter().zip(payload).filter(|(one, other)| one != other).count();
                different.1 += used;
                used
            };
            place += length(used);
            payload = payload.get(used..).unwrap_or_default();
        }
        differ(different, sink);
    }

    /// Bytes that come again after they were told, or too late.
    fn compare(&self, place: i64, bytes: &[u8], sink: &mut Sink<'_>) {
        if bytes.is_empty() || (bytes.len() == 1 && place + 1 == self.place) {
            // A keep-alive sends a byte that was sent before, and any will do (RFC 9293, section 3.8.4).
            return;
        }
        let end = place + length(bytes.len());
        let early = self.begin.map_or(0, |begin| size(begin - place).min(bytes.len()));
        if early > 0 {
            sink.problem(&format!(
                "{early} bytes before the beginning of session {}, not taken",
                sink.session
            ));
        }
        let overlaps = |(from, to): &(i64, i64)| size(end.min(*to) - place.max(*from));
        let late: usize = self.gaps.iter().map(overlaps).sum();
        if late > 0 {
            sink.problem(&format!(
                "{late} bytes of session {} that were given up before, not taken",
                sink.session
            ));
        }
        let kept = self.place - length(self.recent.len());
        let skip = size(kept - place);
        let recent = self.recent.iter().skip(size(place - kept));
        let again = bytes.iter().skip(skip).zip(recent);
        let missed = |at: i64| self.gaps.iter().any(|(from, to)| (*from..*to).contains(&at));
        let first = place + length(skip);
        let mut different = (0, 0);
        for (at, (one, other)) in (first..).zip(again) {
            if late == 0 || !missed(at) {
                different.0 += usize::from(one != other);
                different.1 += 1;
            }
        }
        differ(different, sink);
    }

    /// What it costs to hold what is held.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Whether there is something to tell, sooner or later.
    pub(super) fn is_waiting(&self) -> bool {
        !self.held.is_empty() || (self.end.is_some() && !self.closed)
    }

    /// Whether something is known again after bytes that are not there, although the other side has those.
    pub(super) fn lacks(&self) -> bool {
        let gap = self.obstacle().filter(|(place, _)| *place > self.place);
        self.has_begun()
            && gap.is_some_and(|(place, _)| self.acknowledged.is_some_and(|said| said >= place))
    }

    /// Where something is known next: a piece, or the end; and in which packet that was.
    fn obstacle(&self) -> Option<(i64, u64)> {
        let piece = self.held.first_key_value().map(|(place, piece)| (*place, piece.packet));
        let end = self.end.filter(|_| !self.closed).map(|(place, packet, _)| (place, packet));
        piece.into_iter().chain(end).min()
    }

    /// The packet whose turn it is, if the next byte is there, or the end.
    pub(super) fn next(&self) -> Option<u64> {
        let (_, packet) = self.obstacle().filter(|(place, _)| *place <= self.place)?;
        self.has_begun().then_some(packet.max(self.last.0))
    }

    /// The packet that shows the next gap, or whose turn it is.
    pub(super) fn following(&self) -> Option<u64> {
        self.obstacle().map(|(_, packet)| packet.max(self.last.0))
    }

    /// Nothing earlier will come: it begins with what is known first.
    pub(super) fn decide(&mut self) {
        if let Some((place, _)) = self.obstacle().filter(|_| !self.has_begun()) {
            self.begin_at(place);
        }
    }

    /// Tell what [`next`](Self::next) is about.
    pub(super) fn tell(&mut self, sink: &mut Sink<'_>) {
        if let Some(piece) = self.held.remove(&self.place) {
            self.forget(&piece, sink);
            self.say((piece.packet, piece.at), &piece.bytes, piece.psh, sink);
            return;
        }
        let Some((_, packet, at)) = self.end.filter(|(end, ..)| *end <= self.place) else { return };
        self.closed = true;
        self.last = (self.last.0.max(packet), self.last.1.max(at));
        sink.at(self.last.1).closed();
        // What somebody sent for after the end.
        let beyond: usize = self.held.values().map(|piece| piece.bytes.len()).sum();
        if beyond > 0 {
            sink.problem(&format!("{beyond} bytes after the end of the stream, not taken"));
        }
        self.held.clear();
        *sink.held -= std::mem::take(&mut self.cost);
    }

    /// Go on after bytes that are not there. Says whether there was anything to go on to.
    pub(super) fn skip(&mut self, sink: &mut Sink<'_>) -> bool {
        let Some((place, packet)) = self.obstacle().filter(|(place, _)| *place > self.place) else {
            return false;
        };
        self.lose(place, sink.at_packet(packet));
        true
    }

    /// Nothing more will come, and everything was told: what the other side had and is not there.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        // An acknowledgement of a FIN that nobody saw counts a byte that is none; of one that was seen, not.
        let end = self.end.map_or(i64::MAX, |(end, ..)| end);
        let said = self.acknowledged.map_or(self.place, |said| said.min(end));
        if self.has_begun() && said > self.place && !self.closed {
            self.lose(said, sink);
        }
    }

    fn lose(&mut self, place: i64, sink: &mut Sink<'_>) {
        let gap = (self.place, place);
        self.advance(place - self.place);
        if self.gaps.len() == MOST_GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
        // What is remembered ends where the next byte is.
        *sink.recent -= self.recent.len();
        self.recent.clear();
        sink.missing(size(gap.1 - gap.0) as u64);
    }

    /// Whatever is kept of it is not needed any more.
    pub(super) fn release(&mut self, sink: &mut Sink<'_>) {
        self.held.clear();
        *sink.held -= std::mem::take(&mut self.cost);
        *sink.recent -= self.recent.len();
        self.recent = VecDeque::new();
    }

    fn advance(&mut self, bytes: i64) {
        self.place += bytes;
        if let Some((sequence, place)) = &mut self.reference {
            // Both count the same bytes; the sequence number wraps.
            let by = self.place - *place;
            let low = u32::try_from(by.rem_euclid(1 << 32)).unwrap_or_default();
            (*sequence, *place) = (sequence.wrapping_add(low), self.place);
        }
    }

    fn remember(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        *sink.recent -= self.recent.len();
        let most = RECENT.min(sink.limits.total.saturating_sub(*sink.recent));
        let fresh = bytes.get(bytes.len().saturating_sub(most)..).unwrap_or_default();
        let stays = (most - fresh.len()).min(self.recent.len());
        self.recent.drain(..self.recent.len() - stays);
        self.recent.extend(fresh);
        *sink.recent += self.recent.len();
    }

    fn forget(&mut self, piece: &Piece, sink: &mut Sink<'_>) {
        self.cost -= piece.cost();
        *sink.held -= piece.cost();
    }
}

/// Say how many of so many bytes differ.
fn differ((different, of): (usize, usize), sink: &mut Sink<'_>) {
    if different > 0 {
        sink.problem(&format!(
            "{different} of {of} bytes sent again are others than before; those that came first count"
        ));
    }
}

/// A length as a difference of places.
fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A difference of places as a length; nothing if it is negative.
fn size(places: i64) -> usize {
    usize::try_from(places).unwrap_or(0)
}
