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
