//! The server: many connections, one session per client identity, and which session a frame acts on.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::channel::Channel as _;
use crate::endpoint::{Check, Conn, End, Endpoint, Fact, Input, Name, Output, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::inbox::{self, Inbox};
use crate::ratchet::channel::Channel;
use crate::ratchet::keys::{Keyring, Keys};
use crate::ratchet::session::{Agreement, Context, Session, Setting, client_name, named};
use crate::ratchet::wire::{self, DATA, DESYNC, HELLO, Received, TERMINATE};
use crate::session::{Alarm, Timeouts};
use crate::system::Setup;
use crate::weakness::Weakness;

/// Hardened: how long a connection may take to prove its key.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);
/// Hardened: how long a live session may be silent.
const IDLE_PATIENCE: Duration = Duration::from_mins(1);

/// The server for the clients of this keyring.
pub fn with_keys(setup: Setup, keyring: Keyring) -> Box<dyn Endpoint> {
    Box::new(Server::new(setup, keyring))
}

/// It has no host for its sessions: as built a frame acts on the session it names, whichever connection it comes on, and an
/// answer is made of the numbers of all sessions.
#[derive(Clone, Debug)]
struct Server {
    setting: Arc<Setting>,
    timeouts: Timeouts,
    entropy: Entropy,
    links: BTreeMap<Conn, Link>,
    /// The active sessions, by client identity.
    live: BTreeMap<u8, Session>,
    /// How many HELLOs were accepted.
    hellos: u64,
    alarm: Alarm,
}

/// An open connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Link {
    inbox: Inbox,
    /// The client this connection spoke for, once its HELLO was accepted.
    bound: Option<u8>,
    /// Hardened: a session whose client has not yet proven its key under the challenge.
    tentative: Option<Session>,
    /// When the server stops waiting for the client, if ever.
    deadline: Option<Tick>,
}

impl Endpoint for Server {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => {
                let (inbox, deadline) =
                    (Inbox::default(), self.timeouts.deadline(now, HANDSHAKE_PATIENCE));
                self.links.insert(conn, Link { inbox, bound: None, tentative: None, deadline });
            }
            Input::Received(conn, bytes) => {
                if let Some(link) = self.links.get_mut(&conn) {
                    link.inbox.push(bytes);
                    self.read(conn, now, out);
                }
            }
            Input::Closed(conn) => self.closed(conn, out),
            Input::Timeout => self.give_up_on_the_silent(now, out),
            Input::Command(_) => {}
        }
        self.alarm.set(self.links.values().filter_map(|link| link.deadline), out);
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        // The keyring and the epoch never change.
        let Self { setting, entropy, links, live, hellos, alarm, .. } = self;
        (setting.profile, entropy, links, live, hellos, alarm).hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.links.values().map(|link| link.inbox.waiting().len()).max().unwrap_or(0)
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        Some(Box::new(Self {
            entropy: Entropy::new(seed, "thief of ratchet server"),
            ..self.clone()
        }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let (layout, from) = (self.setting.layout.clone(), Side::Client);
        let record = Inbox::of(frame).next(layout.from_side(from)).ok()??;
        self.links.get(&conn)?;
        let (chain, round) = if record.spec.name == HELLO {
            (Keys::from_master(self.setting.keyring.master(named(&record))?).c2s, 0)
        } else {
            let session = self.clone().find(conn, named(&record)).ok()?;
            (session.known().keys.c2s.clone(), session.known().round)
        };
        let channel = Channel { layout, chain, round, from };
        channel.rewrite(&record, &mut self.entropy.clone(), edit)
    }
}

impl Server {
    fn new(setup: Setup, keyring: Keyring) -> Self {
        let (profile, epoch) = (setup.profile, setup.epoch);
        let (layout, local) = (Arc::new(wire::layout(profile)), Name::from("server"));
        Self {
            setting: Arc::new(Setting { profile, layout, keyring, local, epoch }),
            timeouts: Timeouts::of(&setup),
            entropy: Entropy::new(setup.seed, "ratchet server"),
            links: BTreeMap::new(),
            live: BTreeMap::new(),
            hellos: 0,
            alarm: Alarm::default(),
        }
    }

