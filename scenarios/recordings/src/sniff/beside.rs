//! A capture beside something else: on a thread of its own, until that is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::{Outcome, SniffError, Sniffer, Wanted};

/// A capture on a thread of its own.
#[derive(Debug)]
pub struct Beside {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Outcome>>,
}

impl Beside {
    /// Open a capture, and begin: what crosses from now on is taken.
    ///
    /// # Errors
    /// See [`SniffError`].
    pub fn start(wanted: &Wanted) -> Result<Self, SniffError> {
        let sniffer = Sniffer::open(wanted)?;
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let run = move || sniffer.run(None, || told.load(Ordering::SeqCst));
        let thread = std::thread::Builder::new().name("sniffer".to_owned()).spawn(run);
        let thread =
            thread.map_err(|error| SniffError::File { path: wanted.file.clone(), error })?;
        Ok(Self { over, thread: Some(thread) })
    }

    /// Take what has crossed so far, and end.
    pub fn finish(mut self) -> Outcome {
        self.end()
    }

    fn end(&mut self) -> Outcome {
        self.over.store(true, Ordering::SeqCst);
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(outcome)) => outcome,
            _ => Outcome { failed: Some("the capture has ended".to_owned()), ..Outcome::default() },
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end();
        }
    }
}
