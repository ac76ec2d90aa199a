//! Honest conversations, under every profile.

use super::*;

#[test]
fn honest_conversations_succeed_under_every_profile() {
    for profile in profiles() {
        let commands = script(profile);
        let pair = run(profile, &commands, &mut untouched);
        let name = profile.name();
        assert_eq!(pair.rejects(SERVER), <[&str; 0]>::default(), "{name}");
        assert_eq!(pair.rejects(USER), <[&str; 0]>::default(), "{name}");
        assert_eq!(pair.ends(USER), [End::Clean], "{name}");
        assert_eq!(pair.ends(SERVER), [End::Clean], "{name}");
        let sent: Vec<_> = pair.facts(USER).into_iter().filter_map(sent).collect();
        let arrived: Vec<_> = pair.facts(SERVER).into_iter().filter_map(delivered).collect();
        assert_eq!(sent, arrived, "{name}");
        assert_eq!(sent.len(), commands.len() - 1, "{name}");
        let receipts = if wire::one_way(profile) { 0 } else { sent.len() };
        assert_eq!(pair.acknowledged(), receipts, "{name}");
        let believes = pair.agree(USER);
        assert_eq!(believes, !wire::one_way(profile), "nobody ever answers as-built");
    }
    let files = run(Profile::HARDENED, &script(Profile::HARDENED), &mut untouched).delivered();
    assert_eq!(files[2..4], ["image \"cat é.png\" (4 bytes)", "video \"clip.mp4\" (300000 bytes)"]);
}

#[test]
fn the_wire_is_the_published_one() {
    let commands = [text("Hello, from the client side"), text("again"), Command::End];
    let pair = run(as_built(), &commands, &mut untouched);
    assert_eq!(pair.types(), ["MSG", "MSG"]);
    let frames: Vec<_> = pair.frames.iter().map(|(_, frame)| frame).collect();
    assert_eq!((frames[0].bytes.len(), frames[1].bytes.len()), (614, 598));
    let server = Keyring::lab().server.clone().unwrap();
    let opened = |at: usize, field| server.decrypt_oaep(frames[at].field(field).unwrap()).unwrap();
    assert_eq!(opened(0, "key").len(), 16);
    assert_eq!(opened(0, "key"), opened(1, "key"), "one key for the connection");
    assert_ne!(frames[0].field("key"), frames[1].field("key"), "encrypted anew each time");
    assert_eq!(opened(1, "username"), b"fady");
    let hardened = run(Profile::HARDENED, &texts(), &mut untouched);
    let expected = "HELLO CERT LOGIN WELCOME MSG ACK MSG ACK END";
    assert_eq!(hardened.types().join(" "), expected);
}

