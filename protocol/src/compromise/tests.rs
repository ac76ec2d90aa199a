//! Thieves of memory, in every system whose session is one connection. `ccm` has its own, for its three.

mod decrypt_recording;
mod secrets;

use bytes::Bytes;

use crate::endpoint::{Command, Conn, Endpoint, Input, Kind, Message, Output, PortIndex, Side};
use crate::suite::ACCOUNTS;
use crate::system::System;
use crate::systems::{SYSTEMS, system};
use crate::testing::{LINK, Pair, Seeing, delivered, profiles};
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

/// What a thief sends is not what its victim sends.
#[test]
fn a_thief_has_randomness_of_its_own() {
    each(|system, _, profile| {
        let pair = run(system, profile, &mut |_, _, _| None);
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
