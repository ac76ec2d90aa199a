//! One frame changed, one claim checked: what each defence stops and what its absence lets through.

use super::*;
use crate::crypto::ecdh::Ephemeral;
use crate::crypto::rsa::PrivateKey;
use crate::pki::x509::Issuer;

fn established(pair: &Pair, local: &str) -> bool {
    pair.facts(local).iter().any(|fact| matches!(fact, Fact::Established(_)))
}

#[test]
fn a_replayed_file() {
    let meddle = || once(Side::Client, "MEDIA", 1, replayed);
    let commands = [image(), Command::End];
    let twice = ["image \"image\" (4 bytes)"; 2];
    let pair = run(as_built_in_step(), &commands, &mut meddle());
    check(&pair, &twice, &[], Some(End::Clean));
    // The server has moved on to the next epoch, because it counts twice.
    let pair = run(as_built(), &commands, &mut meddle());
    assert_eq!(pair.delivered(), twice[..1]);
    let twice = ["image \"cat é.png\" (4 bytes)"; 2];
    let pair = run(Profile::only(Weakness::NoSequence), &commands, &mut meddle());
    assert_eq!(pair.delivered(), twice);
    let pair = run(Profile::HARDENED, &commands, &mut meddle());
    check(&pair, &twice[..1], &["sequence (sequence)"], Some(End::Aborted));
}

#[test]
fn a_replayed_text_meets_other_keys() {
    for profile in profiles() {
        let pair = run(profile, &texts(), &mut once(Side::Client, "TEXT", 1, replayed));
        let first = pair.delivered().iter().filter(|text| text.contains("first")).count();
        assert_eq!(first, 1, "{}", profile.name());
        assert!(!pair.rejects(SERVER).is_empty());
    }
}

/// What the server says, as an attacker sees it, after the byte at `at` from the end of the
/// ciphertext is changed.
fn said(profile: Profile, at: usize) -> (String, String) {
    let change = |frame: &Frame| {
        let mut bytes = frame.bytes.to_vec();
        let end = frame.spec.range("ct", &bytes).unwrap().end;
        bytes[end - at] ^= 1;
        vec![bytes]
    };
    let pair = run(profile, &texts(), &mut once(Side::Client, "TEXT", 1, change));
    let error = pair.frames.iter().find(|(_, frame)| frame.spec.name == "ERROR");
    let error = error.map_or("", |(_, frame)| {
        std::str::from_utf8(frame.field("word").unwrap_or_default()).unwrap()
    });
    (pair.rejects(SERVER)[0].clone(), error.to_owned())
}

/// The two cases a padding oracle tells apart: wrong padding, and good padding around a wrong MAC.
#[test]
fn errors_tell_something_only_where_the_mac_is_inside_and_errors_differ() {
    let pair = |check: &str, error: &str| (check.to_owned(), error.to_owned());
    // The last block holds padding, and the one before it is in the MAC.
    assert_eq!(said(as_built(), 17), pair("padding (ct)", "padding"));
    assert_eq!(said(as_built(), 33), pair("mac (mac)", "mac"));
    let inside = Profile::only(Weakness::MacThenEncrypt);
    assert_eq!(said(inside, 17), pair("padding (ct)", ""));
    assert_eq!(said(inside, 65), pair("mac (mac)", ""));
    let telling = Profile::only(Weakness::DistinguishableErrors);
    assert_eq!(said(telling, 17), pair("mac (mac)", "mac"));
    assert_eq!(said(telling, 33), pair("mac (mac)", "mac"));
    assert_eq!(said(Profile::HARDENED, 17), pair("mac (mac)", ""));
}

#[test]
fn the_telling_server_goes_on_and_the_record_still_counts_for_nothing() {
    for profile in [as_built(), Profile::only(Weakness::DistinguishableErrors)] {
        let mut pair = Pair::new(&SYSTEM, profile);
        pair.commands(&texts());
        pair.open();
        let mut honest = None;
        let mut meddle = |side: Side, frame: &Frame| {
            if side == Side::Server && frame.spec.name == "ERROR" {
                return Some(vec![]);
            }
            (frame.spec.name == "TEXT" && honest.is_none()).then(|| {
                honest = Some(frame.bytes.to_vec());
                let wrong = flipped(frame, "ct").remove(0);
                vec![wrong.clone(), wrong.clone(), wrong, frame.bytes.to_vec()]
            })
        };
        pair.pump(&mut meddle);
        assert_eq!(pair.rejects(SERVER).len(), 3);
        assert_eq!(pair.delivered().len(), 2);
        assert_eq!(pair.ends(SERVER), [End::Clean]);
    }
}

