//! Any sequence of inputs to either end of every system, beginning at any moment of a handshake, and of a session whose frames are
//! encrypted with RSA.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meddle_fuzz::{Moment, moments, sequence};

thread_local! {
    static MOMENTS: Vec<Moment> =
        moments().into_iter().filter(|moment| moment.rsa).collect();
}

fuzz_target!(|input: &[u8]| MOMENTS.with(|moments| sequence::play(moments, input)));
