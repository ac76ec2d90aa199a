//! Conversations of a few frames, made up.

use std::sync::Arc;

use mitm_proxy::trace::{Departing, Departure, Fate, FrameRecord};
use protocol::endpoint::{Check, Claim, Conn, Message, Name, Reject, Tick};
use protocol::layout::{Frame, FrameSpec};

use super::*;

/// Frames with their sizes: the sender, and of which frame the attacker made a copy.
fn trace(frames: &[(Side, usize, Option<u32>)]) -> Trace {
    let mut trace = Trace::default();
    for (from, size, copy_of) in frames {
        let moment = trace.next_moment() * 10;
        let origin = match copy_of {
            Some(_) => Origin::Attacker { copy_of: *copy_of },
            None => Origin::Endpoint,
        };
        let frame = Frame { spec: Arc::new(FrameSpec::raw()), bytes: vec![0; *size].into() };
        let (link, to) = (1, from.other());
        let number = trace.add(FrameRecord {
            number: 0,
            at: Tick(moment),
            moment,
            link,
            to,
            frame,
            original: None,
            origin,
            attacker_actions: Vec::new(),
            moved: false,
            fate: Fate::Delivered(Tick(moment)),
            sent: None,
            answers: None,
            read: None,
        });
        let what = Departing::Segment { bytes: "x".into(), numbers: vec![number] };
        trace.departures.push(Departure { at: Tick(moment), moment, link, to, what });
    }
    trace
}

fn claim(trace: &mut Trace, moment: u64, fact: Fact) {
    let (local, peer) = (Name::from("server"), Name::from("client"));
    let claim = Claim { conn: Conn(1), local, peer, fact };
    trace.claims.push(ClaimRecord { at: Tick(moment), moment, actor: 0, cause: None, claim });
}

const REFUSED: Fact = Fact::Rejected(Reject::new(Check::Sequence, "frame"));
const C: Side = Side::Client;
const S: Side = Side::Server;

#[test]
fn who_answers_what_it_claims_to_have_refused_is_contradicted() {
    let honest = trace(&[(C, 9, None), (S, 5, None)]);
    let mut lies = trace(&[(C, 9, None), (S, 5, None), (C, 9, Some(1)), (S, 5, None)]);
    claim(&mut lies, 31, REFUSED);
    let (findings, remarks) = look(&honest, &lies);
    assert_eq!((findings.len(), remarks), (1, Vec::new()));
    assert!(findings[0].to_string().contains("claims to have refused frame 3 (sequence)"));
}

#[test]
fn a_refusal_that_shows_is_believed() {
    let honest = trace(&[(C, 9, None), (S, 5, None), (C, 9, None), (S, 5, None)]);
    let mut refuses = trace(&[(C, 9, None), (S, 5, None), (C, 9, Some(1))]);
    claim(&mut refuses, 31, REFUSED);
    assert_eq!(look(&honest, &refuses), (Vec::new(), Vec::new()));
    // An answer of another size may well be an error.
    let mut says_so = trace(&[(C, 9, None), (S, 5, None), (C, 9, Some(1)), (S, 3, None)]);
    claim(&mut says_so, 31, REFUSED);
    assert_eq!(look(&honest, &says_so), (Vec::new(), Vec::new()));
}

#[test]
fn a_refusal_that_no_frame_shows_rests_on_its_own_word() {
    let honest = trace(&[(C, 9, None), (C, 9, None), (S, 5, None)]);
    let mut goes_on = trace(&[(C, 9, None), (C, 9, Some(1)), (C, 9, None), (S, 5, None)]);
    claim(&mut goes_on, 21, REFUSED);
    let (findings, remarks) = look(&honest, &goes_on);
    assert!(findings.is_empty());
    assert!(remarks[0].contains("rests on its own word"), "{remarks:?}");
}

#[test]
fn who_delivers_before_anything_came_is_contradicted() {
    let honest = trace(&[(C, 9, None)]);
    let mut early = honest.clone();
    claim(&mut early, 5, Fact::Delivered(Message::text("pay bob 100")));
    let (findings, _) = look(&honest, &early);
    assert!(findings[0].to_string().contains("before any frame had come"), "{findings:?}");
    let mut in_time = honest.clone();
    claim(&mut in_time, 11, Fact::Delivered(Message::text("pay bob 100")));
    assert_eq!(look(&honest, &in_time).0, []);
}

/// A session on link 1, whose second frame came from the client, and its transcript on link 2, where the server refuses.
fn transcript(frames: &[(u32, Side, usize, Option<u32>)]) -> Trace {
    let plain: Vec<_> = frames.iter().map(|(_, from, size, of)| (*from, *size, *of)).collect();
    let mut trace = trace(&plain);
    for (record, (link, ..)) in trace.frames.iter_mut().zip(frames) {
        record.link = *link;
    }
    let refused = trace.next_moment() * 10;
    claim(&mut trace, refused, REFUSED);
    trace.claims[0].claim.conn = Conn(2);
    trace
}

