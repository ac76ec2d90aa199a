//! The program `scenarios`: the command line, the view model of a run, and the ablation of weaknesses.

pub mod bench_results;
pub mod cli;
pub mod dissection;
pub mod matrix;
mod program;
pub mod teaching;
mod uri;
pub mod view;

pub use program::Program;
