//! What people see: one view model, and a renderer for each form. Nothing in here judges or runs
//! anything, and nothing in here knows the other crates.

pub mod grade;
pub mod json;
pub mod junit;
pub mod ladder;
pub mod text;
pub mod view;
