//! Which connection of a capture was to which port of a protocol: published programs keep the distances between their ports,
//! wherever the first is.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use capture::{Ending, Visitor};
use protocol::endpoint::{PortIndex, Side, Tick};

/// The ports of each server that somebody connected to, in the order of their first connection.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ports: BTreeMap<IpAddr, Vec<u16>>,
}

impl Visitor for Seen {
    fn opened(&mut self, _: u32, _: SocketAddr, server: SocketAddr, _: Tick) {
        let ports = self.ports.entry(server.ip()).or_default();
        if !ports.contains(&server.port()) {
            ports.push(server.port());
        }
    }

    fn data(&mut self, _: u32, _: Side, _: Tick, _: u64, _: &[u8]) {}
    fn closed(&mut self, _: u32, _: Side, _: Tick, _: Ending) {}
    fn problem(&mut self, _: u64, _: &str) {}
}

/// What each port of each server is for.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// How many ports the protocol has; 0 and 1 are the same.
    ports: usize,
    known: BTreeMap<SocketAddr, Place>,
}

/// What a port is for, and beside which first port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    pub(super) service: PortIndex,
    /// The first of the ports it belongs to; 0 where that is not known.
    pub(super) first: u16,
}

impl Services {
    /// What the ports that were seen are for, if those of the protocol are `ports`.
    pub(super) fn found(seen: &Seen, ports: &[u16]) -> Self {
        let first = ports.first().copied().unwrap_or(0);
        let distances: Vec<u16> = ports.iter().map(|port| port.wrapping_sub(first)).collect();
        let mut known = BTreeMap::new();
        for (ip, there) in &seen.ports {
            let at = |base: u16| distances.iter().map(move |distance| base.wrapping_add(*distance));
            let fitting = |base: u16| at(base).filter(|port| there.contains(port)).count();
            let best = there.iter().copied().map(fitting).max().unwrap_or(0);
            let mut add = |service, port, first| {
                let place = Place { service: PortIndex(service), first };
                known.entry(SocketAddr::new(*ip, port)).or_insert(place);
            };
            // With none at its distance, somebody chose them: they are opened in order.
            if best <= 1 && there.len() > 1 {
                (0..).zip(there).for_each(|(service, port)| add(service, *port, 0));
                continue;
            }
            // Several servers may be on one host: a proxy, and the one behind it.
            let mut bases: Vec<u16> = there.clone();
            bases.retain(|base| fitting(*base) == best);
            bases.sort_unstable();
            for base in bases {
                (0..).zip(at(base)).for_each(|(service, port)| add(service, port, base));
            }
        }
        Self { ports: ports.len(), known }
    }

    /// What a server's port is for.
    pub(super) fn of(&self, server: SocketAddr) -> Place {
        self.known.get(&server).copied().unwrap_or_default()
    }

    /// Whether several connections make a session.
    pub(super) fn are_several(&self) -> bool {
        self.ports > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(there: &[u16], ports: &[u16]) -> Vec<Option<PortIndex>> {
        let ip: IpAddr = [10, 0, 0, 1].into();
        let seen = Seen { ports: [(ip, there.to_vec())].into() };
        let found = Services::found(&seen, ports);
        let service = |port: &u16| found.known.get(&SocketAddr::new(ip, *port));
        there.iter().map(|port| service(port).map(|place| place.service)).collect()
    }

    #[test]
    fn ports_are_told_by_their_distances() {
        let [one, two, three] = [0, 1, 2].map(|number| Some(PortIndex(number)));
        assert_eq!(services(&[5002, 5000, 5001], &[8000, 8001, 8002]), [three, one, two]);
        assert_eq!(services(&[443, 5000, 5001], &[8000, 8001, 8002]), [None, one, two]);
        assert_eq!(services(&[9, 700, 30], &[8000, 8001, 8002]), [one, two, three]);
        assert_eq!(services(&[9], &[8000, 8001]), [one]);
        assert_eq!(services(&[7000, 5000, 7001, 5001], &[1, 2]), [one, one, two, two]);
    }
}