/// The published server refuses nothing of what a published client sends; and whatever name a file has.
#[test]
fn a_file_goes_as_text_where_the_frame_has_no_type() {
    let body = Bytes::from_static(b"\x89PNG||\0");
    let commands = [Command::Send(Message::file("a \"b\".png", body)), Command::End];
    let pair = run(as_built(), &commands, &mut untouched);
    assert_eq!(pair.delivered(), ["image \"a \\\"b\\\".png\" (7 bytes)"]);
    let mistaken = [text(r#"{"data":"","filename":"x.png"}"#), Command::End];
    let pair = run(as_built(), &mistaken, &mut untouched);
    assert_eq!(pair.rejects(USER), ["content (message)"]);
    let pair = run(Profile::HARDENED, &mistaken, &mut untouched);
    assert_eq!(pair.delivered().len(), 1);
}

#[test]
fn what_does_not_fit_is_refused_by_the_client_and_the_session_goes_on() {
    let longest = |len: usize| text(&"x".repeat(len));
    for (profile, carried, refused) in [
        (as_built(), longest(3503), longest(3504)),
        (as_built(), file("clip.mp4", 2500), file("clip.mp4", 2700)),
        (Profile::only(Weakness::DelimiterFraming), longest(3000), longest(4096)),
        (Profile::HARDENED, longest(1 << 20), longest((1 << 20) + 1)),
        (Profile::HARDENED, file("clip.mp4", 1 << 20), file("clip.mp4", (64 << 20) + 1)),
    ] {
        let pair = run(profile, &[refused, carried, Command::End], &mut untouched);
        assert_eq!(pair.rejects(USER), ["length (message)"], "{}", profile.name());
        assert_eq!(pair.delivered().len(), 1, "{}", profile.name());
        assert_eq!(pair.ends(SERVER), [End::Clean]);
    }
    let long_name = Command::Send(Message::file(&"x".repeat(256), Bytes::new()));
    let pair = run(
        Profile::HARDENED,
        &[Command::Send(Message::numbers("1,2")), long_name, Command::End],
        &mut untouched,
    );
    assert_eq!(pair.rejects(USER), ["content (message)", "length (message)"]);
}

#[test]
fn the_largest_file_arrives_in_segments() {
    let mut pair = Pair::new(&SYSTEM, Profile::HARDENED);
    pair.segment = 1 << 20;
    let body = Bytes::from(vec![0xab; 64 << 20]);
    pair.commands(&[Command::Send(Message::file("clip.mp4", body)), Command::End]);
    pair.open();
    pair.pump(&mut untouched);
    check(&pair, &["video \"clip.mp4\" (67108864 bytes)"], &[], Some(End::Clean));
}

#[test]
fn segmentation_matters_only_where_nothing_is_framed() {
    for profile in profiles() {
        let whole = run(profile, &script(profile), &mut untouched);
        for segment in [7, 300] {
            let mut pair = Pair::new(&SYSTEM, profile);
            pair.segment = segment;
            pair.commands(&script(profile));
            pair.open();
            pair.pump(&mut untouched);
            if profile.has(Weakness::DelimiterFraming) {
                let rejects = [pair.rejects(SERVER), pair.rejects(USER)].concat();
                assert_eq!(rejects, ["layout (delimiter)"], "{}", profile.name());
                assert_eq!(pair.delivered(), <[&str; 0]>::default());
            } else {
                assert_eq!(pair.claims, whole.claims, "{}", profile.name());
            }
        }
    }
}

#[test]
fn two_frames_in_one_read_do_not_split() {
    let mut held = None;
    let mut join = |_: Side, frame: &Frame| match held.take() {
        None => {
            held = Some(frame.bytes.to_vec());
            Some(vec![])
        }
        Some(first) => Some(vec![[&first[..], &frame.bytes].concat()]),
    };
    let pair = run(as_built(), &texts(), &mut join);
    check(&pair, &[], &["layout (delimiter)"], Some(End::Aborted));
}

#[test]
fn several_users_have_sessions_of_their_own() {
    for profile in profiles() {
        let pairs = interleaved(&SYSTEM, profile, 3, &script(profile));
        for (pair, (user, _)) in pairs.iter().zip(ACCOUNTS) {
            let name = profile.name();
            assert_eq!(pair.rejects(SERVER), <[&str; 0]>::default(), "{name} {user}");
            assert_eq!(pair.delivered().len(), script(profile).len() - 1, "{name} {user}");
            assert_eq!((pair.ends(SERVER), pair.ends(user)), (vec![End::Clean], vec![End::Clean]));
            let believes = pair.agree(user);
            assert_eq!(believes, !wire::one_way(profile), "nobody ever answers as-built");
        }
    }
}

/// A field of random bytes holds the delimiter by chance, or ends with half of it: about one frame in fifty.
#[test]
fn some_honest_frames_fail_where_fields_end_at_a_delimiter() {
    let message = [text("Hello, from the client side"), Command::End];
    let failed = (0..400).filter(|seed| {
        let setup = |number| crate::system::Setup::lab(as_built(), *seed, number);
        let (client, server) = ((SYSTEM.client)(setup(1)), (SYSTEM.server)(setup(0)));
        let mut pair = Pair::of(&SYSTEM, as_built(), client, server);
        pair.commands(&message);
        pair.open();
        pair.pump(&mut untouched);
        let refused = pair.rejects(SERVER);
        assert!(refused.is_empty() != pair.delivered().is_empty());
        !refused.is_empty()
    });
    let failed = failed.count();
    assert!((3..=16).contains(&failed), "{failed} of 400");
}

#[test]
fn equal_messages_give_equal_ciphertext_only_under_a_static_vector() {
    for profile in profiles() {
        let pair = run(profile, &[text("same"), text("same"), Command::End], &mut untouched);
        let records = pair.frames.iter().filter(|(_, frame)| frame.spec.name == "MSG");
        let cts: Vec<_> = records.map(|(_, frame)| frame.field("ct").unwrap()).collect();
        assert_eq!(cts[0] == cts[1], profile.has(Weakness::StaticIv), "{}", profile.name());
    }
}
