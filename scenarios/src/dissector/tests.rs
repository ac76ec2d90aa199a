//! The dissector as it is written.
