//! One frame changed, one claim checked: what each defence stops and what its absence lets through.

use super::*;

#[test]
fn a_replayed_text() {
    let meddle = || once(Side::Client, "SECX", 1, replayed);
    let pair = run(as_built(), &texts(), &mut meddle());
    check(&pair, &["text \"first\"", "text \"first\"", "text \"second\""], &[], Some(End::Clean));
    let pair = run(Profile::HARDENED, &texts(), &mut meddle());
    check(&pair, &["text \"first\""], &["sequence (sequence)"], Some(End::Aborted));
    let pair = run(Profile::only(Weakness::NoSequence), &texts(), &mut meddle());
    assert_eq!(pair.delivered()[..2], ["text \"first\"", "text \"first\""]);
}

#[test]
fn a_flipped_bit_of_a_record() {
    for profile in profiles() {
        let pair = run(profile, &texts(), &mut once(Side::Client, "SECX", 1, |f| flipped(f, "ct")));
        check(&pair, &[], &["mac (mac)"], Some(End::Aborted));
        assert_eq!(pair.ends("device"), [End::Truncated]);
    }
}

#[test]
fn a_retyped_record() {
    let to_file = || once(Side::Client, "SECX", 1, |f: &Frame| retyped(f, b"<IMGX>"));
    let to_text = || once(Side::Client, "IMGX", 1, |f: &Frame| retyped(f, b"<SECX>"));
    let alone = Profile::only(Weakness::HeaderNotAuthenticated);
    let pair = run(as_built(), &texts(), &mut to_file());
    check(&pair, &["text \"second\""], &["content (json)"], Some(End::Clean));
    assert_eq!(pair.acknowledged(), 2, "no word is compared");
    let pair = run(alone, &texts(), &mut to_file());
    assert_eq!(pair.rejects(SERVER), ["content (json)"]);
    assert_eq!(pair.rejects("device"), ["acknowledgement (word)"]);
    let pair = run(alone, &script(), &mut to_text());
    assert!(pair.delivered()[2].starts_with("text \"{"));
    for meddle in [&mut to_file() as Meddle<'_>, &mut to_text()] {
        let pair = run(Profile::HARDENED, &script(), meddle);
        assert_eq!(pair.rejects(SERVER), ["mac (mac)"]);
    }
}

#[test]
fn a_forged_goodbye() {
    let forge = || once(Side::Client, "SECX", 2, |_| vec![b"<ENDD>".to_vec()]);
    for profile in [as_built(), Profile::only(Weakness::EndNotAuthenticated)] {
        let pair = run(profile, &texts(), &mut forge());
        check(&pair, &["text \"first\""], &[], Some(End::Clean));
    }
    let padded = || {
        once(Side::Client, "SECX", 2, |_| {
            vec![b"<ENDD>".to_vec(), 1u64.to_be_bytes().to_vec(), vec![0; 32]]
        })
    };
    let pair = run(Profile::HARDENED, &texts(), &mut padded());
    check(&pair, &["text \"first\""], &["mac (mac)"], Some(End::Aborted));
    // Shorter than the hardened goodbye, it is never complete.
    let pair = run(Profile::HARDENED, &texts(), &mut forge());
    check(&pair, &["text \"first\""], &[], None);
}

/// The first text is dropped and a word acknowledged that anybody can encrypt.
#[test]
fn a_forged_acknowledgement() {
    let forged = |mac: &[u8]| {
        let mut entropy = Entropy::new(1, "attacker");
        let device = Keyring::lab().device(1).public.clone();
        let mut ack = device.encrypt_oaep(&mut entropy, b"whatever").unwrap();
        ack.extend_from_slice(mac);
        ack
    };
    for (profile, mac) in [
        (as_built(), &[][..]),
        (Profile::only(Weakness::AckNotAuthenticated), &[]),
        (Profile::HARDENED, &[0; 32]),
    ] {
        let mut pair = Pair::new(&SYSTEM, profile);
        pair.commands(&texts());
        pair.open();
        pair.pump(&mut once(Side::Client, "SECX", 1, |_| vec![]));
        pair.step(Side::Client, Input::Received(LINK, &forged(mac)));
        if profile == Profile::HARDENED {
            assert_eq!(pair.rejects("device"), ["mac (mac)"]);
            assert_eq!(pair.acknowledged(), 0);
        } else {
            assert_eq!(pair.acknowledged(), 1);
            assert_eq!(pair.delivered(), <[&str; 0]>::default());
        }
    }
    // Bytes that are no OAEP ciphertext are refused everywhere.
    for profile in profiles() {
        let garbage = once(Side::Server, "ACK", 2, |f| flipped(f, "word"));
        let pair = run(profile, &texts(), &mut { garbage });
        assert_eq!(pair.rejects("device"), ["decryption (word)"]);
        assert_eq!(pair.ends(SERVER), [End::Truncated]);
    }
}

