//! Honest conversations, under every profile.

use super::*;

#[test]
fn honest_conversations_succeed_under_every_profile() {
    for profile in profiles() {
        let pair = run(profile, &script(), &mut untouched);
        let name = profile.name();
        let all = [
            "text \"pay bob 100\"",
            "text \"\"",
            "image \"cat é.png\" (4 bytes)",
            "video \"clip.mp4\" (5000 bytes)",
        ];
        check(&pair, &all, &[], Some(End::Clean));
        assert_eq!(pair.rejects("device"), <[&str; 0]>::default(), "{name}");
        assert_eq!(pair.ends("device"), [End::Clean], "{name}");
        assert_eq!(pair.acknowledged(), 4, "{name}");
        let sent: Vec<_> = pair.facts("device").into_iter().filter_map(sent).collect();
        let arrived: Vec<_> = pair.facts(SERVER).into_iter().filter_map(delivered).collect();
        assert_eq!(sent, arrived, "{name}");
        assert!(pair.agree("device"));
    }
}

#[test]
fn the_wire_is_the_published_one() {
    let pair = run(as_built(), &script(), &mut untouched);
    let expected = "HELO HACK NONCE HACK HELO HACK SNONCE HACK PREM ACK SECX ACK SECX ACK IMGX ACK ACK \
                    IMGX ACK ACK ENDD";
    let mut types = pair.types();
    // The device sends PREM in the same breath as the acknowledgement before it.
    types.dedup_by(|a, b| a == b && *a != "ACK");
    assert_eq!(types.join(" "), expected);
    let size =
        |name: &str| pair.frames.iter().find(|(_, f)| f.spec.name == name).unwrap().1.bytes.len();
    assert_eq!(
        ["NONCE", "SNONCE", "HACK", "ACK", "PREM", "ENDD"].map(size),
        [16, 16, 256, 256, 266, 6]
    );
    let first = pair.frames.iter().find(|(_, f)| f.spec.name == "SECX").unwrap();
    assert_eq!(first.1.bytes.len(), 10 + 16 + 32);
}

#[test]
fn segmentation_changes_nothing() {
    for profile in [as_built(), Profile::HARDENED] {
        let whole = run(profile, &script(), &mut untouched);
        for segment in [1, 7, 300] {
            let mut pair = Pair::new(&SYSTEM, profile);
            pair.segment = segment;
            pair.commands(&script());
            pair.open();
            pair.pump(&mut untouched);
            assert_eq!(pair.claims, whole.claims);
        }
    }
}

#[test]
fn several_devices_have_sessions_of_their_own() {
    for profile in profiles() {
        let pairs = interleaved(&SYSTEM, profile, 3, &script());
        for (pair, device) in pairs.iter().zip(["device", "device-2", "device-3"]) {
            assert_eq!((pair.delivered().len(), pair.acknowledged()), (4, 4));
            assert_eq!(
                (pair.ends(SERVER), pair.ends(device)),
                (vec![End::Clean], vec![End::Clean])
            );
            assert!(pair.agree(device));
        }
    }
}

#[test]
fn equal_texts_give_equal_ciphertext_only_under_a_static_vector() {
    let text = || Command::Send(Message::text("the same"));
    for profile in profiles() {
        let pair = run(profile, &[text(), text(), Command::End], &mut untouched);
        let records = pair.frames.iter().filter(|(_, frame)| frame.spec.name == "SECX");
        let cts: Vec<_> = records.map(|(_, frame)| frame.field("ct").unwrap()).collect();
        assert_eq!(cts[0] == cts[1], profile.has(Weakness::StaticIv));
    }
}

#[test]
fn a_later_connection_starts_afresh() {
    let mut pair = run(Profile::HARDENED, &texts(), &mut untouched);
    let first = pair.claims.clone();
    pair.claims.clear();
    pair.closed = [false; 2];
    let layout = Arc::new((SYSTEM.layout)(Profile::HARDENED));
    pair.cutters =
        [Side::Client, Side::Server].map(|side| Deframer::new(layout.clone(), PortIndex(0), side));
    pair.conn = Conn(2);
    pair.commands(&texts());
    pair.open();
    pair.pump(&mut untouched);
    assert_eq!(pair.delivered().len(), 2);
    let data = |claims: &[Claim]| {
        claims.iter().find_map(|claim| match claim.fact {
            Fact::Running(data) => Some(data),
            _ => None,
        })
    };
    assert_ne!(data(&first), data(&pair.claims));
}

#[test]
fn what_helo_cannot_carry_is_refused_by_the_device() {
    let numbers = Command::Send(Message::numbers("1,2"));
    let pair = run(Profile::HARDENED, &[numbers, Command::End], &mut untouched);
    assert_eq!(pair.rejects("device"), ["content (message)"]);
    check(&pair, &[], &[], Some(End::Clean));
    let long = Command::Send(Message::file(&"x".repeat(256), Bytes::new()));
    let pair = run(Profile::HARDENED, &[long, Command::End], &mut untouched);
    check(&pair, &[], &["content (filename)"], Some(End::Clean));
    assert_eq!(pair.acknowledged(), 0);
    // A name that makes the record longer than any may be.
    let name = "x".repeat(wire::MAX_RECORD / 6);
    let endless = Command::Send(Message::file(&name, Bytes::new()));
    let pair = run(Profile::HARDENED, &[endless, Command::End], &mut untouched);
    assert_eq!(pair.rejects("device"), ["length (message)"]);
    check(&pair, &[], &[], Some(End::Clean));
}
