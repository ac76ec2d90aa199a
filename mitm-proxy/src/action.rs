//! What every action is: the trait, what an action is given to work with, and what it can ask for. The actions themselves are in
//! [`actions`](crate::actions).

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use protocol::endpoint::Side;
use protocol::layout::{Frame, FrameSpec, Layout};

use crate::condition::FrameRef;
use crate::memory::Stolen;
use crate::misfire::MisfireCause;
use crate::params::{Args, BuildError, Param};
use crate::trace::Trace;

/// One line of the table: an action and its parameters.
#[derive(Debug)]
pub struct ActionSpec {
    /// The name scenario files use: `do.<name>`.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// What it takes.
    pub params: &'static [Param],
    /// Makes it from checked arguments.
    pub build: fn(&Args) -> Result<Arc<dyn Action>, BuildError>,
}

/// Something the attacker does when a rule matches.
pub trait Action: Debug + Send + Sync {
    /// Act on the frame in `ctx`, or on the link it happened on.
    ///
    /// # Errors
    /// The action cannot be done to this frame: a misfire, which makes a verdict inconclusive.
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause>;

    /// The actions that this one stands for, such as one for every bit of this frame. Each is run in a fork of the world. `None` for an
    /// action that stands for itself.
    fn variants(&self, _frame: &Frame) -> Option<Vec<Arc<dyn Action>>> {
        None
    }

    /// Change the frame in the buffer where it is, if that is possible without changing its size. `false` if the action needs
    /// [`Action::apply`]. The live proxy tries this first, because it saves a copy.
    fn edit(&self, _spec: &FrameSpec, _frame: &mut [u8]) -> bool {
        false
    }

    /// What [`Action::edit`] does, in words.
    fn describe(&self) -> String {
        String::new()
    }

    /// What it takes beyond the frame in hand.
    fn needs(&self) -> Needs {
        Needs::Frame
    }
}

/// What an action takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// The frame that triggered its rule, and no other.
    Frame,
    /// Frames that were seen before.
    Recordings,
    /// Endpoints of the lab: their memory, or their keys.
    Lab,
    /// A copy of the run for each of the actions it stands for.
    Forks,
}

impl Needs {
    /// Why it cannot be done to programs that run by themselves, if so.
    pub fn lacking_in_programs(self) -> Option<&'static str> {
        match self {
            Self::Frame | Self::Recordings => None,
            Self::Lab => Some(
                "it needs endpoints of the lab, whose memory and keys can be had; programs have none",
            ),
            Self::Forks => Some(
                "`every` copies the run once for each place; programs cannot be copied, so give one `bit`",
            ),
        }
    }
}

/// What an action works with: the frame in hand, what was recorded, and what is to be sent.
#[derive(Debug)]
pub struct ActionContext<'a> {
    /// The system's frames.
    pub layout: &'a Layout,
    /// Everything seen so far.
    pub trace: &'a Trace,
    /// Copies of memories that were stolen.
    pub stolen: &'a Stolen,
    /// The link it happened on.
    pub link: u32,
    /// Who sent the frame, or did the thing to the link.
    pub from: Side,
    /// The number of the frame that triggered the rule; none for links.
    pub trigger: Option<u32>,
    /// The error for an action that needs a frame where there is none.
    pub absent: MisfireCause,
    /// What will be sent, in order. At first this is the trigger itself.
    pub out: Vec<Outgoing>,
    /// What else will happen.
    pub plans: Vec<ActionPlan>,
}

/// A frame the attacker is about to send.
#[derive(Clone, Hash, Debug)]
pub struct Outgoing {
    /// The frame.
    pub frame: Frame,
    /// To which end.
    pub to: Side,
    /// On which link.
    pub on: Target,
    /// The number it has already; none for frames made by the attacker.
    pub number: Option<u32>,
    /// The number of the frame it is a copy of.
    pub copy_of: Option<u32>,
    /// How much later it is sent.
    pub after: Duration,
    /// Where it is cut into segments: byte offsets, ascending.
    pub cuts: Vec<usize>,
    /// Wait for this many further frames and send all in one segment.
    pub join: u32,
    /// On a new connection: how many answers had come in the recording before it was sent.
    pub answers: u32,
    /// What was done to it, in words.
    pub done: Vec<String>,
}

