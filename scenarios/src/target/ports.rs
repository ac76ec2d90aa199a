//! Free ports on the loopback interface, and whether somebody listens there, without a connection that the program
//! under test would have to take.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The host that everything is on.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// State of a listening socket in the kernel's table: `TCP_LISTEN` in Linux's `tcp_states.h`.
const LISTEN: &str = "0A";

/// So many ports that are free, and each another one.
#[expect(clippy::disallowed_methods, reason = "the ports of a live program")]
pub(super) fn free(count: usize) -> io::Result<Vec<u16>> {
    let held: io::Result<Vec<TcpListener>> =
        (0..count).map(|_| TcpListener::bind((HOST, 0))).collect();
    held?.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// How it is found out whether a port listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// In the kernel's table of sockets.
    Table,
    /// By trying to take the port.
    Bind,
}

impl Look {
    /// What this machine offers.
    pub(super) fn best() -> Self {
        if fs::metadata("/proc/net/tcp").is_ok() { Self::Table } else { Self::Bind }
    }

    /// For the reader of a verdict.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Table => "the kernel's table of sockets told when the server listened",
            Self::Bind => "the server's port was taken to listen once it could not be bound",
        }
    }

    /// Whether clients can connect to this port.
    #[expect(clippy::disallowed_methods, reason = "the ports of a live program")]
    pub(super) fn listens(self, port: u16) -> bool {
        match self {
            Self::Table => {
                let has = |path: &str, hosts: &[&str]| {
                    let table = fs::read_to_string(path).unwrap_or_default();
                    table.lines().any(|line| is_listener(line, hosts, port))
                };
                has("/proc/net/tcp", &["00000000", &word(HOST.octets())])
                    || has("/proc/net/tcp6", &[&"0".repeat(32), &mapped()])
            }
            Self::Bind => {
                let taken = |address: SocketAddr| {
                    let bound = TcpListener::bind(address);
                    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
                };
                taken((HOST, port).into()) || taken((Ipv4Addr::UNSPECIFIED, port).into())
            }
        }
    }
}

/// Four bytes of an address as the kernel prints them: a number in the machine's byte order.
fn word(bytes: [u8; 4]) -> String {
    format!("{:08X}", u32::from_ne_bytes(bytes))
}

/// The loopback address within IPv6.
fn mapped() -> String {
    let middle = word([0, 0, 0xff, 0xff]);
    format!("{}{middle}{}", "0".repeat(16), word(HOST.octets()))
}

/// A line of the table: number, local address and port, remote ones, state, and more.
fn is_listener(line: &str, hosts: &[&str], port: u16) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let (local, state) = (words.next().unwrap_or_default(), words.nth(1));
    let is_ours = |(host, own): (&str, &str)| {
        hosts.contains(&host) && u16::from_str_radix(own, 16) == Ok(port)
    };
    state == Some(LISTEN) && local.split_once(':').is_some_and(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a listener to be seen")]
    fn a_listener_is_seen_and_its_end_too() {
        for look in [Look::best(), Look::Bind] {
            for host in ["127.0.0.1", "0.0.0.0"] {
                let listener = TcpListener::bind((host, 0)).unwrap();
                let port = listener.local_addr().unwrap().port();
                assert!(look.listens(port), "{look:?} {host}");
                drop(listener);
                // A program that another test is just starting may hold it a little longer.
                let is_gone = (0..200).any(|_| {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                    !look.listens(port)
                });
                assert!(is_gone, "{look:?} {host}");
            }
        }
    }

    #[test]
    fn nothing_else_is_a_listener() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000";
        let host = "0100007F";
        assert!(is_listener(line, &[host], 8080));
        assert!(!is_listener(line, &[host], 8081));
        assert!(!is_listener(line, &["00000000"], 8080));
        assert!(!is_listener(&line.replace(" 0A ", " 01 "), &[host], 8080));
        for line in ["", "  sl  local_address rem_address   st", "0: x", "0: :: : 0A"] {
            assert!(!is_listener(line, &[host], 8080));
        }
    }

    #[test]
    fn free_ports_differ() {
        let mut ports = free(8).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 8);
    }
}
