//! The client of a recording, played to a live server: its frames go out as they were recorded, and what comes back is held
//! against the recording.
//!
//! It is what an attacker can do who has recorded a session and has no key. Blocking sockets, one thread that reads a connection.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use capture::Ending;
use net::HostPort;
use protocol::endpoint::{Side, Tick};
use protocol::layout::{Deframer, Frame, Layout};

use super::{Link, Piece, Session};

/// The longest pause between two frames of the client that are sent without an answer between them: time to be refused.
const PAUSE: Duration = Duration::from_millis(50);
/// How long is waited for an answer once one did not come, and for what comes after the last.
const SHORT: Duration = Duration::from_millis(300);
/// How many frames a server may send beyond those of the recording.
const MOST_MORE: usize = 1_000;
/// What one read returns at most, in bytes.
const READ: usize = 1 << 16;
/// How many reads wait until they are looked at.
const WAITING: usize = 16;

/// When a frame is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// When as many answers have come as had in the recording.
    Answers,
    /// At its time in the recording.
    Recorded,
}

/// What is played, and where.
#[derive(Debug)]
pub struct Play<'a> {
    /// The recording.
    pub session: &'a Session,
    /// Its frames.
    pub layout: &'a Arc<Layout>,
    /// The server, a port each.
    pub hosts: &'a [HostPort],
    /// When to send.
    pub pace: Pace,
    /// How long an answer may take after the last byte.
    pub patience: Duration,
}

/// Something that happened while it was played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happening {
    /// Since the beginning.
    pub at: Tick,
    /// Which connection of the session, from 0.
    pub link: usize,
    /// What it was.
    pub what: What,
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A connection was made.
    Connected(SocketAddr),
    /// A further connection could not be made.
    NotConnected(String),
    /// A recorded frame went out.
    Sent {
        /// Its number in the recording.
        number: u32,
        /// Its type.
        kind: &'static str,
        /// Its size in bytes.
        len: usize,
    },
    /// A frame came back.
    Came {
        /// Its type.
        kind: &'static str,
        /// Its size in bytes.
        len: usize,
        /// The frame of the recording in whose place it came, and how they compare; none where the recording has no more.
        like: Option<(u32, Likeness)>,
    },
    /// The client ends its side, as recorded.
    Finished,
    /// The server closed.
    Closed(When),
    /// The connection broke.
    Reset(When),
    /// The answer of this number did not come.
    Silent(u32),
}

/// How a frame compares with the one in its place in the recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Likeness {
    /// The same bytes.
    Same,
    /// The same type.
    SameType,
    /// Another type.
    OtherType,
}

/// When a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Frames of the recording had not been sent on it, or not been answered.
    Early,
    /// After all of them.
    InTheEnd,
}

/// What a reader tells.
enum Read {
    Data(Bytes),
    Closed,
    Reset,
}

/// A connection to the live server.
struct Live<'a> {
    /// Its recording.
    link: &'a Link,
    /// What the server answered on it then.
    answers: Vec<&'a Piece>,
    /// The order of the last frame the client sent on it.
    last: u64,
    stream: Option<TcpStream>,
    deframer: Deframer,
    came: usize,
    gone: bool,
}

struct Player<'a, 's> {
    play: &'a Play<'a>,
    show: &'s mut dyn FnMut(&Happening),
    happened: Vec<Happening>,
    began: Instant,
    /// When a byte came last.
    heard: Instant,
    lives: Vec<Live<'a>>,
    tell: SyncSender<(usize, Read)>,
    told: Receiver<(usize, Read)>,
    /// The order of the last frame sent.
    sent: u64,
    /// An answer did not come.
    silent: bool,
    /// It comes to nothing more.
    over: bool,
}

/// What the client does, in the order of the recording.
#[derive(Clone, Copy)]
enum Step<'a> {
    Open(usize),
    Send(&'a Piece),
    Finish(usize),
}

