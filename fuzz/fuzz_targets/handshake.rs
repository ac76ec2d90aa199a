//! Any sequence of inputs to either end of every system, beginning at any moment before its handshake is done.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meddle_fuzz::{Moment, moments, sequence};

thread_local! {
    static MOMENTS: Vec<Moment> =
        moments().into_iter().filter(|moment| !moment.established).collect();
}

fuzz_target!(|input: &[u8]| MOMENTS.with(|moments| sequence::play(moments, input)));
