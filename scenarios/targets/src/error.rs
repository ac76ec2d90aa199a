//! Why a target cannot be run at all.

use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;

use protocol::endpoint::Side;

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
