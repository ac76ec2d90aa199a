//! Where the files come from that a script sends.

use bytes::Bytes;

/// Where the files come from that a script sends.
pub trait Payloads {
    /// The content of a file, by its path as the scenario gives it.
    ///
    /// # Errors
    /// Why there is none, in words that follow the path: `does not exist`.
    fn read(&self, path: &str) -> Result<Bytes, String>;
}
