//! Thieves of memory, in every system whose session is one connection. `ccm` has its own, for its three.

mod decrypt_recording;
mod secrets;

use bytes::Bytes;

use crate::endpoint::{Command, Conn, Endpoint, Input, Kind, Message, Output, PortIndex, Side};
use crate::suite::ACCOUNTS;
use crate::system::System;
use crate::systems::{SYSTEMS, system};
use crate::testing::{LINK, Pair, Seeing, delivered, digest, profiles};
use crate::weakness::Profile;

/// The systems of one connection.
fn systems() -> impl Iterator<Item = &'static System> {
    SYSTEMS.iter().filter(|system| system.ports.len() == 1)
}

/// Texts, then a file: an as-built server of `csr` reads nothing after one.
fn script(system: &System) -> Vec<Command> {
    let messages = if system.carries == [Kind::Numbers] {
        vec![Message::numbers("10,20"), Message::numbers("1.5")]
    } else {
        let file = Message::file("cat.png", Bytes::from_static(b"\x89PNG"));
        vec![Message::text("pay bob 100"), Message::text(""), file]
    };
    messages.into_iter().map(Command::Send).chain([Command::End]).collect()
}

fn run(system: &System, profile: Profile, meddle: Seeing<'_>) -> Pair {
    let mut pair = Pair::new(system, profile);
    pair.open();
    pair.commands(&script(system));
    pair.pump_seeing(meddle);
    pair
}

/// Where a frame goes.
fn receiver(pair: &Pair, from: Side) -> &dyn Endpoint {
    match from {
        Side::Client => &*pair.server,
        Side::Server => &*pair.client,
    }
}

fn each(mut check: impl FnMut(&System, &[&str], Profile)) {
    for system in systems() {
        for profile in profiles(system) {
            check(system, system.sealed, profile);
        }
    }
}

#[test]
fn an_edit_that_changes_nothing_gives_the_frame_itself() {
    each(|system, frames, profile| {
        let honest = run(system, profile, &mut |_, _, _| None);
        let mut seen = 0;
        let pair = run(system, profile, &mut |pair, from, frame| {
            let end = receiver(pair, from);
            let before = digest(end);
            let rewritten = end.compromised(3).unwrap().rewrite(LINK, &frame.bytes, &mut |_| {});
            assert_eq!(digest(end), before);
            assert_eq!(end.rewrite(Conn(99), &frame.bytes, &mut |_| {}), None);
            let case = || format!("{} {} {}", system.name, profile.name(), frame.spec.name);
            if frames.contains(&frame.spec.name) {
                seen += 1;
                assert_eq!(rewritten.as_deref(), Some(&frame.bytes[..]), "{}", case());
            } else if frame.spec.name != "TERMINATE" && frame.spec.name != "ACK" {
                assert_eq!(rewritten, None, "{}", case());
            }
            rewritten.map(|bytes| vec![bytes])
        });
        assert!(seen >= 3, "{} {}", system.name, profile.name());
        assert_eq!(pair.claims, honest.claims, "{} {}", system.name, profile.name());
    });
}

#[test]
fn an_edit_reads_the_message_and_what_it_makes_of_it_is_delivered() {
    for text in
        ["pay eve 100 instead, and do it quickly, since there are no more than two blocks", "x"]
    {
        each(|system, _, profile| {
            let text = if system.name == "ratchet" { "7" } else { text };
            let mut read = Vec::new();
            let pair = run(system, profile, &mut |pair, from, frame| {
                let is_first = ["TEXT", "SECX", "CLIENT_DATA", "MSG"].contains(&frame.spec.name);
                if !is_first || !read.is_empty() {
                    return None;
                }
                let rewritten =
                    receiver(pair, from).rewrite(LINK, &frame.bytes, &mut |plaintext| {
                        read = std::mem::replace(plaintext, text.as_bytes().to_vec());
                    });
                rewritten.map(|bytes| vec![bytes])
            });
            let sent: &[u8] = if system.name == "ratchet" { b"10,20" } else { b"pay bob 100" };
            let case = format!("{} {}", system.name, profile.name());
            assert_eq!(read, sent, "{case}");
            let first = pair.facts("server").into_iter().find_map(delivered).unwrap();
            assert_eq!(first.body, text.as_bytes(), "{case}");
        });
    }
}

