//! The victims: reference client/server pairs of published student protocols.
//!
//! Nothing in this crate opens a socket, reads a clock or asks the operating system for
//! randomness. An [`Endpoint`](endpoint::Endpoint) is a state machine: it is handed bytes and the time, and hands
//! back bytes, closes and [`Claim`](endpoint::Claim)s. That makes a conversation forkable, repeatable and fast.
//!
//! Each system exists once. A [`Weakness`](weakness::Weakness) switches one of its defences off at run time; the
//! `as-built` [`Profile`](weakness::Profile) is the set the published program has, `hardened` is the empty set.

pub mod ccm;
pub mod channel;
pub mod compromise;
pub mod count;
pub mod crypto;
pub mod csr;
pub mod endpoint;
pub mod entropy;
pub mod helo;
pub mod inbox;
pub mod keyfiles;
pub mod layout;
pub mod message_bytes;
pub mod named_enum;
pub mod peer;
pub mod pki;
pub mod ratchet;
pub mod records;
pub mod registry;
pub mod session;
pub mod session_secret;
pub mod suite;
pub mod system;
pub mod systems;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod weakness;
#[cfg(test)]
mod wiped;
