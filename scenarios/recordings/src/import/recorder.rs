//! Cuts what a capture tells into frames, and keeps the bytes of one session.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use capture::{Ending, Visitor};
use files::diagnostic::escape;
use protocol::endpoint::{PortIndex, Side, Tick};
use protocol::layout::{Deframer, Frame, Layout};

use super::recording::MOST_KEPT;
use super::services::{Place, Services};
use super::writes::Writes;
use super::{Keep, Link, Piece, Recording, Session};

/// The most frames that are listed.
const MOST_FRAMES: usize = 1_000_000;

/// The most problems that are kept.
const MOST_PROBLEMS: usize = 1_000;

/// Is told of a capture.
pub(super) struct Recorder {
    layout: Arc<Layout>,
    services: Services,
    /// The first port of the server of each session.
    firsts: Vec<u16>,
    keep: Keep,
    recording: Recording,
    /// Where each connection is, by its number in the capture.
    streams: BTreeMap<u32, Streams>,
    frames: usize,
    kept: usize,
    order: u64,
    /// When the last thing was recorded.
    now: Tick,
    packet: u64,
    cut: Vec<Frame>,
}

/// Both directions of a connection.
struct Streams {
    /// The session, and the connection in it, from 0.
    session: usize,
    link: usize,
    deframers: [Deframer; 2],
    writes: Writes,
}

impl Recorder {
    pub(super) fn new(layout: Arc<Layout>, services: Services, keep: Keep) -> Self {
        Self {
            layout,
            services,
            firsts: Vec::new(),
            keep,
            recording: Recording::default(),
            streams: BTreeMap::new(),
            frames: 0,
            kept: 0,
            order: 0,
            now: Tick(0),
            packet: 0,
            cut: Vec::new(),
        }
    }

    /// All there was, and whether some of it was not kept.
    pub(super) fn finish(mut self) -> (Recording, bool) {
        let open: Vec<u32> = self.streams.keys().copied().collect();
        for number in open {
            self.rest(number, Side::Client);
            self.rest(number, Side::Server);
        }
        (self.recording, self.kept > MOST_KEPT)
    }

    fn next(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// The session a new connection belongs to, from 0.
    fn session_of(&mut self, client: SocketAddr, server: SocketAddr, place: Place) -> usize {
        let Place { service, first } = place;
        let sessions = &mut self.recording.sessions;
        if self.services.are_several() && service != PortIndex(0) {
            let joins = |(session, at): (&Session, &u16)| {
                let same = session
                    .links
                    .iter()
                    .all(|link| link.client.ip() == client.ip() && link.server.ip() == server.ip());
                same && *at == first && session.links.iter().all(|link| link.service != service)
            };
            if let Some(found) = sessions.iter().zip(&self.firsts).rposition(joins) {
                return found;
            }
        }
        let number = u32::try_from(sessions.len() + 1).unwrap_or(u32::MAX);
        let (links, frames) = (Vec::new(), Vec::new());
        self.firsts.push(first);
        sessions.push(Session { number, links, frames, last: self.now });
        sessions.len() - 1
    }

    fn push(&mut self, number: u32, from: Side, bytes: &Bytes) {
        let Some(streams) = self.streams.get_mut(&number) else { return };
        let deframer = from.of(&mut streams.deframers);
        let mut frames = std::mem::take(&mut self.cut);
        deframer.push(bytes, &mut frames);
        self.add(number, from, frames.drain(..));
        self.cut = frames;
    }

    /// What was never completed.
    fn rest(&mut self, number: u32, from: Side) {
        self.pushed(number, from);
        let Some(streams) = self.streams.get_mut(&number) else { return };
        let rest = from.of(&mut streams.deframers).finish();
        self.add(number, from, rest);
    }

    fn add(&mut self, number: u32, from: Side, frames: impl IntoIterator<Item = Frame>) {
        let Some(streams) = self.streams.get(&number) else { return };
        let (at, link) = (streams.session, streams.link);
        for frame in frames {
            let order = self.next();
            let Some(session) = self.recording.sessions.get_mut(at) else { return };
            session.last = self.now;
            self.frames += 1;
            if self.frames > MOST_FRAMES {
                self.recording.unlisted += 1;
                continue;
            }
            let len = frame.bytes.len();
            let mut bytes = Bytes::new();
            if self.keep == Keep::Session(session.number) {
                self.kept += len;
                if self.kept <= MOST_KEPT {
                    bytes = frame.bytes;
                }
            }
            session.frames.push(Piece {
                number: u32::try_from(session.frames.len() + 1).unwrap_or(u32::MAX),
                link,
                from,
                at: self.now,
                order,
                packet: self.packet,
                kind: frame.spec.name,
                len,
                bytes,
            });
        }
    }

    fn link(&mut self, number: u32) -> Option<&mut Link> {
        let streams = self.streams.get(&number)?;
        self.recording.sessions.get_mut(streams.session)?.links.get_mut(streams.link)
    }
}

impl Visitor for Recorder {
    fn opened(&mut self, number: u32, client: SocketAddr, server: SocketAddr, at: Tick) {
        self.now = at;
        let place = self.services.of(server);
        let service = place.service;
        let order = self.next();
        let session = self.session_of(client, server, place);
        let Some(found) = self.recording.sessions.get_mut(session) else { return };
        let (closed, missing) = ([None; 2], [0; 2]);
        let link = found.links.len();
        found.links.push(Link { client, server, service, opened: at, order, closed, missing });
        let deframer = |side| Deframer::new(self.layout.clone(), service, side);
        let deframers = [deframer(Side::Client), deframer(Side::Server)];
        let writes = Writes::new(&self.layout);
        self.streams.insert(number, Streams { session, link, deframers, writes });
    }

    fn data(&mut self, number: u32, from: Side, at: Tick, packet: u64, bytes: &[u8]) {
        // Whoever answers has read what was written.
        self.pushed(number, from.other());
        (self.now, self.packet) = (at, packet);
        let Some(streams) = self.streams.get_mut(&number) else { return };
        if let Some(bytes) = streams.writes.data(from, bytes) {
            self.push(number, from, &bytes);
        }
    }

    fn pushed(&mut self, number: u32, from: Side) {
        let Some(streams) = self.streams.get_mut(&number) else { return };
        if let Some(bytes) = streams.writes.ended(from) {
            self.push(number, from, &bytes);
        }
    }

    fn missing(&mut self, number: u32, from: Side, at: Tick, bytes: u64) {
        self.now = at;
        // What is there of a frame with a hole is no frame.
        self.rest(number, from);
        if let Some(link) = self.link(number) {
            *from.of(&mut link.missing) += bytes;
        }
    }

    fn closed(&mut self, number: u32, from: Side, at: Tick, how: Ending) {
        self.now = at;
        self.rest(number, from);
        if how == Ending::Reset {
            self.rest(number, from.other());
        }
        let order = self.next();
        if let Some(link) = self.link(number) {
            from.of(&mut link.closed).get_or_insert((order, how));
        }
    }

    fn problem(&mut self, packet: u64, what: &str) {
        if self.recording.problems.len() < MOST_PROBLEMS {
            self.recording.problems.push((packet, escape(what)));
        } else {
            self.recording.unlisted_problems += 1;
        }
    }
}
