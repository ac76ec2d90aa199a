//! One frame changed, one claim checked: what each defence stops and what its absence lets through.

use super::*;
use crate::crypto::checksum::hex;
use crate::crypto::rsa::PrivateKey;
use crate::crypto::{Secret, sha256};
use crate::keyfiles::Account;
use crate::pki::x509::{Issuer, Kind as Extensions, Period, Request};

fn msg<'a>(
    nth: usize,
    change: impl Fn(&Frame) -> Vec<Vec<u8>> + 'a,
) -> impl FnMut(Side, &Frame) -> Option<Vec<Vec<u8>>> + 'a {
    once(Side::Client, "MSG", nth, change)
}

#[test]
fn a_replayed_text() {
    for profile in profiles() {
        let pair = run(profile, &texts()[..1], &mut msg(1, replayed));
        let twice = profile.has(Weakness::NoSequence);
        assert_eq!(pair.delivered().len(), if twice { 2 } else { 1 }, "{}", profile.name());
        if !twice {
            assert_eq!(pair.rejects(SERVER), ["sequence (sequence)"], "{}", profile.name());
        }
    }
    // As-built also on a connection that nobody has ever used.
    let recorded = run(as_built(), &texts(), &mut untouched).frames[0].1.bytes.clone();
    let mut server = (SYSTEM.server)(setup(as_built(), 0));
    let mut out = Output::default();
    server.step(Tick(0), Input::Opened(Conn(9), PortIndex(0)), &mut out);
    server.step(Tick(0), Input::Received(Conn(9), &recorded), &mut out);
    assert!(out.claims.iter().any(|claim| matches!(claim.fact, Fact::Delivered(_))));
}

/// The number of a record is in the header: whoever can rewrite it can replay.
#[test]
fn a_replayed_text_with_the_next_number() {
    for profile in profiles() {
        let renumbered = |frame: &Frame| {
            let mut again = frame.bytes.to_vec();
            if let Some(range) = frame.spec.range("sequence", &again) {
                again[range].copy_from_slice(&1u64.to_be_bytes());
            }
            vec![frame.bytes.to_vec(), again]
        };
        let pair = run(profile, &texts()[..1], &mut msg(1, renumbered));
        let accepted = [
            Weakness::NoSequence,
            Weakness::HeaderNotAuthenticated,
            Weakness::UnkeyedHash,
            Weakness::GoesOnAfterFailure,
        ];
        let accepted = accepted.iter().any(|weakness| profile.has(*weakness));
        assert_eq!(pair.delivered().len(), if accepted { 2 } else { 1 }, "{}", profile.name());
    }
}

/// The attacker knows the text and nothing else; the last byte of the ciphertext block before decides the text.
#[test]
fn an_altered_text_with_its_hash_mended() {
    let forge = |frame: &Frame| {
        let mut bytes = frame.bytes.to_vec();
        if let Some(iv) = frame.spec.range("iv", &bytes) {
            // "first" becomes "forst".
            bytes[iv.start + 1] ^= b'i' ^ b'o';
        }
        if let Some(hash) = frame.spec.range(wire::INTEGRITY, &bytes).filter(|at| at.len() == 64) {
            bytes[hash].copy_from_slice(hex(&sha256(&[b"forst"])).as_bytes());
        }
        vec![bytes]
    };
    for (profile, expected) in [
        (Profile::HARDENED, None),
        (Profile::only(Weakness::UnkeyedHash), Some("text \"forst\"")),
        (Profile::only(Weakness::GoesOnAfterFailure), Some("text \"forst\"")),
        // There is no vector to change, only blocks; and the first has none before it.
        (as_built(), Some("text \"first\"")),
    ] {
        let pair = run(profile, &texts()[..1], &mut msg(1, forge));
        let delivered = pair.delivered();
        assert_eq!(delivered.first().map(String::as_str), expected, "{}", profile.name());
    }
}

#[test]
fn a_guessed_text_is_confirmed_by_its_hash() {
    for profile in profiles() {
        let pair = run(profile, &texts(), &mut untouched);
        let guess = hex(&sha256(&[b"first"])).into_bytes();
        let seen = |frame: &Frame| frame.bytes.windows(64).any(|window| window == guess);
        let confirmed = pair.frames.iter().any(|(_, frame)| seen(frame));
        assert_eq!(confirmed, profile.has(Weakness::UnkeyedHash), "{}", profile.name());
    }
}

