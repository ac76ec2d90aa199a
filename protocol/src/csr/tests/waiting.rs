//! What nobody asked for, how much may wait, and how long a pause is.

use super::*;
use crate::csr::wire::{MAX_MEDIA, MAX_MESSAGE, READ};
use crate::endpoint::{Found, Tick};

#[test]
fn a_reply_nobody_asked_for_is_refused_where_replies_are_numbered() {
    let mut pair = run(Profile::HARDENED, &[text("first")], &mut untouched);
    let reply = pair.frame(Side::Server, "REPLY");
    pair.step(Side::Client, Input::Received(LINK, &reply));
    assert_eq!(pair.rejects("device"), ["phase (reply)"]);
    assert_eq!(pair.found[0].last(), Some(&(Found::Refused, reply.len())));
}

#[test]
fn four_reads_of_replies_may_wait_where_they_are_not_numbered() {
    let profile = Profile::only(Weakness::NoSequence);
    let mut pair = run(profile, &[text("first")], &mut untouched);
    let found = pair.found[0].len();
    pair.step(Side::Client, Input::Received(LINK, &[0; 4 * READ]));
    assert_eq!((pair.rejects("device"), pair.client.buffered()), (vec![], 4 * READ));
    assert_eq!(pair.found[0].len(), found, "it is left where it is");
    pair.step(Side::Client, Input::Received(LINK, &[0]));
    assert_eq!(pair.rejects("device"), ["length (reply)"]);
    assert_eq!(pair.found[0].last(), Some(&(Found::Refused, 4 * READ + 1)));
}

#[test]
fn a_reply_that_came_early_is_taken_for_the_next_where_they_are_not_numbered() {
    let profile = Profile::only(Weakness::NoSequence);
    let pair = run(profile, &texts()[..2], &mut once(Side::Server, "REPLY", 1, replayed));
    assert_eq!(pair.rejects("device"), ["mac (mac)"], "the second text has other keys");
}

#[test]
fn one_read_may_wait_for_the_share_where_the_server_pauses() {
    let mut pair = Pair::new(&SYSTEM, as_built());
    pair.step(Side::Server, Input::Opened(LINK, PortIndex(0)));
    pair.step(Side::Client, Input::Opened(LINK, PortIndex(0)));
    let hello = pair.wires[0].pop_front().unwrap();
    pair.step(Side::Server, Input::Received(LINK, &hello));
    pair.step(Side::Server, Input::Received(LINK, &[b' '; READ]));
    assert_eq!((pair.rejects(SERVER), pair.server.buffered()), (vec![], READ));
    pair.step(Side::Server, Input::Received(LINK, b" "));
    assert_eq!((pair.rejects(SERVER), pair.server.buffered()), (vec!["length (key)".into()], 0));
    assert_eq!(pair.found[1].last(), Some(&(Found::Refused, READ + 1)));
}

#[test]
fn a_server_that_pauses_sends_its_share_when_the_pause_is_over_and_not_before() {
    let mut pair = Pair::new(&SYSTEM, as_built());
    pair.open();
    let hello = pair.wires[0].pop_front().unwrap();
    pair.step(Side::Server, Input::Received(LINK, &hello));
    let over = Tick(0).after(PAUSE);
    assert_eq!(pair.wakes, [(over, Side::Server)]);
    for (at, shares) in [(Tick(over.0 - 1), 0), (over, 1)] {
        let mut out = Output::default();
        pair.server.fork().step(at, Input::Timeout, &mut out);
        assert_eq!(out.writes.len(), shares, "{at:?}");
    }
}

/// The pause that follows the share of the device: nothing answers that.
fn pausing() -> (Pair, Tick) {
    let mut pair = Pair::new(&SYSTEM, as_built());
    pair.open();
    pair.pump(&mut |_, frame| (frame.spec.name == "ECDH").then(Vec::new));
    let over = pair.now.after(PAUSE);
    (pair, over)
}

