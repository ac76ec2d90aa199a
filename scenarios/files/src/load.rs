//! Reading a file of the user's, within bounds, and why it could not be loaded.

use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::diagnostic::{Diagnostics, escape};

/// The largest scenario file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// The most scenario files of one folder.
pub const MAX_FILES: usize = 10_000;

/// Why a scenario could not be loaded. Each is one line, but for [`LoadError::Invalid`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// There is nothing at this path.
    Missing {
        /// The path.
        path: String,
    },
    /// It is there, and cannot be read.
    Unreadable {
        /// The path.
        path: String,
        /// Why not.
        reason: io::ErrorKind,
    },
    /// A file was expected.
    IsFolder {
        /// The path.
        path: String,
    },
    /// It is a pipe or a device, which may never end.
    NotRegular {
        /// The path.
        path: String,
    },
    /// The file is larger than [`MAX_FILE`].
    TooLarge {
        /// The path.
        path: String,
    },
    /// The file is not UTF-8.
    NotUtf8 {
        /// The path.
        path: String,
        /// The line of the first byte that is not, from 1.
        line: usize,
    },
    /// The folder holds no `*.toml`.
    NoScenario {
        /// The path.
        path: String,
    },
    /// The folder holds more than [`MAX_FILES`] of them.
    TooManyFiles {
        /// The path.
        path: String,
    },
    /// No layout of that name comes with the program.
    NoSuchLayout {
        /// What stands behind `builtin:`.
        name: String,
    },
    /// Two files are scenarios of the same name.
    Duplicate {
        /// The name.
        name: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// The file has mistakes.
    Invalid(Diagnostics),
}

impl LoadError {
    /// The file or folder; the second of two of one name.
    pub fn path(&self) -> &str {
        match self {
            Self::Missing { path }
            | Self::Unreadable { path, .. }
            | Self::IsFolder { path }
            | Self::NotRegular { path }
            | Self::TooLarge { path }
            | Self::NotUtf8 { path, .. }
            | Self::NoScenario { path }
            | Self::TooManyFiles { path }
            | Self::NoSuchLayout { name: path }
            | Self::Duplicate { second: path, .. }
            | Self::Invalid(Diagnostics { path, .. }) => path,
        }
    }
}

impl Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{}: no such file or folder", escape(path)),
            Self::Unreadable { path, reason } => {
                write!(f, "{}: cannot be read: {reason}", escape(path))
            }
            Self::IsFolder { path } => {
                write!(f, "{}: a folder, where a file is expected", escape(path))
            }
            Self::NotRegular { path } => write!(f, "{}: not a regular file", escape(path)),
            Self::TooLarge { path } => {
                write!(f, "{}: more than {MAX_FILE} bytes, too large for a scenario", escape(path))
            }
            Self::NotUtf8 { path, line } => {
                write!(f, "{}: not UTF-8 text, from line {line} on", escape(path))
            }
            Self::NoScenario { path } => write!(f, "no scenario (*.toml) in {}", escape(path)),
            Self::TooManyFiles { path } => {
                write!(f, "more than {MAX_FILES} scenarios (*.toml) in {}", escape(path))
            }
            Self::Duplicate { name, first, second } => write!(
                f,
                "two scenarios are named `{name}`: {} and {}",
                escape(first),
                escape(second)
            ),
            Self::NoSuchLayout { name } => write!(
                f,
                "no layout {} comes with this program; known: builtin:SYSTEM and builtin:SYSTEM/PROFILE, as in builtin:helo/hardened",
                crate::diagnostic::quote(name)
            ),
            Self::Invalid(diagnostics) => diagnostics.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// All of a regular file, if it is not too large.
pub fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |error: io::Error| failed(path, &error);
    if path.is_dir() {
        return Err(LoadError::IsFolder { path: path.display().to_string() });
    }
    // A pipe or a device may never end, or never begin.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(LoadError::NotRegular { path: path.display().to_string() });
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut content = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() > MAX_FILE {
        return Err(LoadError::TooLarge { path: path.display().to_string() });
    }
    Ok(content)
}

pub(crate) fn failed(path: &Path, error: &io::Error) -> LoadError {
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::Missing { path },
        reason => LoadError::Unreadable { path, reason },
    }
}

/// The same as text.
pub fn text(path: &str, content: Vec<u8>) -> Result<String, LoadError> {
    String::from_utf8(content).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        LoadError::NotUtf8 { path: path.to_owned(), line }
    })
}
