//! What the sessions of every system have in common: where their writes and claims go, time-outs, and one wake-up.

use std::time::Duration;

use crate::endpoint::{Claim, Conn, End, Fact, Name, Output, Reject, Tick};
use crate::inbox::Inbox;
use crate::session_secret::SessionSecret;
use crate::system::Setup;
use crate::weakness::Weakness;

/// Where the writes and claims of one session go.
#[derive(Debug)]
pub struct SessionOutput<'a> {
    /// The connection.
    pub conn: Conn,
    /// Who the endpoint is.
    pub local: &'a Name,
    /// Whom it believes to be talking to.
    pub peer: Name,
    /// Where it all goes.
    pub out: &'a mut Output,
}

impl SessionOutput<'_> {
    /// State a fact about this session.
    pub fn claim(&mut self, fact: Fact) {
        let (conn, local, peer) = (self.conn, self.local.clone(), self.peer.clone());
        self.out.claims.push(Claim { conn, local, peer, fact });
    }

    /// Write a line into the endpoint's own log.
    pub fn log(&mut self, line: &'static str) {
        self.claim(Fact::Logged(line));
    }

    /// Write a frame, as one segment.
    pub fn send(&mut self, frame: Vec<u8>) {
        self.out.writes.push((self.conn, frame));
    }

    /// Let `next` remove what stands at the front of `inbox`, and say how far the connection has been read.
    ///
    /// # Errors
    /// Those of `next`.
    pub fn read<T>(
        &mut self,
        inbox: &mut Inbox,
        next: impl FnOnce(&mut Inbox) -> Result<Option<T>, Reject>,
    ) -> Result<Option<T>, Reject> {
        inbox.read(self.conn, self.out, next)
    }

    /// This secret is in use from now on.
    pub fn secret(&mut self, label: &'static str, value: &[u8]) {
        self.out.secrets.push((self.conn, SessionSecret::new(label, value)));
    }

    /// The session is over; close.
    pub fn end(&mut self, end: End) {
        self.claim(Fact::Ended(end));
        self.out.closes.push(self.conn);
    }

    /// Refuse, and close.
    pub fn abort(&mut self, reject: Reject) {
        self.claim(Fact::Rejected(reject));
        self.end(End::Aborted);
    }
}

/// How long an endpoint waits for its peer.
#[derive(Clone, Copy, Hash, Debug)]
pub struct Timeouts {
    /// How many times as long as usual; none for ever.
    times: Option<u32>,
}

impl Timeouts {
    /// As a setup says; for ever with [`Weakness::NoTimeout`].
    pub fn of(setup: &Setup) -> Self {
        let ends = !setup.profile.has(Weakness::NoTimeout);
        Self { times: ends.then_some(setup.patience) }
    }

    /// When an endpoint that has waited since `since`, and usually has this patience, gives up.
    pub fn deadline(self, since: Tick, patience: Duration) -> Option<Tick> {
        self.times.map(|times| since.after(patience.saturating_mul(times)))
    }
}

/// The one wake-up an endpoint has outstanding. Deadlines move with every byte heard; the
/// wake-up does not, and is asked for again when it comes too early.
#[derive(Clone, Copy, Hash, Debug, Default)]
pub struct Alarm(Option<Tick>);

impl Alarm {
    /// A wake-up came: forget it if it was this one.
    pub fn rang(&mut self, now: Tick) {
        self.0 = self.0.filter(|at| *at > now);
    }

    /// Be woken by the earliest of `deadlines`.
    pub fn set(&mut self, deadlines: impl Iterator<Item = Tick>, out: &mut Output) {
        if let Some(earliest) = deadlines.min()
            && self.0.is_none_or(|at| earliest < at)
        {
            out.wake_at(earliest);
            self.0 = Some(earliest);
        }
    }
}
