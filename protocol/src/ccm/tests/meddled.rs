//! What an attacker gets from each weakness, and what the defence does instead.

use super::*;

/// Texts under which nothing is lost to a delimiter.
fn texts() -> Vec<Command> {
    vec![text("first"), text("second"), Command::End]
}

fn twice(frame: &Frame) -> Vec<Vec<u8>> {
    vec![frame.bytes.to_vec(), frame.bytes.to_vec()]
}

#[test]
fn a_replay_is_delivered_where_records_have_no_numbers() {
    for profile in profiles().into_iter().filter(|profile| !profile.has(Weakness::DelimiterFraming))
    {
        let lab = run(profile, &texts(), &[], &mut once(Side::Client, "MSG", 1, twice));
        if profile.has(Weakness::NoSequence) {
            assert_eq!(
                lab.delivered(SERVER),
                ["text \"first\"", "text \"first\"", "text \"second\""]
            );
        } else {
            let goes_on = profile.has(Weakness::GoesOnAfterFailure);
            assert_eq!(lab.rejects(SERVER), ["sequence (sequence)"], "{}", profile.name());
            let heard = if goes_on { 2 } else { 1 };
            assert_eq!(lab.delivered(SERVER).len(), heard, "{}", profile.name());
        }
    }
}

#[test]
fn a_message_comes_back_as_the_servers_where_one_key_serves_both_ways() {
    for profile in [as_built(), Profile::only(Weakness::OneKeyBothWays), Profile::HARDENED] {
        let mut lab = run(profile, &texts()[..1], &[], &mut untouched);
        let message = lab.frames.iter().find(|(_, _, frame)| frame.spec.name == "MSG").unwrap();
        let bytes = message.2.bytes.clone();
        lab.step(Side::Client, Input::Received(FIRST[2], &bytes));
        if profile == Profile::HARDENED {
            assert_eq!(lab.rejects("client"), ["mac (tag)"]);
        } else {
            assert_eq!(lab.delivered("client"), ["text \"first\""]);
        }
    }
}

#[test]
fn a_changed_message_ends_the_session_or_costs_nothing() {
    for profile in [as_built(), Profile::only(Weakness::GoesOnAfterFailure), Profile::HARDENED] {
        let flip = |frame: &Frame| flipped(frame, "tag");
        let lab = run(profile, &texts(), &[], &mut once(Side::Client, "MSG", 1, flip));
        assert_eq!(lab.rejects(SERVER)[0], "mac (tag)");
        let goes_on = profile.has(Weakness::NoSequence);
        assert_eq!(lab.delivered(SERVER).len(), usize::from(goes_on));
        if profile == Profile::HARDENED {
            assert_eq!(lab.types(FIRST[1]), ["BIND", "MSG", "MSG", "MSG"]);
            assert_eq!(lab.ends(SERVER), [End::Aborted, End::Aborted]);
        } else {
            assert!(lab.types(FIRST[1]).contains(&"EXIT"));
        }
    }
}

#[test]
fn four_bytes_in_clear_end_a_session_as_built() {
    for profile in [as_built(), Profile::only(Weakness::PlaintextExit), Profile::HARDENED] {
        let mut lab = run(profile, &[], &[], &mut untouched);
        let framed = [0, 0, 0, 4, b'E', b'x', b'i', b't'];
        let exit = if profile.has(Weakness::DelimiterFraming) { &framed[4..] } else { &framed };
        lab.step(Side::Client, Input::Received(FIRST[2], exit));
        let end = if profile == Profile::HARDENED { End::Aborted } else { End::Clean };
        assert_eq!(lab.ends("client"), [end, end], "{}", profile.name());
    }
}

#[test]
fn a_key_nobody_confirmed_is_used_where_confirmations_are_ignored() {
    for profile in [as_built(), Profile::only(Weakness::ConfirmationIgnored), Profile::HARDENED] {
        let lie = |_: &Frame| vec![b"\0\0\0\x04Lies".to_vec()];
        let lab = run(profile, &texts(), &[], &mut once(Side::Client, "TRUE", 1, lie));
        let ignored = profile.has(Weakness::ConfirmationIgnored);
        assert_eq!(lab.delivered(SERVER).len(), if ignored { 2 } else { 0 }, "{}", profile.name());
    }
}