/// Both shares replaced by the attacker's own.
#[test]
fn somebody_in_the_middle() {
    let own = Ephemeral::generate(&mut Entropy::new(1, "attacker"));
    for profile in profiles() {
        let mut swap = |_: Side, frame: &Frame| {
            let range = frame.spec.range("key", &frame.bytes)?;
            let honest = wire::share(own.share(), None);
            let at = 32..32 + wire::encoded_len(65);
            let mut bytes = frame.bytes.to_vec();
            bytes[range].copy_from_slice(&honest[at]);
            Some(vec![bytes])
        };
        let pair = run(profile, &texts(), &mut swap);
        let fooled = profile.has(Weakness::EcdhNotAuthenticated);
        assert_eq!(pair.types().contains(&"TEXT"), fooled, "{}", profile.name());
        assert_eq!(established(&pair, SERVER), fooled, "{}", profile.name());
        if !fooled {
            assert_eq!(pair.rejects("device"), ["signature (signature)"]);
        }
    }
}

/// A copied certificate without its key.
#[test]
fn a_copied_certificate() {
    for profile in profiles() {
        let mut server = (SYSTEM.server)(setup(profile, 0));
        let mut out = Output::default();
        server.step(Tick(0), Input::Opened(LINK, PortIndex(0)), &mut out);
        let hello = wire::hello(&Keyring::lab().device(1).certificate, &[9; 32]);
        let hello = wire::framed(profile, hello);
        server.step(Tick(0), Input::Received(LINK, &hello), &mut out);
        let later = Tick(0).after(PAUSE);
        server.step(later, Input::Timeout, &mut out);
        let own = Ephemeral::generate(&mut Entropy::new(1, "attacker"));
        let signature = Keyring::lab().device(3).key.sign_pkcs1v15(&[0; 32]).unwrap();
        let share = wire::framed(profile, wire::share(own.share(), Some(&signature)));
        server.step(later, Input::Received(LINK, &share), &mut out);
        let believed = out.claims.iter().any(|claim| matches!(claim.fact, Fact::Established(_)));
        assert_eq!(believed, profile.has(Weakness::NoProofOfPossession), "{}", profile.name());
    }
}

/// A conversation in which one of the two has other keys or another certificate.
fn disguised(profile: Profile, side: Side, change: impl FnOnce(&mut Keyring)) -> Pair {
    let mut keyring = Keyring::clone(&Keyring::lab());
    change(&mut keyring);
    let mut client: Box<dyn Endpoint> = (SYSTEM.client)(setup(profile, 1));
    let mut server: Box<dyn Endpoint> = (SYSTEM.server)(setup(profile, 0));
    match side {
        Side::Client => client = Box::new(Client::with_keys(setup(profile, 1), &keyring)),
        Side::Server => server = Box::new(Server::with_keys(setup(profile, 0), &keyring)),
    }
    let mut pair = Pair::of(&SYSTEM, profile, client, server);
    pair.commands(&texts());
    pair.open();
    pair.pump(&mut untouched);
    pair
}

fn refused_unless(pair: &Pair, side: Side, believed: bool, reject: &str, profile: Profile) {
    let local = if side == Side::Client { SERVER } else { "device" };
    assert_eq!(pair.delivered().len(), if believed { 2 } else { 0 }, "{}", profile.name());
    if !believed {
        assert_eq!(pair.rejects(local), [reject], "{}", profile.name());
    }
}

#[test]
fn expired_certificates() {
    for profile in profiles() {
        let believed = profile.has(Weakness::ValidityNotChecked);
        let pair = disguised(profile, Side::Client, |k| k.devices[0] = k.expired_device.clone());
        refused_unless(&pair, Side::Client, believed, "validity (validity)", profile);
        let pair = disguised(profile, Side::Server, |k| k.server = k.expired_server.clone());
        refused_unless(&pair, Side::Server, believed, "validity (validity)", profile);
    }
    // The same certificates once their year is over.
    let mut pair = Pair::new(&SYSTEM, Profile::HARDENED);
    pair.now = Tick(366 * 24 * 60 * 60 * 1_000_000_000);
    pair.open();
    pair.pump(&mut untouched);
    assert_eq!(pair.rejects(SERVER), ["validity (validity)"]);
}

