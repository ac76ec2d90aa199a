//! Any segments through the attacker's deframer: what comes out is what went in.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::endpoint::{Service, Side};
use protocol::layout::Deframer;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

fuzz_target!(|segments: Vec<Vec<u8>>| {
    for system in SYSTEMS {
        for side in [Side::Client, Side::Server] {
            let layout = Arc::new((system.layout)(Profile::as_built(system)));
            let mut deframer = Deframer::new(layout, Service(0), side);
            let mut frames = Vec::new();
            for segment in &segments {
                deframer.push(&Bytes::copy_from_slice(segment), &mut frames);
            }
            frames.extend(deframer.finish());
            let out: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
            assert_eq!(out, segments.concat());
        }
    }
});
