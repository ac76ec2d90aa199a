//! The attacker between real programs: it accepts their clients, connects to their server, and what goes through is what the
//! rules leave of it. All links run on one thread.
//!
//! What no rule looks at is neither copied nor kept: frames are recognised where the socket put them, and go on from there.
//! What happens is told to a [`Recorder`] on a thread of its own, in batches that are used again and again; when it cannot
//! keep up, the links wait for it.

mod ends;
mod link;
mod options;
mod record;
mod relay;
mod run;
mod state;
mod tap;
#[cfg(test)]
mod tests;
mod turn;
mod unread;

pub use options::{Activity, Door, IsThere, Keep, Options, Outcome, Spacing, Witness};
pub use record::{Batch, Entry, Recorder, What};
pub use run::proxy;
pub use tap::Tap;
