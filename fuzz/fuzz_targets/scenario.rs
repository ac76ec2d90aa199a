//! Any text as a scenario file: an error or a scenario, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scenarios::catalogue::Beside;
use scenarios::scenario::Scenario;

fuzz_target!(|source: &str| {
    let payloads = Beside { folder: "nowhere".into() };
    if let Err(mistakes) = Scenario::parse("fuzz.toml", source, &payloads) {
        let _ = mistakes.to_string();
    }
});