    fn has(&self, weakness: Weakness) -> bool {
        self.setting.profile.has(weakness)
    }

    fn context<'a>(&'a mut self, conn: Conn, out: &'a mut Output) -> Context<'a> {
        Context { setting: &self.setting, entropy: &mut self.entropy, out, conn }
    }

    fn claim(&mut self, conn: Conn, peer: &Name, fact: Fact, out: &mut Output) {
        self.context(conn, out).claim(conn, peer, fact);
    }

    fn read(&mut self, conn: Conn, now: Tick, out: &mut Output) {
        let layout = self.setting.layout.clone();
        while let Some(link) = self.links.get_mut(&conn) {
            match link.inbox.cut_on(conn, out, layout.from_side(Side::Client)) {
                Ok(None) => return,
                Err(reject) => self.refuse_stream(conn, reject, out),
                Ok(Some(frame)) if frame.spec.name == HELLO => self.hello(conn, &frame, now, out),
                Ok(Some(frame)) => self.frame(conn, &frame, now, out),
            }
        }
    }

    /// A frame of a session.
    fn frame(&mut self, conn: Conn, frame: &inbox::Received, now: Tick, out: &mut Output) {
        let session = match self.find(conn, named(frame)) {
            Ok(session) => session,
            Err(reject) => return self.refuse_stranger(conn, named(frame), reject, out),
        };
        let received = match Received::cut(&frame.spec, &frame.bytes) {
            Ok(received) if received.client_id == session.known().id => received,
            cut => {
                let stranger = Reject::new(Check::Identity, "client_id");
                let reject = cut.err().unwrap_or(stranger);
                return self.end_refused(conn, session, reject, TERMINATE, out);
            }
        };
        match frame.spec.name {
            DATA => self.data(conn, session, &received, now, out),
            TERMINATE => match session.check_end(self.setting.profile, &received) {
                Ok(()) => {
                    session.finish(&mut self.context(conn, out));
                    self.close(conn, out);
                }
                Err(reject) => self.end_refused(conn, session, reject, DESYNC, out),
            },
            _ => {
                let reject = Reject::new(Check::Opcode, "opcode");
                self.end_refused(conn, session, reject, TERMINATE, out);
            }
        }
    }

    /// Take out the session that a frame from `conn` naming client `id` acts on.
    fn find(&mut self, conn: Conn, id: u8) -> Result<Session, Reject> {
        let link = self.links.get_mut(&conn);
        if let Some(tentative) = link.and_then(|link| link.tentative.take()) {
            return Ok(tentative);
        }
        let free = self.has(Weakness::SessionNotBoundToConnection);
        let wanted = if free { Some(id) } else { self.bound(conn) };
        let Some(wanted) = wanted else {
            return Err(Reject::new(Check::Connection, "client_id"));
        };
        match self.live.get(&wanted) {
            Some(session) if free || session.known().conn == conn => {}
            _ => return Err(Reject::new(Check::Phase, "session")),
        }
        self.live.remove(&wanted).ok_or(Reject::new(Check::Phase, "session"))
    }

    fn bound(&self, conn: Conn) -> Option<u8> {
        self.links.get(&conn).and_then(|link| link.bound)
    }