#[test]
fn integrity_is_looked_at_too_late_only_where_failure_has_no_consequence() {
    for profile in profiles() {
        // Another hexadecimal digit, or another byte.
        let change = |frame: &Frame| flipped(frame, wire::INTEGRITY);
        let pair = run(profile, &texts()[..1], &mut msg(1, change));
        let used = profile.has(Weakness::GoesOnAfterFailure);
        assert_eq!(pair.delivered().len(), usize::from(used), "{}", profile.name());
        let noted = pair.facts(SERVER).contains(&Fact::Logged("message integrity: compromised"));
        assert_eq!(noted, used, "{}", profile.name());
        if !used {
            assert_eq!(pair.rejects(SERVER), ["mac (integrity)"]);
        }
    }
}

/// The published server closes over the first message that does not decrypt, and only over the first.
#[test]
fn what_does_not_decrypt() {
    let garbled = |frame: &Frame| {
        let mut bytes = frame.bytes.to_vec();
        let ct = frame.spec.range("ct", &bytes).unwrap();
        bytes.drain(ct.end - 1..ct.end);
        vec![bytes]
    };
    let pair = run(as_built(), &texts(), &mut msg(1, garbled));
    check(&pair, &[], &["padding (ct)"], Some(End::Aborted));
    let commands = [text("first"), text("second"), text("third"), Command::End];
    let pair = run(as_built(), &commands, &mut msg(2, garbled));
    let delivered = ["text \"first\"", "text \"third\""];
    check(&pair, &delivered, &["padding (ct)"], Some(End::Clean));
}

/// The published frame holds everything a stranger needs to make one.
#[test]
fn a_frame_from_nobody() {
    let lab = Keyring::lab();
    let mut entropy = Entropy::new(1, "stranger");
    let public = lab.server_public.as_ref().unwrap();
    let text = b"pay eve 900";
    let frame = one_way::seal(public, &Secret([7; 16]), "maged", text, &mut entropy).unwrap();
    // The catalogue's forgery is this one.
    let toml = "/../scenarios/attacks/impersonate/suite-frame-from-nobody.toml";
    let toml = format!("{}{toml}", env!("CARGO_MANIFEST_DIR"));
    let shown = std::fs::read_to_string(toml).unwrap();
    assert!(shown.contains(&hex(&frame)), "{}", hex(&frame));
    let pair = run(as_built(), &texts()[..1], &mut msg(1, |_| vec![frame.clone()]));
    check(&pair, &["text \"pay eve 900\""], &[], None);
    let believed = pair.claims.iter().find(|claim| matches!(claim.fact, Fact::Delivered(_)));
    assert_eq!(believed.unwrap().peer.as_str(), "maged");
}

#[test]
fn another_password() {
    for profile in profiles() {
        let mut client = lab();
        client.accounts = vec![Account::new("fady", "12369857")];
        // The user's own copy of the password file is no hindrance: without it nothing is asked.
        for file in [true, false] {
            let mut client = client.clone();
            if !file {
                (client.auth, client.passwords) = (None, None);
            }
            let pair = between(profile, client, lab(), &texts());
            let believed = profile.has(Weakness::ClientSideLogin) && !file;
            assert_eq!(established(&pair, SERVER), believed, "{}", profile.name());
            let refused = [pair.rejects(USER), pair.rejects(SERVER)].concat();
            let expected: &[&str] = if believed { &[] } else { &["password (password)"] };
            assert_eq!(refused, expected, "{}", profile.name());
            if !profile.has(Weakness::ClientSideLogin) {
                assert_eq!(pair.ends(USER), [End::AbortedByPeer]);
            }
        }
    }
}

#[test]
fn a_name_that_injects() {
    for profile in profiles() {
        let mut client = lab();
        client.accounts = vec![Account::new("eve,0\nfady", "x")];
        (client.auth, client.passwords) = (None, None);
        let pair = between(profile, client, lab(), &texts());
        let refused = [pair.rejects("eve,0\nfady"), pair.rejects(SERVER)].concat();
        let expected = match () {
            () if !profile.has(Weakness::UsernameInjection) => vec!["name (username)"],
            () if profile.has(Weakness::ClientSideLogin) => vec![],
            () => vec!["password (password)"],
        };
        assert_eq!(refused, expected, "{}", profile.name());
    }
}

