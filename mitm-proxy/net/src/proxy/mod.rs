//! The attacker between real programs: it accepts their clients, connects to their server, and what goes through is what the
//! rules leave of it. All links run on one thread.
//!
//! What no rule looks at is neither copied nor kept: frames are recognised where the socket put them, and go on from there.
//! What happens is told to a [`Recorder`] on a thread of its own, in batches that are used again and again; when it cannot
//! keep up, the links wait for it.

mod ends;
mod link;
mod log_entries;
mod options;
mod record;
mod relay;
mod relay_context;
mod run;
mod state;
mod tap;
#[cfg(test)]
mod tests;
mod unread;

pub use options::{
    Activity, ForwardedPort, IsThere, Keep, Options, ProxyOutcome, Spacing, Witness,
};
pub use record::{Batch, Entry, LogEvent, Recorder};
pub use run::proxy;
pub use tap::Tap;