    fn hello(&mut self, conn: Conn, frame: &inbox::Received, now: Tick, out: &mut Output) {
        let evicts = self.has(Weakness::HelloReplacesSession);
        let Ok(received) = Received::cut(&frame.spec, &frame.bytes) else { return };
        let id = received.client_id;
        let Some(master) = self.setting.keyring.master(id) else {
            return self.refuse_stranger(conn, id, Reject::new(Check::Identity, "client_id"), out);
        };
        let keys = Keys::from_master(master);
        if evicts {
            // Published order: the live session goes before the HELLO is verified.
            if let Some(evicted) = self.live.remove(&id) {
                let ended = Fact::Ended(End::Aborted);
                self.claim(evicted.known().conn, &client_name(id), ended, out);
            }
        } else if self.bound(conn).is_some() {
            let reject = Reject::new(Check::Phase, "opcode");
            return match self.find(conn, id) {
                Ok(session) => self.end_refused(conn, session, reject, TERMINATE, out),
                Err(_) => self.refuse_stranger(conn, id, reject, out),
            };
        }
        let opened = received.open(&keys.c2s, 0, Side::Client);
        let agreement =
            opened.and_then(|_| Agreement::make(received.share, &mut self.context(conn, out)));
        let agreement = match agreement {
            Ok(agreement) => agreement,
            Err(reject) => return self.refuse_stranger(conn, id, reject, out),
        };
        self.hellos += 1;
        let began = (now, self.hellos);
        let context = &mut self.context(conn, out);
        let session = Session::begin(keys, &received, &frame.bytes, began, agreement, context);
        if let Some(link) = self.links.get_mut(&conn) {
            link.bound = Some(id);
            link.deadline = self.timeouts.deadline(now, HANDSHAKE_PATIENCE);
            if evicts {
                self.live.insert(id, session);
            } else {
                link.tentative = Some(session);
            }
        }
    }

    fn data(
        &mut self,
        conn: Conn,
        session: Session,
        received: &Received<'_>,
        now: Tick,
        out: &mut Output,
    ) {
        let data = match session.check(self.setting.profile, received) {
            Ok(data) => data,
            Err(reject) => return self.end_refused(conn, session, reject, DESYNC, out),
        };
        // A session that somebody held back must not replace one that began after it.
        let (id, hello) = (session.known().id, session.known().hello);
        if self.live.get(&id).is_some_and(|live| live.known().hello > hello)
            && !self.has(Weakness::HelloReplacesSession)
        {
            let reject = Reject::new(Check::Phase, "session");
            return self.end_refused(conn, session, reject, TERMINATE, out);
        }
        let agreement = match Agreement::make(received.share, &mut self.context(conn, out)) {
            Ok(agreement) => agreement,
            Err(reject) => return self.end_refused(conn, session, reject, DESYNC, out),
        };
        let others = self.live.iter().filter(|(other, _)| **other != id);
        let others = others.flat_map(|(_, session)| session.numbers());
        let (setting, entropy) = (&self.setting, &mut self.entropy);
        let mut context = Context { setting, entropy, out, conn };
        let active = session.into_active(&mut context);
        let active = active.take(data, received, agreement, others, &mut context);
        self.keep(conn, Session::Active(active), now, out);
    }

