//! Lies about length, silence, and flipped bits.

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
fn silence_is_waited_for_only_as_built() {
    for profile in profiles() {
        // Neither end hears anything after the first text.
        let quiet = &mut |_: Side, frame: &Frame| (frame.spec.name == "ACK").then(Vec::new);
        let pair = &mut run(profile, &texts()[..1], quiet);
        let after = pair.now;
        for _ in 0..6 {
            for (at, side) in std::mem::take(&mut pair.wakes) {
                pair.now = pair.now.max(at);
                pair.step(side, Input::Timeout);
            }
        }
        if profile.has(Weakness::NoTimeout) {
            assert_eq!(pair.ends(USER), []);
            assert_eq!(pair.ends(SERVER), []);
        } else {
            assert_eq!(pair.now, after.after(IDLE_PATIENCE), "{}", profile.name());
            assert_eq!(pair.rejects(USER), ["timeout (peer)"], "{}", profile.name());
            assert_eq!(pair.rejects(SERVER), ["timeout (peer)"], "{}", profile.name());
            assert!(PATIENCE < IDLE_PATIENCE);
        }
    }
}

#[test]
fn an_as_built_client_pauses_between_messages_and_a_hardened_one_need_not() {
    for (profile, pauses) in [(as_built(), 2), (Profile::HARDENED, 0)] {
        let pair = run(profile, &texts(), &mut untouched);
        assert_eq!(pair.now, (0..pauses).fold(Tick(0), |now, _| now.after(PAUSE)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// As-built, and with some weaknesses alone, a changed bit may well be delivered: that is what they are.
    #[test]
    fn no_flipped_bit_panics_or_changes_what_a_mac_protects(
        which in 0usize..15,
        nth in 0usize..12,
        place in any::<proptest::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut seen = 0;
        let mut meddle = |_: Side, frame: &Frame| {
            seen += 1;
            (seen == nth + 1).then(|| {
                let mut bytes = frame.bytes.to_vec();
                let at = place.index(bytes.len());
                bytes[at] ^= 1 << bit;
                vec![bytes]
            })
        };
        let profile = profiles()[which];
        let pair = run(profile, &script(Profile::only(Weakness::DelimiterFraming)), &mut meddle);
        let open = [Weakness::UnkeyedHash, Weakness::GoesOnAfterFailure, Weakness::HeaderNotAuthenticated];
        let sent: Vec<_> = pair.facts(USER).into_iter().filter_map(sent).collect();
        if !open.iter().any(|weakness| profile.has(*weakness)) {
            for message in pair.facts(SERVER).into_iter().filter_map(delivered) {
                prop_assert!(sent.contains(&message));
            }
        }
        for local in [USER, SERVER] {
            prop_assert!(pair.ends(local).len() <= 1);
        }
    }
}
