//! Runs of tiny programs.