impl Play<'_> {
    /// Play it. Everything is shown when it happens.
    ///
    /// # Errors
    /// The first connection cannot be made.
    pub fn run(&self, show: &mut dyn FnMut(&Happening)) -> io::Result<Vec<Happening>> {
        let (tell, told) = sync_channel(WAITING);
        let began = now();
        let lives = self.session.links.iter().enumerate().map(|(at, link)| {
            let on = |side| self.session.of(side).filter(move |piece| piece.link == at);
            Live {
                link,
                answers: on(Side::Server).collect(),
                last: on(Side::Client).map(|piece| piece.order).max().unwrap_or(0),
                stream: None,
                deframer: Deframer::new(self.layout.clone(), link.service, Side::Server),
                came: 0,
                gone: false,
            }
        });
        let lives = lives.collect();
        let (happened, sent) = (Vec::new(), 0);
        let (silent, over) = (false, false);
        let mut player = Player {
            play: self,
            show,
            happened,
            began,
            heard: began,
            lives,
            tell,
            told,
            sent,
            silent,
            over,
        };
        player.run()?;
        for stream in player.lives.iter().filter_map(|live| live.stream.as_ref()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        Ok(player.happened)
    }

    /// The steps, each with its place and time in the recording.
    fn steps(&self) -> Vec<(u64, Tick, Step<'_>)> {
        let mut steps = Vec::new();
        for (at, link) in self.session.links.iter().enumerate() {
            steps.push((link.order, link.opened, Step::Open(at)));
            let [client, _] = link.closed;
            if let Some((order, _)) = client {
                steps.push((order, Tick(0), Step::Finish(at)));
            }
        }
        for piece in self.session.of(Side::Client) {
            steps.push((piece.order, piece.at, Step::Send(piece)));
        }
        steps.sort_by_key(|(order, _, _)| *order);
        steps
    }
}

impl Player<'_, '_> {
    fn run(&mut self) -> io::Result<()> {
        let zero = self.play.session.began();
        let mut before = zero;
        for (order, at, step) in self.play.steps() {
            match step {
                Step::Open(link) => {
                    self.answered(order);
                    if let Err(error) = self.connect(link) {
                        if link == 0 {
                            return Err(error);
                        }
                        self.happen(link, What::NotConnected(error.to_string()));
                        self.over = true;
                    }
                }
                Step::Send(piece) => {
                    match self.play.pace {
                        Pace::Recorded => {
                            let due = Duration::from_nanos(at.0.saturating_sub(zero.0));
                            self.until(self.began + due);
                        }
                        Pace::Answers => {
                            self.answered(order);
                            let gap = Duration::from_nanos(at.0.saturating_sub(before.0));
                            self.until(now() + gap.min(PAUSE));
                        }
                    }
                    before = at;
                    self.send(piece);
                }
                Step::Finish(link) => {
                    self.answered(order);
                    if self.over {
                        break;
                    }
                    let live = self.lives.get(link).and_then(|live| live.stream.as_ref());
                    if let Some(stream) = live {
                        let _ = stream.shutdown(Shutdown::Write);
                        self.happen(link, What::Finished);
                    }
                }
            }
            if self.over {
                break;
            }
        }
        if !self.over {
            self.answered(u64::MAX);
        }
        // What comes at last: a farewell, more than was recorded, the end.
        while !self.lives.iter().all(|live| live.gone || live.stream.is_none())
            && self.pump(now() + SHORT)
        {}
        Ok(())
    }

