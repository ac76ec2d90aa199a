//! The in-memory back end: endpoints, attacker, links and a virtual clock in one value that can be forked.
//!
//! Everything happens in the order of (time, sequence): the same setup always gives the same trace.

mod ask;
mod effects;
mod guarded;
mod honest;
mod impostors;
mod reading;
mod recording;
mod run;
mod spec;
mod state;
mod step_causes;
mod stolen;
mod transport;
mod unread;

pub use ask::{HeldEvent, Reply};
pub use guarded::stepping;
pub use recording::Recording;
pub use spec::{Folder, LAB, OwnEndpoints, Victims, WorldSpec};
pub use state::{HOP, World};
pub use transport::{Direction, Leg, Transport};
