//! A sweep: every bit of a field is inverted, each in a fork of one world, and the checks that notice are counted.
//!
//! Run it with `cargo run -p mitm-proxy --example every_bit`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use mitm_proxy::prelude::*;
use protocol::endpoint::Fact;
use protocol::systems::system;

fn main() -> Result<(), Box<dyn Error>> {
    let victim = system("ratchet").ok_or("there is no such system")?;
    let wanted = when("CLIENT_DATA").nth(1);
    let sweep = flip_every_bit("*");
    let plan = WorldSpec::new(Victims::System(victim))
        .client([Step::Send(Message::numbers("10.0")), Step::End])
        .rule(Rule::new(wanted.clone(), forward()));

    // The handshake runs once. Every fork goes on from the moment before the frame reaches the attacker's rule.
    let mut world = World::new(&plan);
    let acting = world.run_until_rule().ok_or("the client sends no data")?;
    let frame = acting.frame.ok_or("the rule waits for a frame")?;
    let flips = sweep.variants(&frame).ok_or("the frame has no bits")?;

    let mut noticed: BTreeMap<String, usize> = BTreeMap::new();
    for flip in flips {
        let mut fork = world.fork();
        let rule = Rule { when: wanted.clone(), actions: vec![flip] };
        fork.attacker_mut().replace_rules(Arc::from([rule]));
        fork.run();
        let refused = fork.trace().claims.iter().find_map(|record| match &record.claim.fact {
            Fact::Rejected(reject) => Some(format!("refused by {}", reject.check)),
            _ => None,
        });
        *noticed.entry(refused.unwrap_or_else(|| "refused by nobody".to_owned())).or_default() += 1;
    }
    for (outcome, runs) in noticed {
        writeln!(io::stdout(), "{runs} bits: {outcome}")?;
    }
    Ok(())
}
