//! Which connections are taken, which wait, for how long, and what is told of bytes that wait.

use super::*;
use crate::ccm::wire::{MAX_CONTROL, READ};
use crate::endpoint::{Check, Reject};

/// What an end claims if it is woken then.
fn woken(end: &dyn Endpoint, at: Tick) -> Vec<Fact> {
    let mut out = Output::default();
    end.fork().step(at, Input::Timeout, &mut out);
    out.claims.into_iter().map(|claim| claim.fact).collect()
}

/// An end that last heard its peer at the beginning gives up when its patience is over, and not before.
fn check_patience(end: &dyn Endpoint, what: &str) {
    let over = Tick(0).after(PATIENCE);
    assert_eq!(woken(end, Tick(over.0 - 1)), [], "{what}");
    let reject = Fact::Rejected(Reject::new(Check::Timeout, "peer"));
    assert!(woken(end, over).contains(&reject), "{what}");
}

fn nothing(_: &Frame) -> Vec<Vec<u8>> {
    vec![]
}

#[test]
fn a_client_gives_up_when_the_server_owes_it_something() {
    let (hardened, said) = (Profile::HARDENED, [text("first")]);
    let lab = run(hardened, &said, &[], &mut once(Side::Server, "ECHO", 1, nothing));
    check_patience(&*lab.client, "an echo");
    let lab = run(hardened, &said, &[], &mut once(Side::Server, "RCPT", 1, nothing));
    check_patience(&*lab.client, "a receipt");
    let said = [text("first"), Command::End];
    let lab = run(hardened, &said, &[], &mut once(Side::Client, "MSG", 2, nothing));
    check_patience(&*lab.client, "the answer to its goodbye");
    // Its data connections are not open yet.
    let mut lab = run(hardened, &said, &[], &mut once(Side::Server, "ECHO", 1, nothing));
    let mut out = Output::default();
    lab.client.step(Tick(0), Input::Received(FIRST[0], &lab.frame("ECHO")), &mut out);
    assert_eq!(out.opens, [TO_SERVER, TO_CLIENT]);
    check_patience(&*lab.client, "its connections");
    lab.client.step(Tick(0), Input::Opened(FIRST[1], TO_SERVER), &mut out);
    check_patience(&*lab.client, "its second connection");
}

#[test]
fn a_client_to_whom_nothing_is_owed_does_not_give_up() {
    let lab = run(Profile::HARDENED, &[text("first")], &[], &mut untouched);
    assert_eq!(woken(&*lab.client, Tick(u64::MAX)), []);
}

#[test]
fn a_server_gives_up_when_the_client_owes_it_something() {
    let (hardened, said) = (Profile::HARDENED, [text("first")]);
    let lab = run(hardened, &said, &[], &mut once(Side::Client, "TRUE", 1, nothing));
    check_patience(&*lab.server, "a confirmation");
    let lab = run(hardened, &said, &answers()[..1], &mut once(Side::Client, "RCPT", 1, nothing));
    check_patience(&*lab.server, "a receipt");
    for service in [EXCHANGE, TO_SERVER] {
        let mut lab = Lab::new(hardened);
        lab.step(Side::Server, Input::Opened(Conn(1), service));
        check_patience(&*lab.server, "a first word");
    }
}

#[test]
fn the_pause_between_messages_is_waited_for_only_if_there_is_another() {
    let lab = run(as_built(), &[text("first")], &[], &mut untouched);
    let quiet = lab.now.after(PAUSE);
    let wake = |at: Tick, said: &[Command]| {
        let mut client = lab.client.fork();
        let mut out = Output::default();
        for command in said {
            out.clear();
            client.step(at, Input::Command(command), &mut out);
        }
        out.wake
    };
    assert_eq!(wake(Tick(quiet.0 - 1), &[text("second")]), Some(quiet));
    assert_eq!(wake(quiet, &[text("second")]), None, "it is said at once");
    // What comes after the goodbye is never said.
    assert_eq!(wake(Tick(quiet.0 - 1), &[Command::End]), Some(quiet));
    let mut client = lab.client.fork();
    let mut out = Output::default();
    client.step(quiet, Input::Command(&Command::End), &mut out);
    let quiet = quiet.after(PAUSE);
    out.clear();
    client.step(quiet, Input::Command(&text("too late")), &mut out);
    assert_eq!((out.wake, out.writes.len()), (None, 0));
    // An end that has nothing more to say is not woken.
    let mut client = lab.client.fork();
    out.clear();
    client.step(Tick(quiet.0 - 1), Input::Timeout, &mut out);
    assert_eq!(out.wake, None);
}

