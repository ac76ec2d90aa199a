//! X.509 (RFC 5280) as a small certificate authority uses it: requests, certificates, and a chain check whose parts can be left
//! out one by one. What is made here is signed with RSA PKCS#1 v1.5 and SHA-256, so the same arguments give the same bytes.

mod alternative;
mod certificate;
mod details;
mod name;
mod reading;
mod request;
mod signature;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Checks, Roles};
pub use details::{Details, Said};
pub use reading::{Malformed, Reading, X509Error};
pub use request::{Issuer, Kind, Period, Request, Subject};
pub use signature::Algorithm;
