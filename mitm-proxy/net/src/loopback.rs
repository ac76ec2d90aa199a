//! Moves the bytes of a world over TCP on the loopback interface: real connections from client to attacker and from
//! attacker to server, real reads, real closes. The clock and the order of events stay the world's, so a run over TCP can
//! be compared with one in memory claim by claim.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::Side;
use protocol::entropy::Entropy;
use protocol::layout::Layout;
use socket2::SockRef;

use mitm_proxy::world::{Direction, Leg, Transport};

/// The most one read returns, in bytes.
const READ: usize = 256 * 1024;

/// A read that takes longer than this has lost its bytes: on loopback they are there at once.
const PATIENCE: Duration = Duration::from_mins(5);

/// Connections on loopback, one for each leg, made when first needed.
///
/// ```
/// use mitm_proxy::prelude::*;
/// use net::Loopback;
/// use protocol::systems::SYSTEMS;
///
/// let victim = SYSTEMS.first().unwrap();
/// let mut world = World::new(&WorldSpec::new(Victims::System(victim)).client([Step::End]));
/// let loopback = Loopback::new(world.layout(), 1);
/// world.use_transport(Box::new(loopback));
/// world.run();
/// assert_eq!((world.open_ends().count(), world.trace().misfires.len()), (0, 0));
/// ```
#[derive(Debug)]
pub struct Loopback {
    legs: BTreeMap<Leg, Pair>,
    /// Decides how much each read asks for: pieces of random size, some of one byte. `None` for systems in which one read is one message:
    /// there a read takes all that was sent at once.
    tear: Option<Box<Entropy>>,
}

/// Both ends of a connection.
#[derive(Debug)]
struct Pair {
    endpoint: TcpStream,
    attacker: TcpStream,
}

impl Loopback {
    /// For a system with this layout. Where its frames say how long they are, reads tear them apart, as `seed` decides.
    pub fn new(layout: &Layout, seed: u64) -> Self {
        let by_reads = layout.frames.iter().any(|spec| spec.is_one_read());
        let tear = (!by_reads).then(|| Box::new(Entropy::new(seed, "segments")));
        Self { legs: BTreeMap::new(), tear }
    }

    fn pair(&mut self, leg: Leg) -> io::Result<&mut Pair> {
        match self.legs.entry(leg) {
            std::collections::btree_map::Entry::Occupied(found) => Ok(found.into_mut()),
            std::collections::btree_map::Entry::Vacant(free) => Ok(free.insert(connect(leg.side)?)),
        }
    }
}

impl Transport for Loopback {
    fn transfer(
        &mut self,
        leg: Leg,
        direction: Direction,
        bytes: &Bytes,
    ) -> io::Result<Vec<Bytes>> {
        let mut tear = self.tear.take();
        let pieces =
            self.pair(leg).and_then(|pair| pair.transfer(direction, bytes, tear.as_deref_mut()));
        self.tear = tear;
        pieces
    }

    fn close(&mut self, leg: Leg, direction: Direction) -> io::Result<()> {
        let pair = self.pair(leg)?;
        let closed = pair.close(direction);
        self.legs.remove(&leg);
        closed
    }

    fn fork(&self) -> Box<dyn Transport> {
        Box::new(Self { legs: BTreeMap::new(), tear: self.tear.clone() })
    }
}

thread_local! {
    /// Where the attacker and the server listen. Whoever connects is accepted at once, so all worlds of a thread can share them.
    static LISTENERS: RefCell<Option<[TcpListener; 2]>> = const { RefCell::new(None) };
}

/// A client connects to the attacker, or the attacker to a server.
fn connect(side: Side) -> io::Result<Pair> {
    LISTENERS.with_borrow_mut(|listeners| {
        let [attacker, server] = match listeners {
            Some(listeners) => listeners,
            None => listeners.insert([listen()?, listen()?]),
        };
        match side {
            Side::Client => {
                let (endpoint, attacker) = meet(attacker)?;
                Ok(Pair { endpoint, attacker })
            }
            Side::Server => {
                let (attacker, endpoint) = meet(server)?;
                Ok(Pair { endpoint, attacker })
            }
        }
    })
}

#[allow(clippy::disallowed_methods, reason = "these are the sockets of a run over TCP")]
fn listen() -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// The connecting end and the accepted one.
#[allow(clippy::disallowed_methods, reason = "these are the sockets of a run over TCP")]
fn meet(listener: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
    let connected = TcpStream::connect(listener.local_addr()?)?;
    let own = connected.local_addr()?;
    let accepted = loop {
        // Somebody else on this machine may have tried the port.
        let (accepted, from) = listener.accept()?;
        if from == own {
            break accepted;
        }
    };
    for stream in [&connected, &accepted] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // A run makes thousands of connections. Without this each would stay in TIME_WAIT and keep its port.
        SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok((connected, accepted))
}