#[test]
fn a_second_connection_of_a_kind_is_closed() {
    for profile in profiles() {
        let mut lab = run(profile, &[text("first")], &[], &mut untouched);
        for service in [TO_SERVER, TO_CLIENT] {
            let mut out = Output::default();
            lab.client.step(lab.now, Input::Opened(Conn(9), service), &mut out);
            assert_eq!(out.closes, [Conn(9)], "{} {service:?}", profile.name());
            assert!(out.writes.is_empty() && out.secrets.is_empty());
        }
    }
}

#[test]
fn an_echo_counts_only_on_the_connection_of_the_exchange() {
    let drop = &mut once(Side::Server, "ECHO", 1, nothing);
    let mut lab = run(Profile::HARDENED, &[text("first")], &[], drop);
    let echo = lab.frame("ECHO");
    lab.step(Side::Client, Input::Received(Conn(9), &echo));
    assert_eq!(lab.client.buffered(), 0);
    lab.step(Side::Client, Input::Received(FIRST[0], &echo[..5]));
    assert_eq!(lab.client.buffered(), 5);
    assert_eq!(lab.count(|fact| matches!(fact, Fact::Established(_))), 0);
    lab.step(Side::Client, Input::Received(FIRST[0], &echo[5..]));
    assert_eq!(lab.client.buffered(), 0);
    assert_eq!(lab.count(|fact| matches!(fact, Fact::Established(_))), 1);
}

#[test]
fn a_connection_waits_for_the_confirmation_of_its_session() {
    let drop = &mut once(Side::Client, "TRUE", 1, nothing);
    let mut lab = run(Profile::HARDENED, &[text("first")], &[], drop);
    let bytes = |name| lab.frame(name).len();
    let (bind, record) = (bytes("BIND"), bytes("MSG"));
    let waits = [(Found::Incomplete, bind), (Found::Incomplete, bind + record)];
    assert!(lab.found(FIRST[1]).starts_with(&waits[..1]), "{:?}", lab.found(FIRST[1]));
    assert!(lab.found(FIRST[1]).contains(&waits[1]));
    lab.found.clear();
    lab.step(Side::Server, Input::Received(FIRST[0], &lab.frame("TRUE")));
    assert_eq!(lab.found(FIRST[0]), [(Found::Frame, 0)]);
    assert_eq!(lab.found(FIRST[1]), [(Found::Frame, record), (Found::Frame, 0)]);
    assert_eq!(lab.found(FIRST[2]), [(Found::Frame, 0)]);
}

#[test]
fn a_connection_on_which_nothing_has_arrived_is_not_told_as_read() {
    for profile in [as_built(), Profile::HARDENED] {
        let lab = run(profile, &[], &[], &mut once(Side::Client, "BIND", 1, nothing));
        assert_eq!(lab.found(FIRST[1]), [], "{}", profile.name());
        // It waits, because its session is not confirmed.
        let mut lab = Lab::new(profile);
        lab.step(Side::Server, Input::Opened(Conn(2), TO_SERVER));
        assert_eq!(lab.found, [], "{}", profile.name());
    }
}

#[test]
fn a_refused_connection_is_told_as_refused() {
    let flip = &mut once(Side::Client, "BIND", 1, |frame| flipped(frame, "mac"));
    let lab = run(Profile::HARDENED, &[], &[], flip);
    assert_eq!(lab.rejects(SERVER)[0], "mac (mac)");
    assert_eq!(lab.found(FIRST[1]), [(Found::Refused, lab.frame("BIND").len())]);
}