/// Certificates for the server that the authority did not issue, or not for this, or not for now.
#[test]
fn certificates_that_are_not_the_servers() {
    let own =
        PrivateKey::from_pem(include_str!("../../../lab/csr/device_private_key.pem")).unwrap();
    let real = lab().authority.unwrap();
    let old = Period::days(EPOCH - 366 * 24 * 60 * 60, 365);
    let issue = |key, issuer_name, subject, period, kind| {
        let entropy = Entropy::new(1, "forger");
        let mut issuer = Issuer { subject: issuer_name, key, entropy };
        issuer.sign(&Request::new(subject, &own).unwrap(), period, kind).unwrap()
    };
    let party = Extensions::Party;
    for (certificate, reject) in [
        (issue(&own, AUTHORITY, SERVER_SUBJECT, PERIOD, party), "certificate (certificate)"),
        (issue(&real, AUTHORITY, SERVER_SUBJECT, old, party), "validity (validity)"),
        (issue(&real, AUTHORITY, "CN=maged", PERIOD, party), "name (common_name)"),
        (
            issue(&real, AUTHORITY, SERVER_SUBJECT, PERIOD, Extensions::Authority),
            "certificate (certificate)",
        ),
        (issue(&own, "CN=Other CA", SERVER_SUBJECT, PERIOD, party), "certificate (certificate)"),
    ] {
        let named = certificate.names_as_issuer(&lab().authority_certificate.unwrap());
        for profile in profiles() {
            let mut impostor = lab();
            impostor.server = Some(own.clone());
            impostor.server_certificate = Some(certificate.clone());
            let pair = between(profile, lab(), impostor, &texts());
            // As-built no certificate goes over the wire, and the key comes from a file of its own.
            let believed =
                profile.has(Weakness::IssuerNameOnly) && named && !wire::one_way(profile);
            assert_eq!(established(&pair, USER), believed, "{} {reject}", profile.name());
            if !believed && !wire::one_way(profile) {
                assert_eq!(pair.rejects(USER), [reject], "{}", profile.name());
            }
        }
    }
    let mut late = Pair::new(&SYSTEM, Profile::HARDENED);
    late.now = Tick(366 * 24 * 60 * 60 * 1_000_000_000);
    late.open();
    late.pump(&mut untouched);
    assert_eq!(late.rejects(USER), ["validity (validity)"]);
}

/// A client that has another certificate in its folder believes it by its issuer's name, and encrypts for the
/// key file beside it.
#[test]
fn the_published_certificate_check_says_nothing_about_the_key_in_use() {
    let mut client = lab();
    client.server_certificate = client.authority_certificate.clone();
    let pair = between(as_built(), client, lab(), &texts());
    assert_eq!(pair.delivered().len(), 2);
}

/// With the server's long-term key alone, as it may leak later.
#[test]
fn a_recording_opens_under_the_long_term_key_only_without_agreement() {
    for profile in profiles() {
        let pair = run(profile, &texts(), &mut untouched);
        let key = lab().server.unwrap();
        let opens = |frame: &Frame| {
            let field = frame.field("key").unwrap_or_default();
            key.decrypt_oaep(field).is_ok()
        };
        let found = pair.frames.iter().any(|(_, frame)| opens(frame));
        assert_eq!(found, profile.has(Weakness::StaticRsaTransport), "{}", profile.name());
    }
}

/// Every field of the hardened conversation is under a signature or a MAC.
#[test]
fn a_changed_field() {
    for (from, name, field, reject) in [
        (Side::Client, "HELLO", "nonce", "signature (signature)"),
        (Side::Client, "HELLO", "share", "content (share)"),
        (Side::Server, "CERT", "certificate", "certificate (certificate)"),
        (Side::Server, "CERT", "nonce", "signature (signature)"),
        (Side::Server, "CERT", "share", "signature (signature)"),
        (Side::Server, "CERT", "signature", "signature (signature)"),
        (Side::Client, "LOGIN", "iv", "mac (integrity)"),
        (Side::Client, "LOGIN", "ct", "mac (integrity)"),
        (Side::Client, "LOGIN", "integrity", "mac (integrity)"),
        (Side::Server, "WELCOME", "status", "mac (integrity)"),
        (Side::Server, "WELCOME", "integrity", "mac (integrity)"),
        (Side::Client, "MSG", "sequence", "mac (integrity)"),
        (Side::Client, "MSG", "iv", "mac (integrity)"),
        (Side::Client, "MSG", "ct", "mac (integrity)"),
        (Side::Client, "MSG", "integrity", "mac (integrity)"),
        (Side::Server, "ACK", "sequence", "mac (integrity)"),
        (Side::Server, "ACK", "integrity", "mac (integrity)"),
        (Side::Client, "END", "count", "mac (integrity)"),
        (Side::Client, "END", "integrity", "mac (integrity)"),
    ] {
        let mut meddle = once(from, name, 1, |frame| flipped(frame, field));
        let pair = run(Profile::HARDENED, &texts(), &mut meddle);
        let rejects = [pair.rejects(USER), pair.rejects(SERVER)].concat();
        assert_eq!(rejects, [reject], "{name} {field}");
    }
}

