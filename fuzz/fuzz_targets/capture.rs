//! Any bytes as a capture: packets or an error that says where, never a panic; and copied with comments, the same.
#![no_main]

use std::net::SocketAddr;

use capture::{Comments, Ending, Visitor, annotate, read};
use libfuzzer_sys::fuzz_target;
use protocol::endpoint::{Side, Tick};

struct Nobody;

impl Visitor for Nobody {
    fn opened(&mut self, _: u32, _: SocketAddr, _: SocketAddr, _: Tick) {}
    fn data(&mut self, _: u32, _: Side, _: Tick, _: u64, _: &[u8]) {}
    fn closed(&mut self, _: u32, _: Side, _: Tick, _: Ending) {}
    fn problem(&mut self, _: u64, _: &str) {}
}

fuzz_target!(|file: &[u8]| {
    let read = read(file, &mut Nobody);
    if let Err(error) = &read {
        assert_eq!(error.packet, error.so_far.packets + 1);
    }
    let comments = Comments::from([(1, vec!["a comment".to_owned()])]);
    let copied = annotate(file, Vec::new(), &comments);
    // Blocks that cannot be packets are copied as they are.
    assert!(copied.is_ok() || read.is_err());
});