/// The password of a user goes under the session's keys; a server's memory has them before the login arrives.
#[test]
fn a_thief_of_the_servers_memory_reads_a_password() {
    let suite = system("suite").unwrap();
    let mut read = Vec::new();
    run(suite, Profile::HARDENED, &mut |pair, from, frame| {
        if frame.spec.name == "LOGIN" {
            receiver(pair, from).rewrite(LINK, &frame.bytes, &mut |login| read = login.clone());
        }
        None
    });
    let (name, password) = ACCOUNTS[0];
    let length = [u8::try_from(name.len()).unwrap()];
    assert_eq!(read, [&length, name.as_bytes(), password.as_bytes()].concat());
}

/// What a device is told of its message is under its own public key and a MAC that its memory has.
#[test]
fn a_thief_of_a_devices_memory_says_what_the_server_did_not() {
    let helo = system("helo").unwrap();
    for profile in profiles(helo) {
        let mut words = Vec::new();
        let pair = run(helo, profile, &mut |pair, from, frame| {
            let edit = &mut |word: &mut Vec<u8>| {
                words.push(String::from_utf8(word.clone()).unwrap());
                if word == b"IMX_RECEIVED" {
                    *word = b"IMX_REJECTED".to_vec();
                }
            };
            let acknowledgement = frame.spec.name == "ACK";
            let rewritten = receiver(pair, from).rewrite(LINK, &frame.bytes, edit);
            rewritten.filter(|_| acknowledgement).map(|bytes| vec![bytes])
        });
        assert!(words.iter().any(|word| word == "SEC_TEXT_RECEIVED"), "{words:?}");
        assert_eq!(pair.acknowledged(), 2, "{}", profile.name());
        assert!(pair.rejects("device").contains(&"acknowledgement (word)".to_owned()));
    }
}

/// Both ends stolen at the same moment with the same seed, and a copy of the thief: their randomness is not the victim's,
/// and not each other's.
#[test]
fn a_thief_has_randomness_of_its_own() {
    each(|system, _, profile| {
        let pair = run(system, profile, &mut |_, _, _| None);
        for side in [Side::Client, Side::Server] {
            let end = receiver(&pair, side);
            let thief = end.compromised(7).unwrap();
            assert_eq!(digest(&*thief), digest(&*end.compromised(7).unwrap()));
            assert_eq!(digest(&*thief), digest(&*thief.fork()));
            assert_ne!(digest(&*thief), digest(end), "{}", system.name);
            assert_ne!(digest(&*thief), digest(&*end.compromised(8).unwrap()), "{}", system.name);
        }
        let say = |mut end: Box<dyn Endpoint>| {
            let mut out = Output::default();
            end.step(pair.now, Input::Opened(Conn(5), PortIndex(0)), &mut out);
            out.writes
        };
        if system.name != "helo"
            && !(system.name == "suite" && profile == Profile::as_built(system))
        {
            assert_ne!(
                say(pair.client.fork()),
                say(pair.client.compromised(7).unwrap()),
                "{}",
                system.name
            );
        }
    });
}

#[test]
fn garbage_is_nothing_to_a_thief() {
    each(|system, _, profile| {
        run(system, profile, &mut |pair, from, frame| {
            let end = receiver(pair, from);
            for cut in [0, 1, 5, frame.bytes.len() / 2] {
                let read = &mut |_: &mut Vec<u8>| panic!("{}: cut frame read", system.name);
                assert_eq!(end.rewrite(LINK, &frame.bytes[..cut], read), None);
            }
            let ones = vec![0xff; frame.bytes.len()];
            assert_eq!(end.rewrite(LINK, &ones, &mut |_| {}), None);
            None
        });
    });
}

#[test]
fn nothing_happens_to_a_session_whose_frames_are_only_read() {
    each(|system, _, profile| {
        let honest = run(system, profile, &mut |_, _, _| None);
        let read = run(system, profile, &mut |pair, from, frame| {
            receiver(pair, from).rewrite(LINK, &frame.bytes, &mut |text| text.clear());
            None
        });
        assert_eq!(read.claims, honest.claims, "{} {}", system.name, profile.name());
    });
}
