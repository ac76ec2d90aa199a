//! Recordings of traffic: captures read as sessions and frames, judged runs written as captures, key logs and what they open, layouts
//! as a dissector for Wireshark, and what crosses an interface.

pub mod claim_text;
pub mod disk;
pub mod dissector;
pub mod import;
pub mod key_log;
pub mod layout_against;
pub mod run_capture;
pub mod sniff;
