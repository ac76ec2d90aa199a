//! Lies about length, silence, and flipped bits.

use super::*;

#[test]
fn lying_lengths_and_garbage_are_refused_at_once() {
    for profile in profiles() {
        let mut pair = Pair::new(&SYSTEM, profile);
        let hello = |length: u32| [b"<HELO>", &length.to_be_bytes()[..]].concat();
        for (bytes, reject) in [
            (hello(u32::MAX), "length (length)"),
            (hello(64 << 10 | 1), "length (length)"),
            (b"GET / HTTP/1.1".to_vec(), "opcode (header)"),
            (b"<ENDD>".to_vec(), "phase (header)"),
            (b"<SECX>".to_vec(), "phase (header)"),
            (hello(0), "certificate (certificate)"),
        ] {
            pair.claims.clear();
            pair.step(Side::Server, Input::Opened(LINK, PortIndex(0)));
            pair.step(Side::Server, Input::Received(LINK, &bytes));
            check(&pair, &[], &[reject], Some(End::Aborted));
            assert_eq!(pair.server.buffered(), 0);
        }
        for length in [0, u32::MAX] {
            let lie = move |frame: &Frame| {
                let mut bytes = frame.bytes.to_vec();
                bytes[6..10].copy_from_slice(&length.to_be_bytes());
                vec![bytes]
            };
            for name in ["PREM", "SECX", "IMGX"] {
                let pair = run(profile, &script(), &mut once(Side::Client, name, 1, lie));
                assert_eq!(pair.rejects(SERVER), ["length (length)"], "{name}");
            }
        }
    }
}

#[test]
fn silence_is_waited_for_only_as_built() {
    for profile in profiles() {
        // The server's second acknowledgement never comes.
        let pair = &mut run(profile, &texts(), &mut once(Side::Server, "ACK", 2, |_| vec![]));
        for _ in 0..4 {
            for (at, side) in std::mem::take(&mut pair.wakes) {
                pair.now = pair.now.max(at);
                pair.step(side, Input::Timeout);
            }
        }
        if profile.has(Weakness::NoTimeout) {
            assert_eq!(pair.now, Tick(0));
            assert_eq!(pair.ends("device"), []);
        } else {
            // The device waits for an answer, the server only for the device's next word.
            assert_eq!(pair.now, Tick(0).after(IDLE_PATIENCE));
            assert_eq!(pair.rejects("device"), ["timeout (peer)"]);
            assert_eq!(pair.rejects(SERVER), ["timeout (peer)"]);
            assert_eq!(pair.ends("device"), [End::Aborted]);
        }
    }
}

#[test]
fn a_stale_wake_up_is_ignored_and_asked_for_again() {
    let mut pair = Pair::new(&SYSTEM, Profile::HARDENED);
    pair.open();
    assert_eq!(pair.wakes.len(), 2);
    pair.now = Tick(1_000);
    pair.pump(&mut untouched);
    let asked = pair.wakes.len();
    assert_eq!(asked, 2, "one wake-up at a time");
    pair.now = Tick(0).after(PATIENCE);
    pair.step(Side::Server, Input::Timeout);
    assert_eq!(pair.rejects(SERVER), <[&str; 0]>::default());
    assert_eq!(pair.wakes.last(), Some(&(Tick(1_000).after(IDLE_PATIENCE), Side::Server)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_flipped_bit_panics_or_delivers_anything_never_sent(
        which in 0usize..12,
        nth in 0usize..20,
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
        let pair = run(profiles()[which], &script(), &mut meddle);
        let sent: Vec<_> = pair.facts("device").into_iter().filter_map(sent).collect();
        for message in pair.facts(SERVER).into_iter().filter_map(delivered) {
            prop_assert!(sent.contains(&message));
        }
        for local in ["device", SERVER] {
            prop_assert!(pair.ends(local).len() <= 1);
        }
    }
}