#[test]
fn certificates_of_another_role() {
    for profile in profiles() {
        let believed = profile.has(Weakness::NameNotChecked);
        let pair = disguised(profile, Side::Client, |k| k.devices[0] = k.server.clone());
        let delivered = pair.delivered().len();
        assert_eq!(delivered, if believed { 2 } else { 0 }, "{}", profile.name());
        let pair = disguised(profile, Side::Server, |k| k.server = k.devices[1].clone());
        let fact = |fact: &Fact| matches!(fact, Fact::Delivered(_));
        let delivered = pair.claims.iter().filter(|claim| fact(&claim.fact)).count();
        assert_eq!(delivered, if believed { 2 } else { 0 }, "{}", profile.name());
        if !believed {
            assert_eq!(pair.rejects("device"), ["name (common_name)"]);
        }
    }
}

#[test]
fn certificates_of_another_authority() {
    let pem = include_str!("../../../lab/csr/device_private_key.pem");
    let key: PrivateKey = Keyring::lab().device(3).key.clone();
    let mut issuer = Issuer { subject: AUTHORITY, key: &key, entropy: Entropy::new(1, "forger") };
    let subject = "CN=Device 001,O=MyDevice,C=TR";
    let forged = Identity::issue(&mut issuer, "device", subject, pem, PERIOD).unwrap();
    for profile in profiles() {
        let pair = disguised(profile, Side::Client, |k| k.devices[0] = forged.clone());
        refused_unless(&pair, Side::Client, false, "certificate (certificate)", profile);
    }
}

/// Every field of the hardened handshake is under a signature.
#[test]
fn a_changed_handshake() {
    for (from, name, field) in [
        (Side::Client, "HELLO", "certificate"),
        (Side::Client, "HELLO", "nonce"),
        (Side::Server, "HELLO", "certificate"),
        (Side::Server, "HELLO", "nonce"),
        (Side::Server, "SECDH", "key"),
        (Side::Server, "SECDH", "signature"),
        (Side::Client, "ECDH", "key"),
        (Side::Client, "ECDH", "signature"),
        (Side::Client, "TEXT", "sequence"),
        (Side::Client, "TEXT", "iv"),
        (Side::Client, "TEXT", "ct"),
        (Side::Client, "TEXT", "mac"),
        (Side::Server, "REPLY", "ct"),
    ] {
        let mut meddle = once(from, name, 1, |frame| flipped(frame, field));
        let pair = run(Profile::HARDENED, &texts(), &mut meddle);
        let rejects = [pair.rejects("device"), pair.rejects(SERVER)].concat();
        assert_eq!(rejects.len(), 1, "{name} {field}: {rejects:?}");
        assert_eq!(pair.acknowledged(), 0, "{name} {field}");
    }
}

#[test]
fn a_file_puts_the_two_out_of_step() {
    let commands = [text("before"), image(), text("after"), Command::End];
    for profile in profiles() {
        let pair = run(profile, &commands, &mut untouched);
        let broken = profile.has(Weakness::CounterDesync);
        assert_eq!(pair.delivered().len(), if broken { 2 } else { 3 }, "{}", profile.name());
        assert_eq!(pair.rejects(SERVER).is_empty(), !broken);
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
    let mut pair = Pair::new(&SYSTEM, as_built());
    pair.commands(&[image()]);
    pair.open();
    pair.pump(&mut once(Side::Client, "MEDIA", 1, |frame| vec![frame.bytes[..99].to_vec()]));
    pair.step(Side::Server, Input::Closed(LINK));
    check(&pair, &[], &[], Some(End::Truncated));
}

#[test]
fn a_dropped_file_is_noticed_by_the_goodbye() {
    let commands = [image(), Command::End];
    let drop = || once(Side::Client, "MEDIA", 1, |_| vec![]);
    let pair = run(Profile::HARDENED, &commands, &mut drop());
    check(&pair, &[], &["sequence (count)"], Some(End::Aborted));
    let pair = run(as_built(), &commands, &mut drop());
    check(&pair, &[], &[], Some(End::Clean));
}
