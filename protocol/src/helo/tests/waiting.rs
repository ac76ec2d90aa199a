//! What nobody asked for, and how much of it may wait.

use super::*;
use crate::endpoint::Found;
use crate::helo::wire::RSA;

#[test]
fn an_acknowledgement_nobody_asked_for_is_refused_where_they_are_authenticated() {
    let mut pair = run(Profile::HARDENED, &texts()[..1], &mut untouched);
    let ack = pair.frame(Side::Server, "ACK");
    pair.step(Side::Client, Input::Received(LINK, &ack));
    assert_eq!(pair.rejects("device"), ["phase (word)"]);
    assert_eq!(pair.found[0].last(), Some(&(Found::Refused, ack.len())));
}

#[test]
fn sixty_four_acknowledgements_may_wait_where_they_are_not_authenticated() {
    let profile = Profile::only(Weakness::AckNotAuthenticated);
    let mut pair = run(profile, &texts()[..1], &mut untouched);
    let found = pair.found[0].len();
    pair.step(Side::Client, Input::Received(LINK, &[0; 64 * RSA]));
    assert_eq!((pair.rejects("device"), pair.client.buffered()), (vec![], 64 * RSA));
    assert_eq!(pair.found[0].len(), found, "it is left where it is");
    pair.step(Side::Client, Input::Received(LINK, &[0]));
    assert_eq!(pair.rejects("device"), ["length (word)"]);
    assert_eq!(pair.found[0].last(), Some(&(Found::Refused, 64 * RSA + 1)));
}
