//! Lies about length, silence, garbage and forks.

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

#[test]
fn a_fork_never_touches_its_original_and_does_as_it_does() {
    for profile in [as_built(), Profile::HARDENED] {
        let mut pair = Pair::new(&SYSTEM, profile);
        pair.open();
        pair.commands(&texts()[..1]);
        pair.pump(&mut once(Side::Client, "TEXT", 1, |_| vec![]));
        let before = (digest(&*pair.client), digest(&*pair.server));
        let record = pair.frames.last().unwrap().1.bytes.clone();
        let outputs = [(); 2].map(|()| {
            let mut fork = pair.server.fork();
            assert_eq!(digest(&*fork), before.1);
            let mut out = Output::default();
            fork.step(pair.now, Input::Received(LINK, &record), &mut out);
            assert_ne!(digest(&*fork), before.1);
            let mut device = pair.client.fork();
            device.step(pair.now, Input::Closed(LINK), &mut out);
            assert_ne!(digest(&*device), before.0);
            (out.writes, out.claims, out.closes, digest(&*fork), digest(&*device))
        });
        assert_eq!(outputs[0], outputs[1]);
        assert_eq!((digest(&*pair.client), digest(&*pair.server)), before);
    }
}

#[test]
fn unknown_connections_are_ignored() {
    let mut pair = Pair::new(&SYSTEM, Profile::HARDENED);
    for side in [Side::Client, Side::Server] {
        pair.step(side, Input::Received(Conn(9), b"hello"));
        pair.step(side, Input::Closed(Conn(9)));
        pair.step(side, Input::Timeout);
    }
    assert!(pair.claims.is_empty() && pair.wakes.is_empty());
}

/// How far into a conversation `proptest` breaks it.
fn after(profile: Profile, frames: usize) -> Pair {
    let mut seen = 0;
    let mut stop = |_: Side, _: &Frame| {
        seen += 1;
        (seen > frames).then(Vec::new)
    };
    run(profile, &script(profile), &mut stop)
}

/// What one side of an honest hardened conversation sends, as frames.
fn stream(side: Side) -> Vec<Frame> {
    let pair = run(Profile::HARDENED, &script(Profile::HARDENED), &mut untouched);
    pair.frames.into_iter().filter(|(from, _)| *from == side).map(|(_, frame)| frame).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn framed_messages_do_not_depend_on_segmentation(
        client in any::<bool>(),
        sizes in proptest::collection::vec(1usize..3000, 1..20),
    ) {
        let side = if client { Side::Client } else { Side::Server };
        let frames = stream(side);
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
        let mut cutter = Deframer::new(Arc::new((SYSTEM.layout)(Profile::HARDENED)), PortIndex(0), side);
        let (mut rest, mut cut) = (Bytes::from(bytes), Vec::new());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            cutter.push(&rest.split_to(rest.len().min(*size)), &mut cut);
        }
        prop_assert_eq!(cut, frames);
        prop_assert_eq!(cutter.finish(), None);
    }

    #[test]
    fn no_bytes_whatever_panic(
        soup in proptest::collection::vec(any::<u8>(), 0..600),
        head in proptest::option::of(0usize..6),
        framed in any::<bool>(),
        which in 0usize..16,
        frames in 0usize..12,
    ) {
        let mut pair = after(profiles()[which], frames);
        let heads: [&[u8]; 6] = [wire::END, wire::ERROR, b"T", b"A", b"M", b"0000000016"];
        let body = [head.map_or(&[][..], |at| heads[at]), &soup].concat();
        let bytes = if framed { wire::framed(Profile::HARDENED, body) } else { body };
        for side in [Side::Client, Side::Server] {
            let end = if side == Side::Client { &pair.client } else { &pair.server };
            let before = end.buffered();
            pair.step(side, Input::Received(LINK, &bytes));
            let end = if side == Side::Client { &pair.client } else { &pair.server };
            prop_assert!(end.buffered() <= before + bytes.len());
        }
    }

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
