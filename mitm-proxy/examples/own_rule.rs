//! A rule of one's own, as closures: the condition looks into a frame, and the action changes it.
//!
//! Run it with `cargo run -p mitm-proxy --example own_rule`.

use std::error::Error;
use std::io::{self, Write};

use mitm_proxy::prelude::*;
use protocol::endpoint::Fact;
use protocol::systems::system;
use protocol::weakness::Profile;

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
    let plan = WorldSpec::new(Victims::System(victim))
        .profile(Profile::as_built(victim))
        .client([Step::Send(Message::numbers("10.0")), Step::End])
        .rule(Rule::new(large.nth(1), reverse_mac));
    let mut world = World::new(&plan);
    world.run();
    for misfire in &world.trace().misfires {
        writeln!(io::stdout(), "the rule could not act: {}", misfire.why)?;
    }
    for record in &world.trace().claims {
        if let Fact::Rejected(reject) = &record.claim.fact {
            writeln!(io::stdout(), "{} refused it: {}", record.claim.local, reject.check)?;
        }
    }
    Ok(())
}
