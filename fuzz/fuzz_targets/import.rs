//! Any bytes as a capture that is imported: a listing, or why there is none, and a scenario. The first byte chooses whose frames
//! it is cut into.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use meddle_fuzz::victims;
use protocol::layout::Layout;
use protocol::system::System;
use recordings::import::write::{Target, written};
use recordings::import::{Keep, Recording, listing};

thread_local! {
    static WIRES: Vec<(&'static System, Arc<Layout>, Vec<u16>)> = victims()
        .into_iter()
        .map(|(system, profile)| {
            let ports = system.ports.iter().map(|port| port.port).collect();
            (system, Arc::new((system.layout)(profile)), ports)
        })
        .collect();
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, capture)) = input.split_first() else { return };
    let path = Path::new("fuzz.pcapng");
    WIRES.with(|wires| {
        let (system, layout, ports) = &wires[usize::from(*choice) % wires.len()];
        let recording = match Recording::of(path, capture, layout, ports, Keep::Session(1)) {
            Ok(recording) => recording,
            Err(error) => return drop(error.to_string()),
        };
        drop(listing::text(&recording));
        drop(listing::json(&recording));
        if let Ok(session) = recording.session(Some(1)) {
            drop(written("fuzz", path, session, &Target::System(system)));
        }
    });
});
