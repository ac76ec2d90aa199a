//! A target as data: the programs, and what tells what they accepted.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;

use judge::Scope;
use protocol::endpoint::{End, Reject, Side};
use regex::Regex;

/// How long a run may take, unless the scenario says otherwise.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(20);

/// How long both ends are silent before a run is over, unless the scenario says otherwise.
pub const DEFAULT_QUIET: Duration = Duration::from_millis(300);

/// How long a server may take to be ready, unless the scenario says otherwise.
pub const DEFAULT_START: Duration = Duration::from_secs(5);

/// One implementation under test: the programs, and what tells what they accepted.
#[derive(Clone, Debug)]
pub struct Target {
    /// What the scenario calls it.
    pub name: String,
    /// Started first.
    pub server: Program,
    /// Started once the server is ready.
    pub client: Program,
    /// What tells what they accepted.
    pub judged_from: JudgedFrom,
    /// What is taken for a claim, where the programs make none.
    pub observe: Vec<Observation>,
    /// The longest a run may take, from the start of the client.
    pub limit: Duration,
    /// The run is over when nothing has moved for so long after the client has ended.
    pub quiet: Duration,
    /// What of it is judged.
    pub scope: Scope,
    /// How often a run that fails by itself is tried again: for programs that race with themselves.
    pub retries: u32,
}

impl Target {
    /// Whether anything tells what a client or server has sent: without it nobody can say that what was delivered
    /// had not been sent.
    pub fn tells_what_was_sent(&self) -> bool {
        let sent = |one: &Observation| one.claim == Observed::Sent;
        matches!(self.judged_from, JudgedFrom::Claims(_)) || self.observe.iter().any(sent)
    }
}

/// A program to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Its name and arguments, with placeholders. No shell is involved.
    pub command: Vec<String>,
    /// How a server shows that clients may come.
    pub ready: Ready,
    /// How long that may take.
    pub start: Duration,
    /// The folder it runs in: that of the scenario, unless it says another.
    pub dir: PathBuf,
    /// What its environment has besides ours.
    pub env: BTreeMap<String, String>,
    /// What it finds on its standard input; nothing, if not given.
    pub stdin: Option<String>,
    /// The ports it is fixed to, where it takes none from its command: a server listens there, a client connects there.
    pub ports: Vec<u16>,
    /// A server that serves once and ends is started again.
    pub restart: bool,
    /// How long the attacker waits before it connects to the server.
    pub delay: Duration,
}

impl Program {
    /// A program that is like most: ready once it listens, in this folder.
    pub fn new(command: Vec<String>, dir: PathBuf) -> Self {
        Self {
            command,
            ready: Ready::Listens,
            start: DEFAULT_START,
            dir,
            env: BTreeMap::new(),
            stdin: None,
            ports: Vec::new(),
            restart: false,
            delay: Duration::ZERO,
        }
    }
}

/// How a server shows that clients may come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Ready {
    /// Its ports listen.
    #[default]
    Listens,
    /// A line with this text is on its standard output or standard error.
    Line(String),
}

/// What tells what the programs accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JudgedFrom {
    /// The programs say so themselves.
    Claims(Channel),
    /// What can be seen from outside, within these limits.
    Observables(String),
}

impl Display for JudgedFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claims(channel) => write!(f, "claims on {}", channel.in_words()),
            Self::Observables(limits) => write!(f, "observables: {limits}"),
        }
    }
}

protocol::named_enum! {
    /// Where claims are written.
    Channel {
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
        /// The file that `MEDDLE_CLAIMS` names.
        File = "file",
    }
}

impl Channel {
    /// As a sentence names it: `standard output`.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Stdout => "standard output",
            Self::Stderr => "standard error",
            Self::File => "a file",
        }
    }
}

/// Something to be seen from outside, and what it is taken for.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Of whom.
    pub who: Side,
    /// What it is taken for.
    pub claim: Observed,
    /// What is seen.
    pub sign: Sign,
}

/// What can be concluded from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Observed {
    /// It sent a message.
    Sent,
    /// It took a message.
    Delivered,
    /// It believes that its message has arrived.
    Acknowledged,
    /// It takes part in a handshake: the output names the session.
    Running,
    /// It has completed one: the output names the session.
    Established,
    /// It refused something.
    Rejected(Reject),
    /// Its session is over.
    Ended(End),
}

/// What can be seen from outside.
#[derive(Clone, Debug)]
pub enum Sign {
    /// A line of its output matches. The groups `text`, `hex` and `session` are used.
    Output(Regex),
    /// It sends a frame of this type.
    Reply(String),
    /// It closes a connection before its peer does.
    Close,
    /// It ends with this status.
    Exit(i32),
}
