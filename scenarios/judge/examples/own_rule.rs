//! A rule of one's own, as closures: the condition looks into a frame, and the action reverses its MAC.
//!
//! Run it with `cargo run -p judge --example own_rule`.

use std::error::Error;
use std::io::{self, Write};

use judge::prelude::*;
use protocol::systems::system;

fn main() -> Result<(), Box<dyn Error>> {
    let victim = system("ratchet").ok_or("there is no such system")?;
    let reverse_mac = act("reverse the MAC", |ctx| {
        let current = ctx.current()?;
        let no_mac =
            || MisfireCause::NoField { frame: current.frame.spec.name, field: "mac".to_owned() };
        let range = current.frame.spec.range("mac", &current.frame.bytes).ok_or_else(no_mac)?;
        current.edit("MAC reversed".to_owned(), |bytes| {
            if let Some(mac) = bytes.get_mut(range) {
                mac.reverse();
            }
        });
        Ok(())
    });
    let large = when("CLIENT_DATA").that("is large", |frame| frame.bytes.len() > 40);
    let judgement = Lab::of(victim)
        .script([numbers("1234.5,6789.25"), end()])
        .rule(Rule::new(large.nth(1), reverse_mac))
        .judge();
    judgement.assert_held();
    for (side, check) in judgement.stopped_by() {
        writeln!(io::stdout(), "the {side} refused it: {check}")?;
    }
    Ok(())
}