#[test]
fn a_waiting_connection_that_is_closed_is_forgotten_and_the_others_wait_on() {
    let drop = &mut once(Side::Client, "TRUE", 1, nothing);
    let mut lab = run(Profile::HARDENED, &[], &[], drop);
    lab.step(Side::Server, Input::Closed(FIRST[1]));
    lab.found.clear();
    lab.step(Side::Server, Input::Received(FIRST[0], &lab.frame("TRUE")));
    assert_eq!(lab.found(FIRST[1]), []);
    assert_eq!(lab.found(FIRST[2]), [(Found::Frame, 0)]);
}

#[test]
fn sessions_of_two_clients_end_one_by_one() {
    let mut lab = run(Profile::HARDENED, &[text("first")], &[], &mut untouched);
    lab.client = (SYSTEM.client)(setup(Profile::HARDENED, 2));
    lab.connect(EXCHANGE);
    lab.pump(&mut untouched);
    lab.step(Side::Server, Input::Closed(FIRST[1]));
    let ended = |lab: &Lab| -> Vec<String> {
        let ends = lab.claims.iter().filter(|claim| matches!(claim.fact, Fact::Ended(_)));
        ends.map(|claim| format!("{:?} {} {:?}", claim.conn, claim.peer, claim.fact)).collect()
    };
    let first = ["Conn(2)", "Conn(3)"].map(|conn| format!("{conn} client Ended(Truncated)"));
    assert_eq!(ended(&lab), first);
    lab.step(Side::Server, Input::Closed(Conn(6)));
    let second = ["Conn(5)", "Conn(6)"].map(|conn| format!("{conn} client-2 Ended(Truncated)"));
    assert_eq!(ended(&lab)[2..], second);
}

#[test]
fn the_longest_message_that_fits_into_a_read_is_sent() {
    let longest = (1..READ).rev().find(|len| {
        let lab = run(as_built(), &[text(&"x".repeat(*len))], &[], &mut untouched);
        lab.count(|fact| matches!(fact, Fact::Sent(_))) == 1
    });
    let lab = run(as_built(), &[text(&"x".repeat(longest.unwrap()))], &[], &mut untouched);
    assert_eq!(lab.frame("MSG").len(), READ);
}

#[test]
fn as_much_as_a_first_message_waits_for_a_session() {
    let profile = Profile::only(Weakness::SessionNotBoundToConnection);
    let mut lab = Lab::new(profile);
    lab.step(Side::Server, Input::Opened(Conn(2), TO_SERVER));
    lab.step(Side::Server, Input::Received(Conn(2), &[0; MAX_CONTROL]));
    assert_eq!((lab.rejects(SERVER), lab.server.buffered()), (vec![], MAX_CONTROL));
    lab.step(Side::Server, Input::Received(Conn(2), &[0]));
    assert_eq!((lab.rejects(SERVER), lab.server.buffered()), (vec!["phase (session)".into()], 0));
}

#[test]
fn a_session_without_an_echo_ends_with_the_connection_of_the_exchange_alone() {
    let drop = &mut once(Side::Server, "ECHO", 1, nothing);
    let mut lab = run(Profile::HARDENED, &[text("first")], &[], drop);
    lab.step(Side::Client, Input::Closed(Conn(9)));
    assert_eq!(lab.ends("client"), []);
    lab.step(Side::Client, Input::Closed(FIRST[0]));
    assert_eq!(lab.ends("client"), [End::Truncated]);
}

/// The first record that opens shows that the client has the key, whatever became of its confirmation.
#[test]
fn a_server_believes_a_client_that_has_sent_a_record() {
    for (said, believed) in [(&[][..], 0), (&[text("first")], 1)] {
        let drop = &mut once(Side::Client, "TRUE", 1, nothing);
        let lab = run(as_built(), said, &[], drop);
        let established = |fact: &&Fact| matches!(fact, Fact::Established(_));
        assert_eq!(lab.facts(SERVER).filter(established).count(), believed);
    }
}
