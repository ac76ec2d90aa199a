//! Endpoints as programs: what `serve` and `connect` have in common around the sockets.

use std::net::{SocketAddr, ToSocketAddrs};

use files::diagnostic::quote;
use net::HostPort;
use protocol::system::System;

pub mod journal;
pub mod keydir;
pub mod keys;
mod naming;
pub mod outbox;
pub mod store;
pub mod tap;

/// The address lab endpoints use unless told otherwise.
const LOOPBACK: &str = "127.0.0.1";

/// Where the ports of `system` are when the first is at `text`: a host, a port, or both. Those of the published
/// program keep their distance; with port 0 all are 0. Several addresses, one for each port, may be given with
/// commas.
///
/// # Errors
/// Why that is no address, in a line.
pub fn addresses(system: &System, text: Option<&str>) -> Result<Vec<HostPort>, String> {
    let ports: Vec<u16> = system.ports.iter().map(|port| port.port).collect();
    addresses_of(&ports, system.name, text)
}

/// The same for the ports of anything called `name`.
///
/// # Errors
/// Why that is no address, in a line.
pub fn addresses_of(
    ports: &[u16],
    name: &str,
    text: Option<&str>,
) -> Result<Vec<HostPort>, String> {
    let first = ports.first().copied().unwrap_or(0);
    let given: Vec<&str> = text.map(|text| text.split(',').collect()).unwrap_or_default();
    let base = resolve(given.first().copied().unwrap_or(LOOPBACK), first)?;
    let mut all = Vec::with_capacity(ports.len());
    for (at, port) in ports.iter().enumerate() {
        let beside = port.wrapping_sub(first);
        let distant = if base.port() == 0 { Some(0) } else { base.port().checked_add(beside) };
        all.push(match (given.get(at), distant) {
            (Some(given), _) => resolve(given, *port)?,
            (None, Some(port)) => base.clone().with_port(port),
            (None, None) => return Err(format!("no port is {beside} above {}", base.port())),
        });
    }
    if given.len() > all.len() {
        return Err(format!("{} addresses for {} of {name}", given.len(), all.len()));
    }
    Ok(all)
}

fn resolve(text: &str, port: u16) -> Result<HostPort, String> {
    let shown = quote(text);
    if let Ok(port) = text.parse::<u16>() {
        return resolve(LOOPBACK, port);
    }
    let whole = if text.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{text}]:{port}")
    } else if text.starts_with(':') {
        format!("{LOOPBACK}{text}")
    } else if text.rsplit_once(':').is_some() {
        text.to_owned()
    } else {
        format!("{text}:{port}")
    };
    if let Ok(address) = whole.parse::<SocketAddr>() {
        return Ok(address.into());
    }
    let found = whole
        .to_socket_addrs()
        .map_err(|error| format!("{shown} is no address: {error}; expected HOST:PORT"))?;
    let host = whole.rsplit_once(':').map_or("", |(host, _)| host);
    HostPort::named(host, found).ok_or_else(|| format!("{shown} has no address"))
}

#[cfg(test)]
mod tests {
    use protocol::systems::system;

    use super::*;

    #[test]
    fn an_address_may_be_a_host_a_port_or_both() {
        let helo = system("helo").unwrap();
        let address = |text| addresses(helo, text).map(|all| all[0].to_string());
        assert_eq!(address(None).unwrap(), "127.0.0.1:9999");
        assert_eq!(address(Some("7000")).unwrap(), "127.0.0.1:7000");
        assert_eq!(address(Some(":7000")).unwrap(), "127.0.0.1:7000");
        assert_eq!(address(Some("127.0.0.2")).unwrap(), "127.0.0.2:9999");
        assert_eq!(address(Some("127.0.0.2:1")).unwrap(), "127.0.0.2:1");
        assert_eq!(address(Some("::1")).unwrap(), "[::1]:9999");
        assert_eq!(address(Some("[::1]:5")).unwrap(), "[::1]:5");
        assert!(address(Some("1.2.3.4:99999")).unwrap_err().contains("expected HOST:PORT"));
        assert_eq!(address(Some("localhost:7000")).unwrap(), "localhost:7000");
        assert!(address(Some("1,2")).unwrap_err().contains("2 addresses for 1 of helo"));
    }
}
