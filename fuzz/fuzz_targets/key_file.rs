//! Any file as keys, requests and certificates, in PEM or DER: an error or what it holds, and never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::pki::armour;

fuzz_target!(|file: &[u8]| {
    for block in armour::read(file).into_iter().flatten() {
        let _ = block.problem();
    }
});
