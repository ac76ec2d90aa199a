//! What caused what: by frame and order of events, never by equal times.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

mod written;

use written::NOTHING_EXPECTED;

use bytes::Bytes;
use files::scenario::Payloads;
use judge::properties::Ruling;
use judge::property::{Outcome, Property};
use judge::{Judgement, Over};
use mitm_proxy::trace::FrameRecord;

/// Files of a hundred bytes that differ by their name.
struct Files;

impl Payloads for Files {
    fn read(&self, name: &str) -> Result<Bytes, String> {
        Ok(Bytes::from(format!("{name:>100}")))
    }
}

fn run(profile: &str, over: Over, parts: &[&str]) -> Judgement {
    written::judged(profile, over, &[parts, &[NOTHING_EXPECTED]].concat(), &Files)
}

fn ruling(judgement: &Judgement, property: Property) -> &Ruling {
    assert_eq!(judgement.inconclusive, None);
    &judgement.rulings.iter().find(|(p, _)| *p == property).unwrap().1
}

/// Three copies of one message in one segment.
const COALESCED: &str = r#"
system = "helo"
script.client = [{ text = "pay bob 100" }, "end"]
[[rule]]
when = { from = "client", type = "SECX", nth = 1 }
do = [{ replay = { times = 2 } }, { coalesce = { next = 2 } }]
"#;

#[test]
fn each_of_three_frames_in_one_segment_causes_its_own_claim() {
    for over in [Over::World, Over::Tcp] {
        let judgement = run("as-built", over, &[COALESCED]);
        let ruling = ruling(&judgement, Property::DeliveryAtMostOnce);
        assert_eq!(ruling.frames, [11, 12, 13], "{}", ruling.evidence);
    }
}

#[test]
fn a_copy_behind_the_goodbye_that_nobody_reads_has_not_arrived() {
    // The copy comes in one segment with the goodbye, behind it: the server closes first.
    let rule = r#"
system = "helo"
script.client = [{ text = "pay bob 100" }, "end"]
[[rule]]
when = { from = "client", type = "ENDD", nth = 1 }
do = [{ coalesce = { next = 1 } }, { inject = { to = "server", frame = { from = "client", type = "SECX", nth = 1 } } }]
"#;
    for over in [Over::World, Over::Tcp] {
        let judgement = run("as-built", over, &[rule]);
        let copies =
            judgement.trace.frames.iter().filter(|record| record.frame.spec.name == "SECX");
        let fates: Vec<bool> = copies.map(FrameRecord::has_landed).collect();
        assert_eq!(fates, [false, false]);
    }
}

#[test]
fn a_frame_released_behind_its_own_close_was_touched() {
    // Held and released within one tick.
    let rules = r#"
system = "ratchet"
script.client = [{ numbers = [10.5, 20.25] }, "end", "connect", { numbers = [30.5, 40.25] }, "end"]
[[rule]]
when = { link = 1, from = "client", type = "CLIENT_HELLO", nth = 1 }
do = [{ drop = {} }]
[[rule]]
when = { link = 2, from = "client", type = "TERMINATE", nth = 1 }
do = [{ hold = {} }]
[[rule]]
when = { event = "close", link = 2, from = "client" }
do = [{ release = {} }]
"#;
    let judgement = run("hardened", Over::World, &[rules]);
    let ruling = ruling(&judgement, Property::Availability);
    assert_eq!(ruling.outcome, Outcome::Held, "{}", ruling.evidence);
}

#[test]
fn a_frame_under_way_at_the_theft_was_not_said_since() {
    let rule = r#"
system = "csr"
script.client = [{ image = "lighthouse.png" }, { text = "pay bob 100" }, { image = "note.svg" }, "end"]
[[rule]]
when = { link = 1, from = "server", type = "HELLO", nth = 1 }
do = [{ compromise = { memory = "server" } }]
"#;
    let judgement = run("hardened", Over::World, &[rule]);
    let ruling = ruling(&judgement, Property::PostCompromiseSecurity);
    assert_ne!(ruling.outcome, Outcome::Violated, "{}", ruling.evidence);
}

#[test]
fn an_answer_to_another_frame_of_the_tick_is_no_answer_to_the_forgery() {
    let rules = r#"
system = "suite"
script.client = [{ text = "pay bob 100" }, { text = "pay eve 900" }, "end"]
[[rule]]
when = { link = 1, from = "client", type = "HELLO", nth = 1 }
do = [{ inject = { to = "server", template = { type = "LOGIN" } } }]
[[rule]]
when = { link = 1, from = "client", type = "LOGIN", nth = 1 }
do = [{ replay = { transcript = "client", link = 1 } }]
"#;
    let judgement = run("static-rsa-transport", Over::World, &[rules]);
    let ruling = ruling(&judgement, Property::UniformErrors);
    assert_eq!(ruling.outcome, Outcome::Held, "{}", ruling.evidence);
}

#[test]
fn completeness_knows_a_message_by_its_connection_before_there_are_names() {
    // The server does not know who talks to it before the first message, and that one never comes.
    let rule = r#"
system = "suite"
script.client = [{ text = "pay bob 100" }, "end"]
[[rule]]
when = { from = "client", type = "MSG", nth = 1 }
do.drop = {}
"#;
    let judgement = run("as-built", Over::World, &[rule]);
    let ruling = ruling(&judgement, Property::Completeness);
    assert_eq!(ruling.outcome, Outcome::Violated, "{}", ruling.evidence);
    let of_client = judgement.trace.claims.iter().find(|record| record.actor == 1).unwrap();
    let name = of_client.claim.local.as_str();
    assert!(ruling.evidence.contains(&format!("which {name} had sent")), "{}", ruling.evidence);
}

#[test]
fn a_delay_that_did_no_harm_does_not_hide_what_another_connection_did() {
    let delay = r#"
[[rule]]
when = { link = 1, from = "client", type = "CLIENT_HELLO", nth = 1 }
do.delay = { ms = 1 }
"#;
    let kill = r#"
system = "ratchet"
script.client = [{ numbers = [10.5, 20.25] }, { numbers = [30.5, 40.25] }, "end"]
[[rule]]
when = { link = 1, from = "client", type = "CLIENT_DATA", nth = 1 }
do.replay = { transcript = "client", link = 1 }
"#;
    for parts in [&[kill][..], &[kill, delay]] {
        let judgement = run("as-built", Over::World, parts);
        let ruling = ruling(&judgement, Property::Availability);
        let evidence = &ruling.evidence;
        assert!(evidence.contains("client 1's session on link 1, "), "{evidence}");
        assert_eq!(evidence.contains("which was not attacked"), parts.len() == 1, "{evidence}");
    }
}

#[test]
fn a_delay_that_cost_the_session_its_patience_cut_it() {
    let rule = r#"
system = "ratchet"
script.client = [{ numbers = [10.5, 20.25] }, { numbers = [30.5, 40.25] }, "end"]
[[rule]]
when = { link = 1, from = "client", type = "CLIENT_HELLO", nth = 1 }
do.delay = { ms = 60000 }
"#;
    let judgement = run("hardened", Over::World, &[rule]);
    let ruling = ruling(&judgement, Property::Availability);
    assert_eq!(ruling.outcome, Outcome::Held, "{}", ruling.evidence);
}
