//! A sweep: every bit of a record is inverted, each in a run of its own, and one judgement speaks of all runs.
//!
//! Run it with `cargo run -p judge --example every_bit`.

use std::error::Error;
use std::io::{self, Write};

use judge::prelude::*;
use protocol::systems::system;

fn main() -> Result<(), Box<dyn Error>> {
    let victim = system("ratchet").ok_or("there is no such system")?;
    let judgement = Lab::of(victim)
        .script([numbers("1234.5,6789.25"), end()])
        .rule(Rule::new(when("CLIENT_DATA").nth(1), flip_every_bit("*")))
        .judge();
    judgement.assert_held();
    for (check, runs) in &judgement.blocked_by {
        writeln!(io::stdout(), "{runs} bits: {check}")?;
    }
    Ok(())
}
