//! What the sessions of a connection-per-session system have in common: the way out, and one wake-up.

use std::time::Duration;

use crate::endpoint::{Claim, Conn, End, Fact, Name, Output, Reject, Tick};
use crate::inbox::Inbox;
use crate::session_secret::SessionSecret;
use crate::system::Setup;
use crate::weakness::Weakness;

/// The way out of one session: its writes and claims.
#[derive(Debug)]
pub(crate) struct SessionOutput<'a> {
    pub(crate) conn: Conn,
    pub(crate) local: &'a Name,
    pub(crate) peer: Name,
    pub(crate) out: &'a mut Output,
}

impl SessionOutput<'_> {
    pub(crate) fn claim(&mut self, fact: Fact) {
        let (conn, local, peer) = (self.conn, self.local.clone(), self.peer.clone());
        self.out.claims.push(Claim { conn, local, peer, fact });
    }

    pub(crate) fn log(&mut self, line: &'static str) {
        self.claim(Fact::Logged(line));
    }

    pub(crate) fn send(&mut self, frame: Vec<u8>) {
        self.out.writes.push((self.conn, frame));
    }

    /// Let `next` remove what stands at the front of `inbox`, and say how far the connection has been read.
    pub(crate) fn read<T>(
        &mut self,
        inbox: &mut Inbox,
        next: impl FnOnce(&mut Inbox) -> Result<Option<T>, Reject>,
    ) -> Result<Option<T>, Reject> {
        inbox.read(self.conn, self.out, next)
    }

    /// This secret is in use from now on.
    pub(crate) fn secret(&mut self, label: &'static str, value: &[u8]) {
        self.out.secrets.push((self.conn, SessionSecret::new(label, value)));
    }

    /// The session is over; close.
    pub(crate) fn end(&mut self, end: End) {
        self.claim(Fact::Ended(end));
        self.out.closes.push(self.conn);
    }

    /// Refuse, and close.
    pub(crate) fn abort(&mut self, reject: Reject) {
        self.claim(Fact::Rejected(reject));
        self.end(End::Aborted);
    }
}

/// How long an endpoint waits for its peer.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Timeouts {
    /// How many times as long as usual; none for ever.
    times: Option<u32>,
}

impl Timeouts {
    pub(crate) fn of(setup: &Setup) -> Self {
        let ends = !setup.profile.has(Weakness::NoTimeout);
        Self { times: ends.then_some(setup.patience) }
    }

    /// When an endpoint that has waited since `since`, and usually has this patience, gives up.
    pub(crate) fn deadline(self, since: Tick, patience: Duration) -> Option<Tick> {
        self.times.map(|times| since.after(patience.saturating_mul(times)))
    }
}

/// The one wake-up an endpoint has outstanding. Deadlines move with every byte heard; the
/// wake-up does not, and is asked for again when it comes too early.
#[derive(Clone, Copy, Hash, Debug, Default)]
pub(crate) struct Alarm(Option<Tick>);

impl Alarm {
    /// A wake-up came: forget it if it was this one.
    pub(crate) fn rang(&mut self, now: Tick) {
        self.0 = self.0.filter(|at| *at > now);
    }

    /// Be woken by the earliest of `deadlines`.
    pub(crate) fn set(&mut self, deadlines: impl Iterator<Item = Tick>, out: &mut Output) {
        if let Some(earliest) = deadlines.min()
            && self.0.is_none_or(|at| earliest < at)
        {
            out.wake_at(earliest);
            self.0 = Some(earliest);
        }
    }
}
