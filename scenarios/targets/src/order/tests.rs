//! Orders of tiny conversations.

use mitm_proxy::trace::{Departing, Departure, Fate, FrameRecord};
use protocol::endpoint::End;
use protocol::layout::{Frame, FrameSpec};

use super::*;

fn said(who: Side, facts: &[(u64, Fact)]) -> Vec<Said> {
    let one = |(by, fact): &(u64, Fact)| Said {
        at: Tick(0),
        by: *by,
        who,
        conn: 1,
        local: None,
        peer: None,
        fact: fact.clone(),
    };
    facts.iter().map(one).collect()
}

/// A frame from this side at that place, which goes on at once.
fn frame(trace: &mut Trace, moment: u64, from: Side) {
    let spec = std::sync::Arc::new(FrameSpec::raw());
    trace.add(FrameRecord {
        number: 0,
        at: Tick(moment),
        moment,
        link: 1,
        to: from.other(),
        frame: Frame { spec, bytes: "x".into() },
        original: None,
        origin: Origin::Endpoint,
        attacker_actions: Vec::new(),
        moved: false,
        fate: Fate::Pending,
        sent: None,
        answers: None,
        read: None,
    });
    let what = Departing::Segment { bytes: "x".into(), numbers: vec![1] };
    trace.departures.push(Departure { at: Tick(moment), moment, link: 1, to: from.other(), what });
}

fn facts(order: &[Said]) -> Vec<Fact> {
    order.iter().map(|said| said.fact.clone()).collect()
}

#[test]
fn a_cause_is_before_its_effect_whoever_is_read_first() {
    let (a, b) = (Message::text("a"), Message::text("b"));
    let session = Fingerprint([1; 8]);
    let server = [
        Fact::Running(session),
        Fact::Delivered(a.clone()),
        Fact::Sent(b.clone()),
        Fact::Ended(End::Clean),
    ];
    let client = [
        Fact::Established(session),
        Fact::Sent(a.clone()),
        Fact::Delivered(b.clone()),
        Fact::Acknowledged(a.clone()),
    ];
    let at_once = |facts: &[Fact]| facts.iter().map(|f| (9, f.clone())).collect::<Vec<_>>();
    let (one, other) =
        (said(Side::Server, &at_once(&server)), said(Side::Client, &at_once(&client)));
    let order = facts(&in_order(&Trace::default(), one, other, [true; 2]));
    let place = |fact: &Fact| order.iter().position(|one| one == fact).unwrap();
    assert!(server.is_sorted_by_key(place) && client.is_sorted_by_key(place), "{order:?}");
    for (cause, effect) in [
        (&server[0], &client[0]),
        (&client[1], &server[1]),
        (&server[2], &client[2]),
        (&server[1], &client[3]),
    ] {
        assert!(place(cause) < place(effect), "{order:?}");
    }
    // What nobody can have said in this order still comes out.
    let one = said(Side::Server, &[(9, Fact::Delivered(a.clone())), (9, Fact::Sent(b.clone()))]);
    let other = said(Side::Client, &[(9, Fact::Delivered(b)), (9, Fact::Sent(a))]);
    assert_eq!(in_order(&Trace::default(), one, other, [false; 2]).len(), 4);
}

/// The client believes that its message arrived, sends another one, and is answered before the server says that the first one has.
fn believed_too_early() -> (Trace, Vec<Said>, Vec<Said>) {
    let mut trace = Trace::default();
    for (moment, from) in
        [(2, Side::Client), (4, Side::Server), (6, Side::Client), (8, Side::Server)]
    {
        frame(&mut trace, moment, from);
    }
    let a = Message::text("a");
    let client =
        said(Side::Client, &[(1, Fact::Sent(a.clone())), (5, Fact::Acknowledged(a.clone()))]);
    let server = said(Side::Server, &[(9, Fact::Delivered(a))]);
    (trace, server, client)
}

#[test]
fn who_speaks_in_time_and_says_it_too_late_has_taken_it_too_late() {
    let (trace, server, client) = believed_too_early();
    let order = facts(&in_order(&trace, server, client, [true; 2]));
    assert!(matches!(order[..], [Fact::Sent(_), Fact::Acknowledged(_), Fact::Delivered(_)]));
}

#[test]
fn who_prints_late_is_not_blamed_for_it() {
    let (trace, server, client) = believed_too_early();
    let order = in_order(&trace, server, client, [false; 2]);
    assert!(matches!(
        facts(&order)[..],
        [Fact::Sent(_), Fact::Delivered(_), Fact::Acknowledged(_)]
    ));
    assert_eq!(prompt(&trace, &order), [false, true]);
}

#[test]
fn who_says_it_before_its_answer_goes_on_is_prompt() {
    let (trace, _, client) = believed_too_early();
    let server = said(Side::Server, &[(3, Fact::Delivered(Message::text("a")))]);
    let order = in_order(&trace, server, client, [false; 2]);
    assert_eq!(prompt(&trace, &order), [true, true]);
    let (_, _, client) = believed_too_early();
    let server = said(Side::Server, &[(5, Fact::Delivered(Message::text("a")))]);
    let order = in_order(&trace, server, client, [false; 2]);
    assert_eq!(prompt(&trace, &order), [false, true]);
}

