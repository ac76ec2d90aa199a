//! Any segments through the attacker's deframer: what comes out is what went in. The first byte chooses port, system, profile and
//! side, the second how long segments are.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use meddle_fuzz::victims;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Deframer, Layout};

thread_local! {
    static LAYOUTS: Vec<Arc<Layout>> =
        victims().into_iter().map(|(system, profile)| Arc::new((system.layout)(profile))).collect();
}

fuzz_target!(|input: &[u8]| {
    let Some(([choice, cut], stream)) = input.split_first_chunk() else { return };
    let side = if choice & 1 == 0 { Side::Client } else { Side::Server };
    let layout = LAYOUTS.with(|all| all[usize::from(choice >> 1 & 15) % all.len()].clone());
    let mut deframer = Deframer::new(layout, PortIndex(choice >> 5), side);
    let mut frames = Vec::new();
    for segment in stream.chunks(1 + usize::from(*cut)) {
        deframer.push(&Bytes::copy_from_slice(segment), &mut frames);
    }
    frames.extend(deframer.finish());
    let out: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
    assert_eq!(out, stream);
});
