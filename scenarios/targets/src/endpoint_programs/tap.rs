//! The connections of a live endpoint as a capture: what its sockets took and gave, as it goes, and what the endpoint says
//! about it. Nothing is kept but the beginning of a frame whose type is not clear yet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use capture::{Ending, Format, Writer};
use net::{Event, Trouble};
use protocol::endpoint::{Claim, Conn, Fact, Input, Message, PortIndex, Side, Tick};
use protocol::layout::Layout;
use recordings::claim_text::describe;
use recordings::disk::capture_file;
use recordings::run_capture::Plaintext;

use super::naming::Naming;

/// What is written after fewer bytes is in the file at once: somebody may be reading along, but not faster.
const SOON: usize = 64 * 1024;

/// A capture of a live endpoint. Clones share it.
#[derive(Clone, Debug)]
pub struct Tap(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    /// Until it cannot be written, or is finished.
    tape: Option<Tape>,
    failed: Option<io::Error>,
}

impl Tap {
    /// A capture in this file: classic for `.pcap`, else pcapng. It is of the `side` of a system whose frames these are.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(
        path: &Path,
        layout: Arc<Layout>,
        side: Side,
        plaintext: Plaintext,
    ) -> io::Result<Self> {
        let end = if side == Side::Client { "a client" } else { "the server" };
        let about = format!("{}, as {end} saw it", layout.system);
        let writer = Writer::new(Out(capture_file(path)?), Format::of(path), &[about])?;
        // What one read or write moved is one segment where that can be: to some protocols it is one frame.
        let writer = writer.segment_size(u16::MAX);
        let (began, wires, said) = (None, BTreeMap::new(), Vec::new());
        let tape = Some(Tape { writer, began, layout, side, plaintext, wires, said });
        Ok(Self(Rc::new(RefCell::new(State { tape, failed: None }))))
    }

    /// Write what happened. The first time that fails, that is said, and nothing more is written.
    pub fn record(&self, now: Tick, event: &Event<'_>) {
        let mut state = self.0.borrow_mut();
        let Some(tape) = &mut state.tape else { return };
        if let Err(error) = tape.event(now, event) {
            state.tape = None;
            give_up(&mut state.failed, error);
        }
    }

    /// Write the rest; whether all of it is in the file.
    pub fn finish(&self) -> bool {
        let mut state = self.0.borrow_mut();
        if let Some(Err(error)) = state.tape.take().map(|tape| tape.writer.finish()) {
            give_up(&mut state.failed, error);
        }
        state.failed.is_none()
    }
}

fn give_up(failed: &mut Option<io::Error>, error: io::Error) {
    let _ = writeln!(io::stderr(), "warning: the capture is given up: {error}");
    failed.get_or_insert(error);
}

/// A file, which has no useful `Debug`.
struct Out(Box<dyn Write + Send>);

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out")
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[derive(Debug)]
struct Tape {
    writer: Writer<Out>,
    /// When the endpoint was started, in nanoseconds since 1970.
    began: Option<u64>,
    layout: Arc<Layout>,
    /// Which side the endpoint is.
    side: Side,
    plaintext: Plaintext,
    wires: BTreeMap<Conn, Wire>,
    /// What the endpoint said while it was given something, until it is clear on which packet that came.
    said: Vec<(Conn, String)>,
}

/// An open connection.
#[derive(Debug)]
struct Wire {
    client: Direction,
    server: Direction,
}

#[derive(Debug)]
struct Direction {
    names: Naming,
    finished: bool,
}

impl Wire {
    fn new(layout: &Arc<Layout>, service: PortIndex) -> Self {
        let direction =
            |side| Direction { names: Naming::new(layout.clone(), service, side), finished: false };
        Self { client: direction(Side::Client), server: direction(Side::Server) }
    }

