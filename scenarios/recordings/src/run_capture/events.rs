//! What happened on each side of the attacker, in order, as calls of a capture's writer.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use capture::{Ending, Writer};
use mitm_proxy::trace::{Departing, LinkEvent, Trace};
use mitm_proxy::world::HOP;
use protocol::endpoint::{PortIndex, Side, Tick};

use super::legs::Leg;
use super::legs::Legs;
use super::notes::Notes;

/// Something on a leg.
#[derive(Debug)]
struct Event<'a> {
    leg: Leg,
    what: What<'a>,
}

#[derive(Debug)]
enum What<'a> {
    Opened(PortIndex),
    /// An endpoint's frame.
    Came(u32, &'a [u8]),
    /// A segment of the attacker's.
    Left(&'a [u32], &'a [u8]),
    /// This side closes.
    Closed(Side),
    /// What a rule did to the connection, said on its next packet.
    Said(String),
}

/// Tell a writer what happened. Tick 0 is `began`, in nanoseconds since 1970.
pub(super) fn replay<W: Write>(
    ports: &[u16],
    trace: &Trace,
    legs: &Legs,
    mut notes: Notes,
    began: u64,
    writer: &mut Writer<W>,
) -> io::Result<()> {
    // Which sides of an open connection have not closed.
    let mut open: BTreeMap<Leg, BTreeSet<Side>> = BTreeMap::new();
    let mut joining = Vec::new();
    for ((at, ..), Event { leg, what }) in events(trace, legs) {
        let (at, number) = (began.saturating_add(at.0), conversation(leg));
        match what {
            What::Opened(service) if legs.has(leg) => {
                let [client, server] = legs.addresses(ports, leg, service);
                writer.open(at, number, client, server)?;
                open.insert(leg, [Side::Client, Side::Server].into());
            }
            What::Came(frame, bytes) if takes(&open, leg, leg.1) => {
                writer.data(at, number, leg.1, bytes, &notes.take_came(frame))?;
            }
            What::Left(frames, bytes) if takes(&open, leg, leg.1.other()) => {
                joining.clear();
                for frame in frames {
                    joining.extend(notes.take_left(*frame));
                }
                writer.data(at, number, leg.1.other(), bytes, &joining)?;
            }
            What::Said(text) if takes(&open, leg, leg.1.other()) => {
                writer.data(at, number, leg.1.other(), &[], &[text])?;
            }
            What::Closed(side) if takes(&open, leg, side) => {
                writer.close(at, number, side, Ending::Finished, &[])?;
                if let Some(sides) = open.get_mut(&leg) {
                    sides.remove(&side);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn takes(open: &BTreeMap<Leg, BTreeSet<Side>>, leg: Leg, side: Side) -> bool {
    open.get(&leg).is_some_and(|sides| sides.contains(&side))
}

/// The number of a connection in the capture.
fn conversation((link, side): Leg) -> u32 {
    link.wrapping_mul(2).wrapping_add(u32::from(side == Side::Server))
}

/// Everything in the order of its time; at one time, in the order it was recorded; what comes before what leaves.
fn events<'a>(trace: &'a Trace, legs: &Legs) -> Vec<((Tick, u64, bool), Event<'a>)> {
    let mut events = Vec::new();
    let mut add = |at, moment, leaves, leg, what| {
        events.push(((at, moment, leaves), Event { leg, what }));
    };
    for record in &trace.links {
        let (at, moment, service) = (record.at, record.moment, record.service);
        let [client, server] = [Side::Client, Side::Server].map(|side| (record.link, side));
        match record.event {
            LinkEvent::Opened => {
                add(at, moment, false, client, What::Opened(service));
                add(at, moment, false, server, What::Opened(service));
            }
            // An impostor takes over a connection that the client has opened.
            LinkEvent::Intercepted if opened_moment(trace, record.link) < moment => {}
            LinkEvent::Intercepted => {
                add(at, moment, false, client, What::Opened(service));
                let text = format!("{}the attacker answers as the server", by(record.rule));
                add(at, moment, false, client, What::Said(text));
            }
            LinkEvent::OpenedByAttacker => {
                add(at, moment, false, server, What::Opened(service));
                let text = format!("{}opened by the attacker", by(record.rule));
                add(at, moment, false, server, What::Said(text));
            }
            LinkEvent::ClosedBy(side) => {
                // After what was left of its last frame; and the attacker closes this connection as well.
                for closing in [side, side.other()] {
                    add(at, u64::MAX, false, (record.link, side), What::Closed(closing));
                }
            }
            // The close is among what leaves the attacker.
            LinkEvent::ClosedTo(side) => {
                let text = format!("{}closed by the attacker", by(record.rule));
                add(at, moment, false, (record.link, side), What::Said(text));
            }
        }
    }
    for (number, record) in trace.numbered().filter(|(number, _)| legs.came(*number)) {
        let leg = (record.link, record.to.other());
        let bytes = &record.as_sent().bytes[..];
        add(record.at, record.moment, false, leg, What::Came(number, bytes));
    }
    for departure in &trace.departures {
        let (at, moment, leg) = (departure.at, departure.moment, (departure.link, departure.to));
        match &departure.what {
            Departing::Segment { bytes, numbers } => {
                if numbers.iter().any(|number| legs.left(*number)) {
                    add(at, moment, true, leg, What::Left(numbers, bytes));
                }
            }
            Departing::Close => {
                add(at, moment, true, leg, What::Closed(departure.to.other()));
                // The other end closes in turn when it learns of it, and has said before what it had to say.
                add(at.after(HOP * 2), u64::MAX, true, leg, What::Closed(departure.to));
            }
        }
    }
    events.sort_by_key(|(key, _)| *key);
    events
}

fn by(rule: Option<u32>) -> String {
    rule.map_or_else(String::new, |rule| format!("rule {rule}: "))
}

fn opened_moment(trace: &Trace, link: u32) -> u64 {
    let first = trace.links.iter().find(|record| record.link == link);
    first.map_or(u64::MAX, |record| record.moment)
}
