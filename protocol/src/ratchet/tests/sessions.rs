//! Which session a connection acts on, how long an end waits, and which connections stay open.

use super::*;
use crate::endpoint::{Check, Reject};
use crate::weakness::Weakness;

#[test]
fn a_connection_whose_session_was_replaced_cannot_touch_the_one_in_its_place() {
    let mut lab = Lab::new(Profile::only(Weakness::HelloReplacesSession), 1);
    lab.open(1);
    let hello = lab.sent_by_client()[0].clone();
    lab.step(Side::Server, Conn(9), Input::Opened(Conn(9), PortIndex(0)));
    lab.step(Side::Server, Conn(9), Input::Received(Conn(9), &hello));
    lab.claims.clear();
    lab.send(1, "10.0");
    let told = lab.told();
    assert_eq!(told[..2], ["client-1: sent numbers \"10.0\"", "server: rejected phase (session)"]);
    assert!(!told.contains(&"server: aborted".into()), "{told:#?}");
}

#[test]
fn a_client_that_waits_for_nothing_is_patient() {
    let mut lab = Lab::new(Profile::HARDENED, 1);
    lab.open(1);
    lab.send(1, "10.0");
    let mut out = Output::default();
    lab.clients[0].step(Tick(u64::MAX), Input::Timeout, &mut out);
    assert!(out.claims.is_empty() && out.closes.is_empty());
}

/// Two sessions of one client: the first is held back until the second has begun.
#[test]
fn a_session_that_was_held_back_does_not_replace_a_newer_one() {
    let mut lab = Lab::new(Profile::HARDENED, 1);
    lab.clients.push((SYSTEM.client)(Setup::lab(Profile::HARDENED, 8, 1)));
    lab.open(1);
    lab.open(2);
    lab.send(2, "20.0");
    lab.claims.clear();
    lab.send(1, "10.0");
    assert!(lab.told().contains(&"server: rejected phase (session)".into()), "{:#?}", lab.told());
    lab.send(2, "30.0");
    assert!(lab.told().contains(&"client-1: acknowledged numbers \"30.0\"".into()));
}

#[test]
fn a_newer_session_replaces_an_older_one_when_it_has_proven_its_key() {
    let mut lab = Lab::new(Profile::HARDENED, 1);
    lab.clients.push((SYSTEM.client)(Setup::lab(Profile::HARDENED, 8, 1)));
    lab.open(1);
    lab.send(1, "10.0");
    lab.open(2);
    lab.send(2, "20.0");
    let told = lab.told();
    assert!(told.contains(&"server: aborted".into()), "{told:#?}");
    assert!(told.contains(&"client-1: acknowledged numbers \"20.0\"".into()), "{told:#?}");
}

#[test]
fn a_session_is_established_once() {
    for profile in profiles(&SYSTEM) {
        let mut lab = Lab::new(profile, 1);
        lab.open(1);
        lab.send(1, "10.0");
        lab.send(1, "20.0");
        let told = lab.told();
        let established = told.iter().filter(|line| *line == "server: established");
        assert_eq!(established.count(), 1, "{}", profile.name());
    }
}

#[test]
fn a_silent_connection_is_given_up_after_five_seconds_and_only_hardened() {
    for (profile, gives_up) in [(Profile::as_built(&SYSTEM), false), (Profile::HARDENED, true)] {
        let mut server = (SYSTEM.server)(Setup::lab(profile, 7, 0));
        let mut out = Output::default();
        server.step(Tick(0), Input::Opened(Conn(1), PortIndex(0)), &mut out);
        let patience = Tick(5_000_000_000);
        assert_eq!(out.wake, gives_up.then_some(patience));
        server.step(Tick(patience.0 - 1), Input::Timeout, &mut out);
        assert!(out.closes.is_empty());
        server.step(patience, Input::Timeout, &mut out);
        assert_eq!(out.closes, if gives_up { vec![Conn(1)] } else { vec![] });
        let reject = Fact::Rejected(Reject::new(Check::Timeout, "silence"));
        assert_eq!(out.claims.iter().any(|claim| claim.fact == reject), gives_up);
    }
}

/// Who has no key and no session is refused; as built, the connection stays open.
#[test]
fn a_stranger_is_closed_only_hardened_or_after_it_had_a_session() {
    for (profile, stays) in [(Profile::as_built(&SYSTEM), true), (Profile::HARDENED, false)] {
        let mut lab = Lab::new(profile, 1);
        lab.open(1);
        let mut hello = lab.sent_by_client()[0].clone();
        let last = hello.len() - 1;
        hello[last] ^= 1;
        let mut out = Output::default();
        lab.server.step(Tick(0), Input::Opened(Conn(9), PortIndex(0)), &mut out);
        lab.server.step(Tick(0), Input::Received(Conn(9), &hello), &mut out);
        let rejected = Fact::Rejected(Reject::new(Check::Mac, "mac"));
        assert!(out.claims.iter().any(|claim| claim.fact == rejected));
        assert_eq!(out.closes, if stays { vec![] } else { vec![Conn(9)] }, "{}", profile.name());
        if stays {
            // The stranger's HELLO has evicted the session all the same: its connection is closed with the next frame.
            lab.send(1, "10.0");
            assert!(lab.told().contains(&"client-1: truncated".into()), "{:#?}", lab.told());
        }
    }
}