    fn of(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl Tape {
    fn event(&mut self, now: Tick, event: &Event<'_>) -> io::Result<()> {
        let at = self.time(now);
        match *event {
            Event::Opened { conn, service, address, local } => {
                self.opened(at, conn, service, address, local)
            }
            Event::Claimed(claim) => {
                self.said.push((claim.conn, self.words(claim)));
                Ok(())
            }
            Event::Stepped(Input::Received(conn, bytes)) => {
                let said = self.take_said();
                self.data(at, conn, self.side.other(), bytes, said)
            }
            // The end that follows is the packet it is about; and of secrets nothing stands in a capture.
            Event::Stepped(Input::Closed(_))
            | Event::Secret { .. }
            | Event::Trouble { conn: None, .. }
            | Event::Sending { .. }
            | Event::Receiving { .. } => Ok(()),
            Event::Stepped(_) => self.said_of_itself(at),
            Event::Discarded { conn, bytes } => {
                let said = vec!["not read: this end had closed".to_owned()];
                self.data(at, conn, self.side.other(), bytes, said)
            }
            Event::Wrote { conn, bytes } => self.data(at, conn, self.side, bytes, Vec::new()),
            Event::HungUp { conn } => self.end(at, conn, self.side.other(), Ending::Finished),
            Event::Finished { conn } => self.end(at, conn, self.side, Ending::Finished),
            Event::Reset { conn } => self.end(at, conn, self.side.other(), Ending::Reset),
            Event::Closed { conn } => {
                if self.wires.remove(&conn).is_some() {
                    self.writer.forget(conn.0);
                }
                self.writer.flush()
            }
            Event::Trouble { conn: Some(conn), ref what } => {
                self.said.push((conn, what.to_string()));
                // The others come with the packet or the end they are about.
                let alone = matches!(what, Trouble::NotReading(_));
                if alone { self.said_of_itself(at) } else { Ok(()) }
            }
        }
    }

    /// A time of the endpoint, in nanoseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "a capture of real traffic has real times")]
    fn time(&mut self, now: Tick) -> u64 {
        let began = *self.began.get_or_insert_with(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).saturating_sub(now.0)
        });
        began.saturating_add(now.0)
    }

    fn opened(
        &mut self,
        at: u64,
        conn: Conn,
        service: PortIndex,
        peer: SocketAddr,
        local: Option<SocketAddr>,
    ) -> io::Result<()> {
        let unknown = match peer.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let own = local.unwrap_or(SocketAddr::new(unknown, 0));
        let (client, server) = match self.side {
            Side::Client => (own, peer),
            Side::Server => (peer, own),
        };
        self.wires.insert(conn, Wire::new(&self.layout, service));
        self.writer.open(at, conn.0, client, server)
    }

    /// Bytes of `from`, with the frames that begin in them and what the endpoint says.
    fn data(
        &mut self,
        at: u64,
        conn: Conn,
        from: Side,
        bytes: &[u8],
        said: Vec<String>,
    ) -> io::Result<()> {
        let Some(wire) = self.wires.get_mut(&conn) else { return Ok(()) };
        let direction = wire.of(from);
        if direction.finished {
            return Ok(());
        }
        let mut comments = Vec::new();
        let frames = direction.names.feed(bytes);
        if !frames.is_empty() {
            let many = if frames.len() == 1 { "" } else { "s" };
            comments.push(format!("frame{many} {}", frames.join(", ")));
        }
        comments.extend(said);
        self.writer.data(at, conn.0, from, bytes, &comments)?;
        if bytes.len() < SOON { self.writer.flush() } else { Ok(()) }
    }

    /// What it said without having been given bytes goes onto the next packet of its connection.
    fn said_of_itself(&mut self, at: u64) -> io::Result<()> {
        for (conn, words) in std::mem::take(&mut self.said) {
            let Some(wire) = self.wires.get_mut(&conn) else { continue };
            let sends = [self.side, self.side.other()];
            if let Some(from) = sends.into_iter().find(|side| !wire.of(*side).finished) {
                self.writer.data(at, conn.0, from, &[], &[words])?;
            }
        }
        Ok(())
    }

    fn end(&mut self, at: u64, conn: Conn, from: Side, how: Ending) -> io::Result<()> {
        let said = self.take_said();
        let Some(wire) = self.wires.get_mut(&conn) else { return Ok(()) };
        let gone = wire.client.finished && wire.server.finished;
        // Who has finished can still reset.
        let from = match how {
            Ending::Reset if wire.of(from).finished => from.other(),
            _ => from,
        };
        let direction = wire.of(from);
        if gone || direction.finished {
            return Ok(());
        }
        direction.finished = true;
        if how == Ending::Reset {
            wire.of(from.other()).finished = true;
        }
        self.writer.close(at, conn.0, from, how, &said)?;
        self.writer.flush()
    }

    fn take_said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said).into_iter().map(|(_, words)| words).collect()
    }

    /// A claim in words; of a message only its kind and size, unless more is wanted.
    fn words(&self, claim: &Claim) -> String {
        let of =
            |message: &Message| format!("{} of {} bytes", message.kind.name(), message.body.len());
        let what = match (&claim.fact, self.plaintext) {
            (Fact::Sent(message), Plaintext::Hidden) => format!("sends {}", of(message)),
            (Fact::Delivered(message), Plaintext::Hidden) => format!("delivers {}", of(message)),
            (Fact::Acknowledged(message), Plaintext::Hidden) => {
                format!("knows {} arrived", of(message))
            }
            _ => describe(claim).1,
        };
        format!("{} {what}", claim.local)
    }
}
