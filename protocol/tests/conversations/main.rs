//! What holds for whole conversations of every system: vectors that never repeat, forks and digests, labels of secrets, what ends keep.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

mod forks;
mod labels;
mod memory;
mod net;
mod nonces;