/// Where an outgoing frame goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// This link.
    Link(u32),
    /// A new connection to the server. All frames of one rule that name the same link share it, and it is
    /// closed after them.
    NewConnection {
        /// The link whose port it goes to.
        like: u32,
    },
}

/// Something an action wants besides frames being sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ActionPlan {
    /// Keep the trigger under this name.
    Hold(String),
    /// Send what is kept under this name, after the frame in hand.
    Release(String),
    /// Keep the trigger until the next frame of the same link, direction and type has been sent.
    SwapWithNext,
    /// Pose as the server on this link, playing what the server once sent on that one.
    Impersonate {
        /// The link whose transcript is played.
        source: u32,
    },
    /// Close the connection to these ends.
    Close(Vec<Side>),
    /// Copy the memory of this end of the link.
    CopyMemory(Side),
    /// Get these key files.
    TakeFiles(Vec<String>),
    /// Put somebody of the attacker's in the place of an honest endpoint.
    PlaceImpostor(ImpostorSpec),
}

/// An endpoint that the attacker puts in the place of an honest one. It runs the same code, with keys that the attacker has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ImpostorSpec {
    /// A client, on a connection of its own; or the server, at the other end of the link.
    pub side: Side,
    /// Which client, from 1.
    pub number: u32,
    /// The set of key files it has.
    pub keys: String,
    /// What it says.
    pub says: Vec<String>,
    /// It is a registered user with keys of its own. What it believes and sends counts as facts; only what it does with them is an
    /// attack.
    pub insider: bool,
}

impl ActionContext<'_> {
    /// The trigger, if it is still going to be sent.
    ///
    /// # Errors
    /// The rule was not triggered by a frame, or an earlier action took it away.
    pub fn current(&mut self) -> Result<&mut Outgoing, MisfireCause> {
        let (number, absent) = (self.trigger, &self.absent);
        self.out
            .iter_mut()
            .find(|outgoing| number.is_some() && outgoing.number == number)
            .ok_or_else(|| absent.clone())
    }

    /// Take the trigger out of what will be sent.
    ///
    /// # Errors
    /// As [`ActionContext::current`].
    pub fn take_current(&mut self) -> Result<Outgoing, MisfireCause> {
        self.current()?;
        let number = self.trigger;
        let at = self.out.iter().position(|outgoing| outgoing.number == number);
        at.map(|at| self.out.remove(at)).ok_or_else(|| self.absent.clone())
    }

    /// A recorded frame.
    ///
    /// # Errors
    /// It has not been seen yet.
    pub fn recorded(&self, wanted: &FrameRef) -> Result<(u32, Frame), MisfireCause> {
        let found = self.trace.find(wanted);
        let (number, record) = found.ok_or_else(|| MisfireCause::NotSeen(wanted.clone()))?;
        Ok((number, record.as_sent().clone()))
    }
}

impl Outgoing {
    /// A frame made by the attacker, to be sent at once.
    pub fn made(frame: Frame, to: Side, on: Target, copy_of: Option<u32>, what: String) -> Self {
        Self {
            frame,
            to,
            on,
            number: None,
            copy_of,
            after: Duration::ZERO,
            cuts: Vec::new(),
            join: 0,
            answers: 0,
            done: vec![what],
        }
    }

    /// Replace the frame's bytes by `change` of them, and note what was done.
    pub fn edit(&mut self, what: String, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.frame.bytes.to_vec();
        change(&mut bytes);
        self.frame.bytes = bytes.into();
        self.done.push(what);
    }

    /// Make the length field true again after a change of size.
    pub fn fix_length(&mut self) {
        let mut bytes = self.frame.bytes.to_vec();
        self.frame.spec.fix_length(&mut bytes);
        self.frame.bytes = bytes.into();
    }
}