#[test]
fn a_device_that_pauses_is_woken_only_if_there_is_something_to_say() {
    let (pair, over) = pausing();
    assert_eq!(pair.wakes.iter().filter(|(_, side)| *side == Side::Client).count(), 0);
    for (at, wake, written) in [(Tick(over.0 - 1), Some(over), 0), (over, None, 1)] {
        let mut out = Output::default();
        pair.client.fork().step(at, Input::Command(&text("first")), &mut out);
        assert_eq!((out.wake, out.writes.len()), (wake, written), "{at:?}");
    }
}

#[test]
fn the_longest_text_is_sent_and_a_longer_one_is_not() {
    // What stands around it is at most 4096 bytes.
    let longest = MAX_MESSAGE - 4096;
    for (len, sent) in [(longest, 1), (longest + 1, 0)] {
        let pair = run(Profile::HARDENED, &[text(&"x".repeat(len))], &mut untouched);
        let texts = pair.types().iter().filter(|name| **name == "TEXT").count();
        assert_eq!((texts, pair.delivered().len()), (sent, sent), "{len}");
        let rejects = if sent == 0 { vec!["length (message)"] } else { vec![] };
        assert_eq!(pair.rejects("device"), rejects);
    }
}

#[test]
fn a_file_of_a_hundred_kilobytes_is_sent_and_one_that_no_record_holds_is_not() {
    let file = |len| Command::Send(Message::file("a.png", Bytes::from(vec![0; len])));
    let pair = run(Profile::HARDENED, &[file(100_000)], &mut untouched);
    assert_eq!(pair.delivered().len(), 1);
    // Four characters stand for three bytes.
    let largest = (MAX_MEDIA - 4096) / 4 * 3;
    let pair = run(Profile::HARDENED, &[file(largest + 1)], &mut untouched);
    assert_eq!(pair.rejects("device"), ["length (message)"]);
}

#[test]
fn a_name_of_255_bytes_is_sent() {
    let file = Command::Send(Message::file(&"x".repeat(255), Bytes::new()));
    let pair = run(Profile::HARDENED, &[file], &mut untouched);
    assert_eq!((pair.delivered().len(), pair.rejects("device").len()), (1, 0));
}

#[test]
fn a_close_is_a_clean_end_only_where_nothing_is_left_to_say_but_goodbye() {
    let in_pause = |queued: &[Command]| {
        let (mut pair, _) = pausing();
        pair.commands(queued);
        pair.step(Side::Client, Input::Closed(LINK));
        pair.ends("device")
    };
    assert_eq!(in_pause(&[Command::End]), [End::Clean]);
    assert_eq!(in_pause(&[text("more"), Command::End]), [End::Truncated]);
    assert_eq!(in_pause(&[]), [End::Truncated]);
    for profile in [as_built(), Profile::HARDENED] {
        // It waits for a reply.
        let silent = &mut once(Side::Server, "REPLY", 1, |_| vec![]);
        let mut pair = run(profile, &[text("first"), Command::End], silent);
        pair.step(Side::Client, Input::Closed(LINK));
        assert_eq!(pair.ends("device"), [End::Truncated], "{}", profile.name());
    }
}

#[test]
fn a_reply_to_something_else_is_refused_where_replies_are_numbered() {
    let unnumbered = Profile::only(Weakness::NoSequence);
    for (profile, reject) in
        [(Profile::HARDENED, Some("acknowledgement (reply)")), (unnumbered, None)]
    {
        let mut pair = Pair::new(&SYSTEM, profile);
        pair.commands(&[text("first")]);
        pair.open();
        // Whoever has the keys answers in the place of the server.
        pair.pump_seeing(&mut |pair, _, frame| {
            let edit = &mut |said: &mut Vec<u8>| said.push(b'!');
            let mut forged = || pair.client.rewrite(LINK, &frame.bytes, edit).unwrap();
            (frame.spec.name == "REPLY").then(|| vec![forged()])
        });
        assert_eq!(pair.rejects("device"), Vec::from_iter(reject), "{}", profile.name());
        assert_eq!(pair.acknowledged(), usize::from(reject.is_none()));
    }
}
