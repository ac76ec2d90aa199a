//! Scenarios, layouts, rule files and targets as TOML files, and the catalogue. All mistakes of a file are reported at once, each at
//! its line and column with what would have been right.

pub mod catalogue;
pub mod diagnostic;
pub mod family;
pub mod layout_file;
pub mod load;
pub mod name;
pub mod payload;
pub mod scenario;
pub mod starter;
pub mod target_file;
mod toml_reader;
pub mod wordlist;
