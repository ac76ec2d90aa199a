//! Any bytes as a capture: packets or an error that says where, never a panic.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use mitm_proxy::capture::{Ending, Visitor, read};
use protocol::endpoint::{Side, Tick};

struct Nobody;

impl Visitor for Nobody {
    fn opened(&mut self, _: u32, _: SocketAddr, _: SocketAddr, _: Tick) {}
    fn data(&mut self, _: u32, _: Side, _: Tick, _: u64, _: &[u8]) {}
    fn closed(&mut self, _: u32, _: Side, _: Tick, _: Ending) {}
    fn problem(&mut self, _: u64, _: &str) {}
}

fuzz_target!(|file: &[u8]| {
    if let Err(error) = read(file, &mut Nobody) {
        assert_eq!(error.packet, error.so_far.packets + 1);
    }
});