#[test]
fn a_greeting_is_no_answer_to_a_transcript() {
    let honest = trace(&[(S, 17, None), (C, 9, None)]);
    let greets =
        transcript(&[(1, S, 17, None), (1, C, 9, None), (2, S, 17, None), (2, C, 9, Some(2))]);
    assert_eq!(look(&honest, &greets).0, []);
    let answers = transcript(&[
        (1, S, 17, None),
        (1, C, 9, None),
        (1, S, 5, None),
        (2, S, 17, None),
        (2, C, 9, Some(2)),
        (2, S, 5, None),
    ]);
    let (findings, _) = look(&honest, &answers);
    assert!(findings[0].to_string().contains("of the transcript on link 2"), "{findings:?}");
}

/// These frames, each on its link.
fn on_links(frames: &[(u32, Side, usize, Option<u32>)]) -> Trace {
    let plain: Vec<_> = frames.iter().map(|(_, from, size, of)| (*from, *size, *of)).collect();
    let mut trace = trace(&plain);
    for (record, (link, ..)) in trace.frames.iter_mut().zip(frames) {
        record.link = *link;
    }
    trace
}

#[test]
fn what_an_end_took_first_on_a_link_is_what_brought_its_first_delivery_there() {
    let delivered = || Fact::Delivered(Message::text("pay bob 100"));
    let mut trace = on_links(&[(1, C, 9, None), (2, S, 9, None), (2, C, 9, None), (2, C, 9, None)]);
    assert_eq!(first_taken(&trace, S, 2), Some(3), "the first one it was given there");
    assert_eq!(first_taken(&trace, C, 2), Some(2));
    assert_eq!(first_taken(&trace, S, 3), None);
    // A refusal there, a delivery elsewhere and one of the other end say nothing; the fourth frame brings a delivery.
    for (actor, link, cause, fact) in
        [(0, 2, 2, REFUSED), (0, 1, 1, delivered()), (1, 2, 2, delivered()), (0, 2, 4, delivered())]
    {
        claim(&mut trace, 50, fact);
        let last = trace.claims.last_mut().unwrap();
        (last.actor, last.claim.conn, last.cause) = (actor, Conn(link), Some(cause));
    }
    assert_eq!(first_taken(&trace, S, 2), Some(4));
}

#[test]
fn a_copy_is_found_by_its_link_and_its_original() {
    let trace =
        on_links(&[(1, C, 9, None), (1, C, 9, Some(1)), (2, C, 9, None), (2, C, 9, Some(1))]);
    assert_eq!(copy_on(&trace, 1, 1), Some(2));
    assert_eq!(copy_on(&trace, 2, 1), Some(4));
    assert_eq!((copy_on(&trace, 2, 3), copy_on(&trace, 3, 1)), (None, None));
}

#[test]
fn shapes_are_those_of_one_end_on_one_link_and_counted() {
    let trace = on_links(&[
        (1, S, 5, None),
        (1, C, 9, None),
        (1, S, 5, None),
        (1, S, 5, None),
        (2, S, 5, None),
        (1, C, 5, None),
    ]);
    let count = |shapes: BTreeMap<(&'static str, usize), usize>| {
        shapes.into_iter().map(|((_, size), count)| (size, count)).collect::<Vec<_>>()
    };
    assert_eq!(count(shapes_after(&trace, S, 1, 2)), [(5, 2)]);
    assert_eq!(count(shapes(&trace, S, 1)), [(5, 3)]);
    assert_eq!(count(shapes(&trace, C, 1)), [(5, 1), (9, 1)]);
}

#[test]
fn a_copy_on_another_link_or_for_the_other_end_is_none_that_was_refused() {
    let honest = trace(&[(C, 9, None), (S, 5, None)]);
    for stray in [(2, C, 9, Some(1)), (1, S, 5, Some(2))] {
        let mut trace = on_links(&[(1, C, 9, None), (1, S, 5, None), stray, (1, S, 5, None)]);
        claim(&mut trace, 41, REFUSED);
        assert_eq!(look(&honest, &trace).0, [], "{stray:?}");
    }
}

#[test]
fn only_the_one_who_refused_is_taken_at_its_word() {
    let honest = trace(&[(C, 9, None), (S, 5, None)]);
    let mut refused = honest.clone();
    claim(&mut refused, 21, REFUSED);
    let (_, remarks) = look(&honest, &refused);
    let word = |who: &str| {
        format!(
            "that the {who} refused something (sequence) rests on its own word: no frame shows it"
        )
    };
    assert_eq!(remarks, [word("server")]);
    refused.claims[0].actor = 1;
    assert_eq!(look(&honest, &refused).1, [word("client")]);
    // On a link of the attacker's own, silence shows it; on a client's it does not.
    refused.owners.insert(2, 1);
    assert_eq!(look(&honest, &refused).1, [""; 0]);
    refused.owners.insert(1, 1);
    assert_eq!(look(&honest, &refused).1, [word("client")]);
}
