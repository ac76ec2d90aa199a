//! A client or server that ends its half of a connection in the middle of a frame: what it has sent arrives, to the last byte,
//! whether or not rules stop frames on the way, and the other half goes on.

use super::*;

/// One end ends in the middle of its second frame; the other reads all of it, and is still heard.
fn halves(mut ends: TcpStream, mut stays: TcpStream) {
    let half = &frame(1, b"only half of this")[..9];
    ends.write_all(&[&frame(1, b"whole")[..], half].concat()).unwrap();
    ends.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stays), [&frame(1, b"whole")[..], half].concat());
    stays.write_all(&frame(2, b"heard")).unwrap();
    stays.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut ends), frame(2, b"heard"));
}

/// A rule that looks at every frame of the side, and lets it pass.
fn stopping(side: Side) -> Vec<Rule> {
    let when = When { from: Some(side), ..When::default() };
    let actions = vec![(action("forward").unwrap().build)(&Args::new()).unwrap()];
    vec![Rule { when, actions }]
}

#[test]
fn half_a_frame_before_half_a_close_arrives() {
    for side in [Side::Client, Side::Server] {
        for rules in [Vec::new(), stopping(side), stopping(side.other())] {
            for keep in [Keep::All, Keep::Last(10)] {
                let running = start(rules.clone(), keep);
                let (client, server) = running.connect();
                match side {
                    Side::Client => halves(client, server),
                    Side::Server => halves(server, client),
                }
                running.end();
            }
        }
    }
}
