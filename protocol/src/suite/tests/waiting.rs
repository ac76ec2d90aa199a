//! Pauses between messages, and what an end does after a failure where it goes on or does not.

use super::*;
use crate::endpoint::Tick;

/// A client in the pause after its first message, and when that is over.
fn pausing(profile: Profile) -> (Pair, Tick) {
    let pair = run(profile, &texts()[..1], &mut untouched);
    assert_eq!(pair.delivered().len(), 1, "{}", profile.name());
    let over = pair.now.after(PAUSE);
    (pair, over)
}

#[test]
fn a_client_that_pauses_is_woken_only_if_there_is_something_to_say() {
    let (mut pair, over) = pausing(as_built());
    assert_eq!(pair.wakes.iter().filter(|(_, side)| *side == Side::Client).count(), 0);
    for (at, wake, written) in [(Tick(over.0 - 1), Some(over), 0), (over, None, 1)] {
        let mut out = Output::default();
        pair.client.fork().step(at, Input::Command(&text("second")), &mut out);
        assert_eq!((out.wake, out.writes.len()), (wake, written), "{at:?}");
    }
    pair.step(Side::Client, Input::Timeout);
    assert_eq!(pair.wakes, []);
}

#[test]
fn a_session_whose_connection_closes_is_truncated_where_something_waited_to_be_said() {
    for (queued, expected) in
        [(&[][..], End::Clean), (&[Command::End], End::Clean), (&texts(), End::Truncated)]
    {
        let (mut pair, _) = pausing(as_built());
        pair.commands(queued);
        pair.step(Side::Client, Input::Closed(LINK));
        assert_eq!(pair.ends(USER), [expected], "{queued:?}");
    }
}

#[test]
fn a_server_goes_on_after_a_failure_only_where_that_has_no_consequence() {
    let twice = || once(Side::Client, "MSG", 1, replayed);
    let pair = run(Profile::only(Weakness::GoesOnAfterFailure), &texts(), &mut twice());
    let both = ["text \"first\"", "text \"second\""];
    check(&pair, &both, &["sequence (sequence)"], Some(End::Clean));
    let pair = run(Profile::HARDENED, &texts(), &mut twice());
    check(&pair, &both[..1], &["sequence (sequence)"], Some(End::Aborted));
}

#[test]
fn a_wrong_hash_is_refused_where_failure_has_a_consequence() {
    let stops = as_built().without(Weakness::GoesOnAfterFailure);
    let pair = run(stops, &texts(), &mut untouched);
    check(&pair, &["text \"first\"", "text \"second\""], &[], Some(End::Clean));
    let flip = &mut once(Side::Client, "MSG", 1, |frame| flipped(frame, wire::INTEGRITY));
    let pair = run(stops, &texts(), flip);
    check(&pair, &[], &["mac (integrity)"], Some(End::Aborted));
}