#[test]
fn a_text_passed_off_as_a_file() {
    for profile in profiles().into_iter().filter(|profile| !wire::one_way(*profile)) {
        let retype = |frame: &Frame| {
            let mut bytes = frame.bytes.to_vec();
            let at = frame.spec.range("type", &bytes).unwrap().start;
            bytes[at] = b'F';
            vec![bytes]
        };
        let pair = run(profile, &[text("\0\u{5}x.png and so on")], &mut msg(1, retype));
        let taken =
            [Weakness::HeaderNotAuthenticated, Weakness::UnkeyedHash, Weakness::GoesOnAfterFailure];
        let taken = taken.iter().any(|weakness| profile.has(*weakness));
        assert_eq!(pair.delivered().len(), usize::from(taken), "{}", profile.name());
        assert!(pair.delivered().iter().all(|what| what == "image \"x.png\" (10 bytes)"));
    }
}

#[test]
fn a_cut_connection() {
    for profile in profiles() {
        let mut pair = Pair::new(&SYSTEM, profile);
        pair.commands(&texts()[..1]);
        pair.open();
        pair.pump(&mut untouched);
        pair.step(Side::Server, Input::Closed(LINK));
        let clean = profile.has(Weakness::EndNotAuthenticated);
        let end = if clean { End::Clean } else { End::Truncated };
        check(&pair, &["text \"first\""], &[], Some(end));
    }
}

/// Nobody says goodbye to a published server, and the first one closes after one message.
#[test]
fn a_server_that_closes_after_one_message() {
    let ended = |commands: &[Command], conversed: bool| {
        let mut pair = Pair::new(&SYSTEM, as_built());
        pair.commands(commands);
        pair.open();
        if conversed {
            pair.pump(&mut untouched);
        }
        pair.step(Side::Client, Input::Closed(LINK));
        pair.ends(USER)
    };
    let all = texts();
    for (commands, conversed, expected) in [
        (&all[..1], true, End::Clean),
        (&all[1..], true, End::Clean),
        // It still has something to say, or has said nothing.
        (&all[..], false, End::Truncated),
        (&[], true, End::Truncated),
    ] {
        assert_eq!(ended(commands, conversed), [expected], "{commands:?}");
    }
}

/// The client waits for its receipt, so what is dropped is missed at once; the goodbye counts as well.
#[test]
fn a_dropped_text() {
    let pair = run(as_built(), &texts(), &mut msg(1, |_| vec![]));
    check(&pair, &["text \"second\""], &[], Some(End::Clean));
    let pair = run(Profile::HARDENED, &texts(), &mut msg(1, |_| vec![]));
    check(&pair, &[], &[], None);
    let (mut first, mut receipt) = (None, None);
    let forge = &mut |side: Side, frame: &Frame| match (side, frame.spec.name) {
        (Side::Client, "MSG") if first.is_none() => {
            first = Some(());
            None
        }
        (Side::Server, "ACK") => {
            receipt = Some(frame.bytes.to_vec());
            None
        }
        (Side::Client, "MSG") => Some(vec![]),
        _ => None,
    };
    let mut pair = run(Profile::HARDENED, &texts(), forge);
    // An old receipt is for another record.
    pair.step(Side::Client, Input::Received(LINK, &receipt.unwrap()));
    assert_eq!(pair.rejects(USER), ["mac (integrity)"]);
}

/// Nothing binds the four parts of a published frame together: a name cut out of another user's frame will do.
#[test]
fn a_text_under_another_name() {
    let client = (SYSTEM.client)(setup(as_built(), 2));
    let server = (SYSTEM.server)(setup(as_built(), 0));
    let mut other = Pair::of(&SYSTEM, as_built(), client, server);
    other.commands(&texts()[..1]);
    other.open();
    other.pump(&mut untouched);
    let name = other.frames[0].1.field("username").unwrap().to_vec();
    let paste = |frame: &Frame| {
        let mut bytes = frame.bytes.to_vec();
        bytes[frame.spec.range("username", &frame.bytes).unwrap()].copy_from_slice(&name);
        vec![bytes]
    };
    let pair = run(as_built(), &texts()[..1], &mut msg(1, paste));
    let shown = pair.claims.iter().find(|claim| matches!(claim.fact, Fact::Delivered(_)));
    assert_eq!(shown.unwrap().peer.as_str(), "maged");
}
