//! Lies about length, and what comes at the wrong time.

use super::*;

#[test]
fn lying_lengths_and_garbage_are_refused_at_once() {
    for profile in profiles() {
        let framed = !profile.has(Weakness::DelimiterFraming);
        for service in [EXCHANGE, TO_SERVER, TO_CLIENT] {
            for bytes in [&[0xff; 4][..], &[0; 4], b"GET / HTTP/1.1"] {
                let mut lab = Lab::new(profile);
                lab.step(Side::Server, Input::Opened(Conn(1), service));
                lab.step(Side::Server, Input::Received(Conn(1), bytes));
                let unbound = profile.has(Weakness::SessionNotBoundToConnection);
                let early = profile.has(Weakness::ConfirmationIgnored);
                let reject = match (service == EXCHANGE || !unbound, framed, early) {
                    (true, true, _) => vec!["length (length)"],
                    (true, false, _) => vec!["opcode (message)"],
                    (false, _, true) => vec!["phase (session)"],
                    // It waits for a session that may be confirmed yet.
                    (false, _, false) => vec![],
                };
                assert_eq!(lab.rejects(SERVER), reject, "{} {service:?}", profile.name());
                lab.wait();
                let held = if reject.is_empty() { bytes.len() } else { 0 };
                assert!(lab.server.buffered() <= held);
            }
        }
    }
}

#[test]
fn a_client_that_says_nothing_more_is_given_up_after_a_minute() {
    let mut lab = run(Profile::HARDENED, &[text("first")], &[], &mut untouched);
    let from = lab.now;
    lab.wait();
    assert_eq!(lab.rejects(SERVER), ["timeout (peer)"]);
    assert_eq!(lab.now, from.after(IDLE_PATIENCE));
}

#[test]
fn a_data_connection_without_a_session_is_closed() {
    let mut out = Output::default();
    Lab::new(Profile::HARDENED).client.step(Tick(0), Input::Opened(Conn(5), TO_SERVER), &mut out);
    assert_eq!(out.closes, [Conn(5)]);
}
