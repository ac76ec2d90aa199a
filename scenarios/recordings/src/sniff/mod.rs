//! What crosses an interface, into a file. Capturing needs libpcap, so it is a feature of its own, `live-capture`; without it
//! everything here exists and says how to build with it.

#[cfg(not(feature = "live-capture"))]
mod absent;
#[cfg(feature = "live-capture")]
mod beside;
#[cfg(feature = "live-capture")]
mod interface;
mod outcome;

#[cfg(not(feature = "live-capture"))]
pub use absent::{Beside, Sniffer};
#[cfg(feature = "live-capture")]
pub use beside::Beside;
#[cfg(feature = "live-capture")]
pub use interface::Sniffer;
pub use outcome::{Outcome, SniffError, Wanted};
