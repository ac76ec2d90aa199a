//! Any sequence of inputs to either end of every system once its handshake is done. Apart from handshakes, because those have RSA in
//! them, and a session does a hundred times as many inputs a second.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meddle_fuzz::{Moment, moments, sequence};

thread_local! {
    static MOMENTS: Vec<Moment> =
        moments().into_iter().filter(|moment| moment.established).collect();
}

fuzz_target!(|input: &[u8]| MOMENTS.with(|moments| sequence::play(moments, input)));
