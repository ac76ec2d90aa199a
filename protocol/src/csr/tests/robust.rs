//! Lies about length, and what comes at the wrong time.

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
