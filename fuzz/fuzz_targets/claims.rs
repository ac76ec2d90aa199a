//! Any lines as those of a program that makes claims: a claim, a line of its own, or why it is neither; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use targets::claims::{Among, parse};

fuzz_target!(|output: &[u8]| {
    for line in output.split(|byte| *byte == b'\n') {
        for among in [Among::Output, Among::Claims] {
            if let Err(why) = parse(line, among) {
                assert!(!why.contains('\n'), "a remark is one line");
            }
        }
    }
});
