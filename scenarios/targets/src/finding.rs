//! What can go wrong with a program that says nothing of whether it refused anything.

use std::fmt::{self, Display};

use protocol::endpoint::Side;

/// Something that went wrong with a target. It is no refusal, and no verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It was not ready in time, or ended before it was.
    NotStarted {
        /// Who.
        who: Side,
        /// What happened instead.
        how: String,
    },
    /// A signal ended it, or a status that is not 0, and not because it was stopped.
    Died {
        /// Who.
        who: Side,
        /// By what, after which frame, with its last words.
        how: String,
    },
    /// The server lives and no longer listens, or nobody takes the attacker's connections.
    ListenerGone {
        /// How that shows.
        how: String,
    },
    /// The client did not end within the limit.
    Hung {
        /// Who owes an answer; the client, if nobody can tell.
        who: Side,
        /// How that shows.
        how: String,
    },
    /// The limit came while the programs were still exchanging frames.
    Busy {
        /// The client.
        who: Side,
        /// How that shows.
        how: String,
    },
    /// It says that what is wanted is not implemented, by its status or a claim.
    NotImplemented {
        /// Who.
        who: Side,
    },
    /// The server ended by itself under attack, and does not without.
    EndedEarly {
        /// Who.
        who: Side,
        /// How, and what came of it.
        how: String,
    },
    /// Frames show that what it claims is not so.
    Contradicted {
        /// Who.
        who: Side,
        /// What it claims, and what the frames show.
        how: String,
    },
    /// Its claims cannot be read. Those before count.
    Unreadable {
        /// Whose.
        who: Side,
        /// Where, and why.
        how: String,
    },
}

impl Finding {
    /// A word for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotStarted { .. } => "not-started",
            Self::Died { .. } => "died",
            Self::ListenerGone { .. } => "listener-gone",
            Self::Hung { .. } => "hung",
            Self::Busy { .. } => "busy",
            Self::NotImplemented { .. } => "not-implemented",
            Self::EndedEarly { .. } => "ended-early",
            Self::Contradicted { .. } => "contradicted",
            Self::Unreadable { .. } => "unreadable-claims",
        }
    }

    /// Whom it is about.
    pub fn who(&self) -> Side {
        match self {
            Self::ListenerGone { .. } => Side::Server,
            Self::NotStarted { who, .. }
            | Self::Died { who, .. }
            | Self::Hung { who, .. }
            | Self::Busy { who, .. }
            | Self::NotImplemented { who }
            | Self::EndedEarly { who, .. }
            | Self::Contradicted { who, .. }
            | Self::Unreadable { who, .. } => *who,
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { who, how } => write!(f, "the {who} did not start: {how}"),
            Self::Died { who, how } => write!(f, "the {who} died: {how}"),
            Self::ListenerGone { how } => write!(f, "the server's listener is gone: {how}"),
            Self::Hung { who, how } => write!(f, "the {who} hung: {how}"),
            Self::Busy { who, how } => write!(f, "the {who} did not come to an end: {how}"),
            Self::NotImplemented { who } => {
                write!(f, "the {who} says that this is not implemented")
            }
            Self::EndedEarly { who, how } => write!(f, "the {who} ended by itself: {how}"),
            Self::Contradicted { who, how } => {
                write!(f, "the {who} is contradicted by its frames: {how}")
            }
            Self::Unreadable { who, how } => {
                write!(f, "the claims of the {who} cannot be read: {how}")
            }
        }
    }
}
