//! Somebody's own programs as victims: how they are started, what tells what they accepted, and what a run leaves.
//!
//! Nothing of them is trusted: neither that they start, end, or listen, nor what they print.

use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mitm_proxy::trace::Trace;
use protocol::endpoint::{Side, Tick};
use tokio::sync::watch;

pub mod claims;
#[cfg(unix)]
mod conclude;
#[cfg(unix)]
mod conduct;
#[cfg(unix)]
mod connections;
pub mod endpoint_programs;
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
pub mod proxy_view;
#[cfg(unix)]
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
#[cfg(unix)]
mod tests;
#[cfg(unix)]
mod transcript;
pub mod trial;

#[cfg(unix)]
pub use conduct::run;
pub use finding::Finding;

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
        use files::diagnostic::{escape, list, quote};
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
                files::diagnostic::quote_path(path)
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
    pub async fn triggered(&self) {
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
