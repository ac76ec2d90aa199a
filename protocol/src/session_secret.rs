//! A secret of one session, as an endpoint gives it to a key log and to nobody else.

use std::fmt;

use zeroize::Zeroizing;

/// A secret of one session: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionSecret {
    /// What it is, one of the [`Secrets::labels`](crate::compromise::Secrets::labels) of its system.
    pub label: &'static str,
    /// Its bytes.
    pub value: Zeroizing<Vec<u8>>,
}

impl SessionSecret {
    /// A secret with these bytes.
    pub fn new(label: &'static str, value: &[u8]) -> Self {
        Self { label, value: Zeroizing::new(value.to_vec()) }
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionSecret({}, redacted)", self.label)
    }
}
