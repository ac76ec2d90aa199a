//! Live capture where it is not built: nothing can be opened, so nothing else can happen.

use super::{Outcome, SniffError, Wanted};

/// An open capture; there is none.
#[derive(Debug)]
pub enum Sniffer {}

impl Sniffer {
    /// Open a capture.
    ///
    /// # Errors
    /// Always [`SniffError::NotBuilt`].
    pub fn open(_: &Wanted) -> Result<Self, SniffError> {
        Err(SniffError::NotBuilt)
    }

    /// Capture until there are so many packets, or until it is over.
    pub fn run(self, _: Option<u64>, _: impl Fn() -> bool) -> Outcome {
        match self {}
    }
}

/// A capture on a thread of its own; there is none.
#[derive(Debug)]
pub enum Beside {}

impl Beside {
    /// Open a capture, and begin.
    ///
    /// # Errors
    /// Always [`SniffError::NotBuilt`].
    pub fn start(_: &Wanted) -> Result<Self, SniffError> {
        Err(SniffError::NotBuilt)
    }

    /// Take what has crossed so far, and end.
    pub fn finish(self) -> Outcome {
        match self {}
    }
}
