//! Conversations nobody meddles with.

use super::*;

#[test]
fn everything_said_is_heard_under_every_profile() {
    for profile in profiles() {
        let lab = run(profile, &script(), &answers(), &mut untouched);
        let name = profile.name();
        let said = ["text \"pay bob 100\"", "image \"é.png\" (4 bytes)", "text \"\""];
        assert_eq!(lab.delivered(SERVER), said, "{name}");
        assert_eq!(
            lab.delivered("client"),
            ["text \"paid\"", "video \"a.mp4\" (3 bytes)"],
            "{name}"
        );
        for local in ["client", SERVER] {
            assert_eq!(lab.rejects(local), [""; 0], "{name}");
            assert_eq!(lab.ends(local), [End::Clean, End::Clean], "{name}");
        }
        let receipts = if profile.has(Weakness::NoSequence) { 0 } else { 5 };
        assert_eq!(lab.count(|fact| matches!(fact, Fact::Acknowledged(_))), receipts, "{name}");
        assert_eq!(lab.count(|fact| matches!(fact, Fact::Running(_))), 2);
        assert_eq!(lab.count(|fact| matches!(fact, Fact::Established(_))), 2);
        assert!(lab.open.values().all(|open| *open == [false, false]), "{name}");
        assert!(lab.open.len() == 3 && lab.under_way.is_empty());
    }
}

/// Over TCP nothing says which of two connections arrives first.
#[test]
fn any_connection_may_be_slower_than_the_others() {
    for profile in profiles() {
        for slow in FIRST {
            let mut lab = Lab::new(profile);
            lab.slow = Some(slow);
            lab.commands(Side::Server, &answers());
            lab.commands(Side::Client, &script());
            lab.connect(EXCHANGE);
            lab.pump(&mut untouched);
            let case = format!("{} {slow:?}", profile.name());
            assert_eq!(lab.delivered(SERVER).len(), 3, "{case}");
            assert_eq!(lab.delivered("client").len(), 2, "{case}");
            for local in ["client", SERVER] {
                assert_eq!(lab.rejects(local), [""; 0], "{case}");
                assert_eq!(lab.ends(local), [End::Clean, End::Clean], "{case}");
            }
        }
    }
}

#[test]
fn both_ends_agree_and_sessions_differ() {
    for profile in profiles() {
        let mut lab = run(profile, &[text("a"), Command::End], &[], &mut untouched);
        lab.commands(Side::Client, &[text("b"), Command::End]);
        lab.connect(EXCHANGE);
        lab.pump(&mut untouched);
        let agreed =
            |fact: &Fact| if let Fact::Established(data) = fact { Some(*data) } else { None };
        let [client, server] =
            ["client", SERVER].map(|local| lab.facts(local).filter_map(agreed).collect::<Vec<_>>());
        assert_eq!(client, server, "{}", profile.name());
        assert_ne!(client[0], client[1]);
        assert_eq!(lab.delivered(SERVER), ["text \"a\"", "text \"b\""]);
    }
}

#[test]
fn the_wire_is_the_published_one_as_built() {
    let lab = run(as_built(), &[text("hello"), Command::End], &[text("you too")], &mut untouched);
    assert_eq!(
        FIRST.map(|conn| lab.types(conn)),
        [vec!["KEY", "ECHO", "TRUE"], vec!["MSG", "MSG", "EXIT"], vec!["MSG", "EXIT"],]
    );
    let sizes: Vec<usize> = lab.frames.iter().map(|(_, _, frame)| frame.bytes.len()).collect();
    assert_eq!(sizes.iter().filter(|size| **size == 512).count(), 2);
    for (_, _, frame) in &lab.frames {
        match frame.spec.name {
            "TRUE" => assert_eq!(&frame.bytes[..], b"True"),
            "EXIT" => assert_eq!(&frame.bytes[..], b"Exit"),
            "MSG" => {
                let parts: Vec<&[u8]> = frame.bytes.split(|byte| *byte == b'@').collect();
                assert_eq!((parts.len(), parts[1].len(), parts[2].len()), (3, 12, 16));
                let mut text = parts[0].to_vec();
                let tag = parts[2].try_into().unwrap();
                crate::crypto::ccm::open(b"a randome key ha", parts[1], b"", &mut text, tag)
                    .unwrap();
                assert!([&b"hello"[..], b"you too", b"Exit"].contains(&&text[..]));
            }
            _ => {}
        }
    }
}

#[test]
fn hardened_every_client_has_its_own_name_and_as_built_all_are_one() {
    for (profile, name) in [(as_built(), "client"), (Profile::HARDENED, "client-2")] {
        let mut lab = Lab::new(profile);
        lab.client = (SYSTEM.client)(setup(profile, 2));
        lab.commands(Side::Client, &[text("hi bob"), Command::End]);
        lab.connect(EXCHANGE);
        lab.pump(&mut untouched);
        let peers = lab.claims.iter().filter(|claim| matches!(claim.fact, Fact::Delivered(_)));
        assert_eq!(peers.map(|claim| claim.peer.as_str()).collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn a_message_that_does_not_fit_is_refused_and_the_session_goes_on() {
    let long = "x".repeat(995);
    let script = [text(&long), text("short"), text("Exit"), Command::End];
    let lab = run(as_built(), &script, &[], &mut untouched);
    assert_eq!(lab.rejects("client"), ["length (message)", "content (message)"]);
    assert_eq!(lab.delivered(SERVER), ["text \"short\""]);
    let lab = run(Profile::HARDENED, &script, &[], &mut untouched);
    assert_eq!(lab.delivered(SERVER).len(), 3);
}

#[test]
fn a_file_of_seventeen_mebibytes_arrives_hardened() {
    let file = Message::file("long.mp4", Bytes::from(vec![7; 17 << 20]));
    let script = [Command::Send(file.clone()), Command::End];
    let lab = run(Profile::HARDENED, &script, &[], &mut untouched);
    assert!(lab.facts(SERVER).filter_map(delivered).eq([&file]));
    let lab = run(as_built(), &script, &[], &mut untouched);
    assert_eq!(lab.rejects("client"), ["length (message)"]);
}

/// Keys from elsewhere: what the published programs do at every start.
#[test]
fn a_pair_made_at_start_works_with_the_public_halves_in_files() {
    use crate::crypto::rsa::PrivateKey;
    use crate::entropy::Entropy;
    // The pair of another client stands in for a new one: to make one takes seconds.
    let other =
        PrivateKey::from_pem(include_str!("../../../lab/ccm/client-3_private_key.pem")).unwrap();
    let file = other.public_key().to_pem().unwrap();
    let server = include_str!("../../../lab/ccm/server_private_key.pem");
    let server = ServerKeys::from_pem(server, &[&file]).unwrap();
    let client = ClientKeys::from_pem(
        &other.to_pem().unwrap(),
        include_str!("../../../lab/ccm/serverPK.pem"),
    );
    let mut lab = Lab::new(as_built());
    lab.client = Box::new(Client::with_keys(setup(as_built(), 1), Arc::new(client.unwrap())));
    lab.server = Box::new(Server::with_keys(setup(as_built(), 0), Arc::new(server)));
    lab.commands(Side::Client, &[text("hello"), Command::End]);
    lab.connect(EXCHANGE);
    lab.pump(&mut untouched);
    assert_eq!(lab.delivered(SERVER), ["text \"hello\""]);
    assert!(PrivateKey::generate(&mut Entropy::new(1, "pair"), 64).is_err());
}