#[test]
fn what_a_claim_rests_on_is_what_the_peer_said_of_the_same() {
    let (a, session) = (Message::text("a"), Fingerprint([1; 8]));
    for (effect, cause) in [
        (Fact::Established(session), Fact::Running(session)),
        (Fact::Delivered(a.clone()), Fact::Sent(a.clone())),
        (Fact::Acknowledged(a.clone()), Fact::Delivered(a.clone())),
    ] {
        assert!(needs(&effect).is_some());
        assert_eq!(needs(&effect), gives(&cause), "{effect:?}");
    }
    for fact in [Fact::Sent(a.clone()), Fact::Running(session)] {
        assert!(comes_first(&fact) && needs(&fact).is_none());
    }
    assert!(!comes_first(&Fact::Delivered(a)) && !comes_first(&Fact::Established(session)));
}

#[test]
fn a_claim_was_made_after_the_last_frame_given_before_its_own_last_frame() {
    let traffic = Traffic { from: vec![5, 8], to: vec![3, 4, 7] };
    let floors = [4, 5, 6, 8, 9].map(|by| traffic.floor(by));
    // A frame at the place by which something was said came after it.
    assert_eq!(floors, [0, 0, 4, 4, 7]);
    let between = |first, second| traffic.was_given_between(first, second);
    assert!(between(3, 4) && between(2, 4) && between(4, 6));
    assert!(!between(5, 7) && !between(5, 6) && !between(8, 99));
}

#[test]
fn nobody_waits_for_what_is_never_said_or_was_said_often_enough() {
    let a = Message::text("a");
    let queue = |who, facts: &[(u64, Fact)]| Queue::new(said(who, facts), |_| 0);
    let taken = || queue(Side::Server, &[(9, Fact::Delivered(a.clone()))]);
    assert!(!taken().waits(&queue(Side::Client, &[])), "nobody says that it was sent");
    let mut twice = queue(Side::Client, &[(9, Fact::Sent(a.clone())), (9, Fact::Sent(a.clone()))]);
    assert!(taken().waits(&twice));
    twice.pop();
    assert!(!taken().waits(&twice), "it was sent once, and is taken once");
    let mut taken_twice =
        queue(Side::Server, &[(9, Fact::Delivered(a.clone())), (9, Fact::Delivered(a.clone()))]);
    taken_twice.pop();
    assert!(taken_twice.waits(&twice), "the second is yet to be sent");
    twice.pop();
    assert!(!taken_twice.waits(&twice));
}

#[test]
fn what_the_peer_said_by_the_floor_of_a_claim_comes_before_it() {
    let at =
        |floor| Queue::new(said(Side::Server, &[(9, Fact::Ended(End::Clean))]), move |_| floor);
    let peer = Queue::new(said(Side::Client, &[(5, Fact::Ended(End::Clean))]), |_| 0);
    assert!(at(4).may_go_on(&peer));
    assert!(!at(5).may_go_on(&peer) && !at(6).may_go_on(&peer));
    assert!(at(6).may_go_on(&Queue::new(Vec::new(), |_| 0)), "the peer says nothing more");
}

#[test]
fn what_waits_for_nobody_comes_first_and_else_the_server() {
    let trace = Trace::default();
    let order = |server: Fact, client: Fact| {
        let (server, client) =
            (said(Side::Server, &[(9, server)]), said(Side::Client, &[(9, client)]));
        let order = in_order(&trace, server, client, [false; 2]);
        order.iter().map(|said| said.who).collect::<Vec<_>>()
    };
    let (ended, sent) = (Fact::Ended(End::Clean), Fact::Sent(Message::text("a")));
    let (server, client) = (Side::Server, Side::Client);
    assert_eq!(order(ended.clone(), sent.clone()), [client, server]);
    assert_eq!(order(sent.clone(), ended.clone()), [server, client]);
    assert_eq!(order(ended.clone(), ended), [server, client]);
    assert_eq!(order(sent.clone(), sent), [server, client]);
}

/// The client had read a frame that the server sent after it said so.
#[test]
fn what_certainly_came_first_comes_first_even_if_it_rests_on_the_other() {
    let mut trace = Trace::default();
    frame(&mut trace, 5, Side::Server);
    frame(&mut trace, 8, Side::Client);
    let a = Message::text("a");
    let server = said(Side::Server, &[(3, Fact::Delivered(a.clone()))]);
    let client = said(Side::Client, &[(9, Fact::Sent(a))]);
    let order = |prompt| -> Vec<Side> {
        let order = in_order(&trace, server.clone(), client.clone(), prompt);
        order.iter().map(|said| said.who).collect()
    };
    assert_eq!(order([true; 2]), [Side::Server, Side::Client]);
    assert_eq!(order([false; 2]), [Side::Client, Side::Server], "it may print late");
}
