//! Which connections there are between the attacker and the endpoints, and what went over them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use mitm_proxy::trace::{Departing, Fate, LinkEvent, LinkRecord, Origin, Trace};
use protocol::endpoint::{PortIndex, Side};

/// The first of the ports that clients connect from (RFC 6335, section 6: dynamic ports).
pub(crate) const FIRST_PORT: u32 = 49_152;
/// The last number of the attacker's addresses.
pub(crate) const ATTACKER: u8 = 100;

/// The connection between the attacker and one end of a link.
pub(crate) type Leg = (u32, Side);

/// Which connections there are between the attacker and somebody who is not the attacker's, and what went over them.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    /// Who is at the other end of the client's, by its number.
    pub(crate) clients: BTreeMap<u32, usize>,
    pub(crate) servers: BTreeSet<u32>,
    /// Frames that an endpoint sent to the attacker.
    pub(crate) came: BTreeSet<u32>,
    /// Frames that the attacker sent and an endpoint took.
    pub(crate) left: BTreeSet<u32>,
}

impl Legs {
    /// Those of a trace.
    pub(crate) fn of(trace: &Trace) -> Self {
        let mut legs = Self::default();
        for record in &trace.links {
            match record.event {
                LinkEvent::Opened | LinkEvent::OpenedByAttacker => {
                    legs.servers.insert(record.link);
                }
                // An impostor was there before the server.
                LinkEvent::Intercepted if nothing_before(trace, record) => {
                    legs.servers.remove(&record.link);
                }
                _ => {}
            }
            if let Some(owner) = trace.owners.get(&record.link) {
                legs.clients.insert(record.link, *owner);
            }
        }
        for (number, record) in trace.numbered() {
            if record.origin == Origin::Endpoint && legs.has((record.link, record.to.other())) {
                legs.came.insert(number);
            }
        }
        for departure in &trace.departures {
            if let Departing::Segment { numbers, .. } = &departure.what
                && legs.has((departure.link, departure.to))
            {
                legs.left.extend(numbers.iter().filter(|number| is_taken(trace, **number)));
            }
        }
        legs
    }

    pub(crate) fn has(&self, (link, side): Leg) -> bool {
        match side {
            Side::Client => self.clients.contains_key(&link),
            Side::Server => self.servers.contains(&link),
        }
    }

    /// Whether an endpoint sent this frame, so that it is on the sender's side.
    pub(crate) fn came(&self, number: u32) -> bool {
        self.came.contains(&number)
    }

    /// Whether it is on the receiver's side.
    pub(crate) fn left(&self, number: u32) -> bool {
        self.left.contains(&number)
    }

    /// Client and server of the connection between the attacker and this end, if it is in the capture.
    pub(crate) fn ends(
        &self,
        ports: &[u16],
        leg: Leg,
        service: PortIndex,
    ) -> Option<[SocketAddr; 2]> {
        self.has(leg).then(|| self.addresses(ports, leg, service))
    }

    /// Client and server of the connection between the attacker and this end.
    pub(crate) fn addresses(
        &self,
        ports: &[u16],
        (link, side): Leg,
        service: PortIndex,
    ) -> [SocketAddr; 2] {
        let port = ports.get(usize::from(service.0)).or(ports.first()).copied().unwrap_or(0);
        let own = u16::try_from(FIRST_PORT + link % (1 << 14)).unwrap_or_default();
        let client = self.clients.get(&link).copied().unwrap_or_default();
        let client = u8::try_from(client).unwrap_or(u8::MAX);
        let (from, to) = match side {
            Side::Client => ([10, 0, 0, client], [10, 0, 0, ATTACKER]),
            Side::Server => ([10, 0, 1, ATTACKER], [10, 0, 1, 1]),
        };
        [(from, own), (to, port)].map(|(ip, port)| SocketAddr::from((Ipv4Addr::from(ip), port)))
    }
}

/// Whether no frame was sent on a link before this happened to it.
pub(crate) fn nothing_before(trace: &Trace, record: &LinkRecord) -> bool {
    let mut frames = trace.frames.iter().filter(|frame| frame.link == record.link);
    frames.all(|frame| frame.moment > record.moment)
}

/// Whether an endpoint took any of a frame.
pub(crate) fn is_taken(trace: &Trace, number: u32) -> bool {
    trace.frame(number).is_some_and(|record| matches!(record.fate, Fate::Delivered(_)))
}
