//! The live proxy: the attacker between real programs. It accepts clients, connects to their server, and forwards what its rules
//! leave. All links run on one thread.
//!
//! Frames that no rule matches are neither copied nor kept: they are recognised in the read buffer and written from there.
//! A [`Recorder`] on a thread of its own gets what happens, in batches that are reused. A slow recorder causes backpressure on the links.

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
