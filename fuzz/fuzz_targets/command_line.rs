//! Any words as a command line, one a line: what is wanted, or what is wrong with it; never a panic. Nothing runs.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use libfuzzer_sys::fuzz_target;
use scenarios::cli::CommandLine;

fuzz_target!(|words: &[u8]| {
    let words = words.split(|byte| *byte == b'\n').map(OsStr::from_bytes);
    if let Err(error) = CommandLine::parse([OsStr::new("scenarios")].into_iter().chain(words)) {
        drop(error.to_string());
    }
});
