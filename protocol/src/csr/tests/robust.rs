//! Lies about length, silence, and flipped bits.

use super::*;

#[test]
fn lying_lengths_and_garbage_are_refused_at_once() {
    for profile in profiles() {
        let framed = !profile.has(Weakness::NoFraming);
        let mut pair = Pair::new(&SYSTEM, profile);
        let lengths: [(&[u8], &str); 3] = [
            (&[0xff; 4], "length (length)"),
            (&[0; 4], "length (length)"),
            (b"GET / HTTP/1.1", "length (length)"),
        ];
        for (bytes, reject) in lengths {
            pair.claims.clear();
            pair.step(Side::Server, Input::Opened(LINK, PortIndex(0)));
            pair.step(Side::Server, Input::Received(LINK, bytes));
            check(&pair, &[], &[if framed { reject } else { "layout (json)" }], Some(End::Aborted));
            assert_eq!(pair.server.buffered(), 0);
        }
    }
    let lie = |_: &Frame| vec![b"9999999999".to_vec()];
    let pair = run(as_built(), &texts(), &mut once(Side::Client, "TEXT", 1, lie));
    check(&pair, &[], &["length (length)"], Some(End::Aborted));
}

#[test]
fn silence_is_waited_for_only_as_built() {
    for profile in profiles() {
        // The server's second reply never comes.
        let pair = &mut run(profile, &texts(), &mut once(Side::Server, "REPLY", 2, |_| vec![]));
        let after = pair.now;
        for _ in 0..6 {
            for (at, side) in std::mem::take(&mut pair.wakes) {
                pair.now = pair.now.max(at);
                pair.step(side, Input::Timeout);
            }
        }
        if profile.has(Weakness::NoTimeout) {
            assert_eq!(pair.now, after);
            assert_eq!(pair.ends("device"), []);
        } else {
            // The device waits for an answer, the server only for the device's next word.
            assert_eq!(pair.now, after.after(IDLE_PATIENCE));
            assert_eq!(pair.rejects("device"), ["timeout (peer)"]);
            assert_eq!(pair.rejects(SERVER), ["timeout (peer)"]);
            assert!(PATIENCE < IDLE_PATIENCE);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_flipped_bit_panics_or_delivers_anything_never_sent(
        which in 0usize..16,
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
        let pair = run(profile, &script(profile), &mut meddle);
        let sent: Vec<_> = pair.facts("device").into_iter().filter_map(sent).collect();
        for message in pair.facts(SERVER).into_iter().filter_map(delivered) {
            prop_assert!(sent.contains(&message));
        }
        for local in ["device", SERVER] {
            prop_assert!(pair.ends(local).len() <= 1);
        }
    }
}
