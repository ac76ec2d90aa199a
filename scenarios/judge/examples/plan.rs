//! A case of the catalogue without the file: a plan against a system of the table, under each of its profiles.
//!
//! Run it with `cargo run -p judge --example plan`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};

use judge::prelude::*;
use judge::{Case, Plan, judge};
use protocol::systems::system;

fn main() -> Result<(), Box<dyn Error>> {
    let victim = system("ccm").ok_or("there is no such system")?;
    let plan = Plan {
        scripts: BTreeMap::from([(1, vec![text("pay bob 100"), end()])]),
        rules: vec![Rule::new(when("MSG").from(Side::Client).nth(1), replay(1))],
        ..Plan::default()
    };
    let alone = victim.planted.iter().map(|planted| Profile::only(planted.weakness));
    for profile in [Profile::as_built(victim), Profile::HARDENED].into_iter().chain(alone) {
        let judgement = judge(Case { profile, ..Case::new(&plan, Victims::System(victim)) });
        let outcome = judgement.outcome().name();
        writeln!(io::stdout(), "{:<32} {outcome}", profile.name())?;
    }
    Ok(())
}
