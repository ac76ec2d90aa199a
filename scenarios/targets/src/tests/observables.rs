//! What is taken for claims where there are none.

use protocol::endpoint::{End, Reject};
use regex::Regex;

use super::*;

fn seen(who: Side, claim: Observed, sign: Sign) -> Observation {
    Observation { who, claim, sign }
}

fn output(pattern: &str) -> Sign {
    Sign::Output(Regex::new(pattern).unwrap())
}

fn observed(server: Vec<String>, client: Vec<String>, observe: Vec<Observation>) -> Target {
    let limits = JudgedFrom::Observables(files::target_file::limits(&observe));
    Target { observe, ..target(server, client, limits) }
}

const MAC: Observed = Observed::Rejected(Reject::new(protocol::endpoint::Check::Mac, "frame"));

#[test]
fn output_replies_and_closing_are_taken_for_claims() {
    if !has("python3") {
        return;
    }
    let observe = vec![
        seen(Side::Client, Observed::Sent, output("^sending (?<text>.*)$")),
        seen(Side::Server, Observed::Delivered, Sign::Reply("ACK".to_owned())),
        seen(Side::Client, Observed::Acknowledged, output("^done$")),
        seen(Side::Server, MAC, Sign::Close),
    ];
    let sending = "say('sending one')\n";
    let body = format!("{sending}{ASK}\nsay('done')");
    let target = observed(server(ANSWER), client(&body), observe.clone());
    let honest = attacked(&target, lines(), Vec::new()).unwrap();
    assert_eq!(
        claims(&honest),
        ["client #1 sent one", "server #1 delivered one", "client #1 acknowledged one"]
    );
    let replayed = vec![rule(first_of_client(), "replay", &[("times", Arg::Number(1))])];
    let run = attacked(&target, lines(), replayed).unwrap();
    // The first that was taken is the first that was sent; the second is nobody's.
    let delivered = claims(&run).iter().filter(|claim| claim.ends_with("delivered one")).count();
    assert_eq!((delivered, run.unmatched.delivered), (1, 1), "{:?}", claims(&run));

    let picky = "line = stream.readline()\nif line == b'Mone\\n': stream.write(b'A\\n'); stream.flush(); stream.read()";
    let target = observed(server(picky), client(&body), observe);
    let flipped = vec![rule(
        first_of_client(),
        "flip",
        &[("field", Arg::Text("text".to_owned())), ("bit", Arg::Number(0))],
    )];
    let run = attacked(&target, lines(), flipped).unwrap();
    assert!(
        claims(&run).contains(&"server #1 rejected mac (frame)".to_owned()),
        "{:?}",
        claims(&run)
    );
    let run = attacked(&target, lines(), Vec::new()).unwrap();
    assert!(claims(&run).iter().all(|claim| !claim.contains("rejected")), "{:?}", claims(&run));
}

#[test]
fn what_nobody_can_see_is_said_to_be_unknown() {
    if !has("python3") {
        return;
    }
    let reply = Sign::Reply("ACK".to_owned());
    let observe = vec![seen(Side::Server, Observed::Delivered, reply.clone())];
    let run = honest(&observed(server(ANSWER), client(ASK), observe));
    assert_eq!(claims(&run), ["server #1 Logged(\"took a message, content unknown\")"]);
    let observe = vec![
        seen(Side::Client, Observed::Sent, Sign::Reply("MSG".to_owned())),
        seen(Side::Server, Observed::Delivered, reply),
    ];
    let run = honest(&observed(server(ANSWER), client(ASK), observe));
    assert_eq!(
        claims(&run),
        [
            "client #1 sent message 1, content unknown",
            "server #1 delivered message 1, content unknown"
        ]
    );
}

#[test]
fn a_status_that_is_observed_is_no_death() {
    if !has("python3") {
        return;
    }
    let observe = vec![
        seen(Side::Client, MAC, Sign::Exit(3)),
        seen(Side::Client, Observed::Ended(End::Aborted), Sign::Exit(3)),
    ];
    let body = format!("{ASK}\nsys.exit(3)");
    let run = honest(&observed(server(ANSWER), client(&body), observe.clone()));
    assert_eq!(findings(&run), [""; 0]);
    assert_eq!(claims(&run), ["client #1 rejected mac (frame)", "client #1 ended: aborted"]);
    let run = honest(&observed(server(ANSWER), client(&body.replace('3', "4")), observe));
    assert_eq!(findings(&run), ["the client died: it ended with status 4 after frame 2 (ACK)"]);
    assert!(claims(&run).is_empty());
}

#[test]
fn a_server_that_dies_has_refused_nothing() {
    if !has("python3") {
        return;
    }
    let observe = vec![seen(Side::Server, MAC, Sign::Close)];
    let dies = "stream.readline(); os.abort()";
    let run = honest(&observed(server(dies), client(ASK), observe));
    assert!(claims(&run).is_empty());
    assert_eq!(
        findings(&run)[0],
        "the server died: SIGABRT ended it after frame 1 (MSG); its last words: `ready`"
    );
}

#[test]
fn a_reply_must_be_a_frame_of_the_layout() {
    let observe = vec![seen(Side::Server, MAC, Sign::Reply("NACK".to_owned()))];
    let target = observed(words(&["true"]), words(&["true"]), observe);
    let error = attacked(&target, lines(), Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "no frame of the layout is called `NACK`; known: `MSG`, `ACK`");
}
