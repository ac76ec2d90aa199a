//! Any bytes to both ends of every system: a refusal, never a panic, and nothing held that did not arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::endpoint::{Conn, Input, Output, Service, Tick};
use protocol::systems::{SYSTEMS, Setup};
use protocol::weakness::Profile;

fuzz_target!(|segments: Vec<Vec<u8>>| {
    for system in SYSTEMS {
        for profile in [Profile::as_built(system), Profile::HARDENED] {
            let setup = Setup::lab(profile, 7, 1);
            for mut endpoint in [(system.client)(setup), (system.server)(setup)] {
                let mut out = Output::default();
                for port in 0..system.ports.len() as u8 {
                    let conn = Conn(1 + u32::from(port));
                    endpoint.step(Tick(0), Input::Opened(conn, Service(port)), &mut out);
                }
                for (at, segment) in segments.iter().enumerate() {
                    let conn = Conn(1 + (at % system.ports.len()) as u32);
                    endpoint.step(Tick(0), Input::Received(conn, segment), &mut out);
                }
                assert!(endpoint.buffered() <= segments.iter().map(Vec::len).sum());
            }
        }
    }
});
