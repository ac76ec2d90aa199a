//! A property of one's own: nobody is paid twice, whatever the messages say.
//!
//! Run it with `cargo run -p judge --example own_property`.

use std::error::Error;
use std::io::{self, Write};

use judge::prelude::*;
use protocol::endpoint::Fact;
use protocol::systems::system;

fn main() -> Result<(), Box<dyn Error>> {
    let victim = system("ccm").ok_or("there is no such system")?;
    let paid_once = PropertySpec::new("paid-once", "At most one payment is delivered.", |run| {
        let is_payment = |fact: &Fact| matches!(fact, Fact::Delivered(message) if message.body.starts_with(b"pay"));
        match run.trace.claims.iter().filter(|record| is_payment(&record.claim.fact)).count() {
            payments @ 0..=1 => Ruling::held(format!("{payments} payments")),
            payments => Ruling::violated(format!("{payments} payments"), Vec::new()),
        }
    });
    let judgement = Lab::of(victim)
        .profile(Profile::only(Weakness::NoSequence))
        .script([text("pay bob 100"), end()])
        .property(paid_once.clone())
        .rule(Rule::new(when("MSG").from(Side::Client).nth(1), replay(1)))
        .judge();
    judgement.assert_violated(paid_once.property);
    let found = judgement.ruling(paid_once.property).ok_or("the property was not judged")?;
    writeln!(io::stdout(), "{}: {}", paid_once.property.name(), found.evidence)?;
    Ok(())
}
