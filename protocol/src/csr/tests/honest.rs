//! Honest conversations, under every profile.

use super::*;

#[test]
fn the_lab_keys_load_and_their_certificates_verify() {
    use crate::pki::x509::{Certificate, Checks, Reading, Roles};
    let lab = Keyring::lab();
    for (identity, common_name) in lab.devices.iter().chain([&lab.server]).zip([
        "Device 001",
        "Device 002",
        "Device 003",
        "Server 001",
    ]) {
        let certificate = Certificate::from_pem(&identity.certificate).unwrap();
        let common_name = Some(common_name);
        let checks = Checks {
            now: Some(EPOCH),
            authority: Some(Roles),
            common_name,
            reading: Reading::Strict,
        };
        let key = certificate.verify(&lab.authority_certificate, checks).unwrap();
        assert_eq!(key, identity.key.public_key());
        assert_eq!(key.size(), 256);
    }
    let shipped = include_str!("../../../lab/csr/device_public_key.pem");
    assert_eq!(lab.device(1).key.public_key().to_pem().unwrap(), shipped);
}

#[test]
fn honest_conversations_succeed_under_every_profile() {
    for profile in profiles().into_iter().chain([as_built_in_step()]) {
        let commands = script(profile);
        let pair = run(profile, &commands, &mut untouched);
        let name = profile.name();
        assert_eq!(pair.rejects(SERVER), <[&str; 0]>::default(), "{name}");
        assert_eq!(pair.rejects("device"), <[&str; 0]>::default(), "{name}");
        assert_eq!(pair.ends("device"), [End::Clean], "{name}");
        assert_eq!(pair.ends(SERVER), [End::Clean], "{name}");
        let sent: Vec<_> = pair.facts("device").into_iter().filter_map(sent).collect();
        let arrived: Vec<_> = pair.facts(SERVER).into_iter().filter_map(delivered).collect();
        assert_eq!(sent, arrived, "{name}");
        assert_eq!(sent.len(), commands.len() - 1);
        let texts = sent.iter().filter(|message| message.kind == Kind::Text).count();
        assert_eq!(pair.acknowledged(), texts, "{name}");
        assert!(pair.agree("device"));
    }
    let files = run(Profile::HARDENED, &script(Profile::HARDENED), &mut untouched).delivered();
    assert_eq!(files[2..4], ["image \"cat é.png\" (4 bytes)", "video \"clip.mp4\" (9000 bytes)"]);
}

#[test]
fn the_wire_is_the_published_one() {
    let pair = run(as_built(), &script(as_built()), &mut untouched);
    let expected = "HELLO HELLO SECDH ECDH TEXT REPLY TEXT REPLY MEDIA";
    assert_eq!(pair.types().join(" "), expected);
    let bytes = |nth: usize| pair.frames[nth].1.bytes.to_vec();
    let json: serde_json::Value = serde_json::from_slice(&bytes(0)).unwrap();
    assert_eq!((&json["type"], json.as_object().unwrap().len()), (&"hello".into(), 3));
    let json: serde_json::Value = serde_json::from_slice(&bytes(3)).unwrap();
    assert_eq!((&json["type"], json.as_object().unwrap().len()), (&"ecdh_pubkey".into(), 2));
    // 11 bytes of text and 32 of MAC, padded.
    assert_eq!(bytes(4).len(), 48);
    assert_eq!(bytes(8)[..10], format!("{:010}", bytes(8).len() - 10).into_bytes()[..]);
}

#[test]
fn segmentation_matters_only_where_nothing_is_framed() {
    for profile in profiles() {
        let whole = run(profile, &script(profile), &mut untouched);
        for segment in [1, 7, 300] {
            let mut pair = Pair::new(&SYSTEM, profile);
            pair.segment = segment;
            pair.commands(&script(profile));
            pair.open();
            pair.pump(&mut untouched);
            if profile.has(Weakness::NoFraming) {
                let said = ["layout (a part of HELLO in one read)"];
                assert_eq!(pair.rejects(SERVER), said, "{}", profile.name());
                assert_eq!(pair.delivered(), <[&str; 0]>::default());
            } else {
                assert_eq!(pair.claims, whole.claims, "{}", profile.name());
            }
        }
    }
}

