//! Somebody in the middle who takes part in the key agreement on both sides.

use super::*;
use crate::compromise::Middle;

fn middle(profile: Profile, seed: u64) -> Box<dyn Middle> {
    SYSTEM.middle.unwrap()(profile, seed)
}

/// Several texts and then a file, relayed with `edit`; the conversation and what the middle read.
fn meet(
    profile: Profile,
    commands: &[Command],
    edit: &mut dyn FnMut(Side, &mut Vec<u8>),
) -> (Pair, Vec<(Side, Message)>) {
    let mut middle = middle(profile, 9);
    let mut read = Vec::new();
    let pair = run(profile, commands, &mut |from, frame| {
        let relayed = middle.relay(from, frame, edit);
        read.extend(middle.read().iter().map(|message| (from, message.clone())));
        Some(vec![relayed])
    });
    (pair, read)
}

fn words() -> Vec<Command> {
    let words = ["pay bob 100", "", "and carol 200", "fourth", "fifth"];
    words.into_iter().map(text).chain([Command::End]).collect()
}

/// Nothing stands against the middle where no signature covers the shares, whatever else is defended.
#[test]
fn everything_is_read_and_delivered_where_shares_are_not_signed() {
    for profile in [as_built(), Profile::only(Weakness::EcdhNotAuthenticated)] {
        let untouched = run(profile, &words(), &mut untouched);
        let (pair, read) = meet(profile, &words(), &mut |_, _| {});
        assert_eq!(pair.delivered(), untouched.delivered());
        assert_eq!(pair.delivered().len(), 5);
        assert_eq!(pair.acknowledged(), 5);
        assert_eq!(pair.ends(SERVER), [End::Clean]);
        assert_eq!(pair.ends("device"), [End::Clean]);
        assert_eq!(pair.rejects(SERVER), Vec::<String>::new());
        let of = |side| -> Vec<String> {
            let from = read.iter().filter(|(from, _)| *from == side);
            from.map(|(_, message)| message.to_string()).collect()
        };
        assert_eq!(of(Side::Client), pair.delivered());
        assert_eq!(of(Side::Server).first().unwrap(), "text \"ACK: Received 'pay bob 100'\"");
        assert_eq!(of(Side::Server).len(), 5);
        // Two sessions, though each end believes in one with the other.
        let facts = pair.claims.iter();
        let established = facts.filter_map(|claim| match claim.fact {
            Fact::Established(fingerprint) => Some(fingerprint),
            _ => None,
        });
        let established: Vec<_> = established.collect();
        assert_eq!(established.len(), 2);
        assert_ne!(established[0], established[1]);
    }
}

/// As built a reply is shown and not compared. Where it is, whoever changes a text changes the reply back.
#[test]
fn an_edit_changes_a_text_and_the_server_delivers_the_changed_one() {
    for profile in [as_built(), Profile::only(Weakness::EcdhNotAuthenticated)] {
        let (pair, read) = meet(profile, &words(), &mut |from, plaintext| {
            let (was, is) = match from {
                Side::Client => ("bob", "eve and nobody else"),
                Side::Server => ("eve and nobody else", "bob"),
            };
            let text = String::from_utf8(plaintext.clone()).unwrap();
            *plaintext = text.replace(was, is).into_bytes();
        });
        assert_eq!(pair.delivered()[0], "text \"pay eve and nobody else 100\"");
        assert_eq!(pair.delivered().len(), 5);
        assert_eq!(pair.acknowledged(), 5);
        assert_eq!(read[0].1, Message::text("pay bob 100"), "what was written");
        assert_eq!(read[1].1.body, "ACK: Received 'pay eve and nobody else 100'");
        assert_eq!(pair.ends("device"), [End::Clean]);
    }
}

/// The middle has the device's signature for the session it has with the device, and none for the one with the server.
#[test]
fn a_file_passes_with_its_signature_where_that_is_not_of_one_session() {
    let file = Command::Send(Message::file("cat.png", Bytes::from_static(b"\x89PNG")));
    for profile in [as_built(), Profile::only(Weakness::EcdhNotAuthenticated)] {
        let commands = [text("first"), file.clone(), Command::End];
        let (pair, read) = meet(profile, &commands, &mut |_, _| {});
        let bound = !profile.has(Weakness::SignatureNotBound);
        let file = &read.last().unwrap().1;
        assert_eq!(&file.body[..], b"\x89PNG");
        assert_eq!(file.name.as_ref().unwrap().as_str(), if bound { "cat.png" } else { "image" });
        let refused = if bound { vec!["signature (signature)"] } else { vec![] };
        assert_eq!(pair.rejects(SERVER), refused);
        assert_eq!(pair.delivered().len(), if bound { 1 } else { 2 });
    }
}

#[test]
fn a_signature_over_the_shares_stops_it() {
    for profile in profiles() {
        let (pair, read) = meet(profile, &words(), &mut |_, _| {});
        if profile.has(Weakness::EcdhNotAuthenticated) {
            continue;
        }
        assert_eq!(read, [], "{}", profile.name());
        assert_eq!(pair.rejects("device"), ["signature (signature)"], "{}", profile.name());
        assert_eq!(pair.delivered(), Vec::<String>::new());
    }
}

/// Also a copy made in the middle of a session goes on, and does not disturb the other.
#[test]
fn a_fork_goes_its_own_way() {
    let profile = as_built();
    let mut first = middle(profile, 9);
    let mut spoilt = 0;
    let pair = run(profile, &words(), &mut |from, frame| {
        let mut other = first.fork();
        let relayed = first.relay(from, frame, &mut |_, _| {});
        assert_eq!(other.clone().relay(from, frame, &mut |_, _| {}), relayed);
        other.relay(from, frame, &mut |_, plaintext| plaintext.clear());
        spoilt += other.read().len();
        Some(vec![relayed])
    });
    assert_eq!((pair.delivered().len(), spoilt), (5, 10));
}

/// What is not of the session passes as it is.
#[test]
fn what_cannot_be_read_passes_unchanged() {
    for profile in profiles() {
        let mut middle = middle(profile, 9);
        run(profile, &words(), &mut |from, frame| {
            for spec in &(SYSTEM.layout)(profile).frames {
                let garbage =
                    [vec![], vec![0xff; 70], frame.bytes[..frame.bytes.len() / 2].to_vec()];
                for bytes in garbage {
                    let frame = Frame { spec: spec.clone(), bytes: Bytes::from(bytes) };
                    let relayed = middle.relay(from, &frame, &mut |_, _| panic!("read"));
                    assert_eq!(relayed, frame.bytes);
                    assert_eq!(middle.read(), []);
                }
            }
            Some(vec![middle.relay(from, frame, &mut |_, _| {})])
        });
    }
}
