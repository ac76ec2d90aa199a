//! The host of a system's sessions: an endpoint made of states. It keeps what every system would keep alike: the connections, what has
//! arrived on them, the commands of the application, deadlines and pauses. A system gives its states and what moves them on.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::endpoint::{
    Check, Command, Conn, End, Endpoint, Input, Name, Output, Reject, Side, Tick,
};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::session::{Alarm, SessionOutput, Timeouts};
use crate::system::Setup;
use crate::weakness::Profile;

mod states;
#[cfg(test)]
mod tests;

pub use states::{Context, IDLE_PATIENCE, Next, PATIENCE, Session, Waits};

/// An endpoint whose sessions are of this kind.
#[derive(Debug)]
pub struct Peer<S: Session> {
    profile: Profile,
    timeouts: Timeouts,
    setting: Arc<S::Setting>,
    local: Name,
    /// What its randomness is called.
    label: String,
    entropy: Entropy,
    sessions: BTreeMap<Conn, Hosted<S>>,
    /// What a client's application still asks for, or all that a server's application has asked for.
    commands: VecDeque<Command>,
    alarm: Alarm,
}

impl<S: Session> Clone for Peer<S> {
    fn clone(&self) -> Self {
        Self {
            profile: self.profile,
            timeouts: self.timeouts,
            setting: self.setting.clone(),
            local: self.local.clone(),
            label: self.label.clone(),
            entropy: self.entropy.clone(),
            sessions: self.sessions.clone(),
            commands: self.commands.clone(),
            alarm: self.alarm,
        }
    }
}

/// A session with what the host keeps for it.
#[derive(Clone, Hash, Debug)]
struct Hosted<S> {
    peer: Name,
    inbox: Inbox,
    /// When the peer was last heard, or last given something to answer.
    heard: Tick,
    quiet: Option<Tick>,
    /// How many of a server's commands it has followed.
    followed: usize,
    state: S,
}

impl<S: Session> Peer<S> {
    /// An endpoint with this name in claims. `label` names its randomness: two endpoints of one seed need two labels.
    pub fn host(setup: &Setup, local: Name, label: String, setting: S::Setting) -> Self {
        Self {
            profile: setup.profile,
            timeouts: Timeouts::of(setup),
            setting: Arc::new(setting),
            local,
            entropy: Entropy::new(setup.seed, &label),
            label,
            sessions: BTreeMap::new(),
            commands: VecDeque::new(),
            alarm: Alarm::default(),
        }
    }

    /// The states of its sessions, by connection.
    pub fn states(&self) -> impl Iterator<Item = (Conn, &S)> {
        self.sessions.iter().map(|(conn, hosted)| (*conn, &hosted.state))
    }

    /// The state of the session on a connection, to be changed by a test.
    #[cfg(test)]
    pub(crate) fn state_mut(&mut self, conn: Conn) -> Option<&mut S> {
        self.sessions.get_mut(&conn).map(|hosted| &mut hosted.state)
    }

    fn open(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        if S::SIDE == Side::Client {
            for (old, hosted) in std::mem::take(&mut self.sessions) {
                SessionOutput { conn: old, local: &self.local, peer: hosted.peer, out }
                    .end(End::Aborted);
            }
        }
        let peer = Name::from(S::PEER);
        let mut output = SessionOutput { conn, local: &self.local, peer, out };
        let mut context = Context {
            now,
            setting: &*self.setting,
            entropy: &mut self.entropy,
            output: &mut output,
            quiet: None,
        };
        match S::begin(&mut context) {
            Ok(state) => {
                let (quiet, peer) = (context.quiet, output.peer);
                let (inbox, followed) = (Inbox::default(), 0);
                let hosted = Hosted { peer, inbox, heard: now, quiet, followed, state };
                self.sessions.insert(conn, hosted);
                self.drive(now, conn, out);
            }
            Err(reject) => {
                output.abort(reject);
                self.forget_commands();
            }
        }
    }

    /// What was queued was meant for the session that is over.
    fn forget_commands(&mut self) {
        if S::SIDE == Side::Client {
            self.commands.clear();
        }
    }

    /// Go as far as what has arrived on `conn` and what is asked for allow.
    fn drive(&mut self, now: Tick, conn: Conn, out: &mut Output) {
        let Some(hosted) = self.sessions.remove(&conn) else { return };
        let peer = hosted.peer.clone();
        let mut output = SessionOutput { conn, local: &self.local, peer, out };
        let mut context = Context {
            now,
            setting: &*self.setting,
            entropy: &mut self.entropy,
            output: &mut output,
            quiet: hosted.quiet.filter(|until| *until > now),
        };
        let driven = hosted.drive(&mut self.commands, &mut context);
        let quiet = context.quiet;
        match driven {
            Ok(Next::State(hosted)) => {
                let peer = output.peer;
                self.sessions.insert(conn, Hosted { peer, quiet, ..hosted });
            }
            Ok(Next::End(end)) => {
                output.end(end);
                self.forget_commands();
            }
            Err(reject) => {
                output.abort(reject);
                self.forget_commands();
            }
        }
    }

