//! Free ports on the loopback interface, and whether somebody listens there, without a connection that the program
//! under test would have to take.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, test_kill_process_group};

/// The host that everything is on.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// State of a listening socket in the kernel's table: `TCP_LISTEN` in Linux's `tcp_states.h`.
const LISTEN: &str = "0A";

/// The lowest port that is given out.
const LOWEST: u16 = 10_240;

/// Ports that runs of this program have taken and not given back.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Ports for a server, while this lives: no other run gets one of them, in this process or another.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    pub(super) ports: Vec<u16>,
    marks: Vec<Mark>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        self.ports.iter().for_each(|port| {
            taken.remove(port);
        });
    }
}

/// What other processes see of a reservation: a name that only one socket of this machine can have, and that goes with its process.
#[cfg(target_os = "linux")]
type Mark = std::os::unix::net::UnixDatagram;
#[cfg(not(target_os = "linux"))]
type Mark = ();

/// Mark a port for other processes. Nothing, if one of them has it.
#[cfg(target_os = "linux")]
fn mark(port: u16) -> Option<Mark> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let name = SocketAddr::from_abstract_name(format!("meddle-port-{port}")).ok()?;
    UnixDatagram::bind_addr(&name).ok()
}

#[cfg(not(target_os = "linux"))]
fn mark(_: u16) -> Option<Mark> {
    Some(())
}

/// So many ports that are free, and each another one. They lie below those that the kernel gives to connections: between now and when
/// the server listens, nobody is given one by chance.
pub(super) fn free(count: usize) -> io::Result<Reserved> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = Reserved::default();
    let below = lowest_of_connections();
    let span = u32::from(below.saturating_sub(LOWEST)).max(1);
    // Programs that run at the same time begin at different places.
    let start = std::process::id().wrapping_mul(2_654_435_761);
    for _ in 0..span {
        if found.ports.len() == count {
            return Ok(found);
        }
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(start) % span;
        let Ok(port) = u16::try_from(u32::from(LOWEST) + step) else { continue };
        if let Some(mark) = mark(port).filter(|_| !taken.contains(&port) && is_free(port)) {
            taken.insert(port);
            found.ports.push(port);
            found.marks.push(mark);
        }
    }
    // It gives back what it has, which takes the lock.
    drop(taken);
    if found.ports.len() == count {
        return Ok(found);
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("no {count} ports below {below} are free"),
    ))
}

/// The lowest port that the kernel gives to a connection: on Linux it tells; elsewhere it is the lowest of the dynamic ports (RFC 6335).
fn lowest_of_connections() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest = range.split_whitespace().next().and_then(|word| word.parse().ok());
    lowest.filter(|lowest| *lowest > LOWEST + 1000).unwrap_or(49_152)
}

#[expect(clippy::disallowed_methods, reason = "the ports of a live program")]
fn is_free(port: u16) -> bool {
    TcpListener::bind((HOST, port)).is_ok()
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

    /// Whether clients can connect to this port, and meet somebody of this process group there. A program that has left its group
    /// counts once nobody is left in it.
    pub(super) fn listens_for(self, port: u16, group: Pid) -> bool {
        if self == Self::Bind {
            return self.listens(port);
        }
        let is_its = |inode: &String| match owner_group(inode) {
            Some(other) if other != group.as_raw_nonzero().get() => {
                test_kill_process_group(group).is_err()
            }
            _ => true,
        };
        listeners(port).iter().any(is_its)
    }

    /// Whether clients can connect to this port.
    #[expect(clippy::disallowed_methods, reason = "the ports of a live program")]
    pub(super) fn listens(self, port: u16) -> bool {
        match self {
            Self::Table => !listeners(port).is_empty(),
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

/// The sockets that listen on this port, by their inodes.
fn listeners(port: u16) -> Vec<String> {
    let of = |path: &str, hosts: &[&str]| -> Vec<String> {
        let table = fs::read_to_string(path).unwrap_or_default();
        let lines = table.lines().filter(|line| is_listener(line, hosts, port));
        lines.filter_map(|line| Some(line.split_whitespace().nth(9)?.to_owned())).collect()
    };
    let mut found = of("/proc/net/tcp", &["00000000", &word(HOST.octets())]);
    found.extend(of("/proc/net/tcp6", &[&"0".repeat(32), &mapped()]));
    found
}

/// The process group that holds the socket of that inode, if that can be seen.
fn owner_group(inode: &str) -> Option<i32> {
    let wanted = format!("socket:[{inode}]");
    let holds = |process: &fs::DirEntry| {
        let files = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
        links.any(|link| link.as_os_str() == wanted.as_str())
    };
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes = processes.filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
    });
    let stat = fs::read_to_string(processes.find(holds)?.path().join("stat")).ok()?;
    // Behind the name, which may hold anything: state, parent, group.
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
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
    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "a listener to be seen")]
    fn who_listens_is_seen() {
        let listener = TcpListener::bind((HOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = rustix::process::getpgrp();
        assert!(Look::Table.listens_for(port, own));
        let mut other = std::process::Command::new("sleep");
        let mut other = std::os::unix::process::CommandExt::process_group(&mut other, 0)
            .arg("60")
            .spawn()
            .unwrap();
        let group = Pid::from_child(&other);
        assert!(!Look::Table.listens_for(port, group), "somebody else listens there");
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(Look::Table.listens_for(port, group), "it has left its group, or is gone");
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
        let (one, other) = (free(8).unwrap(), free(8).unwrap());
        let ports: BTreeSet<u16> = one.ports.iter().chain(&other.ports).copied().collect();
        assert_eq!(ports.len(), 16);
        assert!(ports.iter().all(|port| *port < lowest_of_connections()));
    }
}
