//! Thieves of memory.

use super::*;
use crate::compromise::RecordedFrame;
use crate::keyfiles::KeyFiles;
use crate::weakness::Weakness;

fn run(profile: Profile, meddle: Seeing<'_>) -> Lab {
    let mut lab = Lab::new(profile);
    lab.commands(Side::Server, &answers());
    lab.commands(Side::Client, &script());
    lab.connect(EXCHANGE);
    lab.pump_seeing(meddle);
    lab
}

/// Where a frame goes.
fn receiver(lab: &Lab, from: Side) -> &dyn Endpoint {
    match from {
        Side::Client => &*lab.server,
        Side::Server => &*lab.client,
    }
}

/// Whatever delimiters the same nonce would give.
#[test]
fn what_an_edit_makes_of_a_message_is_delivered() {
    for profile in profiles() {
        for len in [0, 1, 40, 600] {
            let text = "x".repeat(len);
            let body = if wire::delimited(profile) { text.clone() } else { ["T", &text].concat() };
            let mut read = Vec::new();
            let lab = run(profile, &mut |lab, conn, from, frame| {
                if from == Side::Server || frame.spec.name != "MSG" || !read.is_empty() {
                    return None;
                }
                let edit = &mut |plaintext: &mut Vec<u8>| {
                    read = std::mem::replace(plaintext, body.clone().into_bytes());
                };
                let rewritten = receiver(lab, from).rewrite(conn, &frame.bytes, edit);
                rewritten.map(|bytes| vec![bytes])
            });
            assert!(read.ends_with(b"pay bob 100"), "{read:?}");
            let delivered = lab.facts(SERVER).find_map(delivered);
            assert_eq!(delivered, Some(&Message::text(text)), "{} {len}", profile.name());
        }
    }
}

#[test]
fn what_does_not_fit_into_a_read_is_nothing() {
    run(as_built(), &mut |lab, conn, from, frame| {
        let end = receiver(lab, from);
        let longer = &mut |plaintext: &mut Vec<u8>| plaintext.resize(2000, b'x');
        assert_eq!(end.rewrite(conn, &frame.bytes, longer), None);
        None
    });
}

fn recorded(lab: &Lab) -> Vec<RecordedFrame<'_>> {
    let service = |conn: &Conn| {
        [EXCHANGE, TO_SERVER, TO_CLIENT][FIRST.iter().position(|it| it == conn).unwrap()]
    };
    let frames = lab.frames.iter();
    frames
        .map(|(conn, from, frame)| RecordedFrame { service: service(conn), from: *from, frame })
        .collect()
}

/// What the files of these names open, and what was delivered, each without its order: the two directions have two connections.
fn opened(profile: Profile, lab: &Lab, mut keys: KeyFiles, names: &[&str]) -> usize {
    keys.retain(|name, _| names.iter().any(|wanted| name.starts_with(wanted)));
    let read = (SYSTEM.decrypt_recording.unwrap())(profile, &keys, &recorded(lab));
    let mut told: Vec<_> = lab.claims.iter().filter_map(|claim| delivered(&claim.fact)).collect();
    for (at, message) in &read {
        assert_eq!(lab.frames[*at].2.spec.name, "MSG");
        let place = told.iter().position(|told| *told == message);
        told.remove(place.unwrap_or_else(|| panic!("{message} was never delivered")));
    }
    assert!(read.is_empty() || told.is_empty(), "all or nothing");
    read.len()
}

#[test]
fn recordings_open_where_only_rsa_protects_the_key() {
    for profile in profiles() {
        let lab = run(profile, &mut |_, _, _, _| None);
        let keys = || (SYSTEM.lab)(profile);
        let all = opened(profile, &lab, keys(), &["server", "client"]);
        let expected = if profile.has(Weakness::StaticRsaTransport) { 5 } else { 0 };
        assert_eq!(all, expected, "{}", profile.name());
        // As built the key goes both ways, and either end's private key is enough.
        let either = if profile == as_built() { 5 } else { 0 };
        for one in ["server_private", "client_private"] {
            assert_eq!(opened(profile, &lab, keys(), &[one]), either, "{} {one}", profile.name());
        }
        assert_eq!(opened(profile, &lab, keys(), &["serverPK", "clientPK", "client-2"]), 0);
    }
}

