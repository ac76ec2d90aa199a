//! How much a program on this machine has not read yet of a connection. The kernel is asked for that one socket, or, where it does not
//! answer such questions, its table of sockets is read, which takes a hundred times as long.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// How many bytes the socket at `own`, connected to `peer`, holds for its program. `None` if the socket is gone or on another machine, or the
/// system does not say.
pub(super) fn unread(own: SocketAddr, peer: SocketAddr) -> Option<u64> {
    #[cfg(target_os = "linux")]
    match diag::ask(own, peer) {
        diag::Answer::Unread(bytes) => return Some(bytes),
        diag::Answer::NoSocket => return None,
        diag::Answer::Nothing => {}
    }
    in_table(own, peer)
}

/// The same from the table.
fn in_table(own: SocketAddr, peer: SocketAddr) -> Option<u64> {
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|path| {
        let table = fs::read_to_string(path).ok()?;
        table.lines().find_map(|line| unread_of(line, own, peer))
    })
}

/// `sock_diag(7)`: a question about one socket.
#[cfg(target_os = "linux")]
mod diag {
    use std::net::{IpAddr, SocketAddr};

    use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
    };

    /// `SOCK_DIAG_BY_FAMILY`, the question and its answer; and `NLMSG_ERROR`.
    const BY_FAMILY: u16 = 20;
    const ERROR: u16 = 2;
    /// `NLM_F_REQUEST`.
    const REQUEST: u16 = 1;
    /// `IPPROTO_TCP`.
    const TCP: u8 = 6;
    /// The number of "no such file": there is no such socket.
    const NO_SUCH: i32 = -2;
    /// `struct nlmsghdr` has 16 bytes, `struct inet_diag_req_v2` 56.
    const QUESTION: u32 = 72;
    /// Where `idiag_rqueue` stands in the answer: behind the header, 4 bytes, the socket's 48, and `idiag_expires`.
    const UNREAD: usize = 16 + 4 + 48 + 4;

    /// What the kernel says of a socket.
    pub(super) enum Answer {
        /// So many bytes wait for the program.
        Unread(u64),
        /// There is no such socket.
        NoSocket,
        /// It does not answer such questions.
        Nothing,
    }

    pub(super) fn ask(own: SocketAddr, peer: SocketAddr) -> Answer {
        asked(own, peer).unwrap_or(Answer::Nothing)
    }

    fn asked(own: SocketAddr, peer: SocketAddr) -> Option<Answer> {
        let flags = SocketFlags::CLOEXEC;
        let socket =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(SOCK_DIAG)).ok()?;
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&socket, &question(own, peer)?, SendFlags::empty(), &kernel).ok()?;
        let mut answer = [0_u8; 4096];
        // The kernel answers before `sendto` returns.
        let (count, _) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT).ok()?;
        read(answer.get(..count)?)
    }

    fn question(own: SocketAddr, peer: SocketAddr) -> Option<Vec<u8>> {
        let (family, own_host, peer_host) =
            match (own.ip().to_canonical(), peer.ip().to_canonical()) {
                (IpAddr::V4(own), IpAddr::V4(peer)) => {
                    let wide = |host: [u8; 4]| {
                        let mut wide = [0; 16];
                        wide.iter_mut().zip(host).for_each(|(to, byte)| *to = byte);
                        wide
                    };
                    (AddressFamily::INET, wide(own.octets()), wide(peer.octets()))
                }
                (IpAddr::V6(own), IpAddr::V6(peer)) => {
                    (AddressFamily::INET6, own.octets(), peer.octets())
                }
                _ => return None,
            };
        let mut question = Vec::new();
        question.extend(QUESTION.to_ne_bytes());
        question.extend(BY_FAMILY.to_ne_bytes());
        question.extend(REQUEST.to_ne_bytes());
        question.extend([0; 8]);
        question.extend([u8::try_from(family.as_raw()).ok()?, TCP, 0, 0]);
        question.extend(u32::MAX.to_ne_bytes());
        question.extend(own.port().to_be_bytes());
        question.extend(peer.port().to_be_bytes());
        question.extend(own_host);
        question.extend(peer_host);
        question.extend(0_u32.to_ne_bytes());
        // Whatever number the kernel has for it.
        question.extend([0xff; 8]);
        Some(question)
    }

    fn read(answer: &[u8]) -> Option<Answer> {
        let four = |at: usize| <[u8; 4]>::try_from(answer.get(at..at + 4)?).ok();
        let kind = <[u8; 2]>::try_from(answer.get(4..6)?).ok()?;
        match u16::from_ne_bytes(kind) {
            BY_FAMILY => Some(Answer::Unread(u32::from_ne_bytes(four(UNREAD)?).into())),
            ERROR if i32::from_ne_bytes(four(16)?) == NO_SUCH => Some(Answer::NoSocket),
            _ => None,
        }
    }
}

