//! Endpoints over real TCP. This is the only asynchronous code, and the only place where a clock and sockets
//! are touched: it feeds an [`Endpoint`](protocol::endpoint::Endpoint) what its sockets say and carries out what it wants.
//!
//! Everything of one endpoint runs on one thread, one task a connection, all reading into one buffer: an idle
//! connection costs a task and no buffer.

mod connect;
mod connection;
mod driver;
mod driver_state;
mod event;
mod host;
mod limits;
mod loopback;
pub mod proxy;
mod serve;

pub use connect::{Ending, connect};
pub use event::{Event, Observer, Trouble};
pub use host::HostPort;
pub use limits::{Limits, raise_descriptors};
pub use loopback::Loopback;
pub use serve::serve;

#[cfg(test)]
mod tests;