    /// Put a session that has proven its key among the live ones. One it replaces is over.
    fn keep(&mut self, conn: Conn, session: Session, now: Tick, out: &mut Output) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.deadline = self.timeouts.deadline(now, IDLE_PATIENCE);
        }
        let (id, peer) = (session.known().id, session.known().peer.clone());
        if let Some(replaced) = self.live.insert(id, session) {
            self.claim(replaced.known().conn, &peer, Fact::Ended(End::Aborted), out);
            self.close(replaced.known().conn, out);
        }
    }

    /// Refuse a frame, end the session it acted on and close the connection it came on.
    fn end_refused(
        &mut self,
        conn: Conn,
        session: Session,
        reject: Reject,
        answer: &str,
        out: &mut Output,
    ) {
        session.refuse(reject, answer, &mut self.context(conn, out));
        self.close(conn, out);
    }

    /// Refuse a frame that acts on no session. As built there is no answer, and a connection that never had a
    /// session stays open.
    fn refuse_stranger(&mut self, conn: Conn, id: u8, reject: Reject, out: &mut Output) {
        let peer = client_name(id);
        self.claim(conn, &peer, Fact::Rejected(reject), out);
        if self.bound(conn).is_some() || !self.has(Weakness::NoTimeout) {
            self.close_and_forget(conn, &peer, out);
        }
    }

    /// Refuse bytes that cannot be cut into frames: nothing after them can be trusted.
    fn refuse_stream(&mut self, conn: Conn, reject: Reject, out: &mut Output) {
        let id = self.bound(conn).unwrap_or(0);
        if let Ok(session) = self.find(conn, id) {
            return self.end_refused(conn, session, reject, TERMINATE, out);
        }
        let peer = client_name(id);
        self.claim(conn, &peer, Fact::Rejected(reject), out);
        self.close_and_forget(conn, &peer, out);
    }

    fn close_and_forget(&mut self, conn: Conn, peer: &Name, out: &mut Output) {
        if let Some(end) = self.forget(conn, End::Aborted) {
            self.claim(conn, peer, Fact::Ended(end), out);
        }
        self.close(conn, out);
    }

    fn close(&mut self, conn: Conn, out: &mut Output) {
        if self.links.remove(&conn).is_some() {
            out.closes.push(conn);
        }
    }

    /// The peer closed. As built that is the only goodbye there is.
    fn closed(&mut self, conn: Conn, out: &mut Output) {
        if let Some(id) = self.bound(conn) {
            let silent = self.has(Weakness::TerminateNotAuthenticated);
            let end = if silent { End::Clean } else { End::Truncated };
            if let Some(end) = self.forget(conn, end) {
                self.claim(conn, &client_name(id), Fact::Ended(end), out);
            }
        }
        self.links.remove(&conn);
    }

    /// Drop the session that goes with `conn`, if there is one; `end` is how it ended. The published
    /// program drops the session of the client it spoke for, even when that now lives on another connection.
    fn forget(&mut self, conn: Conn, end: End) -> Option<End> {
        let link = self.links.get_mut(&conn)?;
        let tentative = link.tentative.take().is_some();
        let id = link.bound?;
        let free = self.has(Weakness::SessionNotBoundToConnection);
        let live = self.live.get(&id).is_some_and(|session| free || session.known().conn == conn);
        if live {
            self.live.remove(&id);
        }
        (tentative || live).then_some(end)
    }

    fn give_up_on_the_silent(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        let late = |link: &Link| link.deadline.is_some_and(|deadline| deadline <= now);
        let silent: Vec<Conn> =
            self.links.iter().filter(|(_, link)| late(link)).map(|(conn, _)| *conn).collect();
        for conn in silent {
            let peer = client_name(self.bound(conn).unwrap_or(0));
            let reject = Reject::new(Check::Timeout, "silence");
            self.claim(conn, &peer, Fact::Rejected(reject), out);
            self.close_and_forget(conn, &peer, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::PortIndex;
    use crate::ratchet::SYSTEM;
    use crate::ratchet::keys::fresh_share;
    use crate::ratchet::wire::Sealing;
    use crate::weakness::Profile;

    const CONN: Conn = Conn(1);

    #[test]
    fn data_of_the_last_round_is_refused() {
        for profile in [Profile::as_built(&SYSTEM), Profile::HARDENED] {
            let mut server = Server::new(Setup::lab(profile, 7, 0), Keyring::lab(profile));
            let mut client = (SYSTEM.client)(Setup::lab(profile, 7, 1));
            let mut out = Output::default();
            server.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
            client.step(Tick(0), Input::Opened(CONN, PortIndex(0)), &mut out);
            for (conn, hello) in std::mem::take(&mut out.writes) {
                server.step(Tick(0), Input::Received(conn, &hello), &mut out);
            }
            for (round, expected) in [(u32::MAX - 1, None), (u32::MAX, Some(Check::Exhausted))] {
                let mut session = server.find(CONN, 1).unwrap();
                session.known_mut().round = round;
                let keys = session.known().keys.c2s.clone();
                server.live.insert(1, session);
                let share = fresh_share(profile, &mut Entropy::new(1, "share"));
                let data = Sealing {
                    spec: &server.setting.layout.frame(DATA).unwrap().clone(),
                    from: Side::Client,
                    client_id: 1,
                    round,
                    share: share.map(|share| share.share()),
                    iv: [1; 16],
                    plaintext: b"1.5",
                };
                let mut out = Output::default();
                server.step(Tick(0), Input::Received(CONN, &data.seal(&keys)), &mut out);
                let refused = out.claims.iter().find_map(|claim| match claim.fact {
                    Fact::Rejected(reject) => Some(reject.check),
                    _ => None,
                });
                assert_eq!(refused, expected, "round {round}, {}", profile.name());
            }
        }
    }
}