#[test]
fn media_are_read_on_and_the_next_message_may_follow_at_once() {
    let profile = as_built_in_step();
    let commands = [text("one"), image(), text("two"), Command::End];
    let mut split = once(Side::Client, "MEDIA", 1, |frame| {
        frame.bytes.chunks(100).map(<[u8]>::to_vec).collect()
    });
    let pair = run(profile, &commands, &mut split);
    assert_eq!(pair.delivered().len(), 3);
    // Two texts in one read do not decrypt, two messages of a framed stream do.
    let mut held = Vec::new();
    for profile in [profile, Profile::HARDENED] {
        let mut join = |_: Side, frame: &Frame| {
            if frame.spec.name == "ECDH" {
                held = frame.bytes.to_vec();
                return Some(vec![]);
            }
            (frame.spec.name == "TEXT").then(|| {
                let both = [std::mem::take(&mut held), frame.bytes.to_vec()].concat();
                vec![both]
            })
        };
        let pair = run(profile, &texts(), &mut join);
        let expected = if profile == Profile::HARDENED { 2 } else { 0 };
        assert_eq!(pair.delivered().len(), expected);
    }
}

/// The published server sends its hello and its share one after the other: a network may bring both in one read.
#[test]
fn a_hello_and_a_share_in_one_read_are_told_apart_but_not_taken() {
    let mut pair = Pair::new(&SYSTEM, as_built());
    pair.open();
    let mut joined = Vec::new();
    let mut join = |side: Side, frame: &Frame| {
        if side == Side::Client {
            return None;
        }
        joined.extend_from_slice(&frame.bytes);
        Some(if frame.spec.name == "SECDH" { vec![joined.clone()] } else { Vec::new() })
    };
    pair.commands(&texts());
    pair.pump(&mut join);
    assert_eq!(pair.rejects("device"), ["layout (HELLO and more in one read)"]);
    // Whoever looks at the wire sees two messages.
    let layout = Arc::new(wire::layout(as_built()));
    let mut cut = Vec::new();
    let mut deframer = Deframer::new(layout, PortIndex(0), Side::Server);
    deframer.push(&Bytes::from(joined.clone()), &mut cut);
    let names: Vec<_> = cut.iter().map(|frame| frame.spec.name).collect();
    assert_eq!(names, ["HELLO", "SECDH"]);
    assert_eq!(cut.iter().map(|frame| frame.bytes.len()).sum::<usize>(), joined.len());
}

#[test]
fn several_devices_have_sessions_of_their_own() {
    for profile in profiles() {
        let pairs = interleaved(&SYSTEM, profile, 3, &script(profile));
        for (pair, device) in pairs.iter().zip(["device", "device-2", "device-3"]) {
            assert_eq!(pair.delivered().len(), script(profile).len() - 1, "{}", profile.name());
            assert_eq!(
                (pair.ends(SERVER), pair.ends(device)),
                (vec![End::Clean], vec![End::Clean])
            );
            assert!(pair.agree(device));
        }
    }
}

#[test]
fn equal_files_of_an_epoch_give_equal_ciphertext_only_under_a_static_vector() {
    for profile in profiles() {
        let pair = run(profile, &[image(), image(), Command::End], &mut untouched);
        let records = pair.frames.iter().filter(|(_, frame)| frame.spec.name == "MEDIA");
        let cts: Vec<_> = records.map(|(_, frame)| frame.field("ct").unwrap()).collect();
        let alike = cts[0][..16] == cts[1][..16];
        assert_eq!(alike, profile.has(Weakness::StaticIv), "{}", profile.name());
    }
}

#[test]
fn what_csr_cannot_carry_is_refused_by_the_device() {
    let numbers = Command::Send(Message::numbers("1,2"));
    let long = Command::Send(Message::file(&"x".repeat(256), Bytes::new()));
    let pair = run(Profile::HARDENED, &[numbers, long, Command::End], &mut untouched);
    assert_eq!(pair.rejects("device"), ["content (message)", "length (message)"]);
    check(&pair, &[], &[], Some(End::Clean));
}
