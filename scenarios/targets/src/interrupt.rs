//! A signal from the user to stop.

use std::sync::Arc;

use tokio::sync::watch;

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
