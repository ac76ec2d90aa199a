//! What a run of programs leaves.

use mitm_proxy::trace::Trace;
use protocol::endpoint::{Side, Tick};

use crate::error::TargetError;
use crate::finding::Finding;

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
