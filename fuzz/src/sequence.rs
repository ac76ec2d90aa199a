//! An input as a sequence of things that happen to an endpoint: bytes of the peer cut anywhere or changed, bytes of anybody,
//! commands, timeouts, closes, theft. Checked after each: nothing is held that did not arrive, nothing is written to a connection
//! that is not there, and a fork is equal.

use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use protocol::endpoint::{Command, Conn, Endpoint, Input, Output, PortIndex, Tick};

use crate::{Moment, message};

/// Let all of `input` happen to one of these; its first two bytes choose which.
pub fn play(moments: &[Moment], input: &[u8]) {
    let Some((moment, rest)) = input.split_first_chunk::<2>() else { return };
    let moment = &moments[usize::from(u16::from_le_bytes(*moment)) % moments.len()];
    let endpoint = moment.endpoint.fork();
    let arrived = endpoint.buffered();
    let (now, conns, out) = (moment.now, moment.conns, Output::default());
    let mut run = Run { endpoint, now, conns, arrived, wake: None, out };
    let (mut ahead, mut rest) = (&moment.ahead[..], Rest(rest));
    while happen(&mut run, moment, &mut ahead, &mut rest).is_some() {}
}

/// What is left of an input, taken from the front.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// As many bytes as the next byte says, or as there are.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let wanted = usize::from(self.byte()?);
        let (front, rest) = self.0.split_at(wanted.min(self.0.len()));
        self.0 = rest;
        Some(front)
    }
}

fn digest(endpoint: &dyn Endpoint) -> u64 {
    let mut hasher = DefaultHasher::new();
    endpoint.digest(&mut hasher);
    hasher.finish()
}

struct Run {
    endpoint: Box<dyn Endpoint>,
    now: Tick,
    conns: u32,
    /// The most bytes that it can hold.
    arrived: usize,
    wake: Option<Tick>,
    out: Output,
}

impl Run {
    fn step(&mut self, input: Input<'_>) {
        if let Input::Received(_, bytes) = input {
            self.arrived += bytes.len();
        }
        self.out.clear();
        self.endpoint.step(self.now, input, &mut self.out);
        assert!(self.endpoint.buffered() <= self.arrived);
        self.wake = self.out.wake.or(self.wake);
        // A driver opens what a client asks for.
        self.conns += u32::try_from(self.out.opens.len()).expect("few");
        let wrote = self.out.writes.iter().map(|(conn, _)| conn);
        for conn in wrote.chain(&self.out.closes) {
            assert!((1..=self.conns).contains(&conn.0), "{conn:?} of {}", self.conns);
        }
    }
}

/// One thing that happens, as the input has it; nothing at its end.
fn happen(
    run: &mut Run,
    moment: &Moment,
    ahead: &mut &[(Conn, Vec<u8>)],
    rest: &mut Rest<'_>,
) -> Option<()> {
    let head = rest.byte()?;
    let number = u32::from(head >> 3);
    let conn = Conn(1 + number % run.conns.max(1));
    match head & 7 {
        0 => run.step(Input::Received(conn, rest.bytes()?)),
        // What the peer sends next, in two pieces, or a piece of it alone.
        1 => {
            let cut = usize::from(rest.byte()?);
            let ((conn, segment), later) = ahead.split_first()?;
            let (front, back) = segment.split_at(cut.min(segment.len()));
            run.step(Input::Received(*conn, front));
            if number < 24 {
                run.step(Input::Received(*conn, back));
                *ahead = later;
            }
        }
        // The same with one byte changed.
        2 => {
            let at = usize::from(rest.byte()?) | usize::from(head >> 3) << 8;
            let change = rest.byte()?;
            let ((conn, segment), later) = ahead.split_first()?;
            let mut segment = segment.clone();
            let len = segment.len().max(1);
            *segment.get_mut(at % len)? ^= change;
            run.step(Input::Received(*conn, &segment));
            *ahead = later;
        }
        3 => run.step(Input::Closed(conn)),
        4 => {
            let later = run.now.after(Duration::from_secs(u64::from(number)));
            run.now =
                if number == 0 { run.wake.take().unwrap_or(later).max(run.now) } else { later };
            run.step(Input::Timeout);
        }
        5 if number == 31 => run.step(Input::Command(&Command::End)),
        5 => {
            let carries = moment.system.carries;
            let kind = carries.get(head as usize % carries.len())?;
            run.step(Input::Command(&Command::Send(message(*kind, rest.bytes()?))));
        }
        6 => {
            let service = PortIndex(head % moment.system.ports.len() as u8);
            if number >= 16 {
                run.conns += 1;
                run.step(Input::Opened(Conn(run.conns), service));
            } else {
                run.step(Input::Opened(conn, service));
            }
        }
        _ if number < 16 => {
            let fork = run.endpoint.fork();
            assert_eq!(digest(&*fork), digest(&*run.endpoint));
            run.endpoint = fork;
        }
        _ if number < 24 => {
            run.endpoint =
                run.endpoint.compromised(u64::from(number)).expect("every system offers it")
        }
        _ => {
            let ((conn, segment), _) = ahead.split_first()?;
            let add = rest.bytes()?;
            let mut edit = |plain: &mut Vec<u8>| plain.extend_from_slice(add);
            let frame = run.endpoint.rewrite(*conn, segment, &mut edit);
            if let Some(frame) = frame {
                run.step(Input::Received(*conn, &frame));
                *ahead = ahead.split_first()?.1;
            }
        }
    }
    Some(())
}
