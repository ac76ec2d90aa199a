//! What a system gives its host: the states of a session, what they wait for, and what moves them on.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use crate::compromise::Edit;
use crate::endpoint::{Command, End, Message, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::session::SessionOutput;

/// How long an endpoint waits for a peer whose turn it is.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a server keeps an established session whose client says nothing.
pub const IDLE_PATIENCE: Duration = Duration::from_mins(1);

/// Where one session of one connection stands. Every state is consumed by what it waits for, so that nothing goes on after an error.
pub trait Session: Clone + Hash + Debug + Send + 'static {
    /// What never changes over an endpoint's life.
    type Setting: Debug + Send + Sync + 'static;
    /// A frame as the states read it.
    type Frame;

    /// Whether this is the client's end. A client has one session at a time, and the commands are meant for that one. A server has
    /// one for every connection, and says its commands in each.
    const SIDE: Side;
    /// Whom it believes to be talking to before the peer has shown anything.
    const PEER: &'static str;
    /// Whether a server's application has something to say.
    const SPEAKS: bool = false;

    /// What the peer owes when it is silent for too long: the field of the refusal.
    const SILENT: &'static str = "peer";

    /// A connection is open.
    ///
    /// # Errors
    /// What the session cannot begin without.
    fn begin(context: &mut Context<'_, '_, Self::Setting>) -> Result<Self, Reject>;

    /// The names of the frames it waits for.
    fn due(&self) -> &'static [&'static str];

    /// Remove the frame at the front of the inbox, one of those that are due; nothing while it is incomplete.
    ///
    /// # Errors
    /// What stands there is no such frame.
    fn next(
        setting: &Self::Setting,
        due: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Self::Frame>, Reject>;

    /// What a frame makes of it.
    ///
    /// # Errors
    /// The check that failed. The session is aborted.
    fn receive(
        self,
        frame: &mut Self::Frame,
        context: &mut Context<'_, '_, Self::Setting>,
    ) -> Result<Next<Self>, Reject>;

    /// What it waits for.
    fn waits(&self) -> Waits {
        Waits::Frame
    }

    /// Whether the handshake is over. Until then its time counts from the start: bytes that trickle in earn no more.
    fn is_established(&self) -> bool;

    /// How long it waits for its peer. By default [`PATIENCE`], but an established server waits for [`IDLE_PATIENCE`], and a client
    /// that waits for its application has no limit.
    fn patience(&self) -> Option<Duration> {
        match (Self::SIDE, self.waits()) {
            (Side::Server, _) if self.is_established() => Some(IDLE_PATIENCE),
            (Side::Client, Waits::Command | Waits::FrameOrCommand) => None,
            _ => Some(PATIENCE),
        }
    }

    /// Send one message; what cannot be sent is refused here and the session goes on. Only where it [waits](Self::waits) for commands.
    ///
    /// # Errors
    /// The session cannot go on.
    fn send(
        self,
        _message: Message,
        _context: &mut Context<'_, '_, Self::Setting>,
    ) -> Result<Self, Reject> {
        Ok(self)
    }

    /// Say goodbye, as the application asks for. The host closes.
    fn say_goodbye(self, _context: &mut Context<'_, '_, Self::Setting>) {}

    /// Its pause is over.
    ///
    /// # Errors
    /// The session cannot go on.
    fn resume(self, _context: &mut Context<'_, '_, Self::Setting>) -> Result<Self, Reject> {
        Ok(self)
    }

    /// Whether so many bytes may wait that it does not read now, with a command to follow or without.
    ///
    /// # Errors
    /// They may not.
    fn check_early(
        &self,
        _bytes: usize,
        _is_commanded: bool,
        _setting: &Self::Setting,
    ) -> Result<(), Reject> {
        Ok(())
    }

    /// Whether it reads at all.
    fn reads(&self) -> bool {
        true
    }

    /// How it ends where the connection closes with so many bytes unread and these commands to follow.
    fn closed(
        &self,
        _unread: usize,
        _commands: &VecDeque<Command>,
        _setting: &Self::Setting,
    ) -> End {
        End::Truncated
    }

    /// As [`Endpoint::rewrite`](crate::endpoint::Endpoint::rewrite).
    fn rewrite(
        &self,
        _frame: &[u8],
        _setting: &Self::Setting,
        _entropy: &mut Entropy,
        _edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        None
    }
}

/// What a session waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waits {
    /// A frame of its peer.
    Frame,
    /// A command of its application. It leaves unread what arrives.
    Command,
    /// A command, or else a frame.
    FrameOrCommand,
    /// This time, because what it sends next must not run into what it sent last.
    Until(Tick),
}

/// What comes of a frame.
#[derive(Debug)]
pub enum Next<S> {
    /// The session goes on.
    State(S),
    /// It is over.
    End(End),
}

impl<S> From<S> for Next<S> {
    fn from(state: S) -> Self {
        Self::State(state)
    }
}

/// What a state works with besides its own data.
#[derive(Debug)]
pub struct Context<'a, 'b, T> {
    /// The time.
    pub now: Tick,
    /// What never changes.
    pub setting: &'a T,
    /// Where random bytes come from.
    pub entropy: &'a mut Entropy,
    /// What the session writes and claims.
    pub output: &'a mut SessionOutput<'b>,
    /// Until when no command is taken, so that two messages do not run into each other.
    pub quiet: Option<Tick>,
}
