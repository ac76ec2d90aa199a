//! What people see: one view model, and a renderer for each form. Nothing in here judges or runs
//! anything, and nothing in here knows the other crates.

pub mod ablation;
pub mod grade;
pub mod html;
pub mod json;
pub mod junit;
pub mod ladder;
pub mod markdown;
pub mod plain;
pub mod plots;
pub mod sarif;
pub mod sequence;
pub mod text;
pub mod view;
