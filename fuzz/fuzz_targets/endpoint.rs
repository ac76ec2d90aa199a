//! Any bytes to both ends of every system: a refusal, never a panic, and nothing held that did not arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::endpoint::{Conn, Input, Output, Tick};
use protocol::systems::{SYSTEMS, Setup};
use protocol::weakness::Profile;

fuzz_target!(|segments: Vec<Vec<u8>>| {
    for system in SYSTEMS {
        for profile in [Profile::as_built(system), Profile::HARDENED] {
            let setup = Setup { profile, seed: 7, number: 1 };
            for mut endpoint in [(system.client)(setup), (system.server)(setup)] {
                let mut out = Output::default();
                endpoint.step(Tick(0), Input::Opened(Conn(1)), &mut out);
                for segment in &segments {
                    endpoint.step(Tick(0), Input::Received(Conn(1), segment), &mut out);
                }
                assert!(endpoint.buffered() <= segments.iter().map(Vec::len).sum());
            }
        }
    }
});
