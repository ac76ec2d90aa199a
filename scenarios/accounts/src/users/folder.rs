//! The folder of the users, and what keys are made with.

use std::path::PathBuf;

use protocol::entropy::Entropy;
use protocol::weakness::Profile;

/// A folder with people, and how a profile treats them.
#[derive(Clone, Debug)]
pub struct UserFolder {
    pub(crate) folder: PathBuf,
    pub(crate) profile: Profile,
}

/// What new keys and certificates are made from.
#[derive(Debug)]
pub struct Making<'a> {
    /// Decides salts, keys and serial numbers.
    pub entropy: &'a mut Entropy,
    /// When certificates begin to be valid, in seconds since 1970.
    pub from: u64,
}
