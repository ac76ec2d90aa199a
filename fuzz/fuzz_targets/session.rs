//! Any sequence of inputs to either end of every system within a session. Handshakes have a target of their own: they have RSA in
//! them, and a session takes a hundred times as many inputs a second.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meddle_fuzz::{Moment, moments, sequence};

thread_local! {
    static MOMENTS: Vec<Moment> =
        moments().into_iter().filter(|moment| !moment.rsa).collect();
}

fuzz_target!(|input: &[u8]| MOMENTS.with(|moments| sequence::play(moments, input)));
