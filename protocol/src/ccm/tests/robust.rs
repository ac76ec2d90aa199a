//! Lies about length, silence, garbage, stray connections and forks.

use proptest::prelude::*;

use super::*;

#[test]
fn lying_lengths_and_garbage_are_refused_at_once() {
    for profile in profiles() {
        let framed = !profile.has(Weakness::DelimiterFraming);
        for service in [EXCHANGE, TO_SERVER, TO_CLIENT] {
            for bytes in [&[0xff; 4][..], &[0; 4], b"GET / HTTP/1.1"] {
                let mut lab = Lab::new(profile);
                lab.step(Side::Server, Input::Opened(Conn(1), service));
                lab.step(Side::Server, Input::Received(Conn(1), bytes));
                let unbound = profile.has(Weakness::SessionNotBoundToConnection);
                let early = profile.has(Weakness::ConfirmationIgnored);
                let reject = match (service == EXCHANGE || !unbound, framed, early) {
                    (true, true, _) => vec!["length (length)"],
                    (true, false, _) => vec!["opcode (message)"],
                    (false, _, true) => vec!["phase (session)"],
                    // It waits for a session that may be confirmed yet.
                    (false, _, false) => vec![],
                };
                assert_eq!(lab.rejects(SERVER), reject, "{} {service:?}", profile.name());
                lab.wait();
                let held = if reject.is_empty() { bytes.len() } else { 0 };
                assert!(lab.server.buffered() <= held);
            }
        }
    }
}

#[test]
fn silence_is_waited_for_only_as_built() {
    for profile in profiles() {
        for name in ["ECHO", "TRUE"] {
            let from = if name == "TRUE" { Side::Client } else { Side::Server };
            let mut lab = run(
                profile,
                &[text("first"), Command::End],
                &[],
                &mut once(from, name, 1, |_| vec![]),
            );
            lab.wait();
            let open = lab.open.values().any(|open| *open != [false, false]);
            let unneeded = name == "TRUE" && profile.has(Weakness::ConfirmationIgnored);
            assert_eq!(
                open,
                profile.has(Weakness::NoTimeout) && !unneeded,
                "{} {name}",
                profile.name()
            );
        }
    }
    assert!(PATIENCE < IDLE_PATIENCE);
}

#[test]
fn a_client_that_says_nothing_more_is_given_up_after_a_minute() {
    let mut lab = run(Profile::HARDENED, &[text("first")], &[], &mut untouched);
    let from = lab.now;
    lab.wait();
    assert_eq!(lab.rejects(SERVER), ["timeout (peer)"]);
    assert_eq!(lab.now, from.after(IDLE_PATIENCE));
}

#[test]
fn unknown_and_unasked_connections_are_ignored_or_closed() {
    let mut lab = Lab::new(Profile::HARDENED);
    for side in [Side::Client, Side::Server] {
        lab.step(side, Input::Received(Conn(9), b"hello"));
        lab.step(side, Input::Closed(Conn(9)));
        lab.step(side, Input::Timeout);
    }
    assert!(lab.claims.is_empty() && lab.wakes.is_empty());
    let mut out = Output::default();
    lab.client.step(Tick(0), Input::Opened(Conn(5), TO_SERVER), &mut out);
    assert_eq!(out.closes, [Conn(5)]);
}

#[test]
fn framed_messages_do_not_depend_on_segmentation() {
    for segment in [1, 7, 600] {
        let mut lab = Lab::new(Profile::HARDENED);
        lab.segment = segment;
        lab.commands(Side::Server, &answers());
        lab.commands(Side::Client, &script());
        lab.connect(EXCHANGE);
        lab.pump(&mut untouched);
        assert_eq!((lab.delivered(SERVER).len(), lab.delivered("client").len()), (3, 2));
        assert_eq!(lab.ends("client"), [End::Clean, End::Clean]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_flipped_bit_panics_or_delivers_anything_never_sent(
        which in 0usize..14,
        nth in 0usize..16,
        place in any::<proptest::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut seen = 0;
        let mut meddle = |_: Conn, _: Side, frame: &Frame| {
            seen += 1;
            (seen == nth + 1).then(|| {
                let mut bytes = frame.bytes.to_vec();
                let at = place.index(bytes.len());
                bytes[at] ^= 1 << bit;
                vec![bytes]
            })
        };
        let lab = run(profiles()[which], &script(), &answers(), &mut meddle);
        for (local, peer) in [("client", SERVER), (SERVER, "client")] {
            let sent: Vec<_> = lab.facts(peer).filter_map(sent).collect();
            for message in lab.facts(local).filter_map(delivered) {
                prop_assert!(sent.contains(&message));
            }
            // At most one for each connection.
            prop_assert!(lab.ends(local).len() <= 3);
        }
    }
}
