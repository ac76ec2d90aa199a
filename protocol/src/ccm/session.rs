//! What client and server share around their states: patience, and the way out of a session of several connections.

use std::sync::Arc;
use std::time::Duration;

use crate::ccm::wire;
use crate::endpoint::{Conn, Name, Output, Tick};
use crate::layout::Layout;
use crate::session::{SessionOutput, Timeouts};
use crate::system::Setup;
use crate::weakness::Profile;

/// How long a hardened endpoint waits for a peer whose turn it is.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a hardened server keeps an established session whose client says nothing.
pub(super) const IDLE_PATIENCE: Duration = Duration::from_mins(1);
/// How long an endpoint that sends no lengths waits between two messages on one connection, so that they are
/// not read as one.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// What never changes over an endpoint's life.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) profile: Profile,
    timeouts: Timeouts,
    pub(super) layout: Layout,
}

impl Setting {
    /// With RSA keys of that many bytes.
    pub(super) fn new(setup: &Setup, rsa: usize) -> Arc<Self> {
        let (profile, timeouts) = (setup.profile, Timeouts::of(setup));
        Arc::new(Self { profile, timeouts, layout: wire::layout_for(profile, rsa) })
    }

    /// When an endpoint that last heard its peer at `heard`, and usually has this patience, gives up waiting.
    pub(super) fn deadline(&self, heard: Tick, patience: Duration) -> Option<Tick> {
        self.timeouts.deadline(heard, patience)
    }

    /// Until when to be silent after a message sent `now`.
    pub(super) fn pause(&self, now: Tick) -> Option<Tick> {
        wire::delimited(self.profile).then(|| now.after(PAUSE))
    }
}

/// Who speaks with whom, whatever the connection.
#[derive(Debug)]
pub(super) struct SessionPeers<'a> {
    pub(super) local: &'a Name,
    pub(super) peer: &'a Name,
    pub(super) out: &'a mut Output,
}

impl SessionPeers<'_> {
    /// The way out over one connection.
    pub(super) fn on(&mut self, conn: Conn) -> SessionOutput<'_> {
        SessionOutput { conn, local: self.local, peer: self.peer.clone(), out: self.out }
    }
}
