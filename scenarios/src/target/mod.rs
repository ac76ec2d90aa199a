//! Somebody's own programs as victims: how they are started, what tells what they accepted, and what a run leaves.
//!
//! Nothing of them is trusted: neither that they start, end, or listen, nor what they print.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mitm_proxy::trace::Trace;
use protocol::endpoint::{End, Reject, Side, Tick};
use regex::Regex;
use tokio::sync::watch;

pub mod claims;
#[cfg(unix)]
mod conclude;
#[cfg(unix)]
mod conduct;
#[cfg(unix)]
mod connections;
#[cfg(unix)]
mod facts;
mod finding;
#[cfg(unix)]
mod launch;
#[cfg(unix)]
mod order;
#[cfg(unix)]
mod ports;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod programs;
mod read;
pub(crate) mod scope;
#[cfg(unix)]
mod stream;
#[cfg(test)]
#[cfg(unix)]
mod tests;
#[cfg(unix)]
mod transcript;

#[cfg(unix)]
pub use conduct::run;
pub use finding::Finding;

pub(crate) use read::{Found, read};
pub use scope::Scope;

/// How long a run may take, unless the scenario says otherwise.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(20);

/// How long both ends are silent before a run is over, unless the scenario says otherwise.
pub const DEFAULT_QUIET: Duration = Duration::from_millis(300);

/// How long a server may take to be ready, unless the scenario says otherwise.
pub const DEFAULT_START: Duration = Duration::from_secs(5);

/// The exit status that says "this is not implemented here", as in `BoringSSL`'s test runner.
pub const NOT_IMPLEMENTED: i32 = 89;

/// The environment variable that has the path of the file for claims.
pub const CLAIMS_VARIABLE: &str = "MEDDLE_CLAIMS";

/// The longest line that can be a claim, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// The most claims of one program in one run.
pub const MAX_CLAIMS: usize = 10_000;

/// The most bytes of claims of one program in one run.
pub const MAX_CLAIM_BYTES: usize = 64 << 20;

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
    fn in_words(self) -> &'static str {
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

/// What a run leaves.
#[derive(Debug)]
pub struct Run {
    /// What happened, with the claims, in order of time.
    pub trace: Trace,
    /// Ends that were still open, by link.
    pub open_ends: Vec<(u32, Side)>,
    /// What went wrong that is no verdict.
    pub findings: Vec<Finding>,
    /// The end of what the programs printed.
    pub output: Output,
    /// What the reader of a verdict should know: how readiness was told, what was not understood, what came late.
    pub remarks: Vec<String>,
    /// Somebody wanted an end before there was one: all this is up to then.
    pub interrupted: bool,
    /// What was seen to happen to messages that nobody was seen to send.
    pub unmatched: Unmatched,
    /// How the server and the client ended by themselves, if they did.
    pub ended: [Option<OwnEnd>; 2],
    /// Which programs said everything before they sent what follows from it, as far as this run shows: the server, the client.
    pub prompt: Prompt,
}

impl Run {
    /// A run that never began, where it is the target that cannot be run and not this machine that does not let us.
    pub fn not_started(error: &TargetError) -> Option<Self> {
        let who = match error {
            TargetError::CannotStart { who, .. }
            | TargetError::NoSuchPort { who, .. }
            | TargetError::PortTaken { who, .. } => *who,
            TargetError::NoSuchFrame { .. } => Side::Server,
            TargetError::Io { .. } | TargetError::NoFolder { .. } | TargetError::NotHere => {
                return None;
            }
        };
        let mut run = Self {
            trace: Trace::default(),
            open_ends: Vec::new(),
            findings: Vec::new(),
            output: Output::default(),
            remarks: Vec::new(),
            interrupted: false,
            unmatched: Unmatched::default(),
            ended: [None, None],
            prompt: Prompt::default(),
        };
        run.findings.push(Finding::NotStarted { who, how: error.to_string() });
        Some(run)
    }
}