#[test]
fn other_keys_open_nothing_and_garbage_is_nothing() {
    for profile in [as_built(), Profile::only(Weakness::StaticRsaTransport)] {
        let mut lab = run(profile, &mut |_, _, _, _| None);
        let mut wrong = (SYSTEM.lab)(profile);
        for (mine, other) in [("server", "client-2"), ("client", "client-3")] {
            let key = wrong[&format!("{other}_private_key.pem")].clone();
            wrong.insert(format!("{mine}_private_key.pem"), key);
        }
        assert_eq!(opened(profile, &lab, wrong, &["server", "client"]), 0);
        for (_, _, frame) in &mut lab.frames {
            frame.bytes = frame.bytes.slice(..frame.bytes.len() / 2);
        }
        assert_eq!(opened(profile, &lab, (SYSTEM.lab)(profile), &["server", "client"]), 0);
    }
}

/// The published server splits at every delimiter, also at those in ciphertext. Whoever knows the sizes of the fields does not.
#[test]
fn an_eavesdropper_reads_what_a_delimiter_took_from_the_server() {
    let mut lab = Lab::new(as_built());
    let texts: Vec<Command> = (0..40).map(|at| text(&format!("a message, number {at}"))).collect();
    lab.commands(Side::Client, &texts);
    lab.connect(EXCHANGE);
    lab.pump(&mut untouched);
    assert!(lab.delivered(SERVER).len() < 40);
    let read =
        (SYSTEM.decrypt_recording.unwrap())(as_built(), &(SYSTEM.lab)(as_built()), &recorded(&lab));
    assert_eq!(read.len(), 40);
}

/// What an attacker has who decrypts what the client sends, and has no private key.
#[test]
fn the_chosen_key_alone_opens_a_recording_where_nothing_else_enters() {
    use crate::ccm::keys::Key;
    let transport = SYSTEM.transport.unwrap();
    for profile in profiles() {
        let lab = run(profile, &mut |_, _, _, _| None);
        let offer = lab.frames.iter().find(|(_, _, frame)| frame.spec.name == transport.frame);
        let ct = offer.unwrap().2.field(transport.field).unwrap();
        let chosen = Key::receive(profile, &ServerKeys::lab().own, ct).unwrap();
        let read = (transport.open)(profile, &chosen.0, &recorded(&lab));
        // With one weakness alone, a challenge or an agreement enters too.
        let expected = if profile == as_built() { 5 } else { 0 };
        assert_eq!(read.len(), expected, "{}", profile.name());
        assert_eq!((transport.open)(profile, b"some other key!!", &recorded(&lab)), []);
    }
}

/// A data connection has one key, and both ends tell it.
#[test]
fn the_secret_of_a_data_connection_opens_what_it_carries() {
    for profile in profiles() {
        let lab = run(profile, &mut |_, _, _, _| None);
        let mut opened = 0;
        for side in [Side::Client, Side::Server] {
            for conn in FIRST {
                let frames = lab.frames.iter().filter(|(on, ..)| *on == conn);
                let recorded: Vec<_> = frames
                    .map(|(_, from, frame)| RecordedFrame {
                        service: TO_SERVER,
                        from: *from,
                        frame,
                    })
                    .collect();
                let own = lab.secrets.iter().filter(|(on, of, _)| (*on, *of) == (conn, side));
                let secrets: Vec<_> = own.map(|(_, _, secret)| secret.clone()).collect();
                assert_eq!(secrets.len(), usize::from(conn != FIRST[0]), "{}", profile.name());
                for (_, message) in (SYSTEM.secrets.open)(profile, &secrets, &recorded) {
                    let told = lab.claims.iter().filter_map(|claim| delivered(&claim.fact));
                    assert!(told.clone().any(|told| *told == message), "{message}");
                    opened += 1;
                }
                assert_eq!((SYSTEM.secrets.open)(profile, &[], &recorded), []);
            }
        }
        assert_eq!(opened, 10, "{}", profile.name());
    }
}
