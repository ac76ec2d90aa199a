//! What a verdict says must be true of the run it is about.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

mod written;

use written::{NOTHING_EXPECTED, NoFiles};

use judge::property::{Outcome, Property};
use judge::{Judgement, Over};

fn run(profile: &str, source: &str) -> Judgement {
    written::judged(profile, Over::World, &[source, NOTHING_EXPECTED], &NoFiles)
}

fn evidence(judgement: &Judgement, property: Property) -> (Outcome, &str) {
    assert_eq!(judgement.inconclusive, None);
    let ruling = &judgement.rulings.iter().find(|(p, _)| *p == property).unwrap().1;
    (ruling.outcome, &ruling.evidence)
}

#[test]
fn an_impostor_that_is_believed_is_not_stopped_by_the_end_of_somebodys_patience() {
    let source = r#"
system = "suite"
script.client = [{ text = "pay bob 100" }, "end"]
[keys.fady]
account = "fady:123456789"
"crypto/certificates/ca_cert.pem" = "lab:crypto/certificates/ca_cert.pem"
"server_public.pem" = "lab:server_public.pem"
[[rule]]
when = { from = "client", type = "MSG", nth = 1 }
do.impostor = { plays = "client", keys = "fady", says = ["pay eve 900 at once"] }
"#;
    let judgement = run("hardened", source);
    let blocked: Vec<&String> = judgement.blocked_by.keys().collect();
    assert_eq!(blocked, ["nothing"]);
    let (outcome, evidence) = evidence(&judgement, Property::MessageAuthenticity);
    assert_eq!(outcome, Outcome::Violated);
    // It is one of two who are called fady, and the other one did say something.
    assert!(evidence.ends_with("which fady had not sent to it"), "{evidence}");
}

#[test]
fn where_a_secret_check_refused_an_honest_frame_uniform_errors_says_so() {
    // A frame that is lost leaves the next one out of step.
    let source = r#"
system = "helo"
script.client = [{ text = "pay bob 100" }, { text = "pay eve 200" }, "end"]
[[rule]]
when = { from = "client", type = "NONCE", nth = 1 }
do.flip = { field = "nonce", bit = 0 }
"#;
    let judgement = run("as-built", source);
    let stopped: Vec<&String> = judgement.blocked_by.keys().collect();
    assert_eq!(stopped, ["server: mac"]);
    let (outcome, evidence) = evidence(&judgement, Property::UniformErrors);
    assert_eq!(outcome, Outcome::Held);
    assert_eq!(
        evidence,
        "no forgery got as far as a check of a secret; mac refused frames as their senders had made them"
    );
}

#[test]
fn nothing_is_said_of_each_where_there_is_none() {
    let source = r#"
system = "ratchet"
script.client = [{ numbers = [10.5, 20.25] }, "end"]
[[rule]]
when = { from = "client", type = "CLIENT_HELLO", nth = 1 }
do.drop = {}
"#;
    let judgement = run("hardened", source);
    let of = |property| evidence(&judgement, property).1;
    assert_eq!(of(Property::MessageAuthenticity), "no message was delivered");
    assert_eq!(of(Property::DeliveryAtMostOnce), "nothing that was sent was delivered");
    let none = "no clean end, so nobody believes that all has arrived";
    assert_eq!(of(Property::Completeness), none);
    assert_eq!(of(Property::PeerAuthentication), "no handshake was completed");
    assert_eq!(of(Property::DeliveryAgreement), "nobody believes that a message arrived");
}

#[test]
fn a_repeated_delivery_is_no_proof_of_order() {
    let source = r#"
system = "helo"
script.client = [{ text = "pay bob 100" }, { text = "pay eve 200" }, "end"]
[[rule]]
when = { from = "client", type = "SECX", nth = 2 }
do.replay = { frame = { type = "SECX", nth = 1 } }
"#;
    let judgement = run("as-built", source);
    assert_eq!(evidence(&judgement, Property::DeliveryAtMostOnce).0, Outcome::Violated);
    let order = evidence(&judgement, Property::Order);
    let said = "every delivery in the order of sending, but for those that are repeated";
    assert_eq!(order, (Outcome::Held, said));
}

/// A text of `csr`, and somebody who decrypts it by asking about its padding.
fn padding_oracle(text: &str) -> String {
    let script = format!("script.client = [{{ text = \"{text}\" }}, \"end\"]\n");
    let when = "when = { from = \"client\", type = \"TEXT\" }\nskip_last = 32\n";
    format!("system = \"csr\"\n{script}[strategy]\nname = \"padding-oracle\"\n{when}")
}

#[test]
fn what_a_padding_oracle_recovers_is_counted_within_the_message() {
    let judgement =
        run("as-built", &padding_oracle("sixteen bytes 16then thirty-three more and a dot."));
    let (outcome, why) = evidence(&judgement, Property::Secrecy);
    assert_eq!(outcome, Outcome::Violated);
    assert!(why.starts_with("padding-oracle recovered 33 of the 49 bytes of text"), "{why}");
    assert!(why.ends_with("from byte 17 on"), "{why}");
    let ended = &judgement.trace.efforts[0].ended;
    assert_eq!(
        ended,
        "decrypted; the first block cannot be decrypted: its initialization vector is not on the wire"
    );
}

#[test]
fn what_a_padding_oracle_cannot_reach_is_said_and_not_held() {
    let judgement = run("as-built", &padding_oracle("abcdefghijklmno"));
    let (outcome, why) = evidence(&judgement, Property::Secrecy);
    let expected = "the strategy `padding-oracle` shows nothing: nothing is left to decrypt; \
                    the first block cannot be decrypted: its initialization vector is not on the wire; \
                    all of the text is in it";
    assert_eq!((outcome, why), (Outcome::Inconclusive, expected));
    // What the answers to its questions showed is shown all the same.
    assert_eq!(evidence(&judgement, Property::UniformErrors).0, Outcome::Violated);
}