/// How a program ended that nobody stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnEnd {
    /// When.
    pub at: Tick,
    /// By which status or signal, and after which frame.
    pub how: String,
}

/// Which programs say a thing before they send what follows from it: the server, the client.
pub type Prompt = [bool; 2];

/// How often something was seen to happen to a message without its content being seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unmatched {
    /// A message was taken, and it is assumed to be the next one that was sent on the connection.
    pub unseen: usize,
    /// A message was taken when there were no more that had been sent on the connection.
    pub delivered: usize,
    /// A message was believed to have arrived when there were no more of those.
    pub acknowledged: usize,
}

/// The end of what the programs printed, a KiB of each stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Output {
    /// The server's.
    pub server: Streams,
    /// The client's.
    pub client: Streams,
}

/// The end of what one program printed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Streams {
    /// On standard output.
    pub stdout: String,
    /// On standard error.
    pub stderr: String,
}

/// Why a target cannot be run at all.
#[derive(Debug)]
pub enum TargetError {
    /// A program cannot be started.
    CannotStart {
        /// Which.
        who: Side,
        /// Its name.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// A command wants a port that the layout does not have.
    NoSuchPort {
        /// Whose command.
        who: Side,
        /// What stands there: `{port3}`.
        placeholder: String,
        /// The ports there are, by name.
        ports: Vec<String>,
    },
    /// An observation waits for a frame type that the layout does not have.
    NoSuchFrame {
        /// Its name.
        name: String,
        /// Those there are.
        known: Vec<&'static str>,
    },
    /// A port that a program is fixed to is not free.
    PortTaken {
        /// Whose.
        who: Side,
        /// The port.
        port: u16,
    },
    /// This machine does not let us.
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// A folder for what programs write cannot be made.
    NoFolder {
        /// Where.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
    },
    /// Programs are only started on Unix.
    NotHere,
}

impl Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::diagnostic::{escape, list, quote};
        match self {
            Self::CannotStart { who, program, error } => {
                write!(f, "the {who} cannot be started: {}: {error}", quote(program))
            }
            Self::NoSuchPort { who, placeholder, ports } => {
                let known: Vec<&str> = ports.iter().map(String::as_str).collect();
                let placeholder = escape(placeholder);
                write!(
                    f,
                    "the {who}'s command has `{placeholder}`; ports of the layout: {}",
                    list(&known)
                )
            }
            Self::NoSuchFrame { name, known } => {
                write!(
                    f,
                    "no frame of the layout is called {}; known: {}",
                    quote(name),
                    list(known)
                )
            }
            Self::PortTaken { who, port } => {
                write!(f, "port {port}, which the {who} is fixed to, is taken by another program")
            }
            Self::Io { what, error } => write!(f, "{what}: {error}"),
            Self::NoFolder { path, error } => write!(
                f,
                "cannot make a folder for claims, {}: {error}; TMPDIR says where such folders are",
                crate::diagnostic::quote_path(path)
            ),
            Self::NotHere => f.write_str("programs can only be started on Unix"),
        }
    }
}

impl std::error::Error for TargetError {}

/// Somebody may want an end: a run stops its programs then and returns what it has.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<watch::Sender<bool>>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Interrupt {
    /// Somebody wants an end. May be called from any thread, and more than once.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody does.
    pub fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// Wait until somebody does.
    pub(crate) async fn triggered(&self) {
        let _ = self.0.subscribe().wait_for(|wanted| *wanted).await;
    }
}

/// Run it once with this attacker in the middle.
///
/// # Errors
/// Always: programs are only started on Unix.
#[cfg(not(unix))]
pub fn run(
    _: &Target,
    _: Arc<protocol::layout::Layout>,
    _: &[String],
    _: mitm_proxy::attacker::Attacker,
    _: Prompt,
    _: &Interrupt,
) -> Result<Run, TargetError> {
    Err(TargetError::NotHere)
}