impl Pair {
    fn ends(&mut self, direction: Direction) -> (&mut TcpStream, &mut TcpStream) {
        match direction {
            Direction::ToAttacker => (&mut self.endpoint, &mut self.attacker),
            Direction::ToEndpoint => (&mut self.attacker, &mut self.endpoint),
        }
    }

    /// Write and read alternately, so that more bytes than the kernel buffers can pass.
    fn transfer(
        &mut self,
        direction: Direction,
        bytes: &Bytes,
        mut tear: Option<&mut Entropy>,
    ) -> io::Result<Vec<Bytes>> {
        let (from, to) = self.ends(direction);
        let (mut written, mut arrived) = (0, 0);
        let mut pieces: Vec<Bytes> = Vec::new();
        while arrived < bytes.len() {
            written += write_some(from, bytes.get(written..).unwrap_or_default())?;
            let left = bytes.len() - arrived;
            let mut piece = vec![0; piece_size(tear.as_deref_mut(), left)];
            let read = match to.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            piece.truncate(read);
            arrived += read;
            pieces.push(piece.into());
        }
        if tear.is_none() && pieces.len() > 1 {
            pieces = vec![pieces.concat().into()];
        }
        Ok(pieces)
    }

    fn close(&mut self, direction: Direction) -> io::Result<()> {
        let (from, to) = self.ends(direction);
        from.shutdown(Shutdown::Write)?;
        match to.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(io::Error::new(ErrorKind::InvalidData, "bytes that nobody sent")),
            Err(error) => Err(error),
        }
    }
}

/// As much as the kernel takes now.
fn write_some(to: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    to.set_nonblocking(true)?;
    let written = to.write(bytes);
    to.set_nonblocking(false)?;
    match written {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(0)
        }
        other => other,
    }
}

/// How much the next read asks for, with so many bytes to come.
fn piece_size(tear: Option<&mut Entropy>, left: usize) -> usize {
    let Some(entropy) = tear else { return left.clamp(1, READ) };
    let random = u32::from_be_bytes(entropy.bytes());
    (1 + random as usize % (left / 2).max(8)).min(READ)
}

#[cfg(test)]
mod tests {
    use protocol::systems::system;
    use protocol::weakness::Profile;

    use super::*;

    fn transport(name: &str, profile: fn(&protocol::system::System) -> Profile) -> Loopback {
        let system = system(name).unwrap();
        Loopback::new(&(system.layout)(profile(system)), 7)
    }

    const LEG: Leg = Leg { link: 1, side: Side::Client };

    #[test]
    fn what_is_written_is_read_in_pieces_both_ways_and_more_than_the_kernel_holds() {
        let mut transport = transport("helo", |_| Profile::HARDENED);
        let bytes: Bytes =
            (0..20_000_000u32).map(|n| n.to_le_bytes()[1]).collect::<Vec<_>>().into();
        for direction in [Direction::ToAttacker, Direction::ToEndpoint] {
            let pieces = transport.transfer(LEG, direction, &bytes).unwrap();
            assert!(pieces.len() > 10);
            assert_eq!(pieces.concat(), bytes);
        }
        assert_eq!(
            transport.transfer(LEG, Direction::ToAttacker, &Bytes::new()).unwrap(),
            Vec::<Bytes>::new()
        );
    }

    #[test]
    fn where_a_read_is_a_message_none_is_torn() {
        let mut transport = transport("csr", Profile::as_built);
        let bytes = Bytes::from(vec![7; 4_000_000]);
        assert_eq!(transport.transfer(LEG, Direction::ToAttacker, &bytes).unwrap(), [bytes]);
    }

    #[test]
    fn a_close_is_seen_and_a_fork_has_connections_of_its_own() {
        let mut transport = transport("helo", |_| Profile::HARDENED);
        transport.transfer(LEG, Direction::ToAttacker, &Bytes::from_static(b"hi")).unwrap();
        let mut fork = transport.fork();
        transport.close(LEG, Direction::ToEndpoint).unwrap();
        assert!(transport.legs.is_empty());
        assert_eq!(
            fork.transfer(LEG, Direction::ToEndpoint, &Bytes::from_static(b"on")).unwrap().concat(),
            b"on"
        );
        // One that never was opened is opened first.
        transport.close(Leg { link: 2, side: Side::Server }, Direction::ToAttacker).unwrap();
    }
}