/// Every frame of the hardened handshake is under the signature or the MAC that ends it.
#[test]
fn a_changed_handshake() {
    for (from, name, nth, field) in [
        (Side::Client, "HELO", 1, "certificate"),
        (Side::Server, "HACK", 1, "word"),
        (Side::Client, "NONCE", 1, "nonce"),
        (Side::Server, "HACK", 2, "word"),
        (Side::Server, "HELO", 1, "certificate"),
        (Side::Client, "HACK", 1, "word"),
        (Side::Server, "SNONCE", 1, "nonce"),
        (Side::Server, "SNONCE", 1, "share"),
        (Side::Server, "SNONCE", 1, "signature"),
        (Side::Client, "HACK", 2, "word"),
        (Side::Client, "PREM", 1, "premaster"),
        (Side::Client, "PREM", 1, "share"),
        (Side::Client, "PREM", 1, "signature"),
        (Side::Server, "ACK", 1, "word"),
        (Side::Server, "ACK", 1, "mac"),
    ] {
        let mut meddle = once(from, name, nth, |frame| flipped(frame, field));
        let pair = run(Profile::HARDENED, &texts(), &mut meddle);
        check_refused(&pair, &format!("{name} {nth} {field}"));
    }
}

fn check_refused(pair: &Pair, what: &str) {
    let rejects = [pair.rejects("device"), pair.rejects(SERVER)].concat();
    assert_eq!(rejects.len(), 1, "{what}: {rejects:?}");
    assert_eq!(pair.delivered(), <[&str; 0]>::default(), "{what}");
    assert_eq!(pair.acknowledged(), 0, "{what}");
}

/// A certificate in place of the honest one.
fn substituted(from: Side, certificate: &[u8]) -> impl FnMut(Side, &Frame) -> Option<Vec<Vec<u8>>> {
    let hello = wire::tagged(wire::HELO, &[certificate]);
    once(from, "HELO", 1, move |_| vec![hello.clone()])
}

#[test]
fn a_certificate_of_another_authority() {
    let lab = Keyring::lab();
    let pem = include_str!("../../../lab/helo/device_private_key.pem");
    let forged = Identity::issue(&lab.devices[2].key, "device", pem).unwrap();
    for profile in profiles() {
        for (from, local) in [(Side::Client, SERVER), (Side::Server, "device")] {
            let pair = run(profile, &texts(), &mut substituted(from, &forged.certificate));
            assert_eq!(pair.rejects(local), ["certificate (certificate)"]);
            assert_eq!(pair.ends(local), [End::Aborted]);
        }
    }
}

#[test]
fn a_certificate_of_another_role() {
    let lab = Keyring::lab();
    let in_client_role = || substituted(Side::Client, &lab.server.certificate);
    let in_server_role = || substituted(Side::Server, &lab.device(2).certificate);
    let pair = run(as_built(), &texts(), &mut in_client_role());
    assert_eq!(pair.delivered().len(), 2);
    let believed = |claim: &Claim| {
        matches!(claim.fact, Fact::Established(_)) && claim.local.as_str() == SERVER
    };
    assert_eq!(pair.claims.iter().find(|claim| believed(claim)).unwrap().peer.as_str(), SERVER);
    assert_eq!(run(as_built(), &texts(), &mut in_server_role()).delivered().len(), 2);
    for profile in [Profile::HARDENED, Profile::only(Weakness::NoProofOfPossession)] {
        let pair = run(profile, &texts(), &mut in_client_role());
        assert_eq!(pair.rejects(SERVER), ["name (common_name)"]);
        let pair = run(profile, &texts(), &mut in_server_role());
        assert_eq!(pair.rejects("device"), ["name (common_name)"]);
    }
}