    fn connect(&mut self, at: usize) -> io::Result<()> {
        let Some(live) = self.lives.get_mut(at) else { return Ok(()) };
        let service = usize::from(live.link.service.0);
        let Some(host) = self.play.hosts.get(service) else {
            return Err(io::Error::new(ErrorKind::NotFound, "the protocol has no such port"));
        };
        let (stream, address) = host.connect_within(self.play.patience)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(self.play.patience))?;
        let (reader, tell) = (stream.try_clone()?, self.tell.clone());
        std::thread::spawn(move || read(reader, at, &tell));
        live.stream = Some(stream);
        self.heard = now();
        self.happen(at, What::Connected(address));
        Ok(())
    }

    fn send(&mut self, piece: &Piece) {
        let Some(live) = self.lives.get(piece.link) else { return };
        let closed_then =
            matches!(live.link.closed, [_, Some((order, Ending::Finished))] if order < piece.order);
        let Some(mut stream) = live.stream.as_ref().filter(|_| !live.gone || closed_then) else {
            self.over = true;
            return;
        };
        let written = stream.write_all(&piece.bytes);
        let (number, kind, len) = (piece.number, piece.kind, piece.len);
        match written {
            Ok(()) => {
                self.sent = piece.order;
                self.heard = now();
                self.happen(piece.link, What::Sent { number, kind, len });
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.happen(piece.link, What::Silent(number));
                self.over = true;
            }
            Err(_) => {
                // The reader knows how it ended.
                while !self.lives.get(piece.link).is_none_or(|live| live.gone)
                    && self.pump(now() + SHORT)
                {}
                self.over = true;
            }
        }
    }

    /// Wait until as many answers have come on every connection as had before this place of the recording.
    fn answered(&mut self, order: u64) {
        let due = |live: &Live<'_>| {
            let before = live.answers.iter().filter(|piece| piece.order < order).count();
            let missing = live.answers.get(live.came).filter(|_| live.came < before);
            missing.filter(|_| !live.gone).map(|piece| (piece.link, piece.number))
        };
        while let Some((link, number)) = self.lives.iter().find_map(due) {
            let patience =
                if self.silent { SHORT.min(self.play.patience) } else { self.play.patience };
            if self.over {
                return;
            }
            if !self.pump(self.heard + patience) {
                if !self.silent {
                    self.silent = true;
                    self.happen(link, What::Silent(number));
                }
                return;
            }
        }
    }

    /// Wait, and take what comes.
    fn until(&mut self, then: Instant) {
        while !self.over && self.pump(then) {}
    }

    /// Take what comes next, until then. Whether something came.
    fn pump(&mut self, then: Instant) -> bool {
        let left = then.saturating_duration_since(now());
        let Ok((at, read)) = self.told.recv_timeout(left) else { return false };
        self.heard = now();
        let Some(live) = self.lives.get_mut(at) else { return true };
        let mut frames = Vec::new();
        let early = live.came < live.answers.len() || live.last > self.sent;
        let when = if early { When::Early } else { When::InTheEnd };
        match &read {
            Read::Data(bytes) => live.deframer.push(bytes, &mut frames),
            Read::Closed | Read::Reset => {
                live.gone = true;
                frames.extend(live.deframer.finish());
            }
        }
        for frame in frames {
            self.came(at, &frame);
        }
        match read {
            Read::Data(_) => {}
            Read::Closed => self.happen(at, What::Closed(when)),
            Read::Reset => self.happen(at, What::Reset(when)),
        }
        true
    }

    fn came(&mut self, at: usize, frame: &Frame) {
        let Some(live) = self.lives.get_mut(at) else { return };
        let recorded = live.answers.get(live.came);
        live.came += 1;
        let compared = recorded.map(|piece| {
            let likeness = match piece.kind == frame.spec.name {
                true if piece.bytes == frame.bytes => Likeness::Same,
                true => Likeness::SameType,
                false => Likeness::OtherType,
            };
            (piece.number, likeness)
        });
        self.over |= live.came > live.answers.len() + MOST_MORE;
        let (kind, len) = (frame.spec.name, frame.bytes.len());
        self.happen(at, What::Came { kind, len, like: compared });
    }

    fn happen(&mut self, link: usize, what: What) {
        let since = now().saturating_duration_since(self.began).as_nanos();
        let at = Tick(u64::try_from(since).unwrap_or(u64::MAX));
        let happening = Happening { at, link, what };
        (self.show)(&happening);
        self.happened.push(happening);
    }
}

/// Read a connection to its end.
fn read(mut stream: TcpStream, at: usize, tell: &SyncSender<(usize, Read)>) {
    let mut buffer = vec![0; READ];
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => Read::Closed,
            Ok(len) => Read::Data(Bytes::copy_from_slice(buffer.get(..len).unwrap_or_default())),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => Read::Reset,
        };
        let last = !matches!(read, Read::Data(_));
        if tell.send((at, read)).is_err() || last {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a live server answers in real time")]
fn now() -> Instant {
    Instant::now()
}
