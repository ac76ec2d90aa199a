//! A client or server that ends its half of a connection in the middle of a frame: what it has sent arrives, to the last byte,
//! whether or not rules stop frames on the way, and the other half goes on.

#![expect(clippy::disallowed_methods, reason = "clients and servers of a proxy have sockets")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener as StdListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::Duration;

use mitm_proxy::actions::{Args, action};
use mitm_proxy::attacker::Attacker;
use mitm_proxy::net::proxy::{Door, Keep, Outcome, proxy};
use mitm_proxy::rule::{Rule, When};
use protocol::endpoint::Side;
use protocol::layout::{Field, FrameSpec, Layout, Role};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Frames of a length and a body.
fn layout() -> Arc<Layout> {
    let fields = vec![Field::new("length", Role::LENGTH, 4), Field::rest("body", Role::Bytes)];
    let spec = FrameSpec::of("DATA", None, fields, 1 << 20);
    Arc::new(Layout { system: "test", frames: vec![Arc::new(spec)], turns: &[] })
}

fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[..], body].concat()
}

/// Two ends with the attacker between them, while `talk` lasts.
fn between(rules: Vec<Rule>, keep: Keep, talk: impl FnOnce(TcpStream, TcpStream)) -> Outcome {
    let server = StdListener::bind("127.0.0.1:0").unwrap();
    let upstream = server.local_addr().unwrap();
    let (tell, told) = channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let attacker = Attacker::new(layout(), rules.into());
            let doors = vec![Door { listener, upstream }];
            let (_rules, reloads) = mpsc::unbounded_channel();
            let stop = async { stopped.await.unwrap_or(()) };
            proxy(attacker, doors, keep, None, reloads, Instant::now(), stop).await.unwrap()
        })
    });
    let client = TcpStream::connect(told.recv().unwrap()).unwrap();
    let (server, _) = server.accept().unwrap();
    for stream in [&client, &server] {
        // Only a hang meets this.
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    }
    talk(client, server);
    stop.send(()).unwrap();
    thread.join().unwrap()
}

/// One end ends in the middle of its second frame; the other reads all of it, and is still heard.
fn halves(mut ends: TcpStream, mut stays: TcpStream) {
    let half = &frame(b"only half of this")[..9];
    ends.write_all(&[&frame(b"whole")[..], half].concat()).unwrap();
    ends.shutdown(Shutdown::Write).unwrap();
    let mut came = Vec::new();
    stays.read_to_end(&mut came).unwrap();
    assert_eq!(came, [&frame(b"whole")[..], half].concat());
    stays.write_all(&frame(b"heard")).unwrap();
    stays.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    ends.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, frame(b"heard"));
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
                between(rules.clone(), keep, |client, server| match side {
                    Side::Client => halves(client, server),
                    Side::Server => halves(server, client),
                });
            }
        }
    }
}
