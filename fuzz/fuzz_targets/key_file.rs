//! Any file as keys, requests and certificates, in PEM, DER or JSON: an error or what it holds, and never a panic.
#![no_main]

use std::path::Path;

use accounts::pem_files::parse;
use libfuzzer_sys::fuzz_target;
use protocol::pki::armour;

fuzz_target!(|file: &[u8]| {
    for block in armour::read(file).into_iter().flatten() {
        let _ = block.problem();
    }
    match parse(Path::new("fuzz.pem"), file) {
        Ok(found) => found.iter().for_each(|one| assert!(!one.kind().is_empty())),
        Err(error) => drop(error.to_string()),
    }
});
