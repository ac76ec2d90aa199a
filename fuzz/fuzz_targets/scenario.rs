//! Any text as a scenario file: an error or a scenario, never a panic. Every payload is there.
#![no_main]

use bytes::Bytes;
use files::diagnostic::Color;
use files::scenario::{Payloads, Scenario};
use libfuzzer_sys::fuzz_target;

struct Anything;

impl Payloads for Anything {
    fn read(&self, _: &str) -> Result<Bytes, String> {
        Ok(Bytes::from_static(b"1,2"))
    }
}

fuzz_target!(|source: &str| {
    if let Err(mistakes) =
        Scenario::parse("fuzz.toml", source, &Anything, protocol::registry::Registry::BUILTIN)
    {
        drop(mistakes.render(Color::Plain));
    }
});