/// Whoever holds any certificate and its key can be the server, where names are not checked.
#[test]
fn a_device_that_plays_the_server() {
    for profile in profiles() {
        let lab = Keyring::lab();
        let pem = |name: &str| match name {
            "ca" => include_str!("../../../lab/helo/ca_private_key.pem"),
            "first" => include_str!("../../../lab/helo/device_private_key.pem"),
            "second" => include_str!("../../../lab/helo/device-2_private_key.pem"),
            _ => include_str!("../../../lab/helo/device-3_private_key.pem"),
        };
        let devices = [pem("first"), pem("second"), pem("third")];
        let mut keyring = Keyring::from_pem(pem("ca"), pem("second"), devices).unwrap();
        keyring.server.certificate.clone_from(&lab.device(2).certificate);
        let impostor = Server::with_credentials(setup(profile, 0), keyring.server_credentials());
        let client = (SYSTEM.client)(setup(profile, 1));
        let mut pair = Pair::of(&SYSTEM, profile, client, Box::new(impostor));
        pair.commands(&texts());
        pair.open();
        pair.pump(&mut untouched);
        let fooled = profile == Profile::only(Weakness::NameNotChecked);
        assert_eq!(pair.delivered().len(), if fooled { 2 } else { 0 }, "{}", profile.name());
    }
}

/// A copied certificate without its key: the attacker reads no acknowledgement and needs none.
#[test]
fn a_copied_certificate() {
    for profile in profiles() {
        let lab = Keyring::lab();
        let mut entropy = Entropy::new(1, "attacker");
        let mut server = (SYSTEM.server)(setup(profile, 0));
        let mut out = Output::default();
        let mut word = |word: &[u8]| lab.server.public.encrypt_oaep(&mut entropy, word).unwrap();
        let mut prem = word(&[5; 32]);
        if !profile.has(Weakness::StaticRsaTransport) {
            prem.extend(
                crate::crypto::x25519::Ephemeral::generate(&mut Entropy::new(2, "attacker"))
                    .share(),
            );
        }
        if !profile.has(Weakness::NoProofOfPossession) {
            prem.extend(lab.device(3).key.sign_pkcs1v15(&[0; 32]).unwrap());
        }
        server.step(Tick(0), Input::Opened(LINK, PortIndex(0)), &mut out);
        for frame in [
            wire::tagged(wire::HELO, &[&lab.device(1).certificate]),
            vec![9; 16],
            word(b"CERT_RECEIVED"),
            word(b"NONCE_RECEIVED"),
            wire::tagged(wire::PREM, &[&prem]),
        ] {
            server.step(Tick(0), Input::Received(LINK, &frame), &mut out);
        }
        let believed = out.claims.iter().any(|claim| matches!(claim.fact, Fact::Established(_)));
        assert_eq!(believed, profile.has(Weakness::NoProofOfPossession), "{}", profile.name());
        if !believed {
            let refused = Fact::Rejected(Reject::new(Check::Signature, "signature"));
            assert!(out.claims.iter().any(|claim| claim.fact == refused));
        }
    }
}

/// The keys of two sessions leak, the device's private key does not. A signature over the file
/// only serves in the other session and under another name.
#[test]
fn a_signature_in_another_session() {
    for profile in profiles() {
        let mut server = (SYSTEM.server)(setup(profile, 0));
        let mut client = Client::new(setup(profile, 1));
        let frames = connect(&mut client, &mut *server, Conn(1), &script()[2..3]);
        let bytes = frames.into_iter().find(|frame| frame.starts_with(wire::IMGX)).unwrap();
        let spec = wire::layout(profile).frame("IMGX").unwrap().clone();
        let mut first = record::Channel::new(
            profile,
            client.states().find_map(|(_, state)| state.keys()).unwrap().clone(),
        );
        let mut record = crate::inbox::Received { spec, bytes };
        let (message, signature) = file::read(first.open(&mut record).unwrap().1).unwrap();

        connect(&mut client, &mut *server, Conn(2), &[]);
        let mut second = record::Channel::new(
            profile,
            client.states().find_map(|(_, state)| state.keys()).unwrap().clone(),
        );
        let json = file::Content::new("other.png", &message.body, &signature);
        let mut entropy = Entropy::new(1, "attacker");
        let (forged, _) =
            second.seal(wire::IMGX, json.len(), &mut entropy, |frame| json.write(frame)).unwrap();
        let mut out = Output::default();
        server.step(Tick(0), Input::Received(Conn(2), &forged), &mut out);
        let refused = Fact::Rejected(Reject::new(Check::Signature, "signature"));
        let expected = if profile.has(Weakness::SignatureNotBound) {
            Fact::Delivered(Message::file("other.png", message.body))
        } else {
            refused
        };
        assert_eq!(out.claims[0].fact, expected, "{}", profile.name());
    }
}

