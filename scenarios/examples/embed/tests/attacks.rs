//! Attacks on the channel, and what stops them.

use embed::{Party, layout};
use judge::prelude::*;

/// The server takes any number.
fn broken() -> Profile {
    Profile::only(Weakness::NoSequence)
}

/// A client that pays twice. The channel is in plain text and agrees on no keys: only what it promises is judged.
fn lab(profile: Profile) -> Lab {
    // A closure may capture keys.
    let key = b"the key of both".to_vec();
    let servers = key.clone();
    Lab::new(
        layout(),
        move |setup| Party::new(setup, "alice", "bob", &key),
        move |setup| Party::new(setup, "bob", "alice", &servers),
    )
    .profile(profile)
    .scope([
        Property::MessageAuthenticity,
        Property::DeliveryAtMostOnce,
        Property::Order,
        Property::Completeness,
        Property::Robustness,
    ])
    .script([text("pay bob 100"), text("pay eve 200"), end()])
}

#[test]
fn a_text_can_be_sent_again() {
    let attack = Rule::new(when("MSG").from(Side::Client).nth(1), replay(1));
    lab(broken()).rule(attack).judge().assert_violated(Property::DeliveryAtMostOnce);
}

#[test]
fn the_fix_stops_it() {
    let attack = Rule::new(when("MSG").from(Side::Client).nth(1), replay(1));
    let judgement = lab(Profile::HARDENED).rule(attack).judge();
    judgement.assert_held();
    assert_eq!(judgement.stopped_by(), [(Side::Server, Check::Sequence)]);
}

#[test]
fn a_rule_may_be_a_closure() {
    let raise = act("raise the amount", |ctx| {
        ctx.current()?.edit("100 to 900".to_owned(), |frame| {
            if let Some(at) = frame.windows(3).position(|part| part == b"100") {
                frame[at] = b'9';
            }
        });
        Ok(())
    });
    let payment =
        when("MSG").that("pays bob", |frame| frame.bytes.windows(3).any(|it| it == b"bob"));
    let judgement = lab(broken()).rule(Rule::new(payment.nth(1), raise)).judge();
    judgement.assert_held();
    assert_eq!(judgement.stopped_by(), [(Side::Server, Check::Mac)]);
}

#[test]
fn every_bit_of_a_frame_is_under_the_mac() {
    let attack = Rule::new(when("MSG").from(Side::Client).nth(1), flip_every_bit("*"));
    let judgement = lab(Profile::HARDENED).rule(attack).judge();
    judgement.assert_held();
    assert_eq!(judgement.runs, 8 * (2 + 4 + "pay bob 100".len() + 32));
}

#[test]
fn a_property_of_your_own_is_judged_too() {
    let limit = |run: &Finished<'_>| {
        let delivered = run.trace.claims.iter().filter_map(|record| match &record.claim.fact {
            protocol::endpoint::Fact::Delivered(message) => Some(message.to_string()),
            _ => None,
        });
        match delivered.filter(|text| text.contains("pay")).count() {
            paid @ 0..=2 => Ruling::held(format!("{paid} payments")),
            paid => Ruling::violated(format!("{paid} payments"), Vec::new()),
        }
    };
    let limit = PropertySpec::new("spending-limit", "At most two payments are made.", limit);
    let attack = Rule::new(when("MSG").from(Side::Client).nth(2), replay(1));
    let judgement = lab(broken()).property(limit.clone()).rule(attack).judge();
    judgement.assert_violated(limit.property);
}
