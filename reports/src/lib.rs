//! What people see: one view model, and a renderer for each form. Nothing in here judges or runs
//! anything, and nothing in here knows the other crates.

pub mod json;
pub mod ladder;
pub mod text;
pub mod view;