/// Let the two talk on a new connection until they fall silent; every frame.
fn connect(
    client: &mut Client,
    server: &mut dyn Endpoint,
    conn: Conn,
    commands: &[Command],
) -> Vec<Vec<u8>> {
    let (mut out, mut frames) = (Output::default(), Vec::new());
    server.step(Tick(0), Input::Opened(conn, PortIndex(0)), &mut out);
    client.step(Tick(0), Input::Opened(conn, PortIndex(0)), &mut out);
    for command in commands {
        client.step(Tick(0), Input::Command(command), &mut out);
    }
    let mut from = Side::Client;
    while !out.writes.is_empty() {
        let mut answers = Output::default();
        for (conn, bytes) in out.writes {
            match from {
                Side::Client => server.step(Tick(0), Input::Received(conn, &bytes), &mut answers),
                Side::Server => client.step(Tick(0), Input::Received(conn, &bytes), &mut answers),
            }
            frames.push(bytes);
        }
        out = answers;
        from = from.other();
    }
    frames
}

#[test]
fn a_dropped_record_is_noticed_by_the_goodbye_and_by_the_next() {
    let hardened = Profile::only(Weakness::AckNotAuthenticated);
    let mut entropy = Entropy::new(1, "attacker");
    let ack = Keyring::lab().device(1).public.encrypt_oaep(&mut entropy, b"x").unwrap();
    for commands in [&texts()[..], &texts()[1..]] {
        let mut pair = Pair::new(&SYSTEM, hardened);
        pair.commands(commands);
        pair.open();
        pair.pump(&mut once(Side::Client, "SECX", 1, |_| vec![]));
        pair.step(Side::Client, Input::Received(LINK, &ack));
        pair.pump(&mut untouched);
        check(&pair, &[], &["sequence (sequence)"], Some(End::Aborted));
    }
}

/// The server's private key leaks while a session is open: with the recorded handshake it gives
/// the keys, unless they also hang on an ephemeral secret. A file signed earlier can then be sent
/// again under another name, unless its signature is bound to the name.
#[test]
fn a_leaked_server_key() {
    let lab = Keyring::lab();
    for profile in profiles() {
        let commands = [script().remove(2), texts().remove(0)];
        let mut pair = run(profile, &commands, &mut untouched);
        let recorded = |name: &str| {
            let (_, frame) = pair.frames.iter().find(|(_, frame)| frame.spec.name == name).unwrap();
            crate::inbox::Received { spec: frame.spec.clone(), bytes: frame.bytes.to_vec() }
        };
        let premaster = lab.server.key.decrypt_oaep(recorded("PREM").field("premaster")).unwrap();
        let nonces = ["NONCE", "SNONCE"].map(|name| recorded(name).array("nonce").unwrap());
        let keys = Keys::derive(&premaster.try_into().unwrap(), &nonces[0], &nonces[1]);
        let mut channel = record::Channel::new(profile, keys);
        let mut file = recorded("IMGX");
        let Ok((_, plaintext)) = channel.open(&mut file) else {
            assert!(!profile.has(Weakness::StaticRsaTransport), "{}", profile.name());
            continue;
        };
        assert!(profile.has(Weakness::StaticRsaTransport), "{}", profile.name());
        let (message, signature) = file::read(plaintext).unwrap();
        channel.open(&mut recorded("SECX")).unwrap();
        let json = file::Content::new("other.png", &message.body, &signature);
        let mut entropy = Entropy::new(1, "attacker");
        let (forged, _) =
            channel.seal(wire::IMGX, json.len(), &mut entropy, |frame| json.write(frame)).unwrap();
        pair.step(Side::Server, Input::Received(LINK, &forged));
        if profile.has(Weakness::SignatureNotBound) {
            assert_eq!(pair.delivered()[2], "image \"other.png\" (4 bytes)");
        } else {
            assert_eq!(pair.rejects(SERVER), ["signature (signature)"]);
        }
    }
}
