//! Endpoints over real TCP. This is the only asynchronous code, and the only place where a clock and sockets
//! are touched: it gives an
//! [`Endpoint`](protocol::endpoint::Endpoint) what its sockets receive, and does what the endpoint wants.
//!
//! [`serve()`] and [`connect()`] run one endpoint each, [`proxy`] runs the attacker between programs, and [`Loopback`] moves the bytes of a
//! world over TCP.
//!
//! One endpoint runs on one thread. Each connection is a task, and all tasks read into one buffer, so an idle connection costs a task and
//! no buffer.

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
