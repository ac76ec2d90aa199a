//! Lies about length, and what comes at the wrong time.

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
