//! One direction of a connection: segments in any order, bytes in theirs. What was there first counts (RFC 9293, 3.10.7.4:
//! trimmed to what is new), a gap is waited for until the other side says it has the bytes.

use std::collections::BTreeMap;

use super::sink::Sink;

/// No window is larger, in bytes (RFC 7323, section 2.3): what is further off is no part of the stream.
const FARTHEST: u64 = 1 << 30;
/// What a piece held costs besides its bytes, about.
const OVERHEAD: usize = 128;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The initial sequence number, where its SYN was seen.
    pub(super) initial: Option<u32>,
    /// The sequence number of the next byte.
    next: Option<u32>,
    /// How many bytes were before that.
    place: u64,
    /// How many the other side says it has.
    acknowledged: u64,
    /// Pieces further on, by their place; they do not overlap.
    held: BTreeMap<u64, Piece>,
    /// What they cost.
    cost: usize,
    /// Where it ends, once there was a FIN.
    end: Option<u64>,
    /// Its end was told.
    pub(super) closed: bool,
}

#[derive(Debug)]
struct Piece {
    packet: u64,
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
pub(super) struct Brought<'a> {
    /// The sequence number of the first byte.
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
    /// Bytes after those that are not in the capture.
    pub(super) cut: usize,
    pub(super) fin: bool,
    /// Its sender has written no more than this so far.
    pub(super) psh: bool,
}

impl Way {
    /// The first byte will have this sequence number.
    pub(super) fn begin(&mut self, sequence: u32) {
        self.next = Some(sequence);
    }

    /// Whether it is known where the stream stands.
    pub(super) fn has_begun(&self) -> bool {
        self.next.is_some()
    }

    /// How far this sequence number is from the next byte.
    pub(super) fn distance(&self, sequence: u32) -> i64 {
        self.next.map_or(0, |next| i64::from(sequence.wrapping_sub(next).cast_signed()))
    }

    /// The other side says that it has everything before this sequence number.
    pub(super) fn acknowledge(&mut self, sequence: u32, sink: &mut Sink<'_>) {
        if let Ok(ahead @ 1..=FARTHEST) = u64::try_from(self.distance(sequence)) {
            self.acknowledged = self.acknowledged.max(self.place + ahead);
            self.give_up(sink);
        }
    }

    /// A segment arrives.
    pub(super) fn arrive(&mut self, brought: Brought<'_>, sink: &mut Sink<'_>) {
        if !self.has_begun() {
            self.begin(brought.sequence);
        }
        let distance = self.distance(brought.sequence);
        let (mut place, mut payload) = match u64::try_from(distance) {
            Ok(ahead) if ahead > FARTHEST => {
                sink.problem("its sequence number is outside every window");
                return;
            }
            Ok(ahead) => (self.place + ahead, brought.payload),
            Err(_) => {
                let known = usize::try_from(distance.unsigned_abs()).unwrap_or(usize::MAX);
                let fresh = brought.payload.get(known..).unwrap_or_default();
                let cut = (brought.payload.len() + brought.cut).checked_sub(known);
                if brought.fin && self.end.is_none() {
                    // All of it may be known but the FIN.
                    self.end = cut.map(|fresh| self.place + fresh as u64);
                }
                (self.place, fresh)
            }
        };
        if brought.fin && distance >= 0 && self.end.is_none() {
            self.end = Some(place + (payload.len() + brought.cut) as u64);
        }
        if let Some(end) = self.end {
            let left = usize::try_from(end.saturating_sub(place)).unwrap_or(usize::MAX);
            payload = payload.get(..left.min(payload.len())).unwrap_or_default();
        }
        while !payload.is_empty() {
            let from = self.place.max(place);
            let known = usize::try_from(from - place).unwrap_or(usize::MAX);
            payload = payload.get(known..).unwrap_or_default();
            place = from;
            let (used, rest) = if place == self.place {
                let room = self.room(place);
                let (now, rest) = payload.split_at(room.min(payload.len()));
                self.tell(sink.packet, now, brought.psh && rest.is_empty(), sink);
                self.release(sink);
                (now.len(), rest)
            } else {
                let used = self.hold(place, payload, brought.psh, sink);
                payload.split_at_checked(used).map_or((payload.len(), &[][..]), |(_, b)| (used, b))
            };
            place += used as u64;
            payload = rest;
        }
        self.give_up(sink);
    }

