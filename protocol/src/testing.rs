//! What tests of a system need: two endpoints and a wire, whole conversations, and what holds for every system. Under the feature
//! `testing`; everything here panics where a test fails.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test says what it expects by panicking"
)]

mod conformance;
mod pair;
mod talk;

pub use conformance::{
    conformance, digests, flipped_bits, forks, fresh_vectors, garbage, half_frames, honest,
    patience, places, readings, rewriting, segmentation, silence, stolen_memory,
};
pub use pair::{
    LINK, LOW_ORDER, Meddle, Pair, Seeing, check, delivered, flipped, interleaved, once, replayed,
    run, sent, setup, untouched,
};
pub use talk::{Network, Step, Talk, Told, digest, end, profiles, script, tell};
