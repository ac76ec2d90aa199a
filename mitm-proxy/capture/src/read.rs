//! A capture from its first packet to its last.

use std::io::Read;

use protocol::endpoint::{Side, Tick};

use super::error::CaptureError;
use super::link::{Content, content};
use super::packets::{Packet, Packets};
use super::sessions::Sessions;
use super::sink::Sink;
use super::source::Broken;
use super::unused::Unused;
use super::visit::{Limits, Summary, Visitor};

/// Read a pcapng or pcap file and tell what its TCP connections carried. It is read once, front to back.
///
/// Packets of link type Ethernet (with VLAN tags), raw IP, BSD loopback and Linux cooked are understood. The client of a
/// connection is who sent the SYN. Bytes of a side come in order and once, whatever the order and number of segments; those
/// that arrived first count. The order of the packets does not matter: where a stream begins, and which of its bytes are
/// missing, is decided at the end of the file, or when too much has been held because of it ([`Limits`]). Until then both
/// directions of the connection wait, and are told in the order of their packets. If the file breaks off, all that it holds has been told when the error is
/// returned.
pub fn read(input: impl Read, visitor: &mut dyn Visitor) -> Result<Summary, CaptureError> {
    read_within(Limits::default(), input, visitor)
}

/// [`read()`], with other bounds.
pub fn read_within(
    limits: Limits,
    input: impl Read,
    visitor: &mut dyn Visitor,
) -> Result<Summary, CaptureError> {
    let mut reading = Reading {
        limits,
        visitor,
        summary: Summary::default(),
        sessions: Sessions::default(),
        held: 0,
        recent: 0,
        now: Tick(0),
    };
    let ended = reading.all(input);
    let packet = reading.summary.packets;
    let Reading { mut sessions, mut summary, mut held, mut recent, now, .. } = reading;
    let visitor = reading.visitor;
    let (session, from) = (0, Side::Client);
    let mut sink = Sink {
        visitor,
        summary: &mut summary,
        limits,
        held: &mut held,
        recent: &mut recent,
        session,
        from,
        at: now,
        packet,
    };
    sessions.finish(&mut sink);
    match ended {
        Ok(()) => Ok(summary),
        Err(Broken { offset, why }) => {
            let packet = packet + 1;
            Err(CaptureError { packet, offset, why, so_far: Box::new(summary) })
        }
    }
}

struct Reading<'a> {
    limits: Limits,
    visitor: &'a mut dyn Visitor,
    summary: Summary,
    sessions: Sessions,
    held: usize,
    recent: usize,
    now: Tick,
}

impl Reading<'_> {
    fn all(&mut self, input: impl Read) -> Result<(), Broken> {
        let mut packets = Packets::new(input)?;
        while let Some(packet) = packets.next()? {
            self.packet(&packet);
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        self.summary.packets += 1;
        if let Some(at) = packet.at {
            let began = *self.summary.began.get_or_insert(at);
            self.now = Tick(at.saturating_sub(began));
        }
        let number = self.summary.packets;
        let mut sink = Sink {
            visitor: self.visitor,
            summary: &mut self.summary,
            limits: self.limits,
            held: &mut self.held,
            recent: &mut self.recent,
            session: 0,
            from: Side::Client,
            at: self.now,
            packet: number,
        };
        if packet.overlong {
            sink.problem("it is longer than its block");
        }
        let content = packet
            .link
            .map_or(Content::Unused(Unused::Interface), |link| content(link, packet.bytes));
        match content {
            Content::Tcp(segment) => {
                sink.summary.tcp += 1;
                self.sessions.arrive(&segment, &mut sink);
            }
            Content::Unused(why) => {
                sink.summary.other += 1;
                *sink.summary.unused.entry(why).or_default() += 1;
                if why.is_problem() {
                    sink.problem(&format!("it is {why}"));
                }
            }
        }
    }
}