    fn drive_all(&mut self, now: Tick, out: &mut Output) {
        let waiting = self.sessions.iter().filter(|(_, it)| it.state.waits() != Waits::Frame);
        for conn in waiting.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.drive(now, conn, out);
        }
    }

    fn wake(&mut self, now: Tick, out: &mut Output) {
        self.alarm.rang(now);
        let timeouts = self.timeouts;
        let late = |it: &Hosted<S>| it.deadline(timeouts).is_some_and(|deadline| deadline <= now);
        let mut is_over = false;
        for (conn, hosted) in self.sessions.extract_if(.., |_, hosted| late(hosted)) {
            let mut output = SessionOutput { conn, local: &self.local, peer: hosted.peer, out };
            output.abort(Reject::new(Check::Timeout, S::SILENT));
            is_over = true;
        }
        if is_over {
            self.forget_commands();
        }
        self.drive_all(now, out);
    }

    /// When something is to be done without anything arriving.
    fn deadlines(&self) -> impl Iterator<Item = Tick> {
        let client = S::SIDE == Side::Client;
        self.sessions.values().flat_map(move |hosted| {
            let to_say = if client { 0 } else { hosted.followed } < self.commands.len();
            let pause = match hosted.state.waits() {
                Waits::Until(until) => Some(until),
                Waits::Frame | Waits::Command | Waits::FrameOrCommand => {
                    hosted.quiet.filter(|_| to_say)
                }
            };
            hosted.deadline(self.timeouts).into_iter().chain(pause)
        })
    }
}

impl<S: Session> Hosted<S> {
    fn deadline(&self, timeouts: Timeouts) -> Option<Tick> {
        timeouts.deadline(self.heard, self.state.patience()?)
    }

    fn drive(
        self,
        commands: &mut VecDeque<Command>,
        context: &mut Context<'_, '_, S::Setting>,
    ) -> Result<Next<Self>, Reject> {
        let Self { peer, mut inbox, mut heard, quiet, mut followed, mut state } = self;
        loop {
            let waits = state.waits();
            if waits != Waits::Frame {
                let command = match S::SIDE {
                    _ if matches!(waits, Waits::Until(_)) || context.quiet.is_some() => None,
                    Side::Client => commands.pop_front(),
                    Side::Server => commands.get(followed).cloned(),
                };
                let unread = inbox.waiting().len();
                if waits != Waits::FrameOrCommand {
                    let early = state.check_early(unread, command.is_some(), context.setting);
                    if early.is_err() {
                        inbox.refuse_on(context.output.conn, context.output.out);
                    }
                    early?;
                }
                followed += usize::from(command.is_some());
                match command {
                    Some(Command::Send(message)) => {
                        heard = context.now;
                        state = state.send(message, context)?;
                        continue;
                    }
                    Some(Command::End) => {
                        state.say_goodbye(context);
                        return Ok(Next::End(End::Clean));
                    }
                    None => match waits {
                        Waits::Until(until) if until <= context.now => {
                            state = state.resume(context)?;
                            continue;
                        }
                        Waits::Until(_) | Waits::Command => break,
                        Waits::Frame | Waits::FrameOrCommand => {}
                    },
                }
            }
            let (setting, due) = (context.setting, state.due());
            match context.output.read(&mut inbox, |inbox| S::next(setting, due, inbox))? {
                Some(mut frame) => match state.receive(&mut frame, context)? {
                    Next::State(next) => state = next,
                    Next::End(end) => return Ok(Next::End(end)),
                },
                None => break,
            }
        }
        Ok(Next::State(Self { peer, inbox, heard, quiet, followed, state }))
    }
}

impl<S: Session> Endpoint for Peer<S> {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Opened(conn, _) => self.open(now, conn, out),
            Input::Received(conn, bytes) => {
                if let Some(hosted) = self.sessions.get_mut(&conn) {
                    if hosted.state.reads() {
                        hosted.inbox.push(bytes);
                    }
                    self.drive(now, conn, out);
                    let hosted = self.sessions.get_mut(&conn);
                    if let Some(hosted) = hosted.filter(|hosted| hosted.state.is_established()) {
                        hosted.heard = now;
                    }
                }
            }
            Input::Closed(conn) => {
                if let Some(Hosted { peer, inbox, state, .. }) = self.sessions.remove(&conn) {
                    let end = state.closed(inbox.waiting().len(), &self.commands, &self.setting);
                    self.forget_commands();
                    SessionOutput { conn, local: &self.local, peer, out }.end(end);
                }
            }
            Input::Command(command) => {
                // A server says goodbye when its client does.
                if S::SIDE == Side::Client || S::SPEAKS && *command != Command::End {
                    self.commands.push_back(command.clone());
                    self.drive_all(now, out);
                }
            }
            Input::Timeout => self.wake(now, out),
        }
        let mut alarm = self.alarm;
        alarm.set(self.deadlines(), out);
        self.alarm = alarm;
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, mut hasher: &mut dyn Hasher) {
        let Self { profile, label, entropy, sessions, commands, alarm, .. } = self;
        (profile, label, entropy, sessions, commands, alarm).hash(&mut hasher);
    }

    fn buffered(&self) -> usize {
        self.sessions.values().map(|hosted| hosted.inbox.waiting().len()).max().unwrap_or(0)
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        let entropy = Entropy::new(seed, &format!("thief of {}", self.label));
        Some(Box::new(Self { entropy, ..self.clone() }))
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let state = &self.sessions.get(&conn)?.state;
        state.rewrite(frame, &self.setting, &mut self.entropy.clone(), edit)
    }
}
