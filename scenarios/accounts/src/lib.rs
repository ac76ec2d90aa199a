//! Users and keys in folders, the user's PEM files, and files that only their owner can read.

pub mod pem_files;
pub mod user_files;
pub mod users;
