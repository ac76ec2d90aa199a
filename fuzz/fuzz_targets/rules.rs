//! Any text as a file of rules, for the frames of every system: an error or rules, never a panic.
#![no_main]

use files::diagnostic::Color;
use files::scenario::{Frames, RuleFile};
use libfuzzer_sys::fuzz_target;
use protocol::systems::SYSTEMS;

fuzz_target!(|source: &str| {
    for system in SYSTEMS {
        match RuleFile::parse("fuzz.toml", source, Frames::System(system)) {
            Ok(file) => assert_eq!(file.rules.len(), file.lines.len()),
            Err(mistakes) => drop(mistakes.render(Color::Plain)),
        }
    }
});
