//! Lies about length, and what comes at the wrong time.

use super::*;

#[test]
fn lying_lengths_and_garbage_are_refused_at_once() {
    for profile in profiles() {
        let framed = !profile.has(Weakness::DelimiterFraming);
        let one_way = wire::one_way(profile);
        let cases: [(&[u8], &str); 4] = [
            (&[0xff, 0xff, 0xff, 0xff, b'H'], "length (length)"),
            (&[0, 0, 0, 0, b'H'], "length (length)"),
            (&[0, 0, 0, 9, b'M', 0], "opcode (header)"),
            (b"GET / HTTP/1.1\r\n", "opcode (header)"),
        ];
        for (bytes, reject) in cases {
            let mut pair = Pair::new(&SYSTEM, profile);
            pair.step(Side::Server, Input::Opened(LINK, PortIndex(0)));
            pair.step(Side::Server, Input::Received(LINK, bytes));
            let reject = match (framed, one_way) {
                (true, _) => reject,
                (false, true) => "layout (delimiter)",
                (false, false) => "opcode (type)",
            };
            check(&pair, &[], &[reject], Some(End::Aborted));
            assert_eq!(pair.server.buffered(), 0);
        }
    }
    // Four pieces, and nothing in them.
    let pair =
        run(as_built(), &texts(), &mut once(Side::Client, "MSG", 1, |_| vec![b"||||||".to_vec()]));
    check(&pair, &[], &["decryption (key)"], Some(End::Aborted));
}

#[test]
fn a_huge_length_is_not_waited_for_before_the_login() {
    let mut pair = Pair::new(&SYSTEM, Profile::HARDENED);
    pair.open();
    pair.pump(&mut once(Side::Client, "LOGIN", 1, |frame| {
        let mut bytes = frame.bytes.to_vec();
        bytes[..4].copy_from_slice(&[3, 0, 0, 0]);
        vec![bytes]
    }));
    assert_eq!(pair.rejects(SERVER), ["length (length)"]);
}

#[test]
fn an_as_built_client_pauses_between_messages_and_a_hardened_one_need_not() {
    for (profile, pauses) in [(as_built(), 2), (Profile::HARDENED, 0)] {
        let pair = run(profile, &texts(), &mut untouched);
        assert_eq!(pair.now, (0..pauses).fold(Tick(0), |now, _| now.after(PAUSE)));
    }
}