/// The attacker chooses the key and never has the client's private key.
#[test]
fn anyone_is_the_client_where_clients_are_not_authenticated() {
    use super::exchange::Offer;
    use super::session::Setting;
    use crate::entropy::Entropy;
    for profile in [as_built(), Profile::only(Weakness::NoClientAuthentication), Profile::HARDENED]
    {
        let setting = Setting::new(&setup(profile, 1), 512);
        let mut entropy = Entropy::new(1, "attacker");
        let stranger = ClientKeys {
            own: ClientKeys::lab(3).own.clone(),
            server: ClientKeys::lab(1).server.clone(),
        };
        let (_, key) = Offer::make(&setting, &stranger, 1, &mut entropy).unwrap();
        let mut lab = Lab::new(profile);
        let mut out = Output::default();
        lab.server.step(Tick(0), Input::Opened(Conn(9), EXCHANGE), &mut out);
        lab.server.step(Tick(0), Input::Received(Conn(9), &key), &mut out);
        // The echo under client 1's key is of no use to the stranger, and as built it needs none.
        assert_eq!(out.writes.len(), 1, "{}", profile.name());
        out.clear();
        let word = if profile.has(Weakness::DelimiterFraming) {
            &b"True"[..]
        } else {
            b"\0\0\0\x24True0123456789abcdef0123456789abcdef"
        };
        lab.server.step(Tick(0), Input::Received(Conn(9), word), &mut out);
        let established = out.claims.iter().any(|claim| matches!(claim.fact, Fact::Established(_)));
        assert_eq!(established, profile == as_built(), "{}", profile.name());
    }
}

#[test]
fn a_wrong_padding_is_told_from_a_right_one_only_by_the_oracle() {
    use crate::entropy::Entropy;
    for profile in [as_built(), Profile::only(Weakness::Pkcs1V15Oracle), Profile::HARDENED] {
        let public = &ClientKeys::lab(1).server;
        let conforming =
            public.encrypt_pkcs1v15(&mut Entropy::new(1, "x"), b"not the key").unwrap();
        let answered = [conforming, vec![7; 512]].map(|ct| {
            let layout = wire::layout(profile);
            let share =
                *crate::crypto::ecdh::Ephemeral::generate(&mut Entropy::new(2, "x")).share();
            let values = [("client", &[1][..]), ("ct", &ct), ("share", &share)];
            let key = wire::assemble(&layout, "KEY", &values);
            let mut server = Server::new(setup(profile, 0));
            let mut out = Output::default();
            server.step(Tick(0), Input::Opened(Conn(9), EXCHANGE), &mut out);
            server.step(Tick(0), Input::Received(Conn(9), &key), &mut out);
            !out.writes.is_empty()
        });
        assert_eq!(answered, [profile != Profile::HARDENED, false], "{}", profile.name());
    }
}

#[test]
fn a_changed_field_of_the_exchange_is_refused_hardened() {
    for (from, name, fields) in [
        (Side::Client, "KEY", &["client", "ct", "share"][..]),
        (Side::Server, "ECHO", &["ct", "mac"]),
        (Side::Client, "TRUE", &["mac"]),
        (Side::Client, "BIND", &["token", "mac"]),
    ] {
        for field in fields {
            let lab = run(
                Profile::HARDENED,
                &texts(),
                &[],
                &mut once(from, name, 1, |frame| flipped(frame, field)),
            );
            assert_eq!(lab.delivered(SERVER), [""; 0], "{name} {field}");
            // Without its session, a data connection is refused too.
            let refused = lab.rejects("client").len() + lab.rejects(SERVER).len();
            assert!(refused >= 1, "{name} {field}");
        }
    }
}

#[test]
fn what_is_lost_before_a_goodbye_is_missed_hardened() {
    for profile in [as_built(), Profile::HARDENED] {
        let lab = run(profile, &texts(), &[], &mut once(Side::Client, "MSG", 2, |_| vec![]));
        let clean = lab.ends(SERVER) == [End::Clean, End::Clean];
        assert_eq!(clean, profile == as_built());
        let lab = run(
            profile,
            &[Command::End],
            &[text("x"), text("y")],
            &mut once(Side::Server, "MSG", 2, |_| vec![]),
        );
        let clean = |claim: &Claim| claim.conn == FIRST[2] && claim.fact == Fact::Ended(End::Clean);
        let clean = lab.claims.iter().any(|claim| claim.local.as_str() == "client" && clean(claim));
        assert_eq!(clean, profile == as_built());
    }
}

#[test]
fn a_stranger_takes_a_place_only_where_connections_are_not_bound() {
    for profile in
        [as_built(), Profile::only(Weakness::SessionNotBoundToConnection), Profile::HARDENED]
    {
        let mut lab = Lab::new(profile);
        lab.commands(Side::Client, &texts());
        lab.connect(EXCHANGE);
        // Before the client's own data connections there is the attacker's.
        lab.step(Side::Server, Input::Opened(Conn(99), TO_SERVER));
        lab.pump(&mut untouched);
        let stolen = lab.delivered(SERVER).is_empty();
        assert_eq!(
            stolen,
            profile.has(Weakness::SessionNotBoundToConnection),
            "{}",
            profile.name()
        );
    }
}
