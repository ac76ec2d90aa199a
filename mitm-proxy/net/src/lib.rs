//! Endpoints over real TCP. This is the only asynchronous code, and the only place where a clock and sockets
//! are touched: it gives an
//! [`Endpoint`](protocol::endpoint::Endpoint) what its sockets receive, and does what the endpoint wants.
//!
//! [`serve()`] and [`connect()`] run one endpoint each, [`proxy`] runs the attacker between programs, and [`Loopback`] moves the bytes of a
//! world over TCP.
//!
//! One endpoint runs on one thread. Each connection is a task, and all tasks read into one buffer, so an idle connection costs a task and
//! no buffer.
//!
//! ```
//! use net::{Ending, Event, HostPort, Limits, Observer, connect, serve};
//! use protocol::endpoint::Tick;
//! use protocol::system::Setup;
//! use protocol::systems::SYSTEMS;
//! use protocol::weakness::Profile;
//! use tokio::net::TcpListener;
//! use tokio::sync::{mpsc, oneshot};
//!
//! struct Silent;
//!
//! impl Observer for Silent {
//!     fn on_event(&mut self, _: Tick, _: Event<'_>) {}
//! }
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let ending = runtime.block_on(async {
//!     let system = SYSTEMS.iter().find(|system| system.ports.len() == 1).unwrap();
//!     let setup = |number| Setup::lab(Profile::HARDENED, 1, number);
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = HostPort::from(listener.local_addr()?);
//!
//!     let (_says, commands) = mpsc::channel(1);
//!     let (stop, stopped) = oneshot::channel::<()>();
//!     let limits = Limits::of_this_process();
//!     let until = async { drop(stopped.await) };
//!     let server =
//!         serve((system.server)(setup(0)), vec![listener], limits, commands, Box::new(Silent), until);
//!
//!     // The client has nothing to say: it says goodbye as soon as the handshake is over.
//!     let (_, nothing) = mpsc::channel(1);
//!     let client = async {
//!         let endpoint = (system.client)(setup(1));
//!         let never = std::future::pending();
//!         let ended = connect(endpoint, vec![address], nothing, None, Box::new(Silent), never).await;
//!         drop(stop);
//!         ended
//!     };
//!     tokio::join!(server, client).1
//! })?;
//! assert_eq!(ending, Ending::Over);
//! # Ok::<(), std::io::Error>(())
//! ```

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
