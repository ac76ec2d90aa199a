//! Somebody's own programs as victims: how they are started, what tells what they accepted, and what a run leaves.
//!
//! Nothing of them is trusted: neither that they start, end, or listen, nor what they print.

pub mod claims;
#[cfg(unix)]
mod conclude;
#[cfg(unix)]
mod conduct;
#[cfg(unix)]
mod connections;
#[cfg(unix)]
mod elapsed;
pub mod endpoint_programs;
mod error;
#[cfg(unix)]
mod facts;
mod finding;
mod interrupt;
#[cfg(unix)]
mod launch;
mod limits;
#[cfg(not(unix))]
mod not_here;
#[cfg(unix)]
mod order;
#[cfg(unix)]
mod ports;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod programs;
pub mod proxy_view;
mod run;
#[cfg(unix)]
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
#[cfg(unix)]
mod tests;
#[cfg(unix)]
mod transcript;
pub mod trial;

#[cfg(unix)]
pub use conduct::run;
pub use error::TargetError;
pub use finding::Finding;
pub use interrupt::Interrupt;
pub use limits::{CLAIMS_VARIABLE, MAX_CLAIM_BYTES, MAX_CLAIMS, MAX_LINE, NOT_IMPLEMENTED};
#[cfg(not(unix))]
pub use not_here::run;
pub use run::{Output, OwnEnd, Prompt, Run, Streams, Unmatched};