    /// Nothing more will come: tell what is held, and what is not there.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        while let Some(place) = self.obstacle() {
            self.skip(place, sink);
        }
        // An acknowledgement of a FIN that nobody saw counts a byte that is none; of one that was seen, not.
        let said = self.end.map_or(self.acknowledged, |end| self.acknowledged.min(end));
        if said > self.place && !self.closed {
            self.skip(said, sink);
        }
    }

    /// How many bytes there is room for before the next piece held.
    fn room(&self, place: u64) -> usize {
        let next = self.held.range(place..).next();
        next.map_or(usize::MAX, |(next, _)| usize::try_from(next - place).unwrap_or(usize::MAX))
    }

    /// Keep what no piece held has already. Says how many bytes were looked at.
    fn hold(&mut self, place: u64, payload: &[u8], psh: bool, sink: &mut Sink<'_>) -> usize {
        if let Some((start, piece)) = self.held.range(..=place).next_back() {
            let end = start + piece.bytes.len() as u64;
            if end > place {
                return usize::try_from(end - place).unwrap_or(usize::MAX);
            }
        }
        let used = self.room(place).min(payload.len());
        let bytes = payload.get(..used).unwrap_or_default().into();
        let psh = psh && used == payload.len();
        let piece = Piece { packet: sink.packet, bytes, psh };
        self.cost += piece.cost();
        *sink.held += piece.cost();
        self.held.insert(place, piece);
        used
    }

    fn tell(&mut self, packet: u64, bytes: &[u8], psh: bool, sink: &mut Sink<'_>) {
        self.place += bytes.len() as u64;
        let taken = u32::try_from(bytes.len()).unwrap_or_default();
        self.next = self.next.map(|next| next.wrapping_add(taken));
        sink.data(packet, bytes);
        if psh {
            sink.pushed();
        }
    }

    /// Tell the pieces whose turn it is, and the end.
    fn release(&mut self, sink: &mut Sink<'_>) {
        while let Some(piece) = self.held.remove(&self.place) {
            self.cost -= piece.cost();
            *sink.held -= piece.cost();
            self.tell(piece.packet, &piece.bytes, piece.psh, sink);
        }
        if self.end.is_some_and(|end| end <= self.place) && !self.closed {
            self.closed = true;
            sink.closed();
            // What somebody sent for after the end.
            self.held.clear();
            *sink.held -= self.cost;
            self.cost = 0;
        }
    }

    /// Where something is known again after a gap: a piece, or the end.
    fn obstacle(&self) -> Option<u64> {
        let piece = self.held.keys().next().copied();
        let end = self.end.filter(|_| !self.closed);
        piece.into_iter().chain(end).min()
    }

    /// Go on after gaps that the other side does not wait for, or that cost too much.
    fn give_up(&mut self, sink: &mut Sink<'_>) {
        self.release(sink);
        while let Some(place) = self.obstacle() {
            let full = self.cost > sink.limits.direction || *sink.held > sink.limits.total;
            let full = full && !self.held.is_empty();
            if self.acknowledged < place && !full {
                break;
            }
            self.skip(place, sink);
        }
    }

    fn skip(&mut self, place: u64, sink: &mut Sink<'_>) {
        let bytes = place.saturating_sub(self.place);
        self.place += bytes;
        // No gap is longer than a window, or than what was acknowledged.
        let taken = u32::try_from(bytes).unwrap_or_default();
        self.next = self.next.map(|next| next.wrapping_add(taken));
        sink.missing(bytes);
        self.release(sink);
    }
}