/// A line of the table: number, local address, remote address, state, bytes to send and to read, and more.
fn unread_of(line: &str, own: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let mut words = line.split_whitespace().skip(1);
    let mut is = |address: SocketAddr| words.next().is_some_and(|word| names(word, address));
    if !is(own) || !is(peer) {
        return None;
    }
    let queues = words.nth(1)?;
    u64::from_str_radix(queues.split_once(':')?.1, 16).ok()
}

/// Whether the kernel's word for an address means this one: 4 or 16 bytes, in words of the machine's byte order, and a port.
fn names(word: &str, address: SocketAddr) -> bool {
    let Some((host, port)) = word.split_once(':') else { return false };
    if u16::from_str_radix(port, 16) != Ok(address.port()) {
        return false;
    }
    let words: Option<Vec<u32>> = host
        .as_bytes()
        .chunks(8)
        .map(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        .collect();
    let bytes: Vec<u8> = words.unwrap_or_default().into_iter().flat_map(u32::to_ne_bytes).collect();
    let host = match *bytes.as_slice() {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        _ => match <[u8; 16]>::try_from(bytes) {
            Ok(bytes) => IpAddr::from(bytes).to_canonical(),
            Err(_) => return false,
        },
    };
    host == address.ip().to_canonical()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a connection to be seen")]
    fn what_a_program_has_not_read_is_seen() {
        for host in ["127.0.0.1", "[::1]"] {
            let Ok(listener) = TcpListener::bind(format!("{host}:0")) else { continue };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (own, peer) = (client.peer_addr().unwrap(), client.local_addr().unwrap());
            // Not accepted yet, and it holds what was written all the same.
            assert_eq!(unread(own, peer), Some(0));
            client.write_all(b"seven..").unwrap();
            assert_eq!((unread(own, peer), in_table(own, peer)), (Some(7), Some(7)));
            let (mut server, _) = listener.accept().unwrap();
            server.read_exact(&mut [0; 4]).unwrap();
            assert_eq!(unread(own, peer), Some(3));
            server.read_exact(&mut [0; 3]).unwrap();
            assert_eq!(unread(own, peer), Some(0));
            drop((server, listener));
            assert_eq!(unread((own.ip(), 1).into(), peer), None);
        }
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        let four = format!("{}:1F90", word([127, 0, 0, 1]));
        assert!(names(&four, "127.0.0.1:8080".parse().unwrap()));
        assert!(!names(&four, "127.0.0.1:8081".parse().unwrap()));
        assert!(!names(&four, "127.0.0.2:8080".parse().unwrap()));
        let mapped = format!(
            "{}{}{}{}:1F90",
            word([0; 4]),
            word([0; 4]),
            word([0, 0, 0xff, 0xff]),
            word([127, 0, 0, 1])
        );
        assert!(names(&mapped, "127.0.0.1:8080".parse().unwrap()));
        for wrong in ["", ":", "x:1F90", "0:1F90", "ééé:1F90", "0000000000000000:1F90"] {
            assert!(!names(wrong, "127.0.0.1:8080".parse().unwrap()), "{wrong}");
        }
    }
}
