//! The table of systems. A further system is one folder and one line here.

use crate::system::System;
use crate::{ccm, csr, helo, ratchet, suite};

/// Every system, by name.
pub const SYSTEMS: &[System] =
    &[ccm::SYSTEM, csr::SYSTEM, helo::SYSTEM, ratchet::SYSTEM, suite::SYSTEM];

/// The system of that name.
pub fn system(name: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.name == name)
}

#[cfg(test)]
mod tests;
